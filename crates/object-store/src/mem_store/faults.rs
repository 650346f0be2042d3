//! What goes wrong, how slow the store is, and what it counts.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use crate::{StoreError, StoreErrorKind, StoreResult};

/// What goes wrong, and how often. The same seed gives the same faults in the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Calls of a thousand that are refused as with a 503, before they did anything.
    pub refused_permille: u32,
    /// Calls of a thousand that are refused as with a 429.
    pub throttled_permille: u32,
    /// Changing calls of a thousand that are carried out but answered with an error.
    pub lost_reply_permille: u32,
    /// Bodies of a thousand that arrive with a wrong byte, which the checksum tells.
    pub damaged_permille: u32,
    /// Bodies of a thousand that break off in the middle.
    pub cut_body_permille: u32,
    /// Completions of a thousand that fail and leave an upload without one of its parts.
    pub torn_upload_permille: u32,
    /// Listings of a thousand that tell how it was a while ago: [`Faults::stale_by`].
    pub stale_list_permille: u32,
    /// How old such a listing is.
    pub stale_by: Duration,
    /// Every so many calls one is refused.
    pub refuse_every: Option<NonZeroU64>,
    /// More calls at a time than that are refused as with a 429.
    pub calls_at_once_max: Option<u32>,
    /// Nothing answers at all.
    pub offline: bool,
}

/// How slow the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Before each answer begins.
    pub per_call: Duration,
    /// Before each chunk of a body.
    pub per_chunk: Duration,
}

/// Calls so far, refused ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// `put`.
    pub puts: u64,
    /// `get`.
    pub gets: u64,
    /// `head`.
    pub heads: u64,
    /// `delete`.
    pub deletes: u64,
    /// `copy`.
    pub copies: u64,
    /// `list`.
    pub lists: u64,
    /// `put_part`.
    pub parts: u64,
    /// `copy_part`.
    pub part_copies: u64,
    /// `begin_upload`, `complete_upload`, `abort_upload`, `list_uploads`.
    pub upload_calls: u64,
    /// Bytes that arrived with puts and parts.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Most calls under way at one moment.
    pub at_once_max: u32,
}

/// What a call that changes something came to.
pub(super) enum Fate {
    Answered,
    /// What arrived is kept; the sender finds out that it is not what was sent.
    Damaged,
    ReplyLost,
}

impl Fate {
    pub(super) fn answer<T>(self, value: T) -> StoreResult<T> {
        match self {
            Self::Answered => Ok(value),
            Self::Damaged => Err(StoreError::new(
                StoreErrorKind::Damaged,
                "the bytes were damaged on their way (injected); they are sent again",
            )),
            Self::ReplyLost => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "connection closed before the answer (injected)",
            )),
        }
    }
}

/// A line that all bodies share.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) bytes_per_second: Option<u64>,
    free_at: Option<Instant>,
}

impl Line {
    /// When so many more bytes have gone over it; at once if it has no bound.
    pub(super) fn reserve(&mut self, bytes: u64, now: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second?;
        let begin = self.free_at.map_or(now, |free| free.max(now));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
        let end = begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at = Some(end);
        Some(end)
    }
}

/// Numbers that look random.
#[derive(Debug, Default)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A step of `SplitMix64`: small, and the same on every machine.
    pub(super) fn chance(&mut self, permille: u32) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 1_000 < u64::from(permille)
    }
}
