//! Reads: from the cache disk, and through it from the bucket.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use cache::{BLOCK_LEN, DataLog};
use vfs::{Caller, ErrorKind, Inode, ReadReply, VfsError, VfsResult, posix};

use super::{Engine, fetch::Window};
use crate::{
    buffers::Buffer,
    extents::{Piece, blocks_of},
    fault,
    node::{Node, NodeState, Pin},
    record::Knowledge,
};

/// Longest answer to one read.
const READ_LEN_MAX: u32 = 8 << 20;

/// Times that blocks are read that do not fit their checksums.
const TRIES: u32 = 5;

/// Blocks to be read, kept from being freed.
#[derive(Debug)]
struct ReadPlan {
    pieces: Vec<Piece>,
    _pin: Pin,
}

/// What a look at the map gave.
#[derive(Debug)]
enum Look {
    AllHere(ReadPlan),
    /// The first blocks that are not in the cache.
    Missing(Range<u64>),
}

/// A read that has begun.
#[derive(Debug)]
struct Reading {
    /// Within the file.
    bytes: Range<u64>,
    /// The file ends with it.
    end: bool,
    /// How far ahead of it is read.
    window: Window,
    /// Where all of it is in one piece, and at which epoch of the file.
    run: Option<(cache::Run, u64)>,
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
        let mut node = self.node(inode)?;
        let begun = {
            let mut state = node.lock()?;
            let is_known = state.record.knowledge == Knowledge::Known;
            is_known
                .then(|| self.begin_read(caller, (&node, &mut state), offset, count))
                .transpose()?
        };
        // Whatever has to wait has a box of its own: most reads need none.
        let reading = match begun {
            Some(reading) => reading,
            None => {
                node = Box::pin(self.known_node(inode)).await?;
                self.begin_read(caller, (&node, &mut *node.lock()?), offset, count)?
            }
        };
        let Reading {
            ref bytes,
            end,
            window,
            ..
        } = reading;
        if bytes.start == 0 || window == Window(0) {
            node.mark_visit();
        }
        let content = match self.read_at_once(&node, &reading)? {
            Some(content) => content,
            None => Box::pin(self.read_patiently(&node, bytes.clone(), window)).await?,
        };
        self.counters.read_bytes.add(content.len() as u64);
        Ok(ReadReply {
            bytes: content,
            end,
        })
    }

    fn begin_read(
        &self,
        caller: &Caller,
        (node, state): (&Node, &mut NodeState),
        offset: u64,
        count: u32,
    ) -> VfsResult<Reading> {
        // Its length is no matter here.
        posix::may_read(caller, &state.record.attributes)?;
        let size = state.record.content.size;
        let left = size.saturating_sub(offset);
        let len = left.min(u64::from(count.min(READ_LEN_MAX)));
        let bytes = offset.min(size)..offset.min(size) + len;
        let blocks = blocks_of(&bytes);
        self.load_data(state)?;
        let data = state.loaded()?;
        let run = data.extents.run_of(&blocks);
        Ok(Reading {
            bytes,
            end: len == left,
            window: self.follow_reader(data, &blocks),
            run: run.map(|run| (run, node.epoch())),
        })
    }

    /// What is in one piece and in memory: then nobody has to be waited for, and nothing is kept
    /// from being freed. If something was freed meanwhile, this may have been.
    fn read_at_once(
        self: &Arc<Self>,
        node: &Arc<Node>,
        reading: &Reading,
    ) -> VfsResult<Option<Bytes>> {
        let Some((run, epoch)) = reading.run else {
            return Ok(None);
        };
        let mut buffer = Buffer::take(index(run.len_bytes()));
        // What is wrong is found again by who reads patiently.
        let is_there = self.log.read_from_memory(run, buffer.as_mut());
        let is_there = is_there.is_ok_and(|is_there| is_there);
        if !is_there || node.epoch() != epoch {
            return Ok(None);
        }
        self.counters.read_hits.add(1);
        self.read_ahead(node, &blocks_of(&reading.bytes), reading.window)?;
        Ok(Some(part_of(buffer.into(), &reading.bytes)))
    }

    /// The content of a range that lies within the file.
    pub(crate) async fn read_range(
        self: &Arc<Self>,
        node: &Arc<Node>,
        bytes: Range<u64>,
    ) -> VfsResult<Bytes> {
        self.read_patiently(node, bytes, Window(0)).await
    }

    /// The same, from wherever it is, and what lies ahead of it.
    async fn read_patiently(
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
        let mut tries = TRIES;
        loop {
            let plan = match self.look(node, &blocks)? {
                Look::AllHere(plan) => plan,
                Look::Missing(missing) => {
                    is_hit = false;
                    self.fetch(node, missing, window).await?;
                    continue;
                }
            };
            if tries == TRIES {
                self.count_read(is_hit);
                self.read_ahead(node, &blocks, window)?;
            }
            tries -= 1;
            match self.read_plan(plan).await {
                Ok(whole) => return Ok(part_of(whole, &bytes)),
                // What the bucket has is fetched from there.
                Err(e) if tries > 0 && Box::pin(self.heal(node, &blocks)).await? => {
                    tracing::warn!(inode = node.inode.0, error = %e, "read again");
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn count_read(&self, is_hit: bool) {
        let counter = if is_hit {
            &self.counters.read_hits
        } else {
            &self.counters.read_misses
        };
        counter.add(1);
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
    async fn read_plan(&self, plan: ReadPlan) -> VfsResult<Bytes> {
        let pieces = plan.pieces.iter();
        let blocks: u64 = pieces.map(|p| p.blocks.end - p.blocks.start).sum();
        let mut whole = Buffer::take(index(blocks * BLOCK_LEN));
        let from_memory = DataLog::read_from_memory;
        if read_pieces(&self.log, &plan.pieces, &mut whole, from_memory)? {
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

/// Of the blocks that hold a range, the range.
fn part_of(blocks: Bytes, bytes: &Range<u64>) -> Bytes {
    let (skip, len) = (
        index(bytes.start % BLOCK_LEN),
        index(bytes.end - bytes.start),
    );
    if len == blocks.len() {
        return blocks;
    }
    blocks.slice(skip..skip + len)
}

/// Whether everything was read: the whole buffer is written then.
fn read_pieces(
    log: &DataLog,
    pieces: &[Piece],
    whole: &mut Buffer,
    read: impl Fn(&DataLog, cache::Run, &mut [u8]) -> cache::CacheResult<bool>,
) -> VfsResult<bool> {
    let mut rest = whole.as_mut();
    for piece in pieces {
        let len = index((piece.blocks.end - piece.blocks.start) * BLOCK_LEN);
        let (now, later) = rest.split_at_mut(len);
        match piece.extent {
            None => now.fill(0),
            Some(extent) if read(log, extent.run, now).map_err(fault::of_cache)? => {}
            Some(_) => return Ok(false),
        }
        rest = later;
    }
    Ok(true)
}

/// A length that is known to fit into memory.
pub(crate) fn index(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
