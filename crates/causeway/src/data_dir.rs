//! The data directory of a role: private, and used by one process at a time.

use std::path::{Path, PathBuf};

use file_lock::{FileLock, FileLockError};
use thiserror::Error;

use crate::private_file::{self, FileError};

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub(crate) enum DataDirError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "the data directory {} is in use by another causeway process; stop that one, or choose \
         another directory with --data",
        .0.display()
    )]
    InUse(PathBuf),
}

/// A data directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: FileLock,
}

impl DataDir {
    /// Makes the directory if need be and takes its lock. The kernel releases the lock when
    /// the process ends, however it ends.
    pub(crate) fn open(dir: &Path) -> Result<Self, DataDirError> {
        private_file::create_dir(dir)?;
        let path = dir
            .canonicalize()
            .map_err(FileError::at("find the directory", dir))?;
        let lock_path = path.join("lock");
        match FileLock::exclusive(&lock_path) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(FileLockError::Held) => Err(DataDirError::InUse(path)),
            Err(FileLockError::Io(error)) => Err(FileError::at("lock", &lock_path)(error).into()),
        }
    }

    /// The directory's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A private directory in it.
    pub(crate) fn subdirectory(&self, name: &str) -> Result<PathBuf, FileError> {
        let path = self.path.join(name);
        private_file::create_dir(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let first = DataDir::open(&path).unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert!(refused.to_string().contains("--data"), "{refused}");
        drop(first);
        DataDir::open(&path).unwrap();
    }
}
