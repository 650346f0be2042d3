//! What can go wrong, by what the client should do.

use thiserror::Error;

/// Result of a call.
pub type VfsResult<T> = Result<T, VfsError>;

/// The kinds of failure. Each protocol has one table from these to its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller is not the owner.
    NotPermitted,
    /// No such name.
    NotFound,
    /// A fault below: the disk, or an object that is not what it should be.
    Io,
    /// The mode bits say no.
    AccessDenied,
    /// The name is taken.
    Exists,
    /// It is not a directory.
    NotDirectory,
    /// It is a directory.
    IsDirectory,
    /// The request makes no sense.
    Invalid,
    /// Beyond the largest file.
    TooBig,
    /// The cache disk is full of data that is not yet uploaded.
    NoSpace,
    /// The share is read only.
    ReadOnly,
    /// The name or target is too long.
    NameTooLong,
    /// The directory is not empty.
    NotEmpty,
    /// The inode is no more.
    Stale,
    /// Not here.
    NotSupported,
    /// The guard did not match.
    NotSync,
    /// The object store does not answer, or too much is going on: try again later.
    Unavailable,
}

/// A failure: its kind, and a sentence for the log.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct VfsError {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl VfsError {
    /// Without a cause below.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// With its cause.
    pub fn caused_by(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// What the client should do.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<ErrorKind> for VfsError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind, format!("{kind:?}"))
    }
}
