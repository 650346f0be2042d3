//! Every bound of this server, with its reason.

/// Connections served at once; more wait in the kernel's queue. An S3 client opens tens.
pub(crate) const CONNECTIONS_MAX: usize = 1_024;
/// Keys in one page of a listing. S3's own figure.
pub(crate) const LIST_KEYS_MAX: usize = 1_000;
/// Parts in one upload. S3's own figure.
pub(crate) const PARTS_MAX: u16 = 10_000;
/// Least size of a part that is not the last. S3's own figure.
pub(crate) const PART_BYTES_MIN: u64 = 5 << 20;
/// User metadata of one object, names and values. S3's figure is 2 KiB; the file engine writes
/// about 200 bytes.
pub(crate) const METADATA_BYTES_MAX: usize = 8 << 10;
/// Longest key. S3's own figure.
pub(crate) const KEY_BYTES_MAX: usize = 1_024;
/// Longest file name that Linux takes.
pub(crate) const FILE_NAME_BYTES_MAX: usize = 255;
/// Read from a file at once when an object is sent.
pub(crate) const READ_CHUNK_BYTES: usize = 256 << 10;
/// Multipart uploads under way in one bucket; each costs a directory and an entry in memory.
pub(crate) const UPLOADS_MAX: usize = 10_000;
/// Deletes of one batch that wait for the disk together, so that they share its flushes.
pub(crate) const DELETES_AT_ONCE: usize = 32;
/// Journal records beyond twice the number of objects that make it worth rewriting.
pub(crate) const JOURNAL_SLACK_RECORDS: usize = 100_000;
