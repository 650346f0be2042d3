//! After the rename of a directory: which objects have the wrong keys now?

use std::sync::Arc;

use cache::{Batch, KeyRange, Table};
use vfs::{ErrorKind, FileType, Inode, VfsResult};

use super::{Outcome, Work};
use crate::{engine::Engine, fault, keys, record::Record};

/// Names looked at, and promises written, at a time.
const STEP: usize = 512;

/// A directory that is being looked through.
struct Level {
    dir: Inode,
    /// Key of its marker.
    prefix: String,
    after: Vec<u8>,
}

impl Engine {
    /// Queues all inodes below `dir` whose objects are not where their paths lead. Begins
    /// again from the start after a crash: what was queued is found in order.
    pub(super) async fn walk(self: &Arc<Self>, dir: Inode) -> VfsResult<Outcome> {
        let stamp = {
            // Who renames lets go of the names only when the index has the walk.
            let _names = self.namespace.lock();
            self.walk_stamp(dir)?
        };
        let mut levels: Vec<Level> = self.level(dir)?.into_iter().collect();
        while let Some(level) = levels.last_mut() {
            let range = KeyRange::prefix(&keys::of_inode(level.dir)).after(level.after.clone());
            let listed = self.index.scan(Table::Listing, &range, STEP);
            let listed = listed.map_err(fault::of_cache)?;
            let Some(last) = listed.last() else {
                levels.pop();
                continue;
            };
            level.after = last.key.to_vec();
            let prefix = level.prefix.clone();
            let mut batch = Batch::default();
            let mut below = Vec::new();
            for entry in &listed {
                let (_, inode) = keys::pair(&entry.key)?;
                let Some(record) = self.current_record(Inode(inode))? else {
                    continue;
                };
                below.extend(self.queue_if_moved(&record, &prefix, &mut batch));
            }
            levels.extend(below);
            if !batch.is_empty() {
                let ticket = self.index.submit(batch);
                self.durable(ticket).await?;
            }
        }
        self.end_walk(dir, stamp.as_deref()).await
    }

    fn level(&self, dir: Inode) -> VfsResult<Option<Level>> {
        let prefix = self.desired_key(dir)?;
        Ok(prefix.map(|prefix| Level {
            dir,
            prefix,
            after: keys::of_inode(dir).to_vec(),
        }))
    }

    /// Queues one inode if its object is elsewhere; the level below it, if there is one.
    fn queue_if_moved(&self, record: &Record, prefix: &str, batch: &mut Batch) -> Option<Level> {
        let inode = record.attributes.inode;
        let is_dir = record.attributes.file_type == FileType::Directory;
        let slash = if is_dir { "/" } else { "" };
        let key = format!("{prefix}{}{slash}", record.name);
        let is_elsewhere = |at: Option<&str>| at.is_some_and(|at| at != key);
        if is_elsewhere(record.remote.as_ref().map(|r| &*r.key))
            || is_elsewhere(record.claim.as_deref())
        {
            // An upload under way may have settled what the key is, and not have ended yet.
            let (wall, now) = (self.clock.wall(), self.clock.now());
            let since = self.queue.again(&Work::Inode(inode), wall, now);
            batch.put(Table::Dirty, keys::of_inode(inode), since.to_be_bytes());
        }
        is_dir.then(|| Level {
            dir: inode,
            prefix: key,
            after: keys::of_inode(inode).to_vec(),
        })
    }

    fn current_record(&self, inode: Inode) -> VfsResult<Option<Record>> {
        match self.nodes.get(inode) {
            Some(node) => match node.lock() {
                Ok(state) => Ok(Some(state.record.clone())),
                Err(e) if e.kind() == ErrorKind::Stale => Ok(None),
                Err(e) => Err(e),
            },
            None => self.load_record(inode),
        }
    }

    fn walk_stamp(&self, dir: Inode) -> VfsResult<Option<cache::Slice>> {
        self.index
            .get(Table::Walks, &keys::of_inode(dir))
            .map_err(fault::of_cache)
    }

    /// Over, unless the directory was renamed again meanwhile.
    async fn end_walk(&self, dir: Inode, stamp: Option<&[u8]>) -> VfsResult<Outcome> {
        let ticket = {
            let _names = self.namespace.lock();
            if self.walk_stamp(dir)?.as_deref() != stamp {
                return Ok(Outcome::Again);
            }
            let mut batch = Batch::default();
            batch.remove(Table::Walks, keys::of_inode(dir));
            self.index.submit(batch)
        };
        self.durable(ticket).await?;
        Ok(Outcome::Done)
    }
}
