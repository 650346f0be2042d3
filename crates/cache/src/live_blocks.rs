//! Which blocks of earlier runs are still named: a bit for each.

use std::collections::BTreeMap;

use crate::{Run, SegmentId, data_log::SEGMENT_BLOCKS};

const WORD_BITS: u64 = u64::BITS as u64;

/// A set of blocks.
#[derive(Debug, Default)]
pub struct LiveBlocks(BTreeMap<SegmentId, Vec<u64>>);

impl LiveBlocks {
    /// Adds blocks; whether none of them was there before.
    pub fn insert(&mut self, run: Run) -> bool {
        let mut is_new = true;
        let words = usize::try_from(SEGMENT_BLOCKS / WORD_BITS).unwrap_or(0);
        let bits = self
            .0
            .entry(run.segment())
            .or_insert_with(|| vec![0; words]);
        let first = run.first % SEGMENT_BLOCKS;
        for block in first..first + u64::from(run.count) {
            let word = usize::try_from(block / WORD_BITS).unwrap_or(usize::MAX);
            if let Some(word) = bits.get_mut(word) {
                let bit = 1 << (block % WORD_BITS);
                is_new &= *word & bit == 0;
                *word |= bit;
            }
        }
        is_new
    }

    /// How many blocks of a segment are in the set.
    pub(crate) fn count(&self, id: SegmentId) -> u64 {
        let words = self.0.get(&id).into_iter().flatten();
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    /// The runs of a segment, from block `from` on, that are not in the set.
    pub(crate) fn gaps(&self, id: SegmentId, from: u64) -> Vec<Run> {
        let bits = self.0.get(&id);
        let is_live = |block: u64| {
            let word = usize::try_from(block / WORD_BITS).unwrap_or(usize::MAX);
            let word = bits.and_then(|bits| bits.get(word)).copied().unwrap_or(0);
            word >> (block % WORD_BITS) & 1 == 1
        };
        let base = u64::from(id.0) * SEGMENT_BLOCKS;
        let mut gaps: Vec<Run> = Vec::new();
        for block in (from..SEGMENT_BLOCKS).filter(|block| !is_live(*block)) {
            match gaps.last_mut() {
                Some(gap) if gap.first + u64::from(gap.count) == base + block => gap.count += 1,
                Some(_) | None => gaps.push(Run {
                    first: base + block,
                    count: 1,
                }),
            }
        }
        gaps
    }
}
