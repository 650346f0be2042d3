//! The data directory and its lock.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use file_lock::{FileLock, FileLockError};
use thiserror::Error;

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another gateway runs on it.
    #[error(
        "another gateway process uses the data directory `{}`; stop it, or give this gateway a directory of its own",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The disk refuses.
    #[error("cannot use the data directory `{}`", path.display())]
    Disk {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A data directory that is ours until this is dropped, even if we are killed.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: FileLock,
}

impl DataDir {
    /// Makes the directory if needed and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, DataDirError> {
        let disk = |source| DataDirError::Disk {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(disk)?;
        let lock = FileLock::exclusive(&path.join("lock")).map_err(|error| match error {
            FileLockError::Held => DataDirError::InUse {
                path: path.to_owned(),
            },
            FileLockError::Io(source) => disk(source),
        })?;
        let path = fs::canonicalize(path).map_err(disk)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn identity_file(&self) -> PathBuf {
        self.path.join("identity.json")
    }

    pub(crate) fn wanted_file(&self) -> PathBuf {
        self.path.join("wanted.json")
    }

    pub(crate) fn handle_key_file(&self) -> PathBuf {
        self.path.join("handle-key.json")
    }

    /// Which cache disk this gateway has filled.
    pub(crate) fn cache_disk_file(&self) -> PathBuf {
        self.path.join("cache-disk.json")
    }

    /// What is in the caches of shares alone, one file for each share.
    pub(crate) fn ledgers_dir(&self) -> PathBuf {
        self.path.join("ledgers")
    }

    pub(crate) fn commands_dir(&self) -> PathBuf {
        self.path.join("commands")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_on_one_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::lock(dir.path()).unwrap();
        let second = DataDir::lock(dir.path()).unwrap_err();
        assert!(matches!(second, DataDirError::InUse { .. }), "{second}");
        drop(first);
        DataDir::lock(dir.path()).unwrap();
    }
}
