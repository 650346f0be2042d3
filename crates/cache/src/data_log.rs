//! The data log: blocks in segment files, each written once, with checksums.
//!
//! A segment is a sparse file of [`SEGMENT_BLOCKS`] blocks. Its first blocks are a table with
//! the CRC32C of each block. Blocks are given out in order and their numbers never used
//! again; freeing punches a hole, and a segment with nothing in it is removed. So there is
//! nothing to clean up or move, and no reader can meet a block with another's content. What comes
//! from the disk is compared with its checksum, and need not be again while it stays in memory.

mod open_segments;
mod segment;
mod segments;
mod verified;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use self::{
    open_segments::OpenSegments,
    segment::Segment,
    segments::{Segments, Tail},
};
use crate::{
    CacheError, CacheErrorKind, CacheResult, Committer, Disk, DiskRoom, LiveBlocks, SegmentFile,
    SegmentId, group::Group,
};

/// Bytes of a block.
pub const BLOCK_LEN: u64 = 4096;
/// Blocks of a segment: 256 MiB.
pub(crate) const SEGMENT_BLOCKS: u64 = 65_536;
/// Its first blocks, which hold checksums.
const TABLE_BLOCKS: u64 = SEGMENT_BLOCKS * CRC_LEN / BLOCK_LEN;
const CRC_LEN: u64 = 4;
/// The same lengths for memory.
const BLOCK_LEN_MEM: usize = 4_096;
const CRC_LEN_MEM: usize = size_of::<u32>();
const _: () = assert!(BLOCK_LEN_MEM as u64 == BLOCK_LEN && CRC_LEN_MEM as u64 == CRC_LEN);
/// Runs that may wait to be given back, 16 bytes each; whoever frees more does it himself.
const FREES_WAITING_MAX: usize = 65_536;
/// Bytes written after which the disk is set to work though nobody waits: who asks for all of a
/// long stream to be durable finds most of it done, and others are not held up by it.
const EARLY_SYNC_BYTES: u64 = 16 << 20;

/// Blocks that lie side by side in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The first block: its segment times [`SEGMENT_BLOCKS`], plus its place there.
    pub first: u64,
    /// How many.
    pub count: u32,
}

impl Run {
    pub(crate) fn segment(self) -> SegmentId {
        SegmentId(u32::try_from(self.first / SEGMENT_BLOCKS).unwrap_or(u32::MAX))
    }

    fn offset(self) -> u64 {
        self.first % SEGMENT_BLOCKS * BLOCK_LEN
    }

    fn table_offset(self) -> u64 {
        self.first % SEGMENT_BLOCKS * CRC_LEN
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len_bytes(self) -> u64 {
        u64::from(self.count) * BLOCK_LEN
    }
}

/// Segments written since they were last synced.
type Unsynced = Arc<Mutex<BTreeMap<SegmentId, Arc<dyn SegmentFile>>>>;

/// The data log of one share.
pub struct DataLog {
    segments: Arc<Segments>,
    syncs: Group<()>,
    /// Bytes written since syncing was last begun for their sake alone.
    unasked_bytes: AtomicU64,
    /// Who gives blocks back, where that is somebody else: holes are slow to make on some
    /// disks, and nobody's answer waits for them.
    frees: Option<Group<Run>>,
    used_bytes: AtomicU64,
    /// The last segment of the runs before: up to it, blocks may be in use that nobody names.
    last_before: SegmentId,
}

impl std::fmt::Debug for DataLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataLog").finish_non_exhaustive()
    }
}

fn failed(what: &'static str, id: SegmentId) -> impl FnOnce(std::io::Error) -> CacheError {
    move |e| CacheError::io(format!("cannot {what} data segment {:08x}", id.0), e)
}

impl DataLog {
    /// Opens the log on a disk.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(disk: Arc<dyn Disk>) -> CacheResult<Self> {
        Self::open_with(disk, Committer::Thread)
    }

    /// The same, with a choice of who syncs.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open_with(disk: Arc<dyn Disk>, committer: Committer) -> CacheResult<Self> {
        let ids = disk
            .segments()
            .map_err(|e| CacheError::io("cannot list data segments", e))?;
        let mut used_bytes = 0;
        for id in &ids {
            let file = disk.open(*id).map_err(failed("open", *id))?;
            used_bytes += file.used_bytes().map_err(failed("stat", *id))?;
        }
        let unsynced = Unsynced::default();
        let of_thread = Arc::clone(&unsynced);
        let syncs = Group::start("data-sync", committer, move |_: Vec<()>| {
            sync_all(&of_thread)
        })?;
        let last_before = ids.last().copied().unwrap_or(SegmentId(0));
        let segments = Arc::new(Segments {
            disk,
            tail: Mutex::new(Tail {
                segment: last_before,
                given: SEGMENT_BLOCKS,
                live: BTreeMap::new(),
                freed: BTreeMap::new(),
            }),
            open: OpenSegments::none(),
            unsynced,
        });
        let frees = match committer {
            Committer::Waiter(_) => None,
            Committer::Thread => {
                let segments = Arc::clone(&segments);
                let give_back = move |runs| {
                    segments.give_back(runs);
                    Ok(())
                };
                Some(Group::start("data-free", committer, give_back)?)
            }
        };
        Ok(Self {
            segments,
            last_before,
            syncs,
            unasked_bytes: AtomicU64::new(0),
            frees,
            used_bytes: AtomicU64::new(used_bytes),
        })
    }

    /// New blocks, in as few runs as there can be.
    ///
    /// # Errors
    /// If a segment must be made and the disk fails or is full.
    pub fn allocate(&self, count: u32) -> CacheResult<Vec<Run>> {
        let mut runs = Vec::with_capacity(1);
        let given = self.give_out(count, &mut runs);
        let bytes = runs.iter().map(|run| run.len_bytes()).sum();
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Err(e) = given {
            runs.into_iter().for_each(|run| self.free(run));
            return Err(e);
        }
        Ok(runs)
    }

    fn give_out(&self, count: u32, runs: &mut Vec<Run>) -> CacheResult<()> {
        let mut tail = self.segments.tail.lock();
        let mut wanted = u64::from(count);
        while wanted > 0 {
            if tail.given >= SEGMENT_BLOCKS {
                self.start_segment(&mut tail)?;
            }
            let given = wanted.min(SEGMENT_BLOCKS - tail.given);
            runs.push(Run {
                first: u64::from(tail.segment.0) * SEGMENT_BLOCKS + tail.given,
                count: u32::try_from(given).unwrap_or(u32::MAX),
            });
            tail.given += given;
            let segment = tail.segment;
            *tail.live.entry(segment).or_default() += given;
            wanted -= given;
        }
        Ok(())
    }

    fn start_segment(&self, tail: &mut Tail) -> CacheResult<()> {
        let next = tail.segment.0.checked_add(1);
        let next = next.map(SegmentId).ok_or_else(|| {
            CacheError::new(CacheErrorKind::Full, "all segment numbers are used up")
        })?;
        // Even if it fails: the file may be there, and is never made again.
        tail.segment = next;
        let file = self
            .segments
            .disk
            .create(next)
            .map_err(failed("create", next))?;
        self.segments.open.put(Segment::new(next, file));
        tail.given = TABLE_BLOCKS;
        Ok(())
    }

    /// Writes whole blocks. They are durable after the next [`DataLog::sync`].
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn write(&self, run: Run, bytes: &[u8]) -> CacheResult<()> {
        debug_assert_eq!(
            run.len_bytes(),
            bytes.len() as u64,
            "blocks are written whole"
        );
        let id = run.segment();
        self.segments.with(id, |segment| {
            segment.write(run, bytes).map_err(failed("write", id))?;
            let file = Arc::clone(&segment.file);
            self.segments.unsynced.lock().insert(id, file);
            Ok(())
        })?;
        self.sync_early(run.len_bytes());
        Ok(())
    }

    /// Where a thread syncs, it need not wait until somebody asks.
    fn sync_early(&self, written_bytes: u64) {
        let before = self
            .unasked_bytes
            .fetch_add(written_bytes, Ordering::Relaxed);
        if self.syncs.has_thread() && before + written_bytes >= EARLY_SYNC_BYTES {
            self.unasked_bytes.store(0, Ordering::Relaxed);
            let _nobody_waits = self.syncs.submit((), |_, ()| ());
        }
    }

    /// Reads blocks and compares their checksums.
    ///
    /// # Errors
    /// [`CacheErrorKind::Corrupt`], or the disk fails.
    pub fn read(&self, run: Run, bytes: &mut [u8]) -> CacheResult<()> {
        self.segments
            .with(run.segment(), |segment| segment.read(run, bytes))
    }

    /// The same if the disk need not be waited for; whether it was done.
    ///
    /// # Errors
    /// As [`DataLog::read`].
    pub fn read_at_once(&self, run: Run, bytes: &mut [u8]) -> CacheResult<bool> {
        self.segments
            .with(run.segment(), |segment| segment.read_at_once(run, bytes))
    }

    /// The same, with no checksum computed of blocks that were right when they came into memory
    /// and, as far as can be told, are there since.
    ///
    /// # Errors
    /// As [`DataLog::read`].
    pub fn read_from_memory(&self, run: Run, bytes: &mut [u8]) -> CacheResult<bool> {
        self.segments.with(run.segment(), |segment| {
            segment.read_from_memory(run, bytes)
        })
    }

    /// Waits until everything written before is on the disk.
    ///
    /// # Errors
    /// If the disk fails; from then on every call fails.
    pub async fn sync(&self) -> CacheResult<()> {
        let ticket = self.syncs.submit((), |_, ()| ());
        self.syncs.wait(ticket).await
    }

    /// Whether a run is where blocks can be: within one segment, behind its table.
    #[must_use]
    pub fn is_possible(run: Run) -> bool {
        let within = run.first % SEGMENT_BLOCKS;
        run.count > 0
            && u32::try_from(run.first / SEGMENT_BLOCKS).is_ok()
            && within >= TABLE_BLOCKS
            && within + u64::from(run.count) <= SEGMENT_BLOCKS
    }

    /// Whether blocks of a run are not on the disk at all: a hole that should be zeros is there.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn is_missing(&self, run: Run) -> CacheResult<bool> {
        let id = run.segment();
        match self.segments.file(id) {
            Ok(file) => {
                let has_hole = file.has_hole(run.offset(), run.len_bytes());
                Ok(has_hole.map_err(failed("look at", id))? && !self.is_intact(run)?)
            }
            Err(e) => {
                let ids = self.segments.disk.segments();
                let ids = ids.map_err(|e| CacheError::io("cannot list data segments", e))?;
                if ids.contains(&id) { Err(e) } else { Ok(true) }
            }
        }
    }

    fn is_intact(&self, run: Run) -> CacheResult<bool> {
        let mut bytes = [0; BLOCK_LEN_MEM];
        for first in run.first..run.first + u64::from(run.count) {
            match self.read(Run { first, count: 1 }, &mut bytes) {
                Ok(()) => {}
                Err(e) if e.kind() == CacheErrorKind::Corrupt => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Blocks on the disk, in segments of the runs before, that are not in `live`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn leaked_blocks(&self, live: &LiveBlocks) -> CacheResult<u64> {
        let mut leaked = 0;
        for id in self.earlier_segments()? {
            let file = self.segments.file(id)?;
            for gap in live.gaps(id, TABLE_BLOCKS) {
                let blocks = file.data_blocks(gap.offset(), gap.len_bytes());
                leaked += blocks.map_err(failed("look at", id))?;
            }
        }
        Ok(leaked)
    }

    /// Gives blocks back. Only when nothing names or reads them any more, and a crash could
    /// not bring a name back. They count as free at once; the disk has them a little later.
    pub fn free(&self, run: Run) {
        match &self.frees {
            Some(frees) if frees.waiting() < FREES_WAITING_MAX => {
                let _nobody_waits = frees.submit(run, |_, _| ());
            }
            Some(_) | None => self.segments.give_back(vec![run]),
        }
        self.count_freed(run.len_bytes());
    }

    /// The segments of the runs before.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn earlier_segments(&self) -> CacheResult<Vec<SegmentId>> {
        let ids = self
            .segments
            .disk
            .segments()
            .map_err(|e| CacheError::io("cannot list data segments", e))?;
        let is_earlier = |id: &SegmentId| *id <= self.last_before;
        Ok(ids.into_iter().filter(is_earlier).collect())
    }

    /// Gives back what runs before left behind in one of their segments: all blocks but those
    /// that were `live` when this run began. If none of them is left, the segment goes; else it
    /// does with the last of them. (Holes say nothing: some file systems store zeros as such.)
    ///
    /// # Errors
    /// If the disk fails.
    pub fn free_all_but(&self, id: SegmentId, live: &LiveBlocks) -> CacheResult<()> {
        let file = self.segments.file(id)?;
        let before = file.used_bytes().map_err(failed("stat", id))?;
        for gap in live.gaps(id, TABLE_BLOCKS) {
            file.free(gap.offset(), gap.len_bytes())
                .map_err(failed("free blocks of", id))?;
        }
        let after = file.used_bytes().map_err(failed("stat", id))?;
        let is_removed = self.segments.count_named(id, live.count(id));
        let left = if is_removed { 0 } else { after };
        self.count_freed(before.saturating_sub(left));
        Ok(())
    }

    /// Why nothing can be made durable any more, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.syncs.failure()
    }

    fn count_freed(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _before = self
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes that blocks and tables take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Room on the disk.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn room(&self) -> CacheResult<DiskRoom> {
        self.segments
            .disk
            .room()
            .map_err(|e| CacheError::io("cannot ask for the room on the cache disk", e))
    }
}

fn sync_all(unsynced: &Unsynced) -> CacheResult<()> {
    let segments = std::mem::take(&mut *unsynced.lock());
    for (id, file) in segments {
        file.sync().map_err(failed("sync", id))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
