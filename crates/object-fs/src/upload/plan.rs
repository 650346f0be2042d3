//! Which parts of a large file are sent, and which the bucket has already.

use std::ops::Range;

use cache::BLOCK_LEN;
use object_store::{PART_BYTES_MAX, PARTS_MAX};

/// Bytes of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<u64>,
    pub(super) source: PieceSource,
}

/// Where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceSource {
    Cache,
    /// The same range of the object before.
    Object,
}

/// A file that is to be uploaded in parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) size: u64,
    /// Up to here the object before may have the same bytes.
    pub(super) base_len: u64,
    /// Least length of a part, but for the last.
    pub(super) part_bytes: u64,
    /// Parts begin and end at a multiple of it, but for the end of the file: blocks at least.
    pub(super) step: u64,
}

/// Parts that the bucket copies are so many times as large: they cost a request and no bytes.
const COPY_TIMES: u64 = 128;
/// Parts that are planned at most, so that none of the roundings comes to more than there may be.
const PARTS_PLANNED_MAX: u64 = PARTS_MAX - 100;

/// The parts in order, without gaps. Ranges of which `is_unchanged` says so come from the object
/// before.
pub(super) fn plan(whole: Whole, is_unchanged: impl Fn(&Range<u64>) -> bool) -> Vec<Piece> {
    let step = whole.step.max(BLOCK_LEN);
    let needed = whole.size.div_ceil(PARTS_PLANNED_MAX);
    let part = whole.part_bytes.max(needed).next_multiple_of(step);
    let base = base_end(whole, part);
    let mut pieces: Vec<Piece> = Vec::new();
    for cell in cells(0..base, part, base < whole.size) {
        let source = if is_unchanged(&cell) {
            PieceSource::Object
        } else {
            PieceSource::Cache
        };
        let copy_max = (part * COPY_TIMES).min(PART_BYTES_MAX);
        match pieces.last_mut() {
            Some(last)
                if source == PieceSource::Object
                    && last.source == source
                    && cell.end - last.range.start <= copy_max =>
            {
                last.range.end = cell.end;
            }
            Some(_) | None => pieces.push(Piece {
                range: cell,
                source,
            }),
        }
    }
    let behind = cells(base..whole.size, part, false);
    pieces.extend(behind.map(|range| Piece {
        range,
        source: PieceSource::Cache,
    }));
    pieces
}

/// Where the object before ends, as far as parts go: at a whole block unless the file ends there
/// too, so that what was appended needs no byte before it; not so early that a part before it
/// would be too short.
fn base_end(whole: Whole, part: u64) -> u64 {
    let end = whole.base_len.min(whole.size);
    if end == whole.size {
        return end;
    }
    // The last part takes what is left up to there, if it may be so long.
    let step = if part > PART_BYTES_MAX / 2 {
        part
    } else {
        whole.step.max(BLOCK_LEN)
    };
    let end = end / step * step;
    if end < part { 0 } else { end }
}

/// A range in cells of `part` bytes. The last is shorter, or longer if no short one may be there.
fn cells(range: Range<u64>, part: u64, is_followed: bool) -> impl Iterator<Item = Range<u64>> {
    let len = range.end - range.start;
    let count = match (len / part, len % part) {
        (0, 0) => 0,
        (whole, 0) => whole,
        (whole, _) if is_followed && whole > 0 => whole,
        (whole, _) => whole + 1,
    };
    (0..count).map(move |n| {
        let start = range.start + n * part;
        let end = if n + 1 == count {
            range.end
        } else {
            start + part
        };
        start..end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What is sent and what is copied, in MiB.
    fn shape(whole: Whole, changed: &[Range<u64>]) -> String {
        let overlaps = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
        let pieces = plan(whole, |range| !changed.iter().any(|c| overlaps(c, range)));
        check(whole, &pieces);
        let shown = pieces.iter().map(|piece| {
            let sign = match piece.source {
                PieceSource::Cache => '+',
                PieceSource::Object => '=',
            };
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let len = (piece.range.end - piece.range.start) as f64 / MIB as f64;
            format!("{sign}{len}")
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    fn check(whole: Whole, pieces: &[Piece]) {
        assert!(pieces.len() as u64 <= PARTS_MAX);
        let mut at = 0;
        for (n, piece) in pieces.iter().enumerate() {
            let len = piece.range.end - piece.range.start;
            assert_eq!(piece.range.start, at);
            let is_last = n + 1 == pieces.len();
            assert!(len > 0 && len <= PART_BYTES_MAX && (is_last || len >= whole.part_bytes));
            at = piece.range.end;
        }
        assert_eq!(at, whole.size);
    }

    fn whole(size: u64, base_len: u64) -> Whole {
        Whole {
            size,
            base_len,
            part_bytes: 8 * MIB,
            step: 1,
        }
    }

    #[test]
    fn a_new_file_is_sent_in_parts() {
        assert_eq!(shape(whole(20 * MIB, 0), &[]), "+8 +8 +4");
        assert_eq!(shape(whole(16 * MIB, 0), &[]), "+8 +8");
    }

    #[test]
    fn of_an_appended_file_only_the_end_is_sent() {
        let gib = 1_024 * MIB;
        let appended = whole(10 * gib + MIB, 10 * gib);
        let copies = ["=1024"; 10].join(" ");
        assert_eq!(shape(appended, &[]), format!("{copies} +1"));
        // The block in which the old end was is written anew.
        let (end, size) = (9 * MIB + 5_000, 10 * MIB);
        let block = end / BLOCK_LEN * BLOCK_LEN;
        let pieces = plan(whole(size, end), |range| range.end <= block);
        let sent = pieces.iter().filter(|p| p.source == PieceSource::Cache);
        let sent: Vec<_> = sent.map(|p| (p.range.start, p.range.end)).collect();
        assert_eq!(sent, [(block, size)]);
    }

    #[test]
    fn what_was_changed_in_place_is_sent_in_whole_parts() {
        let changed = [17 * MIB..17 * MIB + 1, 40 * MIB..41 * MIB];
        let shape = shape(whole(64 * MIB, 64 * MIB), &changed);
        assert_eq!(shape, "=16 +8 =16 +8 =16");
    }

    #[test]
    fn a_cut_file_is_copied_up_to_the_cut() {
        assert_eq!(shape(whole(30 * MIB, 30 * MIB), &[]), "=30");
        assert_eq!(shape(whole(30 * MIB, 3 * MIB), &[]), "+8 +8 +8 +6");
    }

    #[test]
    fn parts_begin_where_the_store_lets_them() {
        let step = 64 << 10;
        let size = (1 << 40) + 5;
        for base_len in [0, 9 * MIB + 5_000, size] {
            let whole = Whole {
                step,
                ..whole(size, base_len)
            };
            let pieces = plan(whole, |_| true);
            check(whole, &pieces);
            assert!(pieces.iter().all(|piece| piece.range.start % step == 0));
        }
    }

    #[test]
    fn the_largest_file_has_not_too_many_parts() {
        let size = 48 << 40;
        for base_len in [0, size - 3, size] {
            check(
                whole(size, base_len),
                &plan(whole(size, base_len), |_| false),
            );
        }
    }
}
