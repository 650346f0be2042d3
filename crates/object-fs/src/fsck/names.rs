//! Names and listings of directories.

use cache::{Batch, Entry, Table};
use vfs::{Inode, VfsResult};

use super::{Check, Checker};
use crate::{keys, record::Record};

impl Checker<'_> {
    /// A name and the inode that it leads to.
    pub(super) fn look_at_name(&mut self, entry: &Entry) -> VfsResult<()> {
        let inode = keys::number(&entry.value).ok().map(Inode);
        let place = entry.key.split_first_chunk::<8>().and_then(|(dir, name)| {
            let name = std::str::from_utf8(name).ok()?;
            Some((Inode(u64::from_be_bytes(*dir)), name))
        });
        let (Some(inode), Some((dir, name))) = (inode, place) else {
            self.find_damaged(Table::Names, entry);
            return Ok(());
        };
        let mut without = Batch::default();
        without.remove(Table::Names, &entry.key);
        let Some(record) = self.tables.record(inode)? else {
            without.remove(Table::Listing, keys::of_listing(dir, inode));
            let what = format!("`{name}` in directory {} leads to inode {}", dir.0, inode.0);
            self.find(Check::EntryWithoutInode, what, without);
            return Ok(());
        };
        if record.parent == dir && *record.name == *name {
            return Ok(());
        }
        let is_linked = self.tables.name(record.parent, &record.name)? == Some(inode);
        let what = format!(
            "`{name}` in directory {} leads to inode {}, which is `{}` in directory {}",
            dir.0, inode.0, record.name, record.parent.0
        );
        if is_linked {
            if record.parent != dir {
                without.remove(Table::Listing, keys::of_listing(dir, inode));
            }
            self.find(Check::DuplicateName, what, without);
        } else if self.tables.is_dir(dir)? {
            let fix = self.adopt_place(record, dir, name);
            self.find(Check::ParentMismatch, what, fix);
        } else {
            self.find(Check::ParentMismatch, what, without);
        }
        Ok(())
    }

    /// The inode is where the name says.
    fn adopt_place(&self, mut record: Record, dir: Inode, name: &str) -> Batch {
        let inode = record.attributes.inode;
        let mut fix = Batch::default();
        fix.remove(Table::Listing, keys::of_listing(record.parent, inode));
        record.parent = dir;
        record.name = name.into();
        fix.put(Table::Listing, keys::of_listing(dir, inode), name);
        self.promise(&mut fix, &record);
        fix.put(Table::Inodes, keys::of_inode(inode), record.encode());
        fix
    }

    /// A line of a directory's listing.
    pub(super) fn look_at_listing(&mut self, entry: &Entry) -> VfsResult<()> {
        let place = keys::pair(&entry.key).ok();
        let (Some((dir, cookie)), Ok(name)) = (place, std::str::from_utf8(&entry.value)) else {
            self.find_damaged(Table::Listing, entry);
            return Ok(());
        };
        let inode = Inode(cookie);
        if self.tables.name(dir, name)? == Some(inode) {
            return Ok(());
        }
        let mut fix = Batch::default();
        fix.remove(Table::Listing, &entry.key);
        let what = format!(
            "directory {} lists `{name}` (inode {}), which is not in it",
            dir.0, inode.0
        );
        self.find(Check::ListingWithoutEntry, what, fix);
        Ok(())
    }
}
