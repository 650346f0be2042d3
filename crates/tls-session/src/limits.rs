//! Lengths that TLS sets, and how long a key may be used.

/// Longest plain text of a record (RFC 8446, 5.1).
pub const PLAIN_LEN_MAX: usize = 1 << 14;
/// Longest record behind its header (RFC 8446, 5.2; suites of TLS 1.2 need less than its 2,048).
pub const RECORD_LEN_MAX: usize = PLAIN_LEN_MAX + 256;
/// What may wait for the rest of a handshake message: a chain of certificates and its record.
pub const HANDSHAKE_INPUT_LEN_MAX: usize = 96 * 1024;
/// Records that one key may protect; AES-GCM allows 2^24.5 (RFC 8446, 5.5).
pub const KEY_RECORDS_MAX: u64 = 1 << 23;

const _: () = assert!(HANDSHAKE_INPUT_LEN_MAX > RECORD_LEN_MAX);
