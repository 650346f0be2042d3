//! A bucket of a directory as an object store, in this process and without a server: the same
//! layout and the same promises.

mod store;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use clock::Clock;
use file_lock::{FileLock, FileLockError};
use object_store::{ObjectStore, StoreError, StoreErrorKind, StoreResult};
use parking_lot::Mutex;

use self::store::DirectoryStore;
use crate::{
    bucket::{Bucket, Dirs},
    error::{BucketError, BucketResult, Doing as _},
    incoming::blocking,
};

/// The buckets that this process has open. Shares that lie in one bucket side by side share it.
#[derive(Clone, Debug)]
pub struct Directories {
    clock: Clock,
    open: Arc<Mutex<BTreeMap<PathBuf, Weak<OpenBucket>>>>,
}

/// A bucket that is ours alone.
#[derive(Debug)]
struct OpenBucket {
    bucket: Bucket,
    /// Nobody may serve the directory as a whole meanwhile.
    _of_directory: FileLock,
    /// Nobody else may have the bucket open.
    _of_bucket: FileLock,
}

/// Where a share's objects lie.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryPlace<'a> {
    /// The directory with the buckets.
    pub directory: &'a Path,
    /// The directory in it that is the bucket: it must be there.
    pub bucket: &'a str,
    /// Keys begin with it: empty, or `path/`.
    pub prefix: &'a str,
}

impl Directories {
    /// None is open yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            open: Arc::default(),
        }
    }

    /// Opens a bucket, or shares it with those who have it open. It is closed with the last of
    /// its stores.
    ///
    /// # Errors
    /// There is no such directory, it has no `.causeway` in it, which allows it to hold buckets, it
    /// cannot be written, or another process has it open.
    pub async fn open(&self, place: DirectoryPlace<'_>) -> StoreResult<Arc<dyn ObjectStore>> {
        let (root, name) = (place.directory.to_owned(), place.bucket.to_owned());
        let (open, clock) = (Arc::clone(&self.open), self.clock.clone());
        let opening = blocking(move || find_or_open(&open, &root, &name, &clock));
        let bucket = opening.await.map_err(failure)?;
        let (prefix, clock) = (place.prefix.to_owned(), self.clock.clone());
        Ok(Arc::new(DirectoryStore::new(bucket, prefix, clock)))
    }
}

fn find_or_open(
    open: &Mutex<BTreeMap<PathBuf, Weak<OpenBucket>>>,
    root: &Path,
    name: &str,
    clock: &Clock,
) -> BucketResult<Arc<OpenBucket>> {
    if !s3s::path::check_bucket_name(name) {
        let why = format!(
            "`{name}` must be 3 to 63 lower case letters, digits, `-` or `.` to be a bucket"
        );
        return Err(BucketError::Invalid(why));
    }
    let dirs = Dirs::new(root, name);
    // Never made here: what is to be mounted there may not be.
    let there = fs::canonicalize(&dirs.plain).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BucketError::NoSuchBucket(dirs.plain.display().to_string()),
        _ => of_io(&dirs.plain, error),
    })?;
    let mut open = open.lock();
    open.retain(|_, bucket| bucket.strong_count() > 0);
    if let Some(bucket) = open.get(&there).and_then(Weak::upgrade) {
        return Ok(bucket);
    }
    may_hold_buckets(root)?;
    fs::create_dir_all(&dirs.inner).map_err(|error| of_io(&dirs.inner, error))?;
    let of_directory = lock(&root.join(".causeway").join("lock"), FileLock::shared)?;
    let of_bucket = lock(&dirs.inner.join("lock"), FileLock::exclusive)?;
    let bucket = Bucket::open(dirs, name, clock).doing(|| format!("open bucket `{name}`"))?;
    let bucket = Arc::new(OpenBucket {
        bucket,
        _of_directory: of_directory,
        _of_bucket: of_bucket,
    });
    open.insert(there, Arc::downgrade(&bucket));
    Ok(bucket)
}

/// Whoever has the machine says which directories may be used; whoever has the console cannot.
fn may_hold_buckets(root: &Path) -> BucketResult<()> {
    let mark = root.join(".causeway");
    if mark.is_dir() {
        return Ok(());
    }
    Err(BucketError::Io {
        doing: format!(
            "keep objects in `{}`: to allow it, make the directory `{}` on the gateway's machine",
            root.display(),
            mark.display()
        ),
        source: io::ErrorKind::PermissionDenied.into(),
    })
}

fn lock(path: &Path, take: fn(&Path) -> Result<FileLock, FileLockError>) -> BucketResult<FileLock> {
    take(path).map_err(|error| match error {
        FileLockError::Held => BucketError::Io {
            doing: format!("have `{}` alone: another process serves it", path.display()),
            source: io::ErrorKind::WouldBlock.into(),
        },
        FileLockError::Io(source) => of_io(path, source),
    })
}

fn of_io(path: &Path, source: io::Error) -> BucketError {
    BucketError::Io {
        doing: format!("use `{}`", path.display()),
        source,
    }
}

/// The one place where failures get the port's words.
fn failure(error: BucketError) -> StoreError {
    let kind = match &error {
        BucketError::NoSuchBucket(_) => StoreErrorKind::BucketNotFound,
        BucketError::NoSuchKey(_) => StoreErrorKind::NotFound,
        BucketError::PreconditionFailed { .. } => StoreErrorKind::PreconditionFailed,
        BucketError::NoSuchUpload(_) | BucketError::InvalidPart(_) => StoreErrorKind::UploadLost,
        BucketError::Receive(_) | BucketError::Incomplete { .. } => StoreErrorKind::Source,
        BucketError::TooManyUploads => StoreErrorKind::Throttled,
        BucketError::JournalFailed => StoreErrorKind::Unavailable,
        BucketError::Io { source, .. } => match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreErrorKind::AccessDenied
            }
            // A disk that is full or not there may be mended.
            _ => StoreErrorKind::Unavailable,
        },
        BucketError::BucketExists(_)
        | BucketError::BucketNotEmpty(_)
        | BucketError::NotModified
        | BucketError::PartOrder
        | BucketError::PartTooSmall(_)
        | BucketError::Invalid(_)
        | BucketError::Range
        | BucketError::Digest(_) => StoreErrorKind::Other,
    };
    let message = match &error {
        BucketError::NoSuchBucket(path) => {
            format!("there is no directory `{path}`; make it, or mount what is to be there")
        }
        BucketError::Io { doing, source } => format!("cannot {doing}: {source}"),
        other => other.to_string(),
    };
    StoreError::caused_by(kind, message, error)
}
