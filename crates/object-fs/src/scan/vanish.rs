//! Objects that are not there any more.

use std::sync::Arc;

use cache::{Batch, Run, Table, Ticket};
use vfs::{ErrorKind, FileType, Inode, VfsResult};

use super::{Page, Source};
use crate::{
    engine::{Engine, Fate, Namespace, ROOT, is_default_dir, touch_dir},
    node::{Locked, Node},
};

/// What became of an inode whose object is gone.
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

/// What went with objects that are gone: one flush serves for all of it.
#[derive(Default)]
pub(super) struct Vanished {
    /// What was submitted last.
    last: Option<Ticket>,
    nodes: Vec<(Arc<Node>, Vec<Run>)>,
}

impl Engine {
    /// The object of a node is gone, as somebody found out by asking for it.
    pub(crate) async fn forget_vanished(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
    ) -> VfsResult<()> {
        let mut vanished = Vanished::default();
        self.vanish(node.inode, key, &mut vanished)?;
        self.finish_vanished(vanished).await
    }

    /// The object of an inode is gone from the bucket. Whether the inode went with it.
    pub(super) fn vanish(
        &self,
        inode: Inode,
        key: &str,
        vanished: &mut Vanished,
    ) -> VfsResult<bool> {
        match self.vanish_now(inode, key) {
            Ok(Gone::Kept(ticket)) => {
                vanished.last = Some(ticket);
                Ok(false)
            }
            Ok(Gone::Removed { ticket, nodes }) => {
                vanished.last = Some(ticket);
                for (node, _) in &nodes {
                    self.nodes.remove(node.inode);
                }
                vanished.nodes.extend(nodes);
                Ok(true)
            }
            Ok(Gone::Otherwise) => Ok(false),
            Err(e) if e.kind() == ErrorKind::Stale => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Whether a file is changed whose object others are said to have deleted: what it had of that
    /// would be gone for good, so the object itself is asked for.
    pub(super) fn would_lose_base(&self, page: &Page<'_>, inode: Inode) -> VfsResult<bool> {
        if page.source == Source::Object {
            return Ok(false);
        }
        match self.node(inode) {
            Ok(node) => Ok(node.lock()?.record.is_content_dirty()),
            Err(e) if e.kind() == ErrorKind::Stale => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// When it is durable that nothing names them any more, the blocks are free.
    pub(super) async fn finish_vanished(&self, vanished: Vanished) -> VfsResult<()> {
        if let Some(last) = vanished.last {
            self.durable(last).await?;
        }
        for (node, runs) in vanished.nodes {
            self.release(&node, runs);
        }
        Ok(())
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
        self.remove_upwards(node, &mut namespace, batch)
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
        mut batch: Batch,
    ) -> VfsResult<Gone> {
        let chain = self.with_those_above(node)?;
        // All of them until it is submitted: what somebody else saves of them must come after.
        let mut locked = Locked::new(&chain.iter().collect::<Vec<_>>())?;
        let mut removed = Vec::new();
        for (at, parent) in chain.iter().zip(chain.iter().skip(1)) {
            let state = locked.get(at)?;
            let file_type = state.record.attributes.file_type;
            let runs = self.unlink(state, Fate::GoneInBucket, &mut batch)?;
            namespace.inodes = namespace.inodes.saturating_sub(1);
            removed.push((Arc::clone(at), runs));
            let above = locked.get(parent)?;
            let subdirs = i32::from(file_type == FileType::Directory);
            touch_dir(above, self.now(), -subdirs);
            self.save(above, &mut batch);
            let record = &above.record;
            let is_implied = record.remote.is_none()
                && record.claim.is_none()
                && !record.is_attributes_dirty()
                && is_default_dir(record);
            if !is_implied || !self.has_only(parent.inode, at.inode)? {
                break;
            }
        }
        namespace.save(&mut batch);
        Ok(Gone::Removed {
            ticket: self.index.submit(batch),
            nodes: removed,
        })
    }

    /// An inode and the directories above it, the root last. Under the lock of names.
    fn with_those_above(&self, node: Arc<Node>) -> VfsResult<Vec<Arc<Node>>> {
        let mut chain = vec![node];
        while let Some(last) = chain.last()
            && last.inode != ROOT
        {
            let above = last.lock()?.record.parent;
            chain.push(self.node(above)?);
        }
        Ok(chain)
    }
}
