//! Changes of attributes, size among them.

use std::sync::Arc;

use bytes::Bytes;
use cache::{BLOCK_LEN, Batch, Run};
use vfs::{Attributes, Caller, FileTime, FileType, Inode, SetAttributes, VfsResult, posix};

use super::{Engine, read::index};
use crate::{
    extents::Extent,
    node::{Node, NodeState},
};

/// A change of attributes.
struct Change<'a> {
    caller: &'a Caller,
    set: SetAttributes,
    guard: Option<FileTime>,
}

impl Change<'_> {
    fn check(&self, state: &NodeState, now: FileTime) -> VfsResult<Attributes> {
        let current = state.record.attributes();
        posix::check_guard(&current, self.guard)?;
        posix::apply_set(self.caller, &current, &self.set, now)
    }
}

impl Engine {
    pub(crate) async fn set_attributes(
        self: &Arc<Self>,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        self.require_writable()?;
        let node = self.known_node(inode).await?;
        let change = Change { caller, set, guard };
        if set.size.is_some() {
            self.resize(&node, &change).await?;
        } else {
            let ticket = {
                let mut state = node.lock()?;
                let next = change.check(&state, self.now())?;
                take_attributes(&mut state, next);
                let mut batch = Batch::default();
                self.save(&state, &mut batch);
                if inode != super::ROOT {
                    self.mark_dirty(&mut state, &mut batch);
                }
                self.index.submit(batch)
            };
            self.durable(ticket).await?;
        }
        let state = node.lock()?;
        Ok(state.record.attributes())
    }

    async fn resize(self: &Arc<Self>, node: &Arc<Node>, change: &Change<'_>) -> VfsResult<()> {
        let gate = node.writing.lock().await;
        while !self.try_resize(node, change).await? {}
        drop(gate);
        self.commit_node(node).await
    }

    /// Under the writing gate; not done if the object became another one meanwhile.
    async fn try_resize(
        self: &Arc<Self>,
        node: &Arc<Node>,
        change: &Change<'_>,
    ) -> VfsResult<bool> {
        let next = change.check(&*node.lock()?, self.now())?;
        let epoch = self.base_epoch(node)?;
        let tail = self.cut_block(node, next.size).await?;
        let locked = node.lock();
        let mut state = locked.inspect_err(|_| self.free_tail(tail))?;
        let next = change
            .check(&state, self.now())
            .inspect_err(|_| self.free_tail(tail))?;
        if state.loaded()?.base_epoch != epoch {
            self.free_tail(tail);
            return Ok(false);
        }
        cut(&mut state, next.size, tail)?;
        take_attributes(&mut state, next);
        self.note_unsynced(node.inode);
        self.touch_queue(&mut state);
        Ok(true)
    }

    fn free_tail(&self, tail: Option<Run>) {
        if let Some(run) = tail {
            self.log.free(run);
        }
    }

    /// A new last block with zeros after the cut, if the cut goes through a cached one. (Of
    /// one that is not cached, the base length is the cut.)
    async fn cut_block(self: &Arc<Self>, node: &Arc<Node>, size: u64) -> VfsResult<Option<Run>> {
        let within = size % BLOCK_LEN;
        let block = size / BLOCK_LEN;
        {
            let mut state = node.lock()?;
            self.load_data(&mut state)?;
            let is_shrinking = size < state.record.content.size;
            let pieces = state.loaded()?.extents.pieces(block..block + 1);
            let is_cached = pieces.iter().any(|piece| piece.extent.is_some());
            if within == 0 || !is_shrinking || !is_cached {
                return Ok(None);
            }
        }
        let old = self.read_range(node, block * BLOCK_LEN..size).await?;
        let mut whole = old.to_vec();
        whole.resize(index(BLOCK_LEN), 0);
        let runs = self.write_blocks(Bytes::from(whole)).await?;
        Ok(runs.into_iter().next())
    }
}

fn take_attributes(state: &mut NodeState, next: Attributes) {
    state.record.attributes = next;
    state.record.attributes_version += 1;
}

fn cut(state: &mut NodeState, size: u64, tail: Option<Run>) -> VfsResult<()> {
    debug_assert_eq!(
        state.record.attributes.file_type,
        FileType::Regular,
        "only files have a size to set"
    );
    let shrinks = size < state.record.content.size;
    state.record.content.cut(size);
    let generation = state.record.content.generation;
    let data = state.loaded()?;
    data.is_unsynced = true;
    if shrinks {
        // A last block that is there and was not cut was fetched meanwhile: the object has it too.
        let first = size / BLOCK_LEN;
        let last = data.extents.iter().last();
        let end = last.map_or(first, |(first, e)| first + u64::from(e.run.count));
        let gone = first..end.max(first);
        // Not the whole range: of a sparse file it has pages without number that name nothing.
        for piece in data.extents.pieces(gone.clone()) {
            if piece.extent.is_some() {
                data.touch(&piece.blocks, Vec::new());
            }
        }
        let removed = data.extents.remove(gone);
        data.replaced.extend(removed.into_iter().map(|e| e.run));
        data.base_epoch += 1;
    }
    if let Some(run) = tail {
        let block = size / BLOCK_LEN;
        let extent = Extent {
            run,
            generation,
            is_fresh: true,
        };
        let replaced = data.extents.insert(block, extent);
        data.touch(&(block..block + 1), replaced);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use clock::Clock;
    use object_store::MemStore;

    use super::*;
    use crate::{
        ObjectFsConfig,
        engine::fetch::Window,
        extents::PAGE_BLOCKS,
        tests::{Bench, config, pattern, root},
    };

    #[tokio::test]
    async fn a_fetch_that_ends_during_a_cut_brings_nothing_back_from_behind_it() {
        let bench = Bench::new().await;
        bench.insert("f", pattern(1, 10_000));
        bench.fs().sync(None).await.unwrap();
        let engine = bench.fs().engine();
        let inode = bench.find("f").await.unwrap().inode;
        let node = engine.node(inode).unwrap();
        let tail = engine.cut_block(&node, 5_000).await.unwrap();
        engine.fetch(&node, 1..2, Window(0)).await.unwrap();
        cut(&mut node.state.lock(), 5_000, tail).unwrap();
        bench.resize("f", 10_000).await.unwrap();
        let mut whole = pattern(1, 5_000);
        whole.resize(10_000, 0);
        assert!(bench.read("f").await.unwrap() == whole);
    }

    #[tokio::test]
    async fn a_cut_of_a_sparse_file_costs_what_there_is_of_it() {
        const FAR: u64 = 64 << 20;
        let config = ObjectFsConfig {
            upload_delay: Duration::from_secs(3_600),
            ..config()
        };
        let store = Arc::new(MemStore::new(Clock::system()));
        let mut bench = Bench::on(store, config).await;
        bench.put("f", "start").await;
        bench.write("f", FAR, "end").await.unwrap();
        bench.commit("f").await.unwrap();
        let inode = bench.find("f").await.unwrap().inode;
        let node = bench.fs().engine().node(inode).unwrap();
        cut(&mut node.state.lock(), 0, None).unwrap();
        let touched = node.state.lock().loaded().unwrap().touched.clone();
        assert_eq!(touched, BTreeSet::from([0, FAR / BLOCK_LEN / PAGE_BLOCKS]));
        bench.resize("f", FAR + 3).await.unwrap();
        drop(node);
        bench.crash(|| true).await;
        let end = bench.fs().engine().read(&root(), inode, FAR, 3).await;
        assert_eq!(&*end.unwrap().bytes, [0; 3]);
    }
}
