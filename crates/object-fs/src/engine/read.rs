//! Reads: from the cache disk, and through it from the bucket.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use cache::{BLOCK_LEN, DataLog};
use vfs::{Caller, ErrorKind, Inode, ReadReply, VfsError, VfsResult, posix};

use super::{Engine, fetch::Window};
use crate::{
    extents::{Piece, blocks_of},
    fault,
    node::{Node, Pin},
};

/// Longest answer to one read.
const READ_LEN_MAX: u32 = 8 << 20;

/// Blocks to be read, kept from being freed.
pub(crate) struct ReadPlan {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) _pin: Pin,
}

/// What a look at the map gave.
enum Look {
    AllHere(ReadPlan),
    /// The first blocks that are not in the cache.
    Missing(Range<u64>),
}

/// Blocks of an upload that are read without a thread of their own, if the disk need not be
/// waited for.
const AT_ONCE_LEN_MAX: u64 = 64 << 10;

impl Engine {
    pub(crate) async fn read(
        self: &Arc<Self>,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply> {
        let node = self.known_node(inode).await?;
        let (bytes, end) = {
            let state = node.lock()?;
            posix::may_read(caller, &state.record.attributes())?;
            let size = state.record.content.size;
            let left = size.saturating_sub(offset);
            let len = left.min(u64::from(count.min(READ_LEN_MAX)));
            (offset.min(size)..offset.min(size) + len, len == left)
        };
        let window = self.follow_reader(&node, &blocks_of(&bytes))?;
        if bytes.start == 0 || window == Window(0) {
            node.mark_visit();
        }
        let content = self.read_range(&node, bytes, window).await?;
        self.counters.read_bytes.add(content.len() as u64);
        Ok(ReadReply {
            bytes: content,
            end,
        })
    }

    /// The content of a range that lies within the file.
    pub(crate) async fn read_range(
        self: &Arc<Self>,
        node: &Arc<Node>,
        bytes: Range<u64>,
        window: Window,
    ) -> VfsResult<Bytes> {
        if bytes.is_empty() {
            return Ok(Bytes::new());
        }
        let blocks = blocks_of(&bytes);
        let mut is_hit = true;
        let plan = loop {
            match self.look(node, &blocks)? {
                Look::AllHere(plan) => break plan,
                Look::Missing(missing) => {
                    is_hit = false;
                    self.fetch(node, missing, window).await?;
                }
            }
        };
        if is_hit {
            self.counters.read_hits.add(1);
        } else {
            self.counters.read_misses.add(1);
        }
        if window != Window(0) {
            self.read_ahead(node, &blocks, window)?;
        }
        let whole = match self.read_plan(plan).await {
            Ok(whole) => whole,
            // What the bucket has is fetched from there.
            Err(e) if Box::pin(self.heal(node, &blocks)).await? => {
                tracing::warn!(inode = node.inode.0, error = %e, "fetched again");
                return Box::pin(self.read_range(node, bytes, window)).await;
            }
            Err(e) => return Err(e),
        };
        let skip = index(bytes.start - blocks.start * BLOCK_LEN);
        let len = index(bytes.end - bytes.start);
        Ok(whole.slice(skip..skip + len))
    }

    fn look(&self, node: &Arc<Node>, blocks: &Range<u64>) -> VfsResult<Look> {
        let mut state = node.lock()?;
        self.load_data(&mut state)?;
        let base_blocks = state.record.content.base_len.div_ceil(BLOCK_LEN);
        let data = state.loaded()?;
        let pieces = data.extents.pieces(blocks.clone());
        let missing = pieces
            .iter()
            .find(|piece| piece.extent.is_none() && piece.blocks.start < base_blocks);
        if let Some(piece) = missing {
            let end = piece.blocks.end.min(base_blocks);
            return Ok(Look::Missing(piece.blocks.start..end));
        }
        let pin = node.pin(data, &self.log);
        Ok(Look::AllHere(ReadPlan { pieces, _pin: pin }))
    }

    /// Reads blocks that the caller keeps from being freed, for an upload: what leaves is compared
    /// with its checksum, wherever it comes from.
    pub(crate) async fn read_blocks(&self, run: cache::Run) -> VfsResult<Bytes> {
        if run.len_bytes() <= AT_ONCE_LEN_MAX {
            let mut bytes = vec![0; index(run.len_bytes())];
            let is_there = self.log.read_at_once(run, &mut bytes);
            if is_there.map_err(fault::of_cache)? {
                return Ok(bytes.into());
            }
        }
        let log = Arc::clone(&self.log);
        let from_disk = tokio::task::spawn_blocking(move || {
            let mut whole = vec![0; index(run.len_bytes())];
            log.read(run, &mut whole).map_err(fault::of_cache)?;
            Ok::<_, VfsError>(Bytes::from(whole))
        });
        from_disk
            .await
            .map_err(|e| VfsError::caused_by(ErrorKind::Io, "a read was abandoned", e))?
    }

    /// Reads what a plan names; holes are zeros.
    pub(crate) async fn read_plan(&self, plan: ReadPlan) -> VfsResult<Bytes> {
        let blocks: u64 = plan
            .pieces
            .iter()
            .map(|p| p.blocks.end - p.blocks.start)
            .sum();
        let mut whole = vec![0; index(blocks * BLOCK_LEN)];
        if read_pieces(
            &self.log,
            &plan.pieces,
            &mut whole,
            DataLog::read_from_memory,
        )? {
            return Ok(whole.into());
        }
        let log = Arc::clone(&self.log);
        let from_disk = tokio::task::spawn_blocking(move || {
            let wait = |log: &DataLog, run, bytes: &mut [u8]| log.read(run, bytes).map(|()| true);
            read_pieces(&log, &plan.pieces, &mut whole, wait)?;
            Ok::<_, VfsError>(Bytes::from(whole))
        });
        from_disk
            .await
            .map_err(|e| VfsError::caused_by(ErrorKind::Io, "a read was abandoned", e))?
    }
}

/// Whether everything was read.
fn read_pieces(
    log: &DataLog,
    pieces: &[Piece],
    whole: &mut [u8],
    read: impl Fn(&DataLog, cache::Run, &mut [u8]) -> cache::CacheResult<bool>,
) -> VfsResult<bool> {
    let mut rest = whole;
    for piece in pieces {
        let len = index((piece.blocks.end - piece.blocks.start) * BLOCK_LEN);
        let (now, later) = rest.split_at_mut(len);
        if let Some(extent) = piece.extent
            && !read(log, extent.run, now).map_err(fault::of_cache)?
        {
            return Ok(false);
        }
        rest = later;
    }
    Ok(true)
}

/// A length that is known to fit into memory.
pub(crate) fn index(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
