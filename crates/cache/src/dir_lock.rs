//! One process per directory.

use std::path::Path;

use file_lock::{FileLock, FileLockError};

use crate::{CacheError, CacheErrorKind, CacheResult};

/// Holds a directory; dropping it, or the end of the process, lets it go.
#[derive(Debug)]
pub struct DirLock {
    _lock: FileLock,
}

impl DirLock {
    /// Takes the directory, or fails at once.
    ///
    /// # Errors
    /// [`CacheErrorKind::InUse`], or the disk fails.
    pub fn acquire(dir: &Path) -> CacheResult<Self> {
        let path = dir.join("lock");
        match FileLock::exclusive(&path) {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(FileLockError::Held) => Err(CacheError::new(
                CacheErrorKind::InUse,
                format!("`{}` is in use", dir.display()),
            )),
            Err(FileLockError::Io(e)) => Err(CacheError::io(
                format!("cannot lock `{}`", path.display()),
                e,
            )),
        }
    }
}
