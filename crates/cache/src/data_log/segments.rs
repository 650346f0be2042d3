//! The segments there are, and what of them is in use.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::{Run, SEGMENT_BLOCKS, Unsynced, failed, open_segments::OpenSegments, segment::Segment};
use crate::{CacheResult, Disk, SegmentFile, SegmentId};

/// Shared by the log and its threads.
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) tail: Mutex<Tail>,
    pub(super) open: OpenSegments,
    pub(super) unsynced: Unsynced,
}

/// Where the next block comes from.
pub(super) struct Tail {
    pub(super) segment: SegmentId,
    /// Blocks given out of it; all of them while there is no segment yet.
    pub(super) given: u64,
    /// Blocks in use, by segment: given out and not freed, or still named from an earlier run.
    pub(super) live: BTreeMap<SegmentId, u64>,
    /// Blocks freed of segments of earlier runs of which it is not known yet how many are named.
    pub(super) freed: BTreeMap<SegmentId, u64>,
}

impl Segments {
    /// Uses a segment, which is opened first if need be.
    pub(super) fn with<T>(
        &self,
        id: SegmentId,
        used_for: impl FnOnce(&Segment) -> CacheResult<T>,
    ) -> CacheResult<T> {
        let open = || {
            let file = self.disk.open(id).map_err(failed("open", id))?;
            Ok(Segment::new(id, file))
        };
        self.open.with(id, open, used_for)
    }

    pub(super) fn file(&self, id: SegmentId) -> CacheResult<Arc<dyn SegmentFile>> {
        self.with(id, |segment| Ok(Arc::clone(&segment.file)))
    }

    /// Gives blocks back to the disk: those of a segment that is empty now with the segment,
    /// others as holes, as few as there can be.
    pub(super) fn give_back(&self, mut runs: Vec<Run>) {
        runs.sort_unstable();
        for of_segment in runs.chunk_by(|one, next| one.segment() == next.segment()) {
            let Some(id) = of_segment.first().map(|run| run.segment()) else {
                continue;
            };
            let freed = of_segment.iter().map(|run| u64::from(run.count)).sum();
            if self.uncount(id, freed) {
                self.remove(id);
                continue;
            }
            if let Err(e) = self.punch(id, of_segment) {
                tracing::warn!(error = %e, "room on the cache disk is not given back");
            }
        }
    }

    fn punch(&self, id: SegmentId, runs: &[Run]) -> CacheResult<()> {
        let file = self.file(id)?;
        let is_next = |one: &Run, next: &Run| one.first + u64::from(one.count) == next.first;
        for hole in runs.chunk_by(is_next) {
            let len = hole.iter().map(|run| run.len_bytes()).sum();
            let at = hole.first().map_or(0, |run| run.offset());
            file.free(at, len).map_err(failed("free blocks of", id))?;
        }
        Ok(())
    }

    /// Counts freed blocks; whether the segment is known to have no others.
    fn uncount(&self, id: SegmentId, freed: u64) -> bool {
        let mut tail = self.tail.lock();
        let is_tail = tail.is_at(id);
        match tail.live.get_mut(&id) {
            Some(live) => {
                *live = live.saturating_sub(freed);
                *live == 0 && !is_tail
            }
            None => {
                *tail.freed.entry(id).or_default() += freed;
                false
            }
        }
    }

    /// Counts the blocks of a segment of an earlier run that were named when this one began.
    /// Whether the segment is gone, because none of them is left.
    pub(super) fn count_named(&self, id: SegmentId, named: u64) -> bool {
        let left = {
            let mut tail = self.tail.lock();
            let freed = tail.freed.remove(&id).unwrap_or(0);
            let left = named.saturating_sub(freed);
            tail.live.insert(id, left);
            left
        };
        if left == 0 {
            self.remove(id);
        }
        left == 0
    }

    fn remove(&self, id: SegmentId) {
        self.tail.lock().live.remove(&id);
        self.open.remove(id);
        self.unsynced.lock().remove(&id);
        if let Err(e) = self.disk.remove(id) {
            tracing::warn!(error = %e, segment = id.0, "cannot remove an empty data segment");
        }
    }
}

impl Tail {
    /// Whether blocks are still given out of a segment.
    fn is_at(&self, id: SegmentId) -> bool {
        self.segment == id && self.given < SEGMENT_BLOCKS
    }
}
