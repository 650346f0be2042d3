//! Room on the cache disk: eviction of what is clean, patience with what is dirty.

use std::{sync::Arc, time::Duration};

use cache::{DiskRoom, KeyRange, Table};
use parking_lot::Mutex;
use tokio::sync::Notify;
use vfs::{ErrorKind, FileType, Inode, VfsError, VfsResult};

use super::{Engine, fetch::Fetch};
use crate::{
    fault, keys,
    node::{Node, VISITS_MAX},
};

/// Eviction begins above this share of the cache, in percent, …
pub(super) const HIGH_PERCENT: u64 = 85;
/// … and ends below this one.
const LOW_PERCENT: u64 = 70;
/// Writers are slowed from this share of dirty data on, in percent.
const SLOW_PERCENT: u64 = 70;
/// The longest pause a slowed writer makes.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long a call waits for room before the client is told to come again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while the object store takes nothing.
const PATIENCE_FAILING: Duration = Duration::from_secs(1);
/// How often it looks again if nobody wakes it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Room on the disk that data leaves to the index: at most this, …
const RESERVE_BYTES_MAX: u64 = 256 << 20;
/// … and on a small disk one part in so many.
const RESERVE_FRACTION: u64 = 16;
/// Pages of maps looked at for eviction in one go.
const EVICTION_BATCH: usize = 256;

/// Who waits for room, and who makes it.
#[derive(Debug, Default)]
pub(crate) struct Space {
    changed: Notify,
    wanted: Notify,
    /// Where the search for something to evict goes on: a clock's hand over all maps.
    hand: Mutex<Vec<u8>>,
}

impl Space {
    pub(crate) fn has_changed(&self) {
        self.changed.notify_waiters();
    }
}

fn reserve(room: DiskRoom) -> u64 {
    RESERVE_BYTES_MAX.min(room.total_bytes / RESERVE_FRACTION)
}

impl Engine {
    fn part_of_cache(&self, percent: u64) -> u64 {
        self.config.cache_bytes_max / 100 * percent
    }

    fn has_room_for(&self, bytes: u64) -> VfsResult<bool> {
        let used = self.log.used_bytes().saturating_add(bytes);
        if used > self.part_of_cache(HIGH_PERCENT) {
            self.space.wanted.notify_one();
        }
        let room = self.log.room().map_err(fault::of_cache)?;
        let is_on_disk = room.free_bytes >= reserve(room).saturating_add(bytes);
        Ok(is_on_disk && used <= self.config.cache_bytes_max)
    }

    /// Lets a writer in: at once, slowed to the pace of uploads, or not at all.
    pub(crate) async fn admit(&self, bytes: u64) -> VfsResult<()> {
        let dirty = self.queue.dirty_bytes();
        let (slow, max) = (
            self.part_of_cache(SLOW_PERCENT),
            self.config.cache_bytes_max,
        );
        if dirty > slow {
            self.queue.hurry(self.clock.now());
            let percent = (dirty - slow).saturating_mul(100) / max.saturating_sub(slow).max(1);
            let percent = u32::try_from(percent.min(100)).unwrap_or(100);
            self.clock.sleep(PAUSE_MAX * percent / 100).await;
        }
        self.make_room(bytes).await
    }

    /// Waits until there is room for so many bytes more.
    pub(crate) async fn make_room(&self, bytes: u64) -> VfsResult<()> {
        let began = self.clock.now();
        while !self.has_room_for(bytes)? {
            self.space.wanted.notify_one();
            let now = self.clock.now();
            self.queue.hurry(now);
            let patience = if self.queue.status().is_stuck {
                PATIENCE_FAILING
            } else {
                PATIENCE
            };
            if now.saturating_duration_since(began) >= patience {
                return Err(self.no_room());
            }
            tokio::select! {
                biased; // No dice here: a simulation repeats itself.
                () = self.space.changed.notified() => {}
                () = self.clock.sleep(LOOK_AGAIN) => {}
            }
        }
        Ok(())
    }

    fn no_room(&self) -> VfsError {
        let status = self.queue.status();
        if status.is_stuck || status.waiting == 0 {
            let message = "the cache disk is full, and the object store takes nothing";
            return VfsError::new(ErrorKind::NoSpace, message);
        }
        let message = "the cache disk is full of data that is being uploaded";
        VfsError::new(ErrorKind::Unavailable, message)
    }

    /// Refuses new names when the index could not be written any more.
    pub(crate) fn require_index_room(&self) -> VfsResult<()> {
        let room = self.log.room().map_err(fault::of_cache)?;
        if room.free_bytes < reserve(room) / 2 {
            return Err(VfsError::new(ErrorKind::NoSpace, "the cache disk is full"));
        }
        Ok(())
    }

    /// Makes room whenever it is wanted.
    pub(crate) async fn evict_for_ever(self: Arc<Self>) {
        loop {
            self.space.wanted.notified().await;
            if let Err(e) = self.evict_enough().await {
                tracing::warn!(error = %e, "cannot evict from the cache");
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// First only what was visited once; more only if that gives nothing, for what is freed is
    /// taken again meanwhile.
    async fn evict_enough(self: &Arc<Self>) -> VfsResult<()> {
        let mut spared = 1;
        while spared <= VISITS_MAX {
            let excess = self.excess_bytes()?;
            if excess == 0 {
                break;
            }
            if self.evict_round(spared, excess).await? == 0 {
                spared += 1;
            }
            // What left is counted when its holes are made, a little later.
            self.clock.sleep(LOOK_AGAIN).await;
        }
        if spared > VISITS_MAX {
            // Nothing may leave.
            self.keep_less_soon();
        }
        self.space.has_changed();
        Ok(())
    }

    /// Goes round all maps at most once, until enough has left; how many bytes.
    async fn evict_round(self: &Arc<Self>, spared: u8, excess: u64) -> VfsResult<u64> {
        // What was fetched is found in the index, once it is there.
        self.commit_old(Duration::ZERO).await;
        let (mut wraps, mut freed) = (0, 0);
        let mut last = None;
        while freed < excess && wraps < 2 {
            let from = self.space.hand.lock().clone();
            let range = KeyRange::all().after(from);
            let pages = self
                .index
                .scan(Table::Extents, &range, EVICTION_BATCH)
                .map_err(fault::of_cache)?;
            let end = pages.last().map(|entry| entry.key.to_vec());
            wraps += usize::from(end.is_none());
            *self.space.hand.lock() = end.unwrap_or_default();
            for page in pages {
                let (inode, _) = keys::pair(&page.key)?;
                if last.replace(inode) != Some(inode) {
                    freed += self.evict_inode(inode, spared).await?;
                }
                if freed >= excess {
                    break;
                }
            }
        }
        self.space.has_changed();
        Ok(freed)
    }

    /// Bytes that are to leave.
    fn excess_bytes(&self) -> VfsResult<u64> {
        let room = self.log.room().map_err(fault::of_cache)?;
        let wanted = reserve(room).saturating_mul(2);
        let of_disk = wanted.saturating_sub(room.free_bytes);
        let used = self.log.used_bytes();
        let of_cache = used.saturating_sub(self.part_of_cache(LOW_PERCENT));
        Ok(of_disk.max(of_cache))
    }

    async fn evict_inode(&self, inode: Inode, spared: u8) -> VfsResult<u64> {
        let node = match self.node(inode) {
            Ok(node) => node,
            Err(e) if e.kind() == ErrorKind::Stale => return Ok(0),
            Err(e) => return Err(e),
        };
        if self.is_pinned(inode)? || node.was_visited_more_than(spared) {
            return Ok(0);
        }
        match self.evict_node(&node).await {
            Err(e) if e.kind() == ErrorKind::Stale => Ok(0),
            answer => answer,
        }
    }

    /// Forgets where a clean file's blocks are; when that is durable, they are free. How many
    /// bytes they had.
    pub(crate) async fn evict_node(&self, node: &Arc<Node>) -> VfsResult<u64> {
        let mut freed = 0;
        {
            let mut state = node.lock()?;
            let record = &state.record;
            let is_clean = !record.is_content_dirty() && record.remote.is_some();
            let is_file = record.attributes.file_type == FileType::Regular;
            if !is_clean || !is_file || record.content.base_len < record.content.size {
                return Ok(0);
            }
            self.load_data(&mut state)?;
            let data = state.loaded()?;
            // What was just fetched for a reader under way is not evicted before it is read.
            let is_read = data.fetches.iter().any(Fetch::is_under_way);
            let kept = if is_read {
                data.sequential.surroundings()
            } else {
                0..0
            };
            let all: Vec<(u64, u64)> = data
                .extents
                .iter()
                .map(|(first, extent)| (first, first + u64::from(extent.run.count)))
                .filter(|(first, end)| *end <= kept.start || *first >= kept.end)
                .collect();
            for (first, end) in all {
                freed += (end - first) * cache::BLOCK_LEN;
                let removed = data.extents.remove(first..end);
                data.touch(&(first..end), removed);
            }
        }
        self.commit_node(node).await?;
        Ok(freed)
    }
}
