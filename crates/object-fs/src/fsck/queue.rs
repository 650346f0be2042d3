//! Promises: of uploads, and of looks through renamed directories.

use cache::{Batch, Entry, Table};
use vfs::{FileType, Inode, VfsResult};

use super::{Check, Checker};
use crate::{
    keys,
    record::Record,
    upload::journal::{Begun, HEAD, Part},
};

impl Checker<'_> {
    /// The promise of an upload.
    pub(super) fn look_at_promise(&mut self, entry: &Entry) -> VfsResult<()> {
        let Ok(inode) = keys::number(&entry.key).map(Inode) else {
            self.find_damaged(Table::Dirty, entry);
            return Ok(());
        };
        let mut fix = Batch::default();
        if self.tables.record(inode)?.is_none() {
            fix.remove(Table::Dirty, &entry.key);
            let what = format!("inode {}", inode.0);
            self.find(Check::QueueEntryWithoutInode, what, fix);
        } else if keys::number(&entry.value).is_err() {
            fix.put(Table::Dirty, &entry.key, self.now_ms.to_be_bytes());
            let what = format!("since when inode {} waits", inode.0);
            self.find(Check::RecordDamaged, what, fix);
        }
        Ok(())
    }

    /// A renamed directory below which keys are to be looked through.
    pub(super) fn look_at_walk(&mut self, entry: &Entry) -> VfsResult<()> {
        let dir = keys::number(&entry.key).ok().map(Inode);
        let is_there = match dir {
            Some(dir) => self.tables.is_dir(dir)?,
            None => false,
        };
        if !is_there {
            let mut fix = Batch::default();
            fix.remove(Table::Walks, &entry.key);
            let what = format!("directory {}", dir.map_or(0, |dir| dir.0));
            self.find(Check::PendingRenameWithoutTarget, what, fix);
        }
        Ok(())
    }

    /// An upload in parts, or one of its parts. Of what file, does not matter: one that is gone
    /// has its upload aborted.
    pub(super) fn look_at_upload(&mut self, entry: &Entry) -> VfsResult<()> {
        let is_readable = match keys::pair(&entry.key) {
            Ok((_, HEAD)) => Begun::decode(&entry.value).is_ok(),
            Ok((inode, _)) => {
                let head = self
                    .tables
                    .get(Table::Uploads, &keys::of_page(inode, HEAD))?;
                head.is_some() && Part::decode(&entry.value).is_ok()
            }
            Err(_) => false,
        };
        if !is_readable {
            self.find_damaged(Table::Uploads, entry);
        }
        Ok(())
    }

    /// A pin.
    pub(super) fn look_at_pin(&mut self, entry: &Entry) -> VfsResult<()> {
        let inode = keys::number(&entry.key).ok().map(Inode);
        let is_there = match inode {
            Some(inode) => self.tables.record(inode)?.is_some(),
            None => false,
        };
        if !is_there {
            let mut fix = Batch::default();
            fix.remove(Table::Pins, &entry.key);
            let what = format!("inode {}", inode.map_or(0, |inode| inode.0));
            self.find(Check::PinWithoutInode, what, fix);
        }
        Ok(())
    }

    /// Promises to bring an inode's object, and those below it, up to date.
    pub(super) fn promise(&self, fix: &mut Batch, record: &Record) {
        let inode = record.attributes.inode;
        let since = self.now_ms.to_be_bytes();
        fix.put(Table::Dirty, keys::of_inode(inode), since);
        if record.attributes.file_type == FileType::Directory {
            fix.put(Table::Walks, keys::of_inode(inode), since);
        }
    }
}
