//! Where the bytes of a file are in its encrypted object.
//!
//! ```text
//! header | chunk 0, tag | chunk 1, tag | … | last chunk, tag
//!     64      2^n    16
//! ```
//!
//! All chunks but the last are whole; only an empty file has an empty one. So each length tells
//! the other, and a listing is enough to know how long a file is.

use std::ops::Range;

use crate::header::HEADER_LEN;

/// Bytes after each chunk that authenticate it.
pub(crate) const TAG_LEN: u64 = 16;
const HEADER: u64 = HEADER_LEN as u64;
/// Chunks have 4 KiB at least …
pub(crate) const CHUNK_LOG2_MIN: u8 = 12;
/// … and 16 MiB at most.
pub(crate) const CHUNK_LOG2_MAX: u8 = 24;
/// 64 KiB: a small read fetches little more than it wants, and tags are 0.02 % of an object.
const CHUNK_LOG2: u8 = 16;

/// How long the chunks of an object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    chunk_log2: u8,
}

impl Default for Layout {
    /// Chunks of 64 KiB: what gateways write.
    fn default() -> Self {
        Self::of_log2(CHUNK_LOG2)
    }
}

impl Layout {
    /// Chunks of 2 to the power of `chunk_log2` bytes, 12 to 24.
    #[must_use]
    pub fn of_log2(chunk_log2: u8) -> Self {
        let chunk_log2 = chunk_log2.clamp(CHUNK_LOG2_MIN, CHUNK_LOG2_MAX);
        Self { chunk_log2 }
    }

    pub(crate) const fn chunk_log2(self) -> u8 {
        self.chunk_log2
    }

    /// Bytes of a file in a chunk.
    #[must_use]
    pub const fn chunk_len(self) -> u64 {
        1 << self.chunk_log2
    }

    /// Bytes of the object that a whole chunk takes.
    pub(crate) const fn sealed_chunk_len(self) -> u64 {
        self.chunk_len() + TAG_LEN
    }

    /// How many chunks a file has: one at least.
    pub(crate) const fn chunks(self, plain_len: u64) -> u64 {
        let chunks = plain_len.div_ceil(self.chunk_len());
        if chunks == 0 { 1 } else { chunks }
    }

    /// How long the object of a file is.
    #[must_use]
    pub const fn sealed_len(self, plain_len: u64) -> u64 {
        HEADER + plain_len + TAG_LEN * self.chunks(plain_len)
    }

    /// How long the file of an object is; `None` if no encrypted object is so long.
    #[must_use]
    pub fn plain_len(self, sealed_len: u64) -> Option<u64> {
        let body = sealed_len.checked_sub(HEADER)?;
        let chunks = body.div_ceil(self.sealed_chunk_len()).max(1);
        let plain = body.checked_sub(TAG_LEN * chunks)?;
        (self.chunks(plain) == chunks).then_some(plain)
    }

    /// Where a chunk begins in the object.
    pub(crate) const fn chunk_start(self, index: u64) -> u64 {
        HEADER + index * self.sealed_chunk_len()
    }

    /// The chunks that hold a range of the file, which is not empty.
    pub(crate) const fn chunks_of(self, start: u64, end: u64) -> Range<u64> {
        start / self.chunk_len()..end.div_ceil(self.chunk_len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_length_tells_the_other() {
        let layout = Layout::default();
        for (plain, sealed) in [
            (0, 80),
            (1, 81),
            (65_536, 65_616),
            (65_537, 65_633),
            (48 << 40, (48 << 40) + 64 + (48 << 24) * 16),
        ] {
            assert_eq!(layout.sealed_len(plain), sealed);
            assert_eq!(layout.plain_len(sealed), Some(plain));
        }
        for none in [0, 63, 79, 65_617, 65_632] {
            assert_eq!(layout.plain_len(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn lengths_come_back(plain in 0_u64..(48 << 40), log2 in 12_u8..=24) {
            let layout = Layout::of_log2(log2);
            let sealed = layout.sealed_len(plain);
            prop_assert_eq!(layout.plain_len(sealed), Some(plain));
            if let Some(other) = layout.plain_len(sealed + 1) {
                prop_assert_eq!(layout.sealed_len(other), sealed + 1);
            }
        }
    }
}
