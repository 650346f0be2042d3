//! Bounds of the link, with their reasons.

use std::time::Duration;

/// Longest frame: the largest MQTT message that a broker takes, with room for the rest.
pub(crate) const FRAME_BYTES_MAX: usize = 2 << 20;
/// Calls under way on one link. A console has a few hundred requests open at most.
pub(crate) const CALLS_MAX: usize = 1_024;
/// Events under way on one link: enough for the longest line, and no more than the receiver
/// may have to sort through before a result.
pub(crate) const EVENTS_MAX: usize = 256;
/// Connections in one part of an `Online`: about 250 KiB.
pub(crate) const ONLINE_PART_MAX: usize = 1_000;
/// Connections in an `Online`: twice the largest broker.
pub(crate) const ONLINE_CHANNELS_MAX: usize = 2_000_000;
/// Credit is granted in pieces of this size, for the sake of fewer frames.
pub(crate) const CREDIT_STEP: usize = EVENTS_MAX / 8;
/// Links that one broker serves: two consoles, and those that are being replaced.
pub(crate) const LINKS_MAX: usize = 16;
/// Frames that wait to be written, besides the replies to calls.
pub(crate) const OUTGOING_MAX: usize = 64;
/// TLS and the proofs.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// An idle link says so this often,
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(3);
/// and one that says nothing for so long is dead.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);
/// For the answer to a call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two attempts to connect: at first,
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// and at most. Short, for a console without its broker shows nothing but old news.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(2);

const _: () = assert!(PING_INTERVAL.as_millis() * 3 < SILENCE_MAX.as_millis());
