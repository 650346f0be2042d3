//! Taking names away.

use std::sync::Arc;

use cache::{Batch, KeyRange, Run, Table, Ticket};
use vfs::{Caller, ErrorKind, FileType, Inode, Name, VfsResult, posix};

use super::{Engine, Namespace, make::touch_dir};
use crate::{
    fault,
    keys::{self, KeyState},
    node::{DataState, Locked, Node, NodeState},
    record::Remote,
    upload::Work,
};

/// What is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    File,
    Dir,
}

impl Engine {
    pub(crate) async fn remove(
        self: &Arc<Self>,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        victim: Victim,
    ) -> VfsResult<()> {
        self.require_writable()?;
        let parent = self.known_node(dir).await?;
        posix::may_lookup(caller, &parent.lock()?.record.attributes())?;
        let child = self.shown_child(dir, name).await?;
        let child = child.ok_or(ErrorKind::NotFound)?;
        let (ticket, runs) = {
            let mut namespace = self.namespace.lock();
            if self.find(dir, name.as_str())? != Some(child.inode) {
                return Err(ErrorKind::NotFound.into());
            }
            let mut locked = Locked::new(&[&parent, &child])?;
            let of_dir = locked.get(&parent)?.record.attributes();
            let of_child = locked.get(&child)?.record.attributes();
            match victim {
                Victim::File => posix::may_remove_file(caller, &of_dir, &of_child)?,
                Victim::Dir => {
                    posix::may_remove_dir(caller, &of_dir, &of_child)?;
                    self.require_empty(child.inode)?;
                }
            }
            let mut batch = Batch::default();
            let fate = self.fate_of_removed();
            let runs = self.unlink(locked.get(&child)?, fate, &mut batch)?;
            self.leave_dir(
                locked.get(&parent)?,
                child.inode,
                of_child.file_type,
                &mut batch,
            )?;
            self.count_removed(&mut namespace, &mut batch);
            (self.index.submit(batch), runs)
        };
        self.finish_removal(&child, ticket, runs).await
    }

    /// Of what clients delete.
    pub(crate) fn fate_of_removed(&self) -> Fate {
        if self.config.ignore_delete {
            Fate::Keep
        } else {
            Fate::Bury
        }
    }

    pub(crate) fn count_removed(&self, namespace: &mut Namespace, batch: &mut Batch) {
        namespace.inodes = namespace.inodes.saturating_sub(1);
        namespace.save(batch);
    }

    pub(crate) fn require_empty(&self, dir: Inode) -> VfsResult<()> {
        if self.is_empty_dir(dir)? {
            return Ok(());
        }
        Err(ErrorKind::NotEmpty.into())
    }

    /// When it is durable that nothing names a file any more, its blocks are free.
    pub(crate) async fn finish_removal(
        &self,
        node: &Arc<Node>,
        ticket: Ticket,
        runs: Vec<Run>,
    ) -> VfsResult<()> {
        self.nodes.remove(node.inode);
        self.durable(ticket).await?;
        self.release(node, runs);
        Ok(())
    }

    /// Removes an inode from the index; the blocks it had.
    pub(crate) fn unlink(
        &self,
        state: &mut NodeState,
        fate: Fate,
        batch: &mut Batch,
    ) -> VfsResult<Vec<Run>> {
        let inode = state.record.attributes.inode;
        let is_file = state.record.attributes.file_type == FileType::Regular;
        if is_file {
            self.load_data(state)?;
        }
        state.is_gone = true;
        batch.remove(Table::Inodes, keys::of_inode(inode));
        let by_name = keys::of_name(state.record.parent, &state.record.name);
        batch.remove(Table::Names, by_name);
        batch.remove(Table::Listing, keys::of_listing(state.record.parent, inode));
        batch.remove(Table::Dirty, keys::of_inode(inode));
        self.drop_pin(inode, batch);
        self.queue.cancel(&Work::Inode(inode));
        self.unsynced.lock().remove(&inode);
        let claim = state.record.claim.take();
        let remote = state.record.remote.take();
        match fate {
            Fate::Bury | Fate::Keep => {
                if let Some(claim) = claim {
                    self.bury_claim(&claim, remote.as_ref(), batch)?;
                }
                match remote {
                    Some(remote) if fate == Fate::Keep => keep(remote, batch),
                    Some(remote) => self.bury(&remote, batch),
                    None => {}
                }
            }
            Fate::GoneInBucket => {
                for key in claim.into_iter().chain(remote.map(|r| r.key)) {
                    batch.remove(Table::Keys, &*key);
                }
            }
        }
        if is_file {
            return self.drop_blocks(state, batch);
        }
        Ok(Vec::new())
    }

    /// Removes all pages of a file's map; the blocks they named.
    pub(crate) fn drop_blocks(
        &self,
        state: &mut NodeState,
        batch: &mut Batch,
    ) -> VfsResult<Vec<Run>> {
        let inode = state.record.attributes.inode;
        let range = KeyRange::prefix(&keys::of_inode(inode));
        let pages = self
            .index
            .scan(Table::Extents, &range, usize::MAX)
            .map_err(fault::of_cache)?;
        for page in pages {
            batch.remove(Table::Extents, page.key);
        }
        let DataState::Loaded(data) = &mut state.data else {
            return Ok(Vec::new());
        };
        let extents = std::mem::take(&mut data.extents);
        let mut runs: Vec<Run> = extents.iter().map(|(_, extent)| extent.run).collect();
        runs.append(&mut data.replaced);
        data.touched.clear();
        data.is_unsynced = false;
        data.under_way = None;
        Ok(runs)
    }

    /// A directory loses an entry. If that was the last, only a marker can keep it.
    pub(crate) fn leave_dir(
        &self,
        dir: &mut NodeState,
        child: Inode,
        child_type: FileType,
        batch: &mut Batch,
    ) -> VfsResult<()> {
        touch_dir(
            dir,
            self.now(),
            -i32::from(child_type == FileType::Directory),
        );
        self.save(dir, batch);
        let inode = dir.record.attributes.inode;
        if self.has_only(inode, child)? && inode != super::ROOT && dir.record.remote.is_none() {
            self.mark_dirty(dir, batch);
        }
        Ok(())
    }

    /// Whether a directory has no other entry.
    pub(crate) fn has_only(&self, dir: Inode, child: Inode) -> VfsResult<bool> {
        let range = KeyRange::prefix(&keys::of_inode(dir));
        let first = self.index.scan(Table::Listing, &range, 2);
        let others = first.map_err(fault::of_cache)?;
        let child = keys::of_listing(dir, child);
        Ok(others.iter().all(|entry| *entry.key == *child))
    }
}

/// Notes that an object stays though its file is gone.
fn keep(remote: Remote, batch: &mut Batch) {
    let kept = KeyState::Kept { etag: remote.etag };
    batch.put(Table::Keys, &*remote.key, kept.encode());
}

/// What becomes of a removed inode's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is to be deleted.
    Bury,
    /// It stays, and is not shown any more.
    Keep,
    /// It is not there any more.
    GoneInBucket,
}
