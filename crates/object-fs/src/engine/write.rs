//! Writes: new content goes to new blocks of the cache disk.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use cache::{BLOCK_LEN, Run};
use vfs::{Attributes, Caller, ErrorKind, Inode, Stability, VfsError, VfsResult, posix};

use super::{Engine, read::index};
use crate::{
    extents::{Extent, blocks_of},
    fault,
    node::{Node, NodeState},
};

/// Longer writes to the cache disk are made by a thread that may wait.
const INLINE_LEN_MAX: usize = 32 << 10;

impl Engine {
    pub(crate) async fn write(
        self: &Arc<Self>,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> VfsResult<Attributes> {
        self.require_writable()?;
        let node = self.known_node(inode).await?;
        self.may_write(caller, &node, offset, &bytes)?;
        node.mark_written();
        if !bytes.is_empty() {
            self.admit(bytes.len() as u64).await?;
            let gate = node.writing.lock().await;
            let range = offset..offset + bytes.len() as u64;
            if !self.overwrite(caller, &node, &range, &bytes)? {
                self.write_new(caller, &node, &range, bytes).await?;
            }
            drop(gate);
            self.counters.written_bytes.add(range.end - range.start);
        }
        if stability == Stability::Stable {
            self.commit_node(&node).await?;
            self.write_through(&node).await?;
        }
        let state = node.lock()?;
        Ok(state.record.attributes())
    }

    fn may_write(&self, caller: &Caller, node: &Node, offset: u64, bytes: &Bytes) -> VfsResult<()> {
        let state = node.lock()?;
        posix::may_write(caller, &state.record.attributes())?;
        posix::end_of_write(offset, bytes.len() as u64)?;
        Ok(())
    }

    /// Writes over blocks that nothing durable names yet, if there are only such: small
    /// appends do not use a block each. Whether it did.
    fn overwrite(
        &self,
        caller: &Caller,
        node: &Arc<Node>,
        range: &Range<u64>,
        bytes: &Bytes,
    ) -> VfsResult<bool> {
        if bytes.len() > INLINE_LEN_MAX {
            return Ok(false);
        }
        let mut state = node.lock()?;
        self.load_data(&mut state)?;
        let generation = state.record.content.generation;
        let blocks = blocks_of(range);
        let pieces = state.loaded()?.extents.pieces(blocks.clone());
        let [piece] = pieces.as_slice() else {
            return Ok(false);
        };
        let Some(extent) = piece
            .extent
            .filter(|e| e.is_fresh && e.generation == generation)
        else {
            return Ok(false);
        };
        // Under the lock, so that no commit takes these blocks as they are half written.
        let mut whole = vec![0; index(extent.run.len_bytes())];
        let at = index(range.start - blocks.start * BLOCK_LEN);
        if self.log.read(extent.run, &mut whole).is_err() {
            // Other blocks may do, if it need not be read.
            return Ok(false);
        }
        whole[at..at + bytes.len()].copy_from_slice(bytes);
        self.log
            .write(extent.run, &whole)
            .map_err(fault::of_cache)?;
        state.loaded()?.touch(&blocks, Vec::new());
        self.note_written(caller, &mut state, range.end);
        Ok(true)
    }

    /// Writes to new blocks. Under the writing gate.
    async fn write_new(
        self: &Arc<Self>,
        caller: &Caller,
        node: &Arc<Node>,
        range: &Range<u64>,
        bytes: Bytes,
    ) -> VfsResult<()> {
        let blocks = blocks_of(range);
        let (runs, mut state) = loop {
            let epoch = self.base_epoch(node)?;
            let whole = self.fill_up(node, range, bytes.clone()).await?;
            let runs = self.write_blocks(whole).await?;
            let mut state = node.lock().inspect_err(|_| self.free_all(&runs))?;
            if state.loaded()?.base_epoch == epoch {
                break (runs, state);
            }
            // What it was filled up with may be of an object before.
            self.free_all(&runs);
        };
        let generation = state.record.content.generation;
        let data = state.loaded()?;
        let mut first = blocks.start;
        for run in runs {
            let extent = Extent {
                run,
                generation,
                is_fresh: true,
            };
            let replaced = data.extents.insert(first, extent);
            let end = first + u64::from(run.count);
            data.touch(&(first..end), replaced);
            first = end;
        }
        self.note_written(caller, &mut state, range.end);
        Ok(())
    }

    /// Another one whenever what is not in the cache may have become something else.
    pub(crate) fn base_epoch(&self, node: &Node) -> VfsResult<u64> {
        let mut state = node.lock()?;
        self.load_data(&mut state)?;
        Ok(state.loaded()?.base_epoch)
    }

    pub(crate) fn free_all(&self, runs: &[Run]) {
        runs.iter().for_each(|run| self.log.free(*run));
    }

    /// The range as whole blocks: what was before and behind it in the first and last block
    /// stays.
    async fn fill_up(
        self: &Arc<Self>,
        node: &Arc<Node>,
        range: &Range<u64>,
        bytes: Bytes,
    ) -> VfsResult<Bytes> {
        let blocks = blocks_of(range);
        let whole = blocks.start * BLOCK_LEN..blocks.end * BLOCK_LEN;
        if whole == *range {
            return Ok(bytes);
        }
        let size = node.lock()?.record.content.size;
        let head = whole.start..range.start;
        let tail = range.end..whole.end.min(size).max(range.end);
        let head_bytes = self
            .read_old(node, head.start.min(size)..head.end.min(size))
            .await?;
        let tail_bytes = self.read_old(node, tail).await?;
        let mut filled = Vec::with_capacity(index(whole.end - whole.start));
        filled.extend_from_slice(&head_bytes);
        filled.resize(index(range.start - whole.start), 0);
        filled.extend_from_slice(&bytes);
        filled.extend_from_slice(&tail_bytes);
        filled.resize(index(whole.end - whole.start), 0);
        Ok(filled.into())
    }

    async fn read_old(self: &Arc<Self>, node: &Arc<Node>, range: Range<u64>) -> VfsResult<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        Box::pin(self.read_range(node, range)).await
    }

    /// Puts whole blocks on the cache disk. Nothing names them yet.
    pub(crate) async fn write_blocks(&self, bytes: Bytes) -> VfsResult<Vec<Run>> {
        let blocks = bytes.len() as u64 / BLOCK_LEN;
        let count = u32::try_from(blocks).or(Err(ErrorKind::TooBig))?;
        let runs = self.log.allocate(count).map_err(fault::of_cache)?;
        let log = Arc::clone(&self.log);
        let of_thread = runs.clone();
        let put = move || {
            let mut rest = &*bytes;
            for run in of_thread {
                let (now, later) = rest.split_at(index(run.len_bytes()));
                log.write(run, now)?;
                rest = later;
            }
            Ok(())
        };
        let written = if blocks * BLOCK_LEN <= INLINE_LEN_MAX as u64 {
            put()
        } else {
            let abandoned = |e| VfsError::caused_by(ErrorKind::Io, "a write was abandoned", e);
            tokio::task::spawn_blocking(put).await.map_err(abandoned)?
        };
        match written {
            Ok(()) => Ok(runs),
            Err(e) => {
                self.free_all(&runs);
                Err(fault::of_cache(e))
            }
        }
    }

    /// What a write does to a file besides its blocks.
    fn note_written(&self, caller: &Caller, state: &mut NodeState, end: u64) {
        let now = self.now();
        let record = &mut state.record;
        record.content.size = record.content.size.max(end);
        record.content.changed = record.content.generation;
        let seen = record.attributes();
        record.attributes.mode = posix::mode_after_write(caller, &seen);
        record.attributes.mtime = now;
        record.attributes.ctime = posix::next_ctime(seen.ctime, now);
        self.note_unsynced(seen.inode);
        self.touch_queue(state);
    }
}
