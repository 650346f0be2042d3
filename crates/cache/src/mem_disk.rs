//! A disk in memory that forgets what was not synced when its power is cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{BLOCK_LEN, Disk, DiskRoom, Power, SegmentFile, SegmentId};

/// What a test takes instead of a disk. It outlives the engine, as a disk does.
#[derive(Debug)]
pub struct MemDisk {
    segments: Mutex<BTreeMap<SegmentId, Arc<MemSegment>>>,
    total_bytes: u64,
    power: Power,
}

#[derive(Debug, Default)]
struct MemSegment {
    pages: Mutex<Pages>,
    power: Power,
}

/// What a disk writes whole, whatever happens to its power.
const SECTOR_LEN: usize = 512;

/// Content by page: as programs see it, and as it is on the platter where that differs.
#[derive(Debug, Default)]
struct Pages {
    seen: BTreeMap<u64, Box<[u8]>>,
    synced: BTreeMap<u64, Box<[u8]>>,
    unsynced: BTreeSet<u64>,
    /// On the platter only: whoever reads it waits for it.
    away: BTreeSet<u64>,
    /// Read wrongly once.
    misread: BTreeSet<u64>,
}

impl MemDisk {
    /// A disk of that size.
    #[must_use]
    pub fn new(total_bytes: u64) -> Self {
        Self::on(Power::default(), total_bytes)
    }

    /// A disk of that size in a machine with that power.
    #[must_use]
    pub fn on(power: Power, total_bytes: u64) -> Self {
        Self {
            segments: Mutex::default(),
            total_bytes,
            power,
        }
    }

    /// What the machine finds after a power cut: of the sectors written since the last sync,
    /// each is as it was written or as it was before, as `survives` says. That is the same as
    /// writes that were dropped, or went to the disk in another order.
    pub fn cut_power(&self, mut survives: impl FnMut() -> bool) {
        for segment in self.segments.lock().values() {
            let mut pages = segment.pages.lock();
            for page in std::mem::take(&mut pages.unsynced) {
                let Some(written) = pages.seen.get(&page).cloned() else {
                    continue;
                };
                let before = pages.synced.entry(page).or_insert_with(blank);
                let sectors = before.chunks_mut(SECTOR_LEN);
                for (before, written) in sectors.zip(written.chunks(SECTOR_LEN)) {
                    if survives() {
                        before.copy_from_slice(written);
                    }
                }
            }
            pages.seen = pages.synced.clone();
        }
    }

    /// Damages one byte of what is on the platter, and nobody has it in memory.
    pub fn flip_bit(&self, id: SegmentId, offset: u64) {
        if let Some(segment) = self.segments.lock().get(&id) {
            let mut pages = segment.pages.lock();
            let (page, at) = (offset / BLOCK_LEN, offset % BLOCK_LEN);
            pages.away.insert(page);
            for side in [0, 1] {
                let Pages { seen, synced, .. } = &mut *pages;
                let content = if side == 0 { seen } else { synced };
                if let Some(byte) = content.get_mut(&page).and_then(|p| p.get_mut(index(at))) {
                    *byte ^= 1;
                }
            }
        }
    }

    /// What is on the platter is right, but who waits for it first gets a byte of it wrong.
    pub fn misread(&self, id: SegmentId, offset: u64) {
        if let Some(segment) = self.segments.lock().get(&id) {
            let mut pages = segment.pages.lock();
            pages.away.insert(offset / BLOCK_LEN);
            pages.misread.insert(offset / BLOCK_LEN);
        }
    }

    fn used_bytes(&self) -> u64 {
        let segments = self.segments.lock();
        let pages: usize = segments.values().map(|s| s.pages.lock().seen.len()).sum();
        pages as u64 * BLOCK_LEN
    }
}

fn blank() -> Box<[u8]> {
    vec![0; index(BLOCK_LEN)].into_boxed_slice()
}

/// Carries an action out as far as the power allows.
fn powered<T>(power: &Power, action: impl FnOnce() -> T) -> io::Result<T> {
    let moment = power.moment();
    let done = moment.has_effect().then(action);
    let answered = done.filter(|_| moment.is_answered());
    answered.ok_or_else(|| io::Error::other("the power is off"))
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Disk for MemDisk {
    fn segments(&self) -> io::Result<Vec<SegmentId>> {
        Ok(self.segments.lock().keys().copied().collect())
    }

    fn create(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>> {
        let segment = Arc::new(MemSegment {
            pages: Mutex::default(),
            power: self.power.clone(),
        });
        powered(&self.power, || {
            self.segments.lock().insert(id, Arc::clone(&segment));
        })?;
        Ok(segment)
    }

    fn open(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>> {
        let segment = self.segments.lock().get(&id).map(Arc::clone);
        segment
            .map(|segment| segment as Arc<dyn SegmentFile>)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, id: SegmentId) -> io::Result<()> {
        powered(&self.power, || drop(self.segments.lock().remove(&id)))
    }

    fn room(&self) -> io::Result<DiskRoom> {
        Ok(DiskRoom {
            total_bytes: self.total_bytes,
            free_bytes: self.total_bytes.saturating_sub(self.used_bytes()),
        })
    }
}

impl SegmentFile for MemSegment {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // Not a moment of its own: until a sync it is as good as not there.
        if self.power.is_off() {
            return Err(io::Error::other("the power is off"));
        }
        let mut pages = self.pages.lock();
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (page, within) = (at / BLOCK_LEN, at % BLOCK_LEN);
            let (now, later) = rest.split_at(rest.len().min(index(BLOCK_LEN - within)));
            let content = pages.seen.entry(page).or_insert_with(blank);
            content[index(within)..][..now.len()].copy_from_slice(now);
            pages.unsynced.insert(page);
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut pages = self.pages.lock();
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (page, within) = (at / BLOCK_LEN, at % BLOCK_LEN);
            pages.away.remove(&page);
            let len = rest.len().min(index(BLOCK_LEN - within));
            let (now, later) = rest.split_at_mut(len);
            match pages.seen.get(&page) {
                Some(content) => now.copy_from_slice(&content[index(within)..][..len]),
                None => now.fill(0),
            }
            if pages.misread.remove(&page) {
                now[0] ^= 1;
            }
            at += len as u64;
            rest = later;
        }
        Ok(())
    }

    fn read_at_once(&self, offset: u64, bytes: &mut [u8]) -> io::Result<bool> {
        let wanted = offset / BLOCK_LEN..(offset + bytes.len() as u64).div_ceil(BLOCK_LEN);
        if self.pages.lock().away.range(wanted).next().is_some() {
            return Ok(false);
        }
        self.read_at(offset, bytes).map(|()| true)
    }

    fn sync(&self) -> io::Result<()> {
        powered(&self.power, || {
            let mut pages = self.pages.lock();
            for page in std::mem::take(&mut pages.unsynced) {
                let content = pages.seen.get(&page).cloned();
                content.map(|content| pages.synced.insert(page, content));
            }
        })
    }

    fn free(&self, offset: u64, len: u64) -> io::Result<()> {
        powered(&self.power, || {
            let mut pages = self.pages.lock();
            for page in offset.div_ceil(BLOCK_LEN)..(offset + len) / BLOCK_LEN {
                pages.seen.remove(&page);
                // At once: the worst case for whoever frees too early.
                pages.synced.remove(&page);
                pages.unsynced.remove(&page);
            }
        })
    }

    fn has_hole(&self, offset: u64, len: u64) -> io::Result<bool> {
        let pages = self.pages.lock();
        let mut wanted = offset / BLOCK_LEN..(offset + len).div_ceil(BLOCK_LEN);
        Ok(wanted.any(|page| !pages.seen.contains_key(&page)))
    }

    fn data_blocks(&self, offset: u64, len: u64) -> io::Result<u64> {
        let pages = self.pages.lock();
        let range = offset / BLOCK_LEN..(offset + len) / BLOCK_LEN;
        Ok(pages.seen.range(range).count() as u64)
    }

    fn used_bytes(&self) -> io::Result<u64> {
        Ok(self.pages.lock().seen.len() as u64 * BLOCK_LEN)
    }
}
