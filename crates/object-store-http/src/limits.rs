//! Bounds of this client. Sizes that S3 and OSS set are theirs; both have the same.

use object_store::{PART_BYTES_MAX, PARTS_MAX};

/// Bodies up to this size are held in memory, so that their MD5 can go ahead of them. Larger
/// ones are streamed.
pub(crate) const PART_IN_MEMORY_BYTES_MAX: u64 = 64 << 20;
/// Read from the source at once for a streamed part.
pub(crate) const STREAM_CHUNK_BYTES: u64 = 8 << 20;
/// Largest object that one copy request takes (S3, OSS).
pub(crate) const SINGLE_COPY_BYTES_MAX: u64 = 5 << 30;
/// Part size of a copy in parts: no bytes pass through here.
pub(crate) const COPY_PART_BYTES: u64 = 1 << 30;
/// Part copies under way at once.
pub(crate) const COPY_PARTS_AT_ONCE: usize = 8;
/// Keys, or uploads, in a page of a listing (S3, OSS).
pub(crate) const LIST_KEYS_MAX: u32 = 1_000;
/// Longest answer that is not an object: 1,000 keys of 1,024 bytes, percent-encoded, in XML.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;
/// Longest key, prefix included, that both kinds take (OSS; S3 has one more).
pub(crate) const KEY_BYTES_MAX: usize = 1_023;

const _: () = assert!(PART_BYTES_MAX * PARTS_MAX >= 48 << 40, "objects to 48 TiB");
const _: () = assert!(
    COPY_PART_BYTES * PARTS_MAX < 48 << 40,
    "so copies need larger parts too"
);
