//! What bounds memory and time of a connection.

use std::time::Duration;

/// Largest payload, the queue's rule.
pub const PAYLOAD_LEN_MAX: usize = 64 * 1024;
/// Largest packet we let the broker send: a payload, its topic and its properties.
pub(crate) const PACKET_LEN_MAX: u32 = 128 * 1024;
/// Messages the broker may send before we acknowledge one; told to it in CONNECT.
pub const RECEIVE_MAXIMUM: u16 = 32;
/// Publishes that wait for the connection; the caller waits when they are this many.
pub(crate) const REQUESTS_MAX: usize = 32;
/// Bytes that wait for the socket before no more publishes are taken.
pub(crate) const OUT_LEN_MAX: usize = 256 * 1024;
/// Bytes taken from the socket at once.
pub(crate) const READ_LEN: usize = 16 * 1024;
/// Time for name look-up and TCP, for TLS, for the proxy's answer, and for CONNACK, each.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the last bytes when we say goodbye.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest answer head of a proxy.
pub(crate) const PROXY_HEAD_LEN_MAX: usize = 8 * 1024;

const _: () = assert!(PACKET_LEN_MAX as usize > PAYLOAD_LEN_MAX);
const _: () = assert!(OUT_LEN_MAX > PACKET_LEN_MAX as usize);
