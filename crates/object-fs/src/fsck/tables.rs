//! The tables of the index, as checks read them.

use std::{cell::RefCell, collections::HashMap};

use cache::{Batch, CacheResult, Entry, Index, KeyRange, Table, View};
use vfs::{FileType, Inode, NAME_LEN_MAX, VfsResult};

use crate::{
    engine::ROOT,
    fault,
    keys::{self, KeyState},
    record::Record,
    scan::META_IMPORT,
};

/// Where records come from.
pub(super) trait Source {
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<cache::Slice>>;
    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>>;
}

impl Source for Index {
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<cache::Slice>> {
        Self::get(self, table, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        Self::scan(self, table, range, limit)
    }
}

impl Source for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<cache::Slice>> {
        self.get(table, key)
    }

    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        self.scan(table, range, limit)
    }
}

/// A directory's way down from the root.
#[derive(Clone, Debug)]
pub(super) struct DirPath {
    /// With a slash at its end; empty for the root.
    pub(super) prefix: String,
    /// Whether it, or one above it, was renamed and is still to be looked through.
    pub(super) is_walked: bool,
}

/// Records by what they say.
pub(super) struct Tables<'a> {
    source: &'a dyn Source,
    dirs: RefCell<HashMap<Inode, Option<DirPath>>>,
}

/// Directories whose paths are remembered.
const DIRS_MAX: usize = 65_536;

impl<'a> Tables<'a> {
    pub(super) fn new(source: &'a dyn Source) -> Self {
        Self {
            source,
            dirs: RefCell::default(),
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> VfsResult<Option<cache::Slice>> {
        self.source.get(table, key).map_err(fault::of_cache)
    }

    pub(super) fn scan(
        &self,
        table: Table,
        range: &KeyRange,
        limit: usize,
    ) -> VfsResult<Vec<Entry>> {
        self.source
            .scan(table, range, limit)
            .map_err(fault::of_cache)
    }

    /// What is remembered may be wrong now.
    pub(super) fn forget(&self) {
        self.dirs.borrow_mut().clear();
    }

    /// `None` if there is none, or it cannot be read: that is another finding.
    pub(super) fn record(&self, inode: Inode) -> VfsResult<Option<Record>> {
        let bytes = self.get(Table::Inodes, &keys::of_inode(inode))?;
        Ok(bytes.and_then(|bytes| Record::decode(&bytes).ok()))
    }

    pub(super) fn name(&self, dir: Inode, name: &str) -> VfsResult<Option<Inode>> {
        let bytes = self.get(Table::Names, &keys::of_name(dir, name))?;
        Ok(bytes.and_then(|bytes| keys::number(&bytes).ok()).map(Inode))
    }

    pub(super) fn key_state(&self, key: &str) -> VfsResult<Option<KeyState>> {
        let bytes = self.get(Table::Keys, key.as_bytes())?;
        Ok(bytes.and_then(|bytes| KeyState::decode(&bytes).ok()))
    }

    pub(super) fn is_dir(&self, inode: Inode) -> VfsResult<bool> {
        let record = self.record(inode)?;
        Ok(record.is_some_and(|r| r.attributes.file_type == FileType::Directory))
    }

    /// The way to a directory; `None` if it does not lead down from the root.
    pub(super) fn dir_path(&self, dir: Inode) -> VfsResult<Option<DirPath>> {
        let mut below: Vec<(Inode, Box<str>, bool)> = Vec::new();
        let mut at = dir;
        let mut path = loop {
            if at == ROOT {
                break Some(DirPath {
                    prefix: String::new(),
                    is_walked: false,
                });
            }
            if let Some(known) = self.dirs.borrow().get(&at) {
                break known.clone();
            }
            let record = self.record(at)?;
            let record = record.filter(|r| r.attributes.file_type == FileType::Directory);
            let Some(record) = record else { break None };
            if below.len() > keys::KEY_LEN_MAX {
                break None;
            }
            let is_walked = self.get(Table::Walks, &keys::of_inode(at))?.is_some();
            below.push((at, record.name, is_walked));
            at = record.parent;
        };
        let mut dirs = self.dirs.borrow_mut();
        if dirs.len() > DIRS_MAX {
            dirs.clear();
        }
        for (inode, name, is_walked) in below.into_iter().rev() {
            path = path.map(|above| DirPath {
                prefix: format!("{}{name}/", above.prefix),
                is_walked: above.is_walked || is_walked,
            });
            dirs.insert(inode, path.clone());
        }
        Ok(path)
    }

    /// The path of an inode, for people.
    pub(super) fn path(&self, record: &Record) -> VfsResult<Option<String>> {
        let dir = self.dir_path(record.parent)?;
        Ok(dir.map(|dir| format!("{}{}", dir.prefix, record.name)))
    }
}

/// Whether a file can be called that.
pub(super) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= NAME_LEN_MAX && !name.contains(['/', '\0'])
}

/// The next start begins to list the bucket from the start, beside serving clients.
pub(super) fn list_bucket_again(batch: &mut Batch) {
    batch.remove(Table::Meta, META_IMPORT);
}

/// A key of the index for people.
pub(super) fn hex(key: &[u8]) -> String {
    let shown = key.iter().take(HEX_MAX);
    shown.map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a key that are shown.
const HEX_MAX: usize = 64;
