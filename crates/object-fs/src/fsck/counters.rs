//! What is about the whole: the root, the counters, blocks that nobody names.

use cache::{Batch, Table};
use vfs::VfsResult;

use super::{Check, Checker, tables::Tables};
use crate::{
    engine::{FIRST_INODE, META_COUNTERS, ROOT, root_record},
    fault, keys,
};

/// Directory below the root for what has no place.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

/// The counters as the index has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    pub(super) next_inode: u64,
    pub(super) inodes: u64,
}

impl Counters {
    pub(super) fn load(tables: &Tables<'_>) -> VfsResult<Self> {
        let bytes = tables.get(Table::Meta, META_COUNTERS.as_bytes())?;
        let pair = bytes.and_then(|bytes| keys::pair(&bytes).ok());
        Ok(pair.map_or(
            Self {
                next_inode: 0,
                inodes: 0,
            },
            |(next, inodes)| Self {
                next_inode: next.0,
                inodes,
            },
        ))
    }

    pub(super) fn save(self, fix: &mut Batch) {
        let value = [self.next_inode.to_be_bytes(), self.inodes.to_be_bytes()].concat();
        fix.put(Table::Meta, META_COUNTERS, value);
    }
}

impl Checker<'_> {
    /// Before anything else: without a root nothing has a place.
    pub(super) fn look_at_root(&mut self) -> VfsResult<()> {
        if !self.tables.is_dir(ROOT)? {
            let mut fix = Batch::default();
            let root = root_record(self.now_ms);
            fix.put(Table::Inodes, keys::of_inode(ROOT), root.encode());
            self.find(Check::RootMissing, "the root directory", fix);
        }
        Ok(())
    }

    /// After everything else, and only if nobody changes anything meanwhile.
    pub(super) fn look_at_counters(&mut self) -> VfsResult<()> {
        let counters = Counters::load(&self.tables)?;
        let next = counters
            .next_inode
            .max(self.last_inode + 1)
            .max(FIRST_INODE);
        if counters.inodes != self.inodes || counters.next_inode != next {
            let mut fix = Batch::default();
            let right = Counters {
                next_inode: next,
                inodes: self.inodes,
            };
            right.save(&mut fix);
            let what = format!(
                "{} inodes, the next is {next}; noted are {} and {}",
                self.inodes, counters.inodes, counters.next_inode
            );
            self.find(Check::CounterWrong, what, fix);
        }
        let leaked = self
            .log
            .leaked_blocks(&self.live)
            .map_err(fault::of_cache)?;
        if leaked > 0 {
            let what = format!("{leaked} blocks");
            self.find(Check::LeakedBlock, what, Batch::default());
        }
        Ok(())
    }
}
