//! What can go wrong on a cache disk.

use std::io;

use thiserror::Error;

/// Result of a call.
pub type CacheResult<T> = Result<T, CacheError>;

/// The kinds of failure, by what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheErrorKind {
    /// The disk is full: make room.
    Full,
    /// Somebody else has the directory: wait, or go away.
    InUse,
    /// What is on the disk is not what was written: the data is lost here.
    Corrupt,
    /// The disk fails: nothing more can be promised.
    Disk,
}

/// A failure: its kind, and what was being done.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct CacheError {
    kind: CacheErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl CacheError {
    /// Without a cause below.
    pub fn new(kind: CacheErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> CacheErrorKind {
        self.kind
    }

    /// From a failed system call.
    pub fn io(message: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CacheErrorKind::Full,
            io::ErrorKind::InvalidData => CacheErrorKind::Corrupt,
            _ => CacheErrorKind::Disk,
        };
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// From the index store.
    pub(crate) fn store(message: impl Into<String>, source: fjall::Error) -> Self {
        let kind = match &source {
            fjall::Error::Io(e) if e.kind() == io::ErrorKind::StorageFull => CacheErrorKind::Full,
            fjall::Error::Locked => CacheErrorKind::InUse,
            fjall::Error::JournalRecovery(_) | fjall::Error::InvalidVersion(_) => {
                CacheErrorKind::Corrupt
            }
            _ => CacheErrorKind::Disk,
        };
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }
}
