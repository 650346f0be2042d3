//! Fetches: bytes stream from the bucket into the cache, and readers follow them.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use cache::BLOCK_LEN;
use clock::spawn_named;
use futures::StreamExt as _;
use object_store::{StoreError, StoreErrorKind};
use tokio::sync::watch;
use vfs::{ErrorKind, VfsError, VfsResult};

use super::{Engine, read::index};
use crate::{
    extents::Extent,
    fault,
    node::{FileData, Node, Sequential},
    record::Remote,
};

/// Blocks that one fetch brings at least: 1 MiB.
const UNIT_BLOCKS: u64 = 256;
/// Blocks that one fetch for a reader here and there brings at least: 128 KiB.
const UNIT_BLOCKS_RANDOM: u64 = 32;
/// Reads here and there, one after the other, before they are called so.
const RANDOM_STREAK: u8 = 4;
/// Blocks read ahead of a sequential reader at most: 32 MiB.
const WINDOW_BLOCKS_MAX: u64 = 8_192;
/// Fetches for one file at a time: with 8 MiB each, 20 ms of waiting cost little at any pace.
const FETCHES_IN_FLIGHT: usize = 4;
/// Blocks of each of them at least: 2 MiB.
const PART_BLOCKS_MIN: u64 = 512;
/// At most one part in so many of the cache is read ahead.
const CACHE_PART_AHEAD: u64 = 8;
/// Bytes written to the cache disk at a time: a reader waits for no more than that.
const STEP_LEN: usize = 128 << 10;
/// Tries before a reader is told that the store does not answer.
const TRIES: u32 = 5;
/// Waited after the first failure; doubled after each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// A fetch under way: which blocks, and how far it has come.
#[derive(Debug)]
pub(crate) struct Fetch {
    blocks: Range<u64>,
    progress: watch::Receiver<Progress>,
}

/// How far a fetch has come.
#[derive(Clone, Debug)]
enum Progress {
    /// Blocks before this one are in the cache.
    At(u64),
    /// Over, and all is in the cache that still belongs to the file.
    Done,
    Failed(StoreErrorKind, Arc<str>),
}

/// What a fetch works on.
struct Job {
    node: Arc<Node>,
    remote: Remote,
    blocks: Range<u64>,
    base_len: u64,
    /// Of the base when the fetch began: if it has changed, what arrives is not wanted.
    base_epoch: u64,
    progress: watch::Sender<Progress>,
}

impl Engine {
    /// Waits until the first of `blocks` is in the cache, or not in the bucket any more.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        node: &Arc<Node>,
        blocks: Range<u64>,
        window: Window,
    ) -> VfsResult<()> {
        let mut pause = PAUSE;
        for attempt in 1..=TRIES {
            let Some(mut progress) = self.join_fetch(node, &blocks, window)? else {
                return Ok(());
            };
            let Some((kind, message)) = wait_for_block(&mut progress, blocks.start).await else {
                return Ok(());
            };
            if matches!(
                kind,
                StoreErrorKind::PreconditionFailed | StoreErrorKind::NotFound
            ) {
                return self.refresh_for_reader(node).await;
            }
            if kind == StoreErrorKind::Undecipherable {
                self.note_unreadable(node, &message)?;
            }
            if !kind.is_transient() || attempt == TRIES {
                return Err(fault::of_store(StoreError::new(kind, &*message)));
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
        Err(ErrorKind::Unavailable.into())
    }

    /// The fetch that brings the first of `blocks`: one under way, or a new one. None if it is not in
    /// the bucket: the file may have been cut since somebody looked.
    fn join_fetch(
        self: &Arc<Self>,
        node: &Arc<Node>,
        blocks: &Range<u64>,
        window: Window,
    ) -> VfsResult<Option<watch::Receiver<Progress>>> {
        let mut state = node.lock()?;
        let content = state.record.content;
        let base_blocks = content.base_len.div_ceil(BLOCK_LEN);
        if blocks.start >= base_blocks {
            return Ok(None);
        }
        let remote = state.record.remote.clone();
        let remote = remote.ok_or_else(|| {
            VfsError::new(
                ErrorKind::Io,
                "a file's bytes are neither here nor in the bucket",
            )
        })?;
        let data = state.loaded()?;
        data.fetches.retain(Fetch::is_under_way);
        let under_way = data
            .fetches
            .iter()
            .find(|f| f.blocks.contains(&blocks.start));
        if let Some(fetch) = under_way {
            return Ok(Some(fetch.progress.clone()));
        }
        let unit = data.sequential.unit_blocks();
        let end = blocks.end.next_multiple_of(unit);
        let end = end.max(blocks.start + window.0).min(base_blocks);
        let first = blocks.start / unit * unit;
        let span = missing_span(data, first..end, blocks.start);
        let (sender, receiver) = watch::channel(Progress::At(span.start));
        data.fetches.push(Fetch {
            blocks: span.clone(),
            progress: receiver.clone(),
        });
        let job = Job {
            node: Arc::clone(node),
            remote,
            blocks: span,
            base_len: content.base_len,
            base_epoch: data.base_epoch,
            progress: sender,
        };
        let engine = Arc::clone(self);
        // Ends with its body; abandoned with the engine's runtime.
        spawn_named("fetch", async move { engine.run_fetch(job).await }).detach();
        Ok(Some(receiver))
    }

    async fn run_fetch(self: Arc<Self>, job: Job) {
        let outcome = match self.stream_in(&job).await {
            Ok(()) => Progress::Done,
            Err(e) => Progress::Failed(e.kind(), e.to_string().into()),
        };
        job.progress.send_replace(outcome);
    }

    async fn stream_in(&self, job: &Job) -> Result<(), StoreError> {
        let start = job.blocks.start * BLOCK_LEN;
        let len = job.base_len.min(job.blocks.end * BLOCK_LEN) - start;
        let etag = job.remote.etag.as_ref();
        let mut body = self.store.get(&job.remote.key, start, len, etag).await?;
        let (mut at, mut left, mut gathered) = (job.blocks.start, len, BytesMut::new());
        while left > 0 {
            let chunk = body.next().await.ok_or_else(|| {
                StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the object's body is too short",
                )
            })??;
            let taken = (chunk.len() as u64).min(left);
            left -= taken;
            self.counters.downloaded_bytes.add(taken);
            gathered.extend_from_slice(&chunk[..index(taken)]);
            while gathered.len() >= STEP_LEN || (left == 0 && !gathered.is_empty()) {
                let step = gathered.split_to(gathered.len().min(STEP_LEN)).freeze();
                at = self.keep(job, at, step).await?;
                job.progress.send_replace(Progress::At(at));
            }
        }
        Ok(())
    }

    /// Writes fetched bytes to the cache disk; where the next ones go.
    async fn keep(&self, job: &Job, at: u64, bytes: Bytes) -> Result<u64, StoreError> {
        let failed = |e: VfsError| {
            let kind = match e.kind() {
                // Somebody else's bytes may leave the cache disk meanwhile.
                ErrorKind::NoSpace | ErrorKind::Unavailable => StoreErrorKind::Unavailable,
                _ => StoreErrorKind::Source,
            };
            StoreError::caused_by(kind, "cannot keep what was fetched", e)
        };
        let end = at + (bytes.len() as u64).div_ceil(BLOCK_LEN);
        self.make_room(bytes.len() as u64).await.map_err(failed)?;
        let written = self.write_blocks(padded(&bytes)).await.map_err(failed)?;
        let mut unused = Vec::new();
        {
            let mut state = job.node.lock().map_err(failed)?;
            let data = state.loaded().map_err(failed)?;
            let is_wanted = data.base_epoch == job.base_epoch;
            let mut first = at;
            for run in written {
                let blocks = first..first + u64::from(run.count);
                first = blocks.end;
                if !is_wanted {
                    unused.push(run);
                    continue;
                }
                insert_missing(data, blocks, run, &mut unused);
            }
            if !is_wanted {
                drop(state);
                unused.into_iter().for_each(|run| self.log.free(run));
                return Err(StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the file changed while it was fetched",
                ));
            }
        }
        self.note_unsynced(job.node.inode);
        unused.into_iter().for_each(|run| self.log.free(run));
        Ok(end)
    }

    /// Notes a read; how far to read ahead of it.
    pub(crate) fn follow_reader(&self, data: &mut FileData, blocks: &Range<u64>) -> Window {
        // What is read ahead must not push itself out of a small cache.
        let window_max = self.config.cache_bytes_max / BLOCK_LEN / CACHE_PART_AHEAD;
        data.sequential.grow(blocks, window_max)
    }

    /// Starts the fetches of what a sequential reader is going to want: several side by side,
    /// so that neither the wait for an answer nor the pace of one connection holds it up.
    pub(crate) fn read_ahead(
        self: &Arc<Self>,
        node: &Arc<Node>,
        blocks: &Range<u64>,
        window: Window,
    ) -> VfsResult<()> {
        if window == Window(0) {
            return Ok(());
        }
        let missing = {
            let mut state = node.lock()?;
            let base_blocks = state.record.content.base_len.div_ceil(BLOCK_LEN);
            let ahead = blocks.end..(blocks.end + window.0).min(base_blocks);
            ranges_ahead(state.loaded()?, ahead, window)
        };
        for range in missing {
            self.join_fetch(node, &range, Window(0))?;
        }
        Ok(())
    }
}

/// Of a range, the parts that are neither in the cache nor on their way, as far as more may be
/// on their way.
fn ranges_ahead(data: &FileData, ahead: Range<u64>, window: Window) -> Vec<Range<u64>> {
    let part = (window.0 / FETCHES_IN_FLIGHT as u64).max(PART_BLOCKS_MIN);
    let under_way: Vec<&Fetch> = data.fetches.iter().filter(|f| f.is_under_way()).collect();
    let mut free = FETCHES_IN_FLIGHT.saturating_sub(under_way.len());
    let mut ranges = Vec::new();
    let mut at = ahead.start;
    while at < ahead.end && free > 0 {
        if let Some(fetch) = under_way.iter().find(|f| f.blocks.contains(&at)) {
            at = fetch.blocks.end;
            continue;
        }
        let mut pieces = data.extents.pieces(at..ahead.end).into_iter();
        let Some(gap) = pieces.find(|piece| piece.extent.is_none()) else {
            break;
        };
        if gap.blocks.start > at {
            at = gap.blocks.start;
            continue;
        }
        let end = gap.blocks.end.min(at + part);
        ranges.push(at..end);
        at = end;
        free -= 1;
    }
    ranges
}

/// Waits until a block is in the cache; why it will not be, if so.
async fn wait_for_block(
    progress: &mut watch::Receiver<Progress>,
    wanted: u64,
) -> Option<(StoreErrorKind, Arc<str>)> {
    let is_waiting = |p: &Progress| matches!(p, Progress::At(block) if *block <= wanted);
    let reached = progress.wait_for(|p| !is_waiting(p)).await;
    match reached.as_deref() {
        Ok(Progress::At(_) | Progress::Done) => None,
        Ok(Progress::Failed(kind, message)) => Some((*kind, Arc::clone(message))),
        Err(_) => Some((StoreErrorKind::Unavailable, "the fetch was ended".into())),
    }
}

/// Names those of the fetched blocks that were not written meanwhile.
fn insert_missing(
    data: &mut FileData,
    blocks: Range<u64>,
    run: cache::Run,
    unused: &mut Vec<cache::Run>,
) {
    for piece in data.extents.pieces(blocks.clone()) {
        let part = cache::Run {
            first: run.first + (piece.blocks.start - blocks.start),
            count: u32::try_from(piece.blocks.end - piece.blocks.start).unwrap_or(u32::MAX),
        };
        if piece.extent.is_some() {
            unused.push(part);
            continue;
        }
        let extent = Extent {
            run: part,
            generation: 0,
            is_fresh: true,
        };
        let replaced = data.extents.insert(piece.blocks.start, extent);
        data.touch(&piece.blocks, replaced);
    }
}

/// Of `span`, the part from the gap around `wanted` to the last gap, but not what another
/// fetch brings. Small islands of cached blocks are fetched again: one request is cheaper
/// than two.
fn missing_span(data: &FileData, span: Range<u64>, wanted: u64) -> Range<u64> {
    let mut missing = wanted..wanted + 1;
    for piece in data.extents.pieces(span) {
        if piece.extent.is_some() {
            continue;
        }
        if piece.blocks.contains(&wanted) {
            missing.start = piece.blocks.start;
        }
        missing.end = missing.end.max(piece.blocks.end);
    }
    for fetch in &data.fetches {
        if fetch.blocks.start > wanted {
            missing.end = missing.end.min(fetch.blocks.start);
        }
        if fetch.blocks.end <= wanted {
            missing.start = missing.start.max(fetch.blocks.end);
        }
    }
    missing
}

/// Whole blocks, the last one filled up with zeros.
fn padded(bytes: &Bytes) -> Bytes {
    let len = bytes.len().next_multiple_of(index(BLOCK_LEN));
    if len == bytes.len() {
        return bytes.clone();
    }
    let mut whole = Vec::with_capacity(len);
    whole.extend_from_slice(bytes);
    whole.resize(len, 0);
    whole.into()
}

impl Fetch {
    pub(crate) fn is_under_way(&self) -> bool {
        let is_running = matches!(*self.progress.borrow(), Progress::At(_));
        // A fetch that was abandoned has no sender any more.
        is_running && self.progress.has_changed().is_ok()
    }
}

/// Blocks to read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(pub(crate) u64);

impl Sequential {
    /// The window after a read of `blocks`: it doubles while reads follow each other, and is
    /// none otherwise.
    fn grow(&mut self, blocks: &Range<u64>, window_max: u64) -> Window {
        // Reads of one client arrive a little out of order.
        let follows = blocks.start.abs_diff(self.next) <= UNIT_BLOCKS;
        self.strays = if follows {
            0
        } else {
            self.strays.saturating_add(1)
        };
        self.window = if follows {
            (self.window * 2)
                .max(UNIT_BLOCKS)
                .min(WINDOW_BLOCKS_MAX.min(window_max))
        } else {
            0
        };
        self.next = if follows {
            self.next.max(blocks.end)
        } else {
            blocks.end
        };
        Window(self.window)
    }

    /// How much a fetch brings at least: little to a reader who jumps about in a huge file.
    fn unit_blocks(&self) -> u64 {
        if self.strays >= RANDOM_STREAK {
            UNIT_BLOCKS_RANDOM
        } else {
            UNIT_BLOCKS
        }
    }

    /// The blocks that a reader is at.
    pub(crate) fn surroundings(&self) -> Range<u64> {
        self.next.saturating_sub(UNIT_BLOCKS)..self.next + self.window
    }
}
