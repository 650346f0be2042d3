//! One process at a time: a lock on a file (`flock(2)`) that the kernel releases when the
//! process ends, however it ends.
//!
//! Not here: what is said to the user, who may be told to choose another directory.
//! Invariant: whoever dropped the lock may be followed at once.
//! Start at [`FileLock`]. Tested here, with a child that outlives the lock.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use thiserror::Error;

/// Why a file cannot be locked.
#[derive(Debug, Error)]
pub enum FileLockError {
    /// Somebody else has it.
    #[error("it is in use by another process")]
    Held,
    /// The disk refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A lock on a file that is ours until this is dropped.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Takes the lock for this holder alone, or fails at once. Makes the file if there is none,
    /// for its owner only.
    ///
    /// # Errors
    /// Somebody has the lock, or the disk refuses.
    pub fn exclusive(path: &Path) -> Result<Self, FileLockError> {
        Self::take(path, File::try_lock)
    }

    /// As [`FileLock::exclusive`], but beside others that share it too.
    ///
    /// # Errors
    /// Somebody has the lock for himself, or the disk refuses.
    pub fn shared(path: &Path) -> Result<Self, FileLockError> {
        Self::take(path, File::try_lock_shared)
    }

    fn take(
        path: &Path,
        lock: fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, FileLockError> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(FileLockError::Held),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

impl Drop for FileLock {
    /// Closing the file would not be enough: the lock belongs to what was opened, and a child that
    /// another thread is just starting has a copy of it until its program begins.
    fn drop(&mut self) {
        // It cannot fail for an open file that is ours; closing it is what is left then.
        self.0.unlock().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn one_holder_alone_or_many_that_share() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let alone = FileLock::exclusive(&path).unwrap();
        for refused in [FileLock::exclusive(&path), FileLock::shared(&path)] {
            assert!(matches!(refused, Err(FileLockError::Held)), "{refused:?}");
        }
        drop(alone);
        let many = [(); 2].map(|()| FileLock::shared(&path).unwrap());
        let refused = FileLock::exclusive(&path);
        assert!(matches!(refused, Err(FileLockError::Held)), "{refused:?}");
        drop(many);
        FileLock::exclusive(&path).unwrap();
    }

    #[test]
    fn a_child_with_a_copy_of_the_file_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = FileLock::exclusive(&path).unwrap();
        let copy = Stdio::from(lock.0.try_clone().unwrap());
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(copy)
            .spawn()
            .unwrap();
        drop(lock);
        FileLock::exclusive(&path).unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error_of_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = FileLock::exclusive(&dir.path().join("no/lock"));
        assert!(matches!(nowhere, Err(FileLockError::Io(_))), "{nowhere:?}");
    }
}
