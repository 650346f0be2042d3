//! One process per directory.

use std::{fs::File, path::Path};

use rustix::fs::{FlockOperation, flock};

use crate::{CacheError, CacheErrorKind, CacheResult};

/// Holds a directory; dropping it, or the end of the process, lets it go.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the directory, or fails at once.
    ///
    /// # Errors
    /// [`CacheErrorKind::InUse`], or the disk fails.
    pub fn acquire(dir: &Path) -> CacheResult<Self> {
        let path = dir.join("lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| CacheError::io(format!("cannot open `{}`", path.display()), e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(CacheError::new(
                CacheErrorKind::InUse,
                format!("`{}` is in use", dir.display()),
            )),
            Err(e) => Err(CacheError::io(
                format!("cannot lock `{}`", path.display()),
                e.into(),
            )),
        }
    }
}
