//! From block addresses to places in objects.

use std::collections::BTreeMap;

/// Blocks `start..end` of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// First block.
    pub start: u64,
    /// The block after the last.
    pub end: u64,
}

/// A place in the log of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Sequence number of the object.
    pub object: u64,
    /// Block within it.
    pub block: u64,
}

/// A run of blocks that lie side by side in one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Which blocks of the volume.
    pub range: BlockRange,
    /// Where the first of them is.
    pub location: Location,
}

/// The newest place of each block. Blocks that were never written, or were unmapped, have none:
/// volumes are thin.
#[derive(Clone, Debug, Default)]
pub struct ExtentMap {
    /// First block → end and place.
    extents: BTreeMap<u64, (u64, Location)>,
}

impl ExtentMap {
    /// Points `extent.range` at its new place, whatever was there before.
    pub fn insert(&mut self, extent: Extent) {
        let BlockRange { start, end } = extent.range;
        self.remove(extent.range);
        if start < end {
            self.extents.insert(start, (end, extent.location));
        }
    }

    /// Forgets blocks (UNMAP).
    pub fn remove(&mut self, range: BlockRange) {
        for extent in self.extents_in(range, false) {
            let Extent {
                range: old,
                location,
            } = extent;
            self.extents.remove(&old.start);
            if old.start < range.start {
                self.extents.insert(old.start, (range.start, location));
            }
            if range.end < old.end {
                let moved = Location {
                    block: location.block + (range.end - old.start),
                    ..location
                };
                self.extents.insert(range.end, (old.end, moved));
            }
        }
    }

    /// The extents that hold blocks of `range`, cut to it, in order.
    #[must_use]
    pub fn lookup(&self, range: BlockRange) -> Vec<Extent> {
        self.extents_in(range, true)
    }

    fn extents_in(&self, range: BlockRange, cut: bool) -> Vec<Extent> {
        if range.start >= range.end {
            return Vec::new();
        }
        let before = self.extents.range(..range.start).next_back();
        let within = self.extents.range(range.start..range.end);
        let touching = before
            .into_iter()
            .chain(within)
            .filter(|(_, (end, _))| *end > range.start);
        let whole = touching.map(|(&start, &(end, location))| Extent {
            range: BlockRange { start, end },
            location,
        });
        whole
            .map(|extent| if cut { extent.cut_to(range) } else { extent })
            .collect()
    }
}

impl Extent {
    /// The part within `range`, which it must touch.
    fn cut_to(self, range: BlockRange) -> Self {
        let start = self.range.start.max(range.start);
        let end = self.range.end.min(range.end);
        let block = self.location.block + (start - self.range.start);
        Self {
            range: BlockRange { start, end },
            location: Location {
                block,
                ..self.location
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCKS: u64 = 64;

    fn index(block: u64) -> usize {
        usize::try_from(block).unwrap()
    }

    fn operations() -> impl Strategy<Value = Vec<(bool, u64, u64)>> {
        prop::collection::vec((any::<bool>(), 0..BLOCKS, 0..16_u64), 0..40)
    }

    proptest! {
        #[test]
        fn each_block_is_where_it_was_last_written(operations in operations()) {
            let mut map = ExtentMap::default();
            let mut model = vec![None; index(2 * BLOCKS)];
            for (object, (write, start, len)) in (0_u64..).zip(operations) {
                let range = BlockRange { start, end: start + len };
                if write {
                    map.insert(Extent { range, location: Location { object, block: 0 } });
                } else {
                    map.remove(range);
                }
                for block in start..start + len {
                    let place = Location { object, block: block - start };
                    model[index(block)] = write.then_some(place);
                }
            }
            let mut seen = vec![None; index(2 * BLOCKS)];
            for extent in map.lookup(BlockRange { start: 0, end: 2 * BLOCKS }) {
                prop_assert!(extent.range.start < extent.range.end);
                for block in extent.range.start..extent.range.end {
                    let block_in_object = extent.location.block + block - extent.range.start;
                    let place = Location { block: block_in_object, ..extent.location };
                    prop_assert_eq!(seen[index(block)].replace(place), None, "overlap");
                }
            }
            prop_assert_eq!(seen, model);
        }

        #[test]
        fn a_lookup_is_cut_to_what_was_asked(start in 0..20_u64, len in 1..20_u64) {
            let mut map = ExtentMap::default();
            let range = BlockRange { start: 5, end: 15 };
            map.insert(Extent { range, location: Location { object: 1, block: 100 } });
            for extent in map.lookup(BlockRange { start, end: start + len }) {
                prop_assert!(extent.range.start >= start.max(5));
                prop_assert!(extent.range.end <= (start + len).min(15));
                prop_assert_eq!(extent.location.block - 100, extent.range.start - 5);
            }
        }
    }
}
