//! Every bound of the console, with its reason.

use std::time::Duration;

/// Largest request body: a command of the largest size with its envelope, four times.
pub(crate) const BODY_LEN_MAX: usize = 256 * 1024;
/// Largest parameters of a command; with the envelope they stay below the queue's limit.
pub(crate) const PARAMS_LEN_MAX: usize = 48 * 1024;
/// Largest page of a list.
pub(crate) const PAGE_MAX: u64 = 1_000;
/// Page of a list unless said otherwise.
pub(crate) const PAGE_DEFAULT: u64 = 100;
/// How long a login lasts: a working day.
pub(crate) const SESSION_AGE_MAX: Duration = Duration::from_hours(12);
/// Time in which a client must have sent its request's head.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for open requests to end at shutdown.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// Items that wait for a slow reader of the stream; then it gets `reset`.
pub(crate) const STREAM_ITEMS_MAX: usize = 1_024;
/// Pages and programs that listen at the same time; each holds a connection.
pub(crate) const STREAM_READERS_MAX: usize = 1_000;
/// Comment lines on a silent stream keep proxies from closing it.
pub(crate) const STREAM_HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a stream looks whether its login still holds.
pub(crate) const STREAM_LOGIN_CHECK: Duration = Duration::from_secs(30);
/// Time to put a message on a gateway's connection. The broker answers in microseconds if it
/// can; an answer OFFLINE must be there within 100 ms, this is for a broker that hangs.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(2);
/// For an answer to a call of administration: three days of traces may have to be read.
pub(crate) const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Deadline of a command unless said otherwise.
pub(crate) const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// Longest deadline of a command.
pub(crate) const DEADLINE_MAX: Duration = Duration::from_hours(1);
/// Longest wait for an outcome within one request.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(60);
/// Commands to one gateway without an outcome: a gateway runs them one after the other.
pub(crate) const PENDING_MAX: u64 = 256;
/// Commands looked at in one tick; the rest waits for the next.
pub(crate) const DUE_MAX: u64 = 256;
/// Commands with unknown outcome that a gateway is asked about when it comes back.
pub(crate) const UNKNOWN_ASKED_MAX: u64 = 64;
/// Messages of our own (pings, questions) that wait for an answer.
pub(crate) const QUERIES_MAX: usize = 10_000;
/// How long they wait.
pub(crate) const QUERY_AGE_MAX: Duration = Duration::from_secs(60);
/// Time between two measurements of a gateway's round-trip time.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(30);
/// A gateway whose report is behind gets its intent again, at most this often.
pub(crate) const INTENT_RESEND_INTERVAL: Duration = Duration::from_secs(10);
/// Highest version of an intent that is believed of a gateway: what JSON's readers take for a whole
/// number, and more changes than will ever be made.
pub(crate) const INTENT_VERSION_MAX: u64 = 1 << 53;
/// A gateway whose report is ahead of the database has its intent raised above it, at most this
/// often: once is enough, unless it makes its versions up.
pub(crate) const INTENT_RAISE_INTERVAL: Duration = Duration::from_mins(1);
/// Two take-overs within this time are no broken line: two processes use one identity.
pub(crate) const CONFLICT_WINDOW: Duration = Duration::from_mins(5);
/// While they go on, the operator hears of it this often.
pub(crate) const CONFLICT_TELL_INTERVAL: Duration = Duration::from_hours(1);
/// Status reports are stored together, this often; more seldom loses more at a crash, more often
/// costs a disk flush each.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
/// How often old history is deleted.
pub(crate) const THIN_INTERVAL: Duration = Duration::from_mins(1);
/// How long events are kept.
pub(crate) const EVENT_AGE_MAX: Duration = Duration::from_hours(24 * 90);
/// Requests to the gateways' owner that wait; each is a few bytes.
pub(crate) const REQUESTS_MAX: usize = 1_024;
/// Reports of changed objects that wait to be passed on …
pub(crate) const CHANGES_WAITING_MAX: usize = 1_024;
/// … the bytes of their messages …
pub(crate) const CHANGES_BYTES_MAX: usize = 16 << 20;
/// … and those of one gateway, so that it leaves room for others. What is beyond is dropped, and
/// the receivers list the bucket.
pub(crate) const CHANGES_OF_ONE_MAX: usize = 128;
/// How often it is looked whether gateways have emptied shares that are removed.
pub(crate) const REMOVAL_TICK: Duration = Duration::from_secs(1);
/// How often it is looked which keys are to be borrowed.
pub(crate) const BORROW_TICK: Duration = Duration::from_secs(1);
/// Shares whose keys are borrowed after one look; the rest waits for the next.
pub(crate) const DUE_KEYS_MAX: u64 = 64;
/// Of these at the same time: one service that hangs must not hold up all others.
pub(crate) const BORROWS_AT_ONCE: usize = 16;
/// Pause after the first attempt to borrow that fails; it doubles each time …
pub(crate) const BORROW_RETRY_MIN: Duration = Duration::from_secs(5);
/// … up to this, the least that is left of keys when they are renewed (900 s by 3).
pub(crate) const BORROW_RETRY_MAX: Duration = Duration::from_mins(5);
/// Longest wait between two attempts to reach the message queue.
pub(crate) const BUS_RETRY_MAX: Duration = Duration::from_secs(10);
/// Time to look into a bucket before a share is accepted.
pub(crate) const BUCKET_CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Shares of one gateway.
pub(crate) const SHARES_MAX: usize = 128;
/// Bytes of what a gateway is told of its shares: one message of the queue.
pub(crate) const INTENT_LEN_MAX: usize = 64 << 10;
/// Keys that a role lends, with their token; that of a service is some 1 KiB long.
pub(crate) const LENT_KEYS_LEN_MAX: usize = 2 << 10;
/// Access rules of one share; each client's address is compared with all of them.
pub(crate) const ACCESS_RULES_MAX: usize = 256;
/// Smallest cache of a share: some of its largest blocks must fit.
pub(crate) const CACHE_BYTES_MIN: u64 = 64 << 20;
/// A cache disk with less than this left takes no further share.
pub(crate) const CACHE_DISK_FREE_MIN: u64 = 256 << 20;
/// Longest text a gateway may put into an event.
pub(crate) const EVENT_MESSAGE_LEN_MAX: usize = 4_096;
/// Addresses whose failed logins are counted.
pub(crate) const LOGIN_SOURCES_MAX: usize = 10_000;
/// Password checks at the same time; each takes 19 MiB and a core.
pub(crate) const PASSWORD_CHECKS_MAX: usize = 2;

const _: () = assert!(PARAMS_LEN_MAX < model::COMMAND_LEN_MAX);
const _: () = assert!(model::COMMAND_LEN_MAX < BODY_LEN_MAX);
