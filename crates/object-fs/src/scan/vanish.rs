//! Objects that are not there any more.

use std::sync::Arc;

use cache::{Batch, Run, Table, Ticket};
use vfs::{ErrorKind, FileType, Inode, VfsResult};

use crate::{
    engine::{Engine, Fate, Namespace, ROOT, is_default_dir, touch_dir},
    node::{Locked, Node},
};

/// What became of a file whose object is gone.
enum Gone {
    /// It is still here: it holds what the bucket never had, or had nothing to lose.
    Kept(Ticket),
    Removed {
        ticket: Ticket,
        nodes: Vec<(Arc<Node>, Vec<Run>)>,
    },
    /// It was not as the caller thought.
    Otherwise,
}

impl Engine {
    /// The object of a node is gone, as somebody found out by asking for it.
    pub(crate) async fn forget_vanished(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
    ) -> VfsResult<()> {
        self.vanish(node.inode, key).await.map(drop)
    }

    /// The object of an inode is gone from the bucket. Whether the inode went with it.
    pub(crate) async fn vanish(self: &Arc<Self>, inode: Inode, key: &str) -> VfsResult<bool> {
        match self.vanish_now(inode, key) {
            Ok(Gone::Kept(ticket)) => {
                self.durable(ticket).await?;
                Ok(false)
            }
            Ok(Gone::Removed { ticket, nodes }) => {
                for (node, runs) in nodes {
                    self.finish_removal(&node, ticket, runs).await?;
                }
                Ok(true)
            }
            Ok(Gone::Otherwise) => Ok(false),
            Err(e) if e.kind() == ErrorKind::Stale => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn vanish_now(&self, inode: Inode, key: &str) -> VfsResult<Gone> {
        let mut namespace = self.namespace.lock();
        let node = self.node(inode)?;
        let mut batch = Batch::default();
        let is_to_go = {
            let mut state = node.lock()?;
            let record = &mut state.record;
            if record.remote.as_ref().is_none_or(|r| *r.key != *key) {
                return Ok(Gone::Otherwise);
            }
            let is_dir = record.attributes.file_type == FileType::Directory;
            if is_dir {
                self.is_empty_dir(inode)? && !record.is_attributes_dirty()
            } else {
                !record.is_content_dirty()
            }
        };
        batch.remove(Table::Keys, key);
        if !is_to_go {
            return self.keep_without_object(&node, batch);
        }
        let mut nodes = Vec::new();
        self.remove_upwards(node, &mut namespace, &mut batch, &mut nodes)?;
        namespace.save(&mut batch);
        Ok(Gone::Removed {
            ticket: self.index.submit(batch),
            nodes,
        })
    }

    fn keep_without_object(&self, node: &Arc<Node>, mut batch: Batch) -> VfsResult<Gone> {
        let mut state = node.lock()?;
        state.record.remote = None;
        state.lose_base();
        self.mark_dirty(&mut state, &mut batch);
        self.save(&state, &mut batch);
        Ok(Gone::Kept(self.index.submit(batch)))
    }

    /// Removes an inode, and above it the directories that were there only because of it.
    fn remove_upwards(
        &self,
        node: Arc<Node>,
        namespace: &mut Namespace,
        batch: &mut Batch,
        removed: &mut Vec<(Arc<Node>, Vec<Run>)>,
    ) -> VfsResult<()> {
        let mut at = node;
        loop {
            let parent = self.node(at.lock()?.record.parent)?;
            let mut locked = Locked::new(&[&at, &parent])?;
            let state = locked.get(&at)?;
            let file_type = state.record.attributes.file_type;
            let runs = self.unlink(state, Fate::GoneInBucket, batch)?;
            namespace.inodes = namespace.inodes.saturating_sub(1);
            let above = locked.get(&parent)?;
            let subdirs = i32::from(file_type == FileType::Directory);
            touch_dir(above, self.now(), -subdirs);
            self.save(above, batch);
            let record = &above.record;
            let is_implied = record.remote.is_none()
                && record.claim.is_none()
                && !record.is_attributes_dirty()
                && is_default_dir(record);
            let is_last = self.has_only(parent.inode, at.inode)?;
            drop(locked);
            removed.push((at, runs));
            if parent.inode == ROOT || !is_implied || !is_last {
                return Ok(());
            }
            at = parent;
        }
    }
}
