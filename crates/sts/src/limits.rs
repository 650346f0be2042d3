//! Bounds of this client.

use std::time::Duration;

/// To a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// To the end of an answer: a service that takes longer is asked again later.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer: a session token has a few KiB, all else is short.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest session token that is taken; it goes with each request as a header.
pub(crate) const TOKEN_LEN_MAX: usize = 8 << 10;
/// Longest access key id and secret.
pub(crate) const KEY_LEN_MAX: usize = 256;
/// Longest sentence of a service that is passed on to people.
pub(crate) const MESSAGE_LEN_MAX: usize = 400;
/// Longest name of a session that both providers take.
pub(crate) const SESSION_LEN_MAX: usize = 64;

const _: () = assert!(TOKEN_LEN_MAX + 2 * KEY_LEN_MAX + MESSAGE_LEN_MAX < ANSWER_BYTES_MAX);
