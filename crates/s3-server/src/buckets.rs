//! All buckets of a directory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clock::Clock;
use file_lock::{FileLock, FileLockError};
use parking_lot::RwLock;

use crate::{
    bucket::{Bucket, Dirs},
    error::{BucketError, BucketResult, Doing as _},
};

/// The buckets, by name.
#[derive(Debug)]
pub(crate) struct Buckets {
    root: PathBuf,
    clock: Clock,
    open: RwLock<BTreeMap<String, Arc<Bucket>>>,
    /// Held as long as this lives, so that no second server writes here.
    _lock: FileLock,
}

impl Buckets {
    /// Opens every directory that a bucket's name fits. Blocks on the disk.
    pub(crate) fn open(root: &Path, clock: &Clock) -> Result<Self, FileLockError> {
        fs::create_dir_all(root.join(".causeway"))?;
        let lock = FileLock::exclusive(&root.join(".causeway").join("lock"))?;
        let mut open = BTreeMap::new();
        for item in fs::read_dir(root)? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            if !item.file_type()?.is_dir() || !s3s::path::check_bucket_name(&name) {
                continue;
            }
            let bucket = Bucket::open(Dirs::new(root, &name), &name, clock)?;
            open.insert(name, Arc::new(bucket));
        }
        Ok(Self {
            root: root.to_owned(),
            clock: clock.clone(),
            open: RwLock::new(open),
            _lock: lock,
        })
    }

    /// A bucket by its name.
    pub(crate) fn get(&self, name: &str) -> BucketResult<Arc<Bucket>> {
        let found = self.open.read().get(name).cloned();
        found.ok_or_else(|| BucketError::NoSuchBucket(name.to_owned()))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Bucket>> {
        self.open.read().values().cloned().collect()
    }

    /// Makes a bucket. Blocks on the disk.
    pub(crate) fn create(&self, name: &str) -> BucketResult<()> {
        if !s3s::path::check_bucket_name(name) {
            return Err(BucketError::Invalid(format!(
                "bucket name `{name}` must be 3 to 63 lower case letters, digits, `-` or `.`"
            )));
        }
        let mut open = self.open.write();
        if open.contains_key(name) {
            return Err(BucketError::BucketExists(name.to_owned()));
        }
        let bucket = Bucket::open(Dirs::new(&self.root, name), name, &self.clock)
            .doing(|| format!("make bucket `{name}`"))?;
        open.insert(name.to_owned(), Arc::new(bucket));
        Ok(())
    }

    /// Removes an empty bucket. Blocks on the disk.
    pub(crate) fn delete(&self, name: &str) -> BucketResult<()> {
        let mut open = self.open.write();
        let bucket = open
            .get(name)
            .ok_or_else(|| BucketError::NoSuchBucket(name.to_owned()))?;
        let dirs = Dirs::new(&self.root, name);
        // A put that is under way keeps the directory from being empty, or fails after this.
        if !bucket.is_empty() || fs::remove_dir(&dirs.plain).is_err() {
            return Err(BucketError::BucketNotEmpty(name.to_owned()));
        }
        open.remove(name);
        fs::remove_dir_all(&dirs.inner).doing(|| format!("remove {}", dirs.inner.display()))
    }
}
