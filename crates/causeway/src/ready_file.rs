//! The ready file: tells scripts and tests that a role is ready, and where everything is.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::private_file::{self, FileError};

/// A ready file on disk; removed when dropped, so that it never speaks of a role that has
/// stopped in order.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes it whole, mode 0600: it may hold the first password and keys.
    pub(crate) fn write(path: &Path, content: &impl Serialize) -> Result<Self, FileError> {
        let mut json = serde_json::to_vec_pretty(content)
            .map_err(std::io::Error::from)
            .map_err(FileError::at("write", path))?;
        json.push(b'\n');
        private_file::write(path, &json)?;
        Ok(Self(path.to_owned()))
    }

    /// Removes one left behind by a process that was killed.
    pub(crate) fn remove_stale(path: &Path) -> Result<(), FileError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::at("remove", path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = Self::remove_stale(&self.0) {
            tracing::warn!(%error, "the ready file stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_file_goes_with_its_role() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready.json");
        let ready = ReadyFile::write(&path, &serde_json::json!({"pid": 7})).unwrap();
        assert!(
            private_file::read_private(&path)
                .unwrap()
                .unwrap()
                .contains("\"pid\": 7")
        );
        drop(ready);
        assert!(!path.try_exists().unwrap());
    }
}
