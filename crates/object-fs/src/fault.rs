//! Failures below, in the words of the file system.

use cache::{CacheError, CacheErrorKind};
use object_store::{StoreError, StoreErrorKind};
use vfs::{ErrorKind, VfsError};

pub(crate) fn of_cache(error: CacheError) -> VfsError {
    let kind = match error.kind() {
        CacheErrorKind::Full => ErrorKind::NoSpace,
        CacheErrorKind::InUse | CacheErrorKind::Corrupt | CacheErrorKind::Disk => ErrorKind::Io,
    };
    VfsError::caused_by(kind, error.to_string(), error)
}

pub(crate) fn of_store(error: StoreError) -> VfsError {
    let kind = match error.kind() {
        StoreErrorKind::NotFound => ErrorKind::NotFound,
        // Somebody can put rights and bucket right while the client waits.
        StoreErrorKind::Unavailable
        | StoreErrorKind::Throttled
        | StoreErrorKind::UploadLost
        | StoreErrorKind::Damaged
        | StoreErrorKind::BucketNotFound
        | StoreErrorKind::AccessDenied
        | StoreErrorKind::PreconditionFailed => ErrorKind::Unavailable,
        StoreErrorKind::Undecipherable | StoreErrorKind::Source | StoreErrorKind::Other => {
            ErrorKind::Io
        }
    };
    VfsError::caused_by(kind, error.to_string(), error)
}
