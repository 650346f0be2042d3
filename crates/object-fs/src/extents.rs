//! Which blocks of a file lie where on the cache disk.

use std::{collections::BTreeMap, ops::Range};

use cache::{BLOCK_LEN, Run};

use crate::codec::{Damaged, Reader, Writer};

/// Blocks of a file whose map is one record of the index: 4 MiB.
pub(crate) const PAGE_BLOCKS: u64 = 1024;

/// Blocks side by side in the file and in the data log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) run: Run,
    /// When they were written; 0 if they were fetched.
    pub(crate) generation: u64,
    /// The index does not name them yet, no upload has them in its picture: they may be
    /// written over in place.
    pub(crate) is_fresh: bool,
}

impl Extent {
    /// The part of it that begins `skip` blocks later and is at most `count` long.
    fn part(self, skip: u64, count: u64) -> Self {
        let left = u64::from(self.run.count).saturating_sub(skip);
        Self {
            run: Run {
                first: self.run.first + skip,
                count: u32::try_from(left.min(count)).unwrap_or(u32::MAX),
            },
            ..self
        }
    }

    fn continues(self, before: Self) -> bool {
        before.run.first + u64::from(before.run.count) == self.run.first
            && before.generation == self.generation
            && before.is_fresh == self.is_fresh
    }
}

/// A piece of a range: where its blocks lie, or that the cache does not have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) blocks: Range<u64>,
    pub(crate) extent: Option<Extent>,
}

/// The map of one file, by block number. No extent crosses a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExtentMap {
    by_block: BTreeMap<u64, Extent>,
    /// Blocks of each generation there are.
    by_generation: BTreeMap<u64, u64>,
}

/// The blocks that hold a range of bytes.
pub(crate) const fn blocks_of(bytes: &Range<u64>) -> Range<u64> {
    bytes.start / BLOCK_LEN..bytes.end.div_ceil(BLOCK_LEN)
}

impl ExtentMap {
    /// The range in order, without gaps.
    pub(crate) fn pieces(&self, blocks: Range<u64>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = blocks.start;
        let before = self.by_block.range(..=blocks.start).next_back();
        let from = before.map_or(blocks.start, |(first, _)| *first);
        for (first, extent) in self.by_block.range(from..blocks.end.max(from)) {
            let end = (first + u64::from(extent.run.count)).min(blocks.end);
            if end <= at {
                continue;
            }
            if *first > at {
                pieces.push(Piece {
                    blocks: at..*first,
                    extent: None,
                });
                at = *first;
            }
            pieces.push(Piece {
                blocks: at..end,
                extent: Some(extent.part(at - first, end - at)),
            });
            at = end;
        }
        if at < blocks.end {
            pieces.push(Piece {
                blocks: at..blocks.end,
                extent: None,
            });
        }
        pieces
    }

    /// Where a range is, if it is all in one piece.
    pub(crate) fn run_of(&self, blocks: &Range<u64>) -> Option<Run> {
        let count = blocks.end.checked_sub(blocks.start).filter(|n| *n > 0)?;
        let part_of = |(first, extent): (u64, &Extent)| {
            let run = extent.part(blocks.start - first, count).run;
            (u64::from(run.count) == count).then_some(run)
        };
        // A page is most often one extent, and that is found in half the time.
        let page = blocks.start / PAGE_BLOCKS * PAGE_BLOCKS;
        if let Some(run) = self.by_block.get(&page).and_then(|e| part_of((page, e))) {
            return Some(run);
        }
        let (first, extent) = self.by_block.range(..=blocks.start).next_back()?;
        part_of((*first, extent))
    }

    /// Forgets a range; what was there.
    pub(crate) fn remove(&mut self, blocks: Range<u64>) -> Vec<Extent> {
        let removed: Vec<Piece> = self.pieces(blocks.clone());
        for piece in removed.iter().filter(|piece| piece.extent.is_some()) {
            self.cut_out(&piece.blocks);
        }
        for extent in removed.iter().filter_map(|piece| piece.extent) {
            self.count(extent, false);
        }
        removed.into_iter().filter_map(|p| p.extent).collect()
    }

    /// Takes a range that lies within one extent out of it.
    fn cut_out(&mut self, blocks: &Range<u64>) {
        let Some((&first, &extent)) = self.by_block.range(..=blocks.start).next_back() else {
            return;
        };
        self.by_block.remove(&first);
        let end = first + u64::from(extent.run.count);
        if first < blocks.start {
            self.by_block
                .insert(first, extent.part(0, blocks.start - first));
        }
        if blocks.end < end {
            self.by_block
                .insert(blocks.end, extent.part(blocks.end - first, end));
        }
    }

    /// Names new blocks; what they replace.
    pub(crate) fn insert(&mut self, first: u64, extent: Extent) -> Vec<Extent> {
        let end = first + u64::from(extent.run.count);
        let replaced = self.remove(first..end);
        self.count(extent, true);
        let mut at = first;
        while at < end {
            let page_end = (at / PAGE_BLOCKS + 1) * PAGE_BLOCKS;
            let part = extent.part(at - first, page_end - at);
            self.put(at, part);
            at = page_end;
        }
        replaced
    }

    fn put(&mut self, first: u64, extent: Extent) {
        if !first.is_multiple_of(PAGE_BLOCKS)
            && let Some((before, last)) = self.by_block.range_mut(..first).next_back()
            && before + u64::from(last.run.count) == first
            && extent.continues(*last)
        {
            last.run.count += extent.run.count;
            return;
        }
        self.by_block.insert(first, extent);
    }

    /// From now on the blocks of a page are not to be written over in place.
    pub(crate) fn settle(&mut self, page: u64) {
        for (_, extent) in self.by_block.range_mut(page_range(page)) {
            extent.is_fresh = false;
        }
    }

    /// Blocks of generations after `clean`.
    pub(crate) fn dirty_blocks(&self, clean: u64) -> u64 {
        self.by_generation
            .range(clean + 1..)
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&mut self, extent: Extent, is_more: bool) {
        let blocks = self.by_generation.entry(extent.generation).or_default();
        let count = u64::from(extent.run.count);
        *blocks = if is_more {
            *blocks + count
        } else {
            *blocks - count
        };
        if *blocks == 0 {
            self.by_generation.remove(&extent.generation);
        }
    }

    /// How many extents there are.
    pub(crate) fn len(&self) -> usize {
        self.by_block.len()
    }

    /// All extents with their first blocks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Extent)> {
        self.by_block
            .iter()
            .map(|(first, extent)| (*first, *extent))
    }

    /// One page as a record; `None` if there is nothing in it.
    pub(crate) fn encode_page(&self, page: u64) -> Option<Vec<u8>> {
        let mut w = Writer::default();
        let mut at = page * PAGE_BLOCKS;
        for (first, extent) in self.by_block.range(page_range(page)) {
            w.number(first - at).number(u64::from(extent.run.count));
            w.number(extent.run.first).number(extent.generation);
            at = first + u64::from(extent.run.count);
        }
        Some(w.finish()).filter(|bytes| !bytes.is_empty())
    }

    /// Adds a page from its record.
    pub(crate) fn decode_page(&mut self, page: u64, bytes: &[u8]) -> Result<(), Damaged> {
        let mut r = Reader::new(bytes);
        let mut at = page.checked_mul(PAGE_BLOCKS).ok_or(Damaged)?;
        while !r.is_at_end() {
            let first = at.checked_add(r.number()?).ok_or(Damaged)?;
            let count = r.small()?;
            let run = Run {
                first: r.number()?,
                count,
            };
            at = first.checked_add(u64::from(count)).ok_or(Damaged)?;
            let run_end = run.first.checked_add(u64::from(count));
            if count == 0 || run_end.is_none() {
                return Err(Damaged);
            }
            let extent = Extent {
                run,
                generation: r.number()?,
                is_fresh: false,
            };
            self.by_block.insert(first, extent);
            self.count(extent, true);
        }
        Ok(())
    }
}

const fn page_range(page: u64) -> Range<u64> {
    page * PAGE_BLOCKS..(page + 1) * PAGE_BLOCKS
}

#[cfg(test)]
mod tests;
