//! One bucket: its index in memory, its journal, its files.
//!
//! A put: body to `temp/<id>`, flushed → line in the journal, flushed (**the commit**) → rename
//! to its place → index. A delete: line, flushed → index → unlink. What a crash left undone
//! after the commit is done at the next start (`recovery`).

mod compose;
mod recovery;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clock::{Clock, Timestamp};
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::{
    condition::WriteCondition,
    entry::{Attributes, Entry, FileId, Stamp},
    error::{BucketError, BucketResult, Doing as _},
    incoming::Arrived,
    journal::{Journal, Record},
    limits::JOURNAL_SLACK_RECORDS,
    listing::{Page, Query, list},
    place::{Place, plain_path},
    uploads::Uploads,
};

/// Writers of one key take turns; this many keys can be written at once.
const TURNS: usize = 64;

/// A bucket, open.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    dirs: Dirs,
    clock: Clock,
    journal: Journal,
    /// Held for moments, never across a flush: readers do not wait for the disk.
    index: RwLock<BTreeMap<String, Entry>>,
    turns: [Mutex<()>; TURNS],
    pub(crate) uploads: Uploads,
}

/// The directories of one bucket.
#[derive(Clone, Debug)]
pub(crate) struct Dirs {
    /// Plain files.
    pub(crate) plain: PathBuf,
    /// Everything else.
    pub(crate) inner: PathBuf,
}

impl Dirs {
    pub(crate) fn new(root: &Path, bucket: &str) -> Self {
        let plain = root.join(bucket);
        let inner = root.join(".causeway").join(bucket);
        Self { plain, inner }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.inner.join("journal")
    }

    pub(crate) fn temp(&self) -> PathBuf {
        self.inner.join("temp")
    }

    pub(crate) fn hidden(&self) -> PathBuf {
        self.inner.join("objects")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.inner.join("uploads")
    }

    /// Where an object's bytes are.
    fn file(&self, key: &str, entry: &Entry) -> PathBuf {
        match entry.place {
            Place::Plain => self.plain.join(key),
            Place::Hidden => self.hidden().join(entry.file.as_str()),
        }
    }
}

impl Bucket {
    /// Opens it, doing what a crash left undone.
    pub(crate) fn open(dirs: Dirs, name: &str, clock: &Clock) -> io::Result<Self> {
        for dir in [
            dirs.plain.clone(),
            dirs.temp(),
            dirs.hidden(),
            dirs.uploads(),
        ] {
            fs::create_dir_all(dir)?;
        }
        let uploads = Uploads::open(dirs.uploads())?;
        let recovered = recovery::recover(&dirs)?;
        let journal = Journal::open(dirs.journal(), recovered.lines)?;
        tracing::info!(
            bucket = name,
            objects = recovered.index.len(),
            "bucket opened"
        );
        Ok(Self {
            name: name.to_owned(),
            created: Stamp::of(&fs::metadata(&dirs.inner)?).modified(),
            dirs,
            clock: clock.clone(),
            journal,
            index: RwLock::new(recovered.index),
            turns: std::array::from_fn(|_| Mutex::default()),
            uploads,
        })
    }

    /// Where bodies arrive.
    pub(crate) fn temp_dir(&self) -> PathBuf {
        self.dirs.temp()
    }

    /// Makes `arrived` the object `key`. Blocks on the disk.
    pub(crate) fn put(
        &self,
        key: &str,
        arrived: Arrived,
        attributes: Attributes,
        condition: &WriteCondition,
    ) -> BucketResult<Entry> {
        let mut entry = Entry {
            file: arrived.file.clone(),
            stamp: arrived.stamp,
            etag: arrived.etag.clone(),
            modified: self.clock.wall(),
            attributes: Arc::new(attributes),
            place: Place::Plain,
        };
        {
            let _turn = self.turn(key);
            condition.check(self.index.read().get(key))?;
            // From here on the journal may name the body, even if writing it fails half-way.
            arrived.keep();
            let record = Record::Put {
                key: key.to_owned(),
                entry: entry.clone(),
            };
            self.journal.append(&record)?;
            let mut index = self.index.write();
            let old = index.get(key).map(|old| self.dirs.file(key, old));
            entry.place = settle(&self.dirs, key, &entry.file)
                .doing(|| format!("put the body of `{key}` in its place"))?;
            index.insert(key.to_owned(), entry.clone());
            // A plain file was replaced by the rename; a hidden one has a name of its own.
            if let Some(old) = old.filter(|old| *old != self.dirs.file(key, &entry)) {
                remove(&old);
            }
        }
        self.rewrite_if_long();
        Ok(entry)
    }

    /// Removes the object `key`; nothing to do if it is not there. Blocks on the disk.
    pub(crate) fn delete(&self, key: &str, condition: &WriteCondition) -> BucketResult<()> {
        {
            let _turn = self.turn(key);
            let now = self.index.read().get(key).cloned();
            condition.check(now.as_ref())?;
            if now.is_none() {
                return Ok(());
            }
            let record = Record::Delete {
                key: key.to_owned(),
            };
            self.journal.append(&record)?;
            let mut index = self.index.write();
            if let Some(entry) = index.remove(key) {
                let path = self.dirs.file(key, &entry);
                remove(&path);
                self.prune(&path);
            }
        }
        self.rewrite_if_long();
        Ok(())
    }

    /// What is known of an object.
    pub(crate) fn head(&self, key: &str) -> BucketResult<Entry> {
        let found = self.index.read().get(key).cloned();
        found.ok_or_else(|| BucketError::NoSuchKey(key.to_owned()))
    }

    /// An object and its bytes: a file that stays the same whatever is put or deleted meanwhile.
    pub(crate) fn read(&self, key: &str) -> BucketResult<(Entry, File)> {
        let index = self.index.read();
        let entry = index
            .get(key)
            .ok_or_else(|| BucketError::NoSuchKey(key.to_owned()))?;
        let path = self.dirs.file(key, entry);
        let file = File::open(&path).doing(|| format!("open {}", path.display()))?;
        Ok((entry.clone(), file))
    }

    /// A page of keys.
    pub(crate) fn list(&self, query: &Query<'_>) -> Page {
        list(&self.index.read(), query)
    }

    /// Whether there is no object and no upload.
    pub(crate) fn is_empty(&self) -> bool {
        self.index.read().is_empty() && self.uploads.is_empty()
    }

    fn turn(&self, key: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        self.turns.get(number).unwrap_or(&self.turns[0]).lock()
    }

    /// Removes directories that a delete has left empty, so that people see none.
    fn prune(&self, path: &Path) {
        let mut dir = path.parent();
        while let Some(parent) =
            dir.filter(|d| *d != self.dirs.plain && d.starts_with(&self.dirs.plain))
        {
            if fs::remove_dir(parent).is_err() {
                return;
            }
            dir = parent.parent();
        }
    }

    fn rewrite_if_long(&self) {
        let long = |objects: usize| self.journal.lines() > 2 * objects + JOURNAL_SLACK_RECORDS;
        if !long(self.index.read().len()) {
            return;
        }
        // With every turn taken, no put or delete stands between its line and the index.
        let _turns: Vec<_> = self.turns.iter().map(Mutex::lock).collect();
        let index = self.index.read();
        if !long(index.len()) {
            return;
        }
        let rewritten = sync_files(&self.dirs).and_then(|()| {
            let entries = index.iter().map(|(key, entry)| (key.as_str(), entry));
            self.journal.rewrite(entries)
        });
        if let Err(error) = rewritten {
            tracing::warn!(bucket = self.name, %error, "cannot shorten the journal");
        }
    }
}

/// Moves a committed body to its place: the path of its key if it can be had, else hidden.
fn settle(dirs: &Dirs, key: &str, file: &FileId) -> io::Result<Place> {
    let temp = dirs.temp().join(file.as_str());
    if let Some(path) = plain_path(key) {
        let path = dirs.plain.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        if made.and_then(|()| fs::rename(&temp, &path)).is_ok() {
            return Ok(Place::Plain);
        }
        // Another key's file or directory is in the way, or the path is too long.
    }
    fs::rename(&temp, dirs.hidden().join(file.as_str()))?;
    Ok(Place::Hidden)
}

/// Renames and unlinks so far are on disk: the lines that would redo them may go.
fn sync_files(dirs: &Dirs) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(&dirs.inner)?)?)
}

/// Bytes that no object has any more; left over, they cost room and nothing else.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a file");
        }
        Ok(()) | Err(_) => {}
    }
}
