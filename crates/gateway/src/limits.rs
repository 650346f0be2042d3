//! What bounds memory, time and disk of a gateway.

use std::time::Duration;

/// Commands that look something up and run side by side.
pub(crate) const QUICK_COMMANDS_MAX: usize = 8;
/// Commands that may take long and run side by side; their own limit, so that they never
/// keep the quick ones waiting.
pub(crate) const SLOW_COMMANDS_MAX: usize = 4;
/// Messages on their way to an owner's loop.
pub(crate) const QUEUE_MAX: usize = 64;

/// Replies that wait for the connection. Of more the oldest are dropped: the console asks by
/// `command.get`.
pub(crate) const REPLIES_WAITING_MAX: usize = 256;
/// Events that wait for the connection; of more the oldest are dropped.
pub(crate) const EVENTS_WAITING_MAX: usize = 1_024;
/// Batches of changes of objects that wait for the connection, 64 KiB each at most. Who tells
/// them waits for room, so they are few.
pub(crate) const CHANGES_WAITING_MAX: usize = 32;
/// How long changes of objects gather before they are told: long enough for one message to carry
/// many, short beside the second in which others want to see them.
pub(crate) const CHANGES_GATHER: Duration = Duration::from_millis(25);
/// How often the number of the last batch of changes is repeated, for a console that was started
/// meanwhile.
pub(crate) const CHANGES_REPEAT: Duration = Duration::from_secs(60);
/// Messages sent and not yet acknowledged by the broker.
pub(crate) const MESSAGES_IN_FLIGHT_MAX: usize = 16;

/// Longest first pause before the agent connects again: the gateways of a fleet spread over it.
pub(crate) const RECONNECT_PAUSE_MIN: Duration = Duration::from_secs(2);
/// Longest pause while nobody listens at the broker's address: after an outage of any length
/// the whole fleet is back this long after the broker.
pub(crate) const UNREACHABLE_PAUSE_MAX: Duration = Duration::from_secs(8);
/// Longest pause after a broker, or something on the way to it, did not let the agent in.
pub(crate) const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one: the next pause is the first again.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(10);

/// How long `join` waits for the console to replace the bundle's credential.
pub(crate) const JOIN_ROTATION_WAIT: Duration = Duration::from_secs(10);

/// Room that must be left on the cache disk to open a share: its index and journal need it
/// before any data comes.
pub(crate) const CACHE_FREE_BYTES_MIN: u64 = 64 << 20;
/// First and longest pause before a share that failed is tried again.
pub(crate) const SHARE_RETRY_MIN: Duration = Duration::from_secs(2);
pub(crate) const SHARE_RETRY_MAX: Duration = Duration::from_secs(60);
/// Names of files that are in the cache alone, noted outside of it; the others are counted.
pub(crate) const LEDGER_NAMES_MAX: usize = 10_000;
/// How often they are noted, if something has changed: a megabyte at most, …
pub(crate) const LEDGER_INTERVAL: Duration = Duration::from_secs(5);
/// … and if nothing has: so that the age of a note tells something.
pub(crate) const LEDGER_REPEAT: Duration = Duration::from_secs(600);
/// How long it is shown what a lost cache took with it.
pub(crate) const LOSS_SHOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How often the reconciler looks whether something is due.
pub(crate) const RECONCILE_INTERVAL: Duration = Duration::from_millis(500);
/// How long the first check of a bucket may take.
pub(crate) const BUCKET_CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// Shares of one gateway: their status must fit into one message.
pub(crate) const SHARES_MAX: usize = 128;
/// Largest status as JSON; as the result of `status.get` it needs room for the envelope.
pub(crate) const STATUS_LEN_MAX: usize = model::COMMAND_LEN_MAX - 1_024;
/// Reason of a share that failed, when all reasons together are too long.
pub(crate) const REASON_CHARS_MAX: usize = 60;

const _: () = assert!(RECONNECT_PAUSE_MIN.as_millis() < UNREACHABLE_PAUSE_MAX.as_millis());
const _: () = assert!(UNREACHABLE_PAUSE_MAX.as_millis() < RECONNECT_PAUSE_MAX.as_millis());
