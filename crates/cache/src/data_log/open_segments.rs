//! The segments that are open, each at a place of its own.
//!
//! To find one takes no lock and no count of who uses it: a read from memory is hardly longer than
//! that. Where two segments have the same place, the one used last has it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::segment::Segment;
use crate::{CacheResult, SegmentId};

/// Places. Numbers of segments are given out in order, so that 128 GiB of data written one after
/// the other can be open, with 8 KiB of what is known of each segment.
const PLACES: u32 = 512;

pub(super) struct OpenSegments {
    places: Box<[ArcSwapOption<Segment>]>,
    /// Held by who puts one there: what is known of a segment is in one place.
    changing: Mutex<()>,
}

impl OpenSegments {
    pub(super) fn none() -> Self {
        Self {
            places: (0..PLACES).map(|_| ArcSwapOption::empty()).collect(),
            changing: Mutex::default(),
        }
    }

    fn place(&self, id: SegmentId) -> &ArcSwapOption<Segment> {
        let place = usize::try_from(id.0 % PLACES).unwrap_or_default();
        self.places.get(place).expect("there is a place for each")
    }

    /// Uses a segment, which is opened first if need be.
    pub(super) fn with<T>(
        &self,
        id: SegmentId,
        open: impl FnOnce() -> CacheResult<Segment>,
        used_for: impl FnOnce(&Segment) -> CacheResult<T>,
    ) -> CacheResult<T> {
        let place = self.place(id);
        if let Some(segment) = place.load().as_deref().filter(|segment| segment.id == id) {
            return used_for(segment);
        }
        let segment = {
            let _changing = self.changing.lock();
            match place.load_full().filter(|segment| segment.id == id) {
                Some(segment) => segment,
                None => {
                    let segment = Arc::new(open()?);
                    place.store(Some(Arc::clone(&segment)));
                    segment
                }
            }
        };
        used_for(&segment)
    }

    pub(super) fn put(&self, segment: Segment) {
        let _changing = self.changing.lock();
        self.place(segment.id).store(Some(Arc::new(segment)));
    }

    pub(super) fn remove(&self, id: SegmentId) {
        let _changing = self.changing.lock();
        let place = self.place(id);
        if place
            .load()
            .as_ref()
            .is_some_and(|segment| segment.id == id)
        {
            place.store(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Disk as _, MemDisk};

    #[test]
    fn a_segment_is_opened_when_it_is_not_the_last_at_its_place() {
        let (disk, open) = (MemDisk::new(1 << 30), OpenSegments::none());
        let one = SegmentId(3);
        let other = SegmentId(3 + PLACES);
        for id in [one, other] {
            disk.create(id).unwrap();
        }
        let mut opened = Vec::new();
        let mut find = |id| {
            let of_disk = || {
                opened.push(id);
                Ok(Segment::new(id, disk.open(id).unwrap()))
            };
            open.with(id, of_disk, |segment| Ok(segment.id)).unwrap()
        };
        for id in [one, one, other, other, one] {
            assert_eq!(find(id), id);
        }
        // Of the two only who is there goes.
        open.remove(other);
        assert_eq!(find(one), one);
        open.remove(one);
        assert_eq!(find(one), one);
        assert_eq!(opened, [one, other, one, one]);
    }
}
