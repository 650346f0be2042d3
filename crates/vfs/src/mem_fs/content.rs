//! The bytes of one file: chunks that were written, holes between them.

use std::collections::BTreeMap;

/// Bytes of a chunk.
const CHUNK_LEN: usize = 64 << 10;
const CHUNK_LEN_U64: u64 = 64 << 10;

/// A sparse file.
#[derive(Debug, Default)]
pub(super) struct Content {
    chunks: BTreeMap<u64, Box<[u8]>>,
}

/// The part of one chunk that a range of the file covers.
struct Piece {
    chunk: u64,
    start: usize,
    len: usize,
}

impl Content {
    /// Bytes that the written chunks take.
    pub(super) fn used_bytes(&self) -> u64 {
        to_u64(self.chunks.len()).saturating_mul(CHUNK_LEN_U64)
    }

    /// How many bytes more a write of this range would take.
    pub(super) fn growth(&self, offset: u64, len: usize) -> u64 {
        let new = pieces(offset, len).filter(|p| !self.chunks.contains_key(&p.chunk));
        to_u64(new.count()).saturating_mul(CHUNK_LEN_U64)
    }

    /// Copies `bytes` in.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut rest = bytes;
        for piece in pieces(offset, bytes.len()) {
            let (now, later) = rest.split_at(piece.len);
            let chunk = self
                .chunks
                .entry(piece.chunk)
                .or_insert_with(|| vec![0; CHUNK_LEN].into_boxed_slice());
            chunk[piece.start..piece.start + piece.len].copy_from_slice(now);
            rest = later;
        }
    }

    /// The bytes of a range; holes read as zeros.
    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        for piece in pieces(offset, len) {
            match self.chunks.get(&piece.chunk) {
                Some(chunk) => {
                    out.extend_from_slice(&chunk[piece.start..piece.start + piece.len]);
                }
                None => out.resize(out.len() + piece.len, 0),
            }
        }
        out
    }

    /// Forgets what lies at or after `size`, so that it reads as zeros if the file grows again.
    pub(super) fn cut(&mut self, size: u64) {
        let (last, within) = (size / CHUNK_LEN_U64, to_usize(size % CHUNK_LEN_U64));
        if within == 0 {
            self.chunks.split_off(&last);
            return;
        }
        self.chunks.split_off(&last.saturating_add(1));
        if let Some(chunk) = self.chunks.get_mut(&last) {
            chunk[within..].fill(0);
        }
    }
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let at = offset.checked_add(to_u64(done))?;
        let start = to_usize(at % CHUNK_LEN_U64);
        let piece = Piece {
            chunk: at / CHUNK_LEN_U64,
            start,
            len: (len - done).min(CHUNK_LEN - start),
        };
        done += piece.len;
        Some(piece)
    })
}

fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_what_was_cut_off_read_as_zeros() {
        let mut content = Content::default();
        let far = CHUNK_LEN_U64 * 3 - 2;
        content.write(far, b"abcd");
        assert_eq!(content.used_bytes(), 2 * CHUNK_LEN_U64);
        assert_eq!(content.read(far - 2, 8), b"\0\0abcd\0\0");
        assert_eq!(content.growth(0, 1), CHUNK_LEN_U64);
        assert_eq!(content.growth(far, 4), 0);

        content.cut(far + 1);
        assert_eq!(content.read(far, 4), b"a\0\0\0");
        content.cut(0);
        assert_eq!(content.used_bytes(), 0);
    }
}
