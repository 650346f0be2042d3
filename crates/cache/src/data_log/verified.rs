//! Which blocks of a segment are in memory as they were when their checksums were right.
//!
//! A block that came from the disk is compared with its checksum. Until it goes from memory again,
//! it need not be: that would find faults of memory, not of the disk. When blocks go, the kernel
//! does not say; but whoever reads them next has to wait for the disk. So all knowledge about a
//! segment ends whenever somebody had to wait for it, since the kernel reads neighbours along.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Run, SEGMENT_BLOCKS};

/// Blocks of one word.
const WORD_BLOCKS: u64 = u64::BITS as u64;
const WORDS: u64 = SEGMENT_BLOCKS / WORD_BLOCKS;
const _: () = assert!(SEGMENT_BLOCKS.is_multiple_of(WORD_BLOCKS));

/// A bit for each block of a segment, 8 KiB.
#[derive(Debug)]
pub(super) struct Verified {
    words: Box<[AtomicU64]>,
    waits: AtomicU64,
}

/// How often the disk had been waited for when a read began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits(u64);

impl Verified {
    pub(super) fn nothing() -> Self {
        Self {
            words: (0..WORDS).map(|_| AtomicU64::default()).collect(),
            waits: AtomicU64::default(),
        }
    }

    /// To be asked before the blocks are read or written that are then noted.
    pub(super) fn waits(&self) -> Waits {
        Waits(self.waits.load(Ordering::SeqCst))
    }

    /// Whether all blocks of a run are known.
    pub(super) fn has(&self, run: Run) -> bool {
        words_of(run).all(|(word, bits)| {
            let known = self.words.get(word).map(|w| w.load(Ordering::SeqCst));
            known.is_some_and(|known| known & bits == bits)
        })
    }

    /// Blocks of a run are in memory as they should be, unless the disk was waited for meanwhile.
    pub(super) fn note(&self, run: Run, before: Waits) {
        self.change(run, |word, bits| {
            word.fetch_or(bits, Ordering::SeqCst);
        });
        // If it is counted from here on, whoever counted it forgets these, too.
        if self.waits() != before {
            self.change(run, |word, bits| {
                word.fetch_and(!bits, Ordering::SeqCst);
            });
        }
    }

    /// The disk has to be waited for.
    pub(super) fn forget(&self) {
        self.waits.fetch_add(1, Ordering::SeqCst);
        for word in &self.words {
            // Whoever adds to what this leaves sees the count above.
            word.store(0, Ordering::Release);
        }
    }

    fn change(&self, run: Run, change: impl Fn(&AtomicU64, u64)) {
        for (word, bits) in words_of(run) {
            if let Some(word) = self.words.get(word) {
                change(word, bits);
            }
        }
    }
}

/// The words that hold a run's bits, with those bits set.
fn words_of(run: Run) -> impl Iterator<Item = (usize, u64)> {
    let start = run.first % SEGMENT_BLOCKS;
    let end = start + u64::from(run.count);
    (start / WORD_BLOCKS..end.div_ceil(WORD_BLOCKS)).map(move |word| {
        let base = word * WORD_BLOCKS;
        let from = start.saturating_sub(base);
        let to = (end - base).min(WORD_BLOCKS);
        let below = |bit: u64| u64::MAX.checked_shr(u32::try_from(WORD_BLOCKS - bit).unwrap_or(0));
        let bits = below(to).unwrap_or(0) & !below(from).unwrap_or(0);
        (usize::try_from(word).unwrap_or(usize::MAX), bits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, count: u32) -> Run {
        let first = 3 * SEGMENT_BLOCKS + first;
        Run { first, count }
    }

    #[test]
    fn a_run_is_known_if_all_its_blocks_are() {
        let verified = Verified::nothing();
        for (first, count) in [(64, 1), (70, 130), (300, 64), (65_535, 1)] {
            verified.note(run(first, count), verified.waits());
            assert!(verified.has(run(first, count)));
            assert!(!verified.has(run(first - 1, 1)), "before {first}");
            assert!(!verified.has(run(first - 1, count + 1)));
        }
        assert!(!verified.has(run(65, 5)) && !verified.has(run(200, 1)));
        assert!(!verified.has(run(364, 1)));
        verified.note(run(65, 5), verified.waits());
        assert!(verified.has(run(64, 136)));
    }

    #[test]
    fn nothing_is_known_after_a_wait_and_nothing_that_was_read_before_it() {
        let verified = Verified::nothing();
        let before = verified.waits();
        verified.note(run(64, 100), before);
        verified.forget();
        assert!(!verified.has(run(64, 1)) && !verified.has(run(163, 1)));
        verified.note(run(64, 100), before);
        assert!(!verified.has(run(64, 1)));
        verified.note(run(64, 100), verified.waits());
        assert!(verified.has(run(64, 100)));
    }
}
