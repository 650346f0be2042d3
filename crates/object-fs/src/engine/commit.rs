//! Commits: data blocks to the disk first, then the index names them.

use std::sync::Arc;

use cache::{Batch, Run, Table, Ticket};
use vfs::{Attributes, ErrorKind, Inode, VfsResult, posix};

use super::Engine;
use crate::{
    fault, keys,
    node::{DataState, Node, NodeState},
};

/// A file's map at one moment, on its way into the index.
#[derive(Default)]
struct Snapshot {
    pages: Vec<(u64, Option<Vec<u8>>)>,
    replaced: Vec<Run>,
}

/// A commit under way. If it is dropped before its end, because nobody waits for it any more, what
/// it has not done is still to be committed.
struct Commit<'a> {
    engine: &'a Engine,
    node: &'a Node,
    snapshot: Snapshot,
    has_ended: bool,
}

impl Commit<'_> {
    /// Ends it; what it has not done.
    fn end(mut self) -> Snapshot {
        self.has_ended = true;
        std::mem::take(&mut self.snapshot)
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let snapshot = std::mem::take(&mut self.snapshot);
            // Blocks of a file that is gone meanwhile are given back after the next start.
            restore(&mut self.node.state.lock(), snapshot);
            self.engine.note_unsynced(self.node.inode);
        }
    }
}

impl Engine {
    pub(crate) async fn commit(self: &Arc<Self>, inode: Inode) -> VfsResult<Attributes> {
        let node = self.known_node(inode).await?;
        posix::require_regular(&node.lock()?.record.attributes())?;
        self.commit_node(&node).await?;
        self.write_through(&node).await?;
        let state = node.lock()?;
        Ok(state.record.attributes())
    }

    /// Returns when all that was written to the file before is durable.
    pub(crate) async fn commit_node(&self, node: &Arc<Node>) -> VfsResult<()> {
        let _gate = node.committing.lock().await;
        let taken = take_snapshot(&mut *node.lock()?);
        let snapshot = match taken {
            Ok(snapshot) => snapshot,
            // The one before us may have written everything, and failed to make it durable.
            Err(Some(ticket)) => return self.durable(ticket).await,
            Err(None) => return Ok(()),
        };
        let mut commit = Commit {
            engine: self,
            node,
            snapshot,
            has_ended: false,
        };
        // Without pages only numbers have changed.
        if !commit.snapshot.pages.is_empty()
            && let Err(e) = self.log.sync().await
        {
            let unnamed = restore(&mut node.state.lock(), commit.end());
            self.release_of_gone(node, unnamed).await?;
            return Err(fault::of_cache(e));
        }
        let pages = std::mem::take(&mut commit.snapshot.pages);
        let ticket = match self.put_map(node, pages) {
            Ok(ticket) => ticket,
            Err(gone) => {
                self.release_of_gone(node, commit.end().replaced).await?;
                return Err(gone);
            }
        };
        let durable = self.durable(ticket).await;
        let replaced = commit.end().replaced;
        durable?;
        self.release(node, replaced);
        Ok(())
    }

    /// The blocks are on the disk: the index may name them. An error says that the file is gone.
    fn put_map(&self, node: &Node, pages: Vec<(u64, Option<Vec<u8>>)>) -> VfsResult<Ticket> {
        let mut state = node.lock()?;
        let mut batch = Batch::default();
        let under_way = state.data_mut().and_then(|data| data.under_way.take());
        if let Some(content) = under_way {
            state.synced = content;
            put_pages(node.inode, pages, &mut batch);
            self.save(&state, &mut batch);
            if state.persisted().is_content_dirty() {
                self.mark_dirty_as_is(&mut state, &mut batch);
            }
        }
        if !is_unsynced(&state) {
            self.unsynced.lock().remove(&node.inode);
        }
        let ticket = self.index.submit(batch);
        if let Some(data) = state.data_mut() {
            data.last_commit = Some(ticket);
        }
        Ok(ticket)
    }

    /// Blocks that a commit had taken out of a file before that was removed, so that they did not
    /// go with it. They may as soon as its removal is durable.
    async fn release_of_gone(&self, node: &Node, unnamed: Vec<Run>) -> VfsResult<()> {
        if !unnamed.is_empty() {
            self.index.all_durable().await.map_err(fault::of_cache)?;
            self.release(node, unnamed);
        }
        Ok(())
    }

    /// Writes the promise of an upload down without putting the upload off.
    fn mark_dirty_as_is(&self, state: &mut NodeState, batch: &mut Batch) {
        let inode = state.record.attributes.inode;
        let since = self
            .queue
            .since(inode)
            .unwrap_or_else(|| self.touch_queue(state));
        batch.put(Table::Dirty, keys::of_inode(inode), since.to_be_bytes());
    }

    /// Blocks that nothing durable names: freed as soon as nobody reads them.
    pub(crate) fn release(&self, node: &Node, runs: Vec<Run>) {
        let free = node.release(runs).into_iter();
        free.for_each(|run| self.log.free(run));
        self.space.has_changed();
    }

    /// Notes that a file has something to commit.
    pub(crate) fn note_unsynced(&self, inode: Inode) {
        let now = self.clock.now();
        self.unsynced.lock().entry(inode).or_insert(now);
    }

    /// Commits what has waited for long; NFS clients should ask, but some never do.
    pub(crate) async fn commit_old(&self, at_least: std::time::Duration) {
        let now = self.clock.now();
        let old: Vec<Inode> = {
            let unsynced = self.unsynced.lock();
            let is_old = |since| now.saturating_duration_since(since) >= at_least;
            let old = unsynced.iter().filter(|(_, since)| is_old(**since));
            old.map(|(inode, _)| *inode).collect()
        };
        for inode in old {
            let committed = match self.node(inode) {
                Ok(node) => self.commit_node(&node).await,
                Err(e) => Err(e),
            };
            match committed {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::Stale => {
                    self.unsynced.lock().remove(&inode);
                }
                Err(e) => tracing::warn!(inode = inode.0, error = %e, "cannot commit a file"),
            }
        }
    }
}

fn is_unsynced(state: &NodeState) -> bool {
    match &state.data {
        DataState::Loaded(data) => data.is_unsynced,
        DataState::Unloaded => false,
    }
}

/// From here on, later writes go to other blocks. If there is nothing to commit: the commit
/// before.
fn take_snapshot(state: &mut NodeState) -> Result<Snapshot, Option<Ticket>> {
    let content = state.record.content;
    let DataState::Loaded(data) = &mut state.data else {
        return Err(None);
    };
    if !data.is_unsynced {
        return Err(data.last_commit);
    }
    data.is_unsynced = false;
    data.under_way = Some(content);
    let touched = std::mem::take(&mut data.touched);
    let mut pages = Vec::with_capacity(touched.len());
    for page in touched {
        data.extents.settle(page);
        pages.push((page, data.extents.encode_page(page)));
    }
    Ok(Snapshot {
        pages,
        replaced: std::mem::take(&mut data.replaced),
    })
}

fn put_pages(inode: Inode, pages: Vec<(u64, Option<Vec<u8>>)>, batch: &mut Batch) {
    for (page, record) in pages {
        let key = keys::of_page(inode, page);
        match record {
            Some(record) => batch.put(Table::Extents, key, record),
            None => batch.remove(Table::Extents, key),
        }
    }
}

/// The commit failed: everything is still to be committed. What has no file to wait in any more.
fn restore(state: &mut NodeState, snapshot: Snapshot) -> Vec<Run> {
    if state.is_gone {
        return snapshot.replaced;
    }
    if let DataState::Loaded(data) = &mut state.data {
        data.is_unsynced = true;
        data.under_way = None;
        data.touched
            .extend(snapshot.pages.into_iter().map(|(page, _)| page));
        data.replaced.extend(snapshot.replaced);
    }
    Vec::new()
}
