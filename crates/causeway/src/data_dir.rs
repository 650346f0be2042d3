//! The data directory of a role: private, and used by one process at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

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
    _lock: File,
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
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(FileError::at("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(lock_failed(&lock_path, error)),
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

fn lock_failed(path: &Path, error: io::Error) -> DataDirError {
    FileError::at("lock", path)(error).into()
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
