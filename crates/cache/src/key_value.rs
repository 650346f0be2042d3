//! The key-value store under the index, as a trait.

use std::ops::Bound;

use crate::CacheResult;

/// Bytes of a key or a value, shared by whoever has them; short ones need no memory of their own.
pub use fjall::Slice;

/// The tables of the index. The names are on disk: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Inode → its record.
    Inodes,
    /// Directory and name → inode.
    Names,
    /// Directory and cookie → name.
    Listing,
    /// Inode and page of its map → where its data lies.
    Extents,
    /// Key in the bucket → whose it is.
    Keys,
    /// Inodes whose objects are behind.
    Dirty,
    /// Keys to be deleted.
    Tombstones,
    /// Directories below which keys are to be looked through after a rename.
    Walks,
    /// Inodes that stay in the cache.
    Pins,
    /// Inode and number → an upload in parts, and its parts.
    Uploads,
    /// Counters and cursors.
    Meta,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 11] = [
        Self::Inodes,
        Self::Names,
        Self::Listing,
        Self::Extents,
        Self::Keys,
        Self::Dirty,
        Self::Tombstones,
        Self::Walks,
        Self::Pins,
        Self::Uploads,
        Self::Meta,
    ];

    /// Its name on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inodes => "inodes",
            Self::Names => "names",
            Self::Listing => "listing",
            Self::Extents => "extents",
            Self::Keys => "keys",
            Self::Dirty => "dirty",
            Self::Tombstones => "tombstones",
            Self::Walks => "walks",
            Self::Pins => "pins",
            Self::Uploads => "uploads",
            Self::Meta => "meta",
        }
    }
}

/// One changed record; without a value it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub table: Table,
    /// Its key.
    pub key: Slice,
    /// Its value from now on.
    pub value: Option<Slice>,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch(pub(crate) Vec<Change>);

impl Batch {
    /// Sets a record.
    pub fn put(&mut self, table: Table, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push(Change {
            table,
            key: key.as_ref().into(),
            value: Some(value.as_ref().into()),
        });
    }

    /// Removes a record, if it is there.
    pub fn remove(&mut self, table: Table, key: impl AsRef<[u8]>) {
        self.0.push(Change {
            table,
            key: key.as_ref().into(),
            value: None,
        });
    }

    /// The value it sets a record to, if it does.
    #[must_use]
    pub fn staged(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        let mut changes = self.0.iter().rev();
        let change = changes.find(|change| change.table == table && *change.key == *key);
        change.and_then(|change| change.value.as_deref())
    }

    /// Its changes, in order.
    #[must_use]
    pub fn into_changes(self) -> Vec<Change> {
        self.0
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many records it changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// A record as a scan gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: Slice,
    /// Its value.
    pub value: Slice,
}

/// A range of keys.
#[derive(Clone, Debug)]
pub struct KeyRange {
    /// Where it begins.
    pub from: Bound<Vec<u8>>,
    /// Where it ends.
    pub to: Bound<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                break;
            }
        }
        Self {
            from: Bound::Included(prefix.to_vec()),
            to: if end.is_empty() {
                Bound::Unbounded
            } else {
                Bound::Excluded(end)
            },
        }
    }

    /// The same, without what is up to and including `key`.
    #[must_use]
    pub fn after(self, key: Vec<u8>) -> Self {
        Self {
            from: Bound::Excluded(key),
            to: self.to,
        }
    }

    /// Whether no key can be in it. (Ordered maps panic on such ranges.)
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        }
    }
}

/// All records of a table as they were at one moment.
pub type Records = Box<dyn Iterator<Item = CacheResult<Entry>> + Send>;

/// An ordered store of small records on the cache disk.
pub trait KeyValue: Send + Sync + 'static {
    /// One record.
    ///
    /// # Errors
    /// If the disk fails.
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<Slice>>;
    /// At most `limit` records of a range, in key order.
    ///
    /// # Errors
    /// If the disk fails.
    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>>;
    /// All records of a table as they are now, whatever changes while they are looked at.
    fn records(&self, table: Table) -> Records;
    /// Makes the changes, all or none; they are durable when it returns.
    ///
    /// # Errors
    /// If the disk fails or is full; then it is unknown whether they are durable.
    fn apply(&self, changes: &[Change]) -> CacheResult<()>;
}
