//! Everything has a limit. Those of the queue's own rules are types of `model`.

use std::time::Duration;

use message_bus::{
    EVENTS_BYTES_MAX, EVENTS_MAX,
    fair::{Bounds, Load},
};
use model::FLEET_TOPICS;

/// Longest packet that is read, in bytes: a payload with its topic and properties.
pub const PACKET_LEN_MAX: u32 = 128 * 1024;
/// Longest payload of a message, in bytes: the rule of the queue.
pub const PAYLOAD_LEN_MAX: usize = 64 * 1024;
/// Most subscriptions of one client; a wildcard counts as one: the rule of the queue.
pub const SUBSCRIPTIONS_MAX: usize = 30;
/// Longest keep alive in seconds; MQTT 5 clients that ask for more are told.
pub const KEEP_ALIVE_S_MAX: u16 = 480;
/// A socket that has not sent CONNECT by then is closed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of one broker unless its configuration says otherwise.
pub const CONNECTIONS_MAX: usize = 1_100_000;
/// Most messages of `QoS` 1 and 2 to one client that it has not answered to the end.
pub const INFLIGHT_MAX: u16 = 64;
/// Most messages of `QoS` 2 from one MQTT 5 client that it has not released: two bytes each.
pub const RECEIVE_MAX: u16 = 1_024;
/// Topic aliases that one client may set.
pub const TOPIC_ALIASES_IN_MAX: u16 = 32;
/// Topic aliases that are set for one client, if it takes as many.
pub const TOPIC_ALIASES_OUT_MAX: u16 = 16;
/// Longest topic name that an alias is kept for, in bytes: longer than any that a rule allows.
pub const TOPIC_ALIAS_NAME_LEN_MAX: usize = 256;
/// Longest share name of a shared subscription, in bytes.
pub const SHARE_NAME_LEN_MAX: usize = 64;
/// Most messages of `QoS` 1 and 2 to one client that wait behind those in flight.
pub const QUEUE_LEN_MAX: usize = 6_144;
/// Most bytes of them, those around them included.
pub const QUEUE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Of them, of one parent topic.
pub const QUEUE_TOPIC_LEN_MAX: usize = 4_096;
/// Most bytes of those.
pub const QUEUE_TOPIC_BYTES_MAX: usize = 3 * QUEUE_BYTES_MAX / 4;
/// Unsent bytes of one client beyond which nothing is added but answers to what it sent;
/// reading from it stops too, so that those are bounded.
pub const OUT_BYTES_MAX: usize = 256 * 1024;
/// Most letters from other shards that wait in one inbox.
pub const INBOX_LEN_MAX: usize = 16_384;
/// Most bytes of them.
pub const INBOX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most uplink messages of one parent topic kept while no receiver is attached.
pub const BACKLOG_LEN_MAX: usize = 1_024;
/// Most bytes of them.
pub const BACKLOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Credentials of one client: the old one, its successor, and a few that were never used.
pub const CREDENTIALS_MAX: usize = 8;
/// Access keys of an instance: one for each application.
pub const ACCESS_KEYS_MAX: usize = 1_000;
/// Length of a description or a name that an operator gives.
pub const DESCRIPTION_LEN_MAX: usize = 128;
/// Groups of an instance. Rules are copied with every change, so their number is bounded.
pub const GROUPS_MAX: usize = 1_000;
/// Parent topics of an instance.
pub const PARENT_TOPICS_MAX: usize = 1_000;
/// Topics and filters of one token, credential or access key: the rule of the queue.
pub const RESOURCES_MAX: usize = 100;
/// Shortest life of a token: the rule of the queue.
pub const TOKEN_LIFETIME_MIN: Duration = Duration::from_secs(60);
/// Longest life of a token, what is more is cut: the rule of the queue.
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Longest token that is read: 100 topics of 64 characters in base64, and the rest.
pub const TOKEN_LEN_MAX: usize = 16 * 1024;
/// Tokens of one client at a time.
pub const TOKENS_MAX: usize = 8;
/// How long before its end the holder of a token is told.
pub const TOKEN_NOTICE: Duration = Duration::from_secs(5 * 60);
/// Revoked tokens that have not expired: about 10 MiB.
pub const REVOKED_TOKENS_MAX: usize = 100_000;
/// Clients that are shut out.
pub const BLOCKED_MAX: usize = 100_000;
/// Certificate authorities: a certificate is tried with each.
pub const AUTHORITIES_MAX: usize = 16;
/// Device certificates that were seen: one for each connection that a broker can have.
pub const DEVICE_CERTIFICATES_MAX: usize = CONNECTIONS_MAX;
/// Longest certificate that an operator registers, in PEM.
pub const CERTIFICATE_LEN_MAX: usize = 16 * 1024;
/// Highest value of the setting that bounds subscriptions of one client.
pub const SUBSCRIPTIONS_SETTING_MAX: u32 = 1_000;
/// Lowest value of the setting that bounds payloads.
pub const PAYLOAD_LEN_MIN: usize = 1_024;
/// How long traces are kept: the rule of the queue.
pub const TRACE_AGE_MAX: Duration = Duration::from_secs(3 * 24 * 3_600);
/// Bytes of all traces; then the oldest go before their time.
pub const TRACE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of one file of traces, which go together.
pub const TRACE_FILE_LEN_MAX: u64 = 8 * 1024 * 1024;
/// Events of one event loop that wait to be written.
pub const TRACE_RING_LEN_MAX: usize = 16_384;
/// Messages of one event loop that are traced in one second: what people can look through, and
/// no weight beside what a flood costs anyway.
pub const TRACED_MESSAGES_PER_SECOND: u32 = 100;
/// Clients of one event loop of whom it is traced that they got a message which goes to many.
pub const TRACED_RECEIVERS_MAX: usize = 64;
/// Length of an access key id.
pub const ACCESS_KEY_ID_LEN_MAX: usize = 64;
/// Length of a reason string, so that what a client sent is not sent back in full.
pub const REASON_LEN_MAX: usize = 256;
/// Longest life of a session whose client is away; MQTT 5 clients that ask for more are told.
pub const SESSION_EXPIRY_S_MAX: u32 = 7 * 24 * 60 * 60;
/// How long a message waits for a client that is away: the rule of the queue.
pub const OFFLINE_MESSAGE_AGE_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Most messages that wait for clients of persistent sessions: the rule of the queue. One that
/// waits for two counts twice.
pub const OFFLINE_MESSAGES_MAX: usize = 1_000_000;
/// Most bytes of them, in memory and, at most three times, on disk.
pub const OFFLINE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most messages that wait for one client, so that one does not push out those of all others.
pub const OFFLINE_CLIENT_MESSAGES_MAX: usize = 10_000;
/// Most bytes of them.
pub const OFFLINE_CLIENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most persistent sessions; an idle one takes about 600 bytes.
pub const PERSISTENT_SESSIONS_MAX: usize = 1_000_000;
/// Most retained messages.
pub const RETAINED_MAX: usize = 100_000;
/// Most bytes of them.
pub const RETAINED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most retained messages that one subscription brings.
pub const RETAINED_PER_SUBSCRIPTION_MAX: usize = 10_000;
/// Their bytes that wait for one client: those that are replaced meanwhile are kept for it alone.
pub const RETAINED_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most bytes of changes that wait to be written to disk; then publishers wait.
pub const STORE_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most acknowledgements of one client that wait for the disk; then it is not read.
pub const HELD_ACKS_MAX: usize = 1_024;
/// Longest time in which a broker is emptied.
pub const DRAIN_WINDOW_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Longest list of other brokers that clients are told.
pub const SERVER_REFERENCE_LEN_MAX: usize = 1_024;
/// How often statistics are published.
pub const STATISTICS_EVERY_S: u32 = 10;
/// Event loops of one broker.
pub const THREADS_MAX: usize = 64;

/// Read buffer that the connections of a shard share.
pub(crate) const READ_BUF_LEN: usize = 256 * 1024;
/// Reads of one connection before the others have their turn.
pub(crate) const READS_PER_TURN: usize = 4;
/// Connections accepted before those that are there have their turn.
pub(crate) const ACCEPTS_PER_TURN: usize = 128;
/// Output buffers that a shard keeps for the next that needs one.
pub(crate) const SPARE_BUFFERS_MAX: usize = 64;
/// Output buffers that grew larger are given back to the allocator.
pub(crate) const SPARE_BUFFER_LEN_MAX: usize = 64 * 1024;
/// Memory of all of them.
pub(crate) const SPARE_BUFFERS_LEN_MAX: usize = 1024 * 1024;
/// Bytes that wait from one client in this process.
pub(crate) const MEMORY_INPUT_LEN_MAX: usize = 1024 * 1024;
/// Messages from other shards that a shard takes at once.
pub(crate) const LETTERS_AT_ONCE: usize = 64;
/// Receivers of one message up to which all get it at once; those of more get it in parts.
pub(crate) const RECEIVERS_AT_ONCE: usize = 64;
/// Messages to the same many that are given out together.
pub(crate) const MESSAGES_TOGETHER_MAX: usize = 64;
/// What a shard has begun to give out to many, beside which no more is begun: a part of each of
/// the classes, in bytes of lists of receivers.
pub(crate) const FANOUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How much is done in one turn: taken from other shards, and read from each row of those who can be
/// read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnShare {
    /// Letters, before connections have their turn again.
    pub(crate) letters: usize,
    pub(crate) connections: usize,
    /// After so many there is nobody else's turn.
    pub(crate) bytes: usize,
    /// Read at once from who says much.
    pub(crate) more_len: usize,
}

impl TurnShare {
    /// The same for each of so many.
    pub(crate) fn split(self, parts: usize) -> Self {
        if parts <= 1 {
            return self;
        }
        Self {
            letters: self.letters.div_ceil(parts),
            connections: self.connections.div_ceil(parts),
            bytes: self.bytes.div_ceil(parts),
            more_len: self.more_len,
        }
    }
}

/// When there are no commands.
pub(crate) const LONG_TURN: TurnShare = TurnShare {
    letters: 128,
    connections: 128,
    bytes: 64 * 1024,
    more_len: 64 * 1024,
};
/// While there are some: they wait for the end of a turn several times on their way, so that is to
/// take a small part of a millisecond. It is for all shards that have one thread.
pub(crate) const SHORT_TURN: TurnShare = TurnShare {
    letters: 16,
    connections: 8,
    bytes: 8 * 1024,
    more_len: FIRST_READ_LEN,
};
/// How long after a command turns are short.
pub(crate) const COMMANDS_FOR: Duration = Duration::from_millis(100);
/// Messages that are no commands after which a client that gave one is one of many again.
pub(crate) const URGENT_FOR: u8 = 16;
/// Messages that found no room and are tried again in one turn.
pub(crate) const RETRIES_PER_TURN: usize = 64;
/// Events or letters of a shard up to which its helper is not worth waking.
pub(crate) const LITTLE_WORK_MAX: usize = 16;
/// How long the first thread may be behind before it has itself helped: longer than what a burst
/// takes, since two threads need more processor for the same.
pub(crate) const PRESSED_AFTER: Duration = Duration::from_millis(10);
/// How often a thread that is behind looks whether processors are idle, which is counted in
/// hundredths of a second.
pub(crate) const IDLE_LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often it looks whether it waits for them, when it has help.
pub(crate) const RUN_DELAY_LOOK_EVERY: Duration = Duration::from_millis(10);
/// Having waited for more than `1 / CROWDED_SHARE` of the time twice in a row, it goes on alone.
pub(crate) const CROWDED_SHARE: u32 = 16;
/// For so long at first, and twice as long each time.
pub(crate) const ALONE_FOR_MIN: Duration = Duration::from_millis(250);
/// At most for so long.
pub(crate) const ALONE_FOR_MAX: Duration = Duration::from_secs(8);
/// Read from a connection at first; who says more stands behind those who say little. No read is
/// shorter: a record of TLS, and the beginning of the next, must fit.
pub(crate) const FIRST_READ_LEN: usize = 32 * 1024;
/// Messages given on another shard without a letter until it has its turn: a part of what waits for
/// a client, which can acknowledge none of them meanwhile.
pub(crate) const GIVEN_MAX: usize = QUEUE_TOPIC_LEN_MAX / 4;
/// Receivers of one message on another shard up to which that shard is not woken but visited.
pub(crate) const VISIT_RECEIVERS_MAX: u32 = 16;
/// So few changes of presence may be left over when a new receiver takes over: it is told of them
/// while clients wait, for a part of a millisecond.
pub(crate) const PRESENCE_AT_ONCE: usize = 256;
/// How often is made good before what has changed meanwhile. Each time it is less, unless clients
/// come faster than that; then they wait a little.
pub(crate) const PRESENCE_ROUNDS_MAX: usize = 16;
/// How often a message that found no room is tried again.
pub(crate) const STALL_RETRY: Duration = Duration::from_millis(5);
/// How long accepting rests when the process has no file descriptor left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What waits below MQTT for one peer (records, pongs) before it is not read any more.
pub(crate) const PENDING_LEN_MAX: usize = 64 * 1024;
/// Clients of one event loop that are remembered as slow.
pub(crate) const SLOW_CONSUMERS_MAX: usize = 64;
/// Parent topics that have metrics of their own; the others share one.
pub(crate) const METERED_TOPICS_MAX: usize = 256;
/// Clients of one event loop that a drain sends away in a quarter of a second, even if its window
/// would allow it to take longer.
pub(crate) const DRAINED_PER_TICK_MIN: usize = 64;
/// Connections that are too many or too fast, but get an answer before they are closed.
pub(crate) const TURNED_AWAY_MAX: usize = 4_096;

/// Length of a segment of the store: what is compacted at once.
pub(crate) const SEGMENT_LEN: u64 = 16 * 1024 * 1024;
/// A store shorter than this is not compacted.
pub(crate) const STORE_COMPACT_LEN_MIN: u64 = 4 * SEGMENT_LEN;
/// Levels of the tree of retained messages that are looked at for a subscription before those have
/// their turn who publish: a part of a millisecond.
pub(crate) const RETAINED_LEVELS_AT_ONCE: usize = 512;
/// Sessions that end at once, and messages that go, before event loops have their turn again.
pub(crate) const SWEEP_LEN_MAX: usize = 1_000;
/// Messages that a session takes from the store at once.
pub(crate) const TAKE_LEN_MAX: usize = 64;
/// Wills of clients that a crash of the broker cut off wait at least this long, as the clients
/// are about to come back.
pub(crate) const WILL_DELAY_S_AFTER_CRASH: u32 = 60;

/// `parts` of eight of a whole: of what may wait in a place, one parent topic may have six parts,
/// and all that are not commands seven, so that commands always find room.
const fn parts(parts: usize, whole: Load) -> Load {
    Load {
        len: whole.len / 8 * parts,
        bytes: whole.bytes / 8 * parts,
    }
}

const fn bounds(all: Load) -> Bounds {
    Bounds {
        lane: parts(6, all),
        others: parts(7, all),
        all,
    }
}

/// What may wait for one client.
pub(crate) const CLIENT_BOUNDS: Bounds = Bounds {
    lane: Load {
        len: QUEUE_TOPIC_LEN_MAX,
        bytes: QUEUE_TOPIC_BYTES_MAX,
    },
    ..bounds(Load {
        len: QUEUE_LEN_MAX,
        bytes: QUEUE_BYTES_MAX,
    })
};
/// What may wait in one inbox.
pub(crate) const INBOX_BOUNDS: Bounds = bounds(Load {
    len: INBOX_LEN_MAX,
    bytes: INBOX_BYTES_MAX,
});
/// What may wait for a receiver that is not there.
pub(crate) const BACKLOG_BOUNDS: Bounds = Bounds {
    lane: Load {
        len: BACKLOG_LEN_MAX,
        bytes: BACKLOG_BYTES_MAX,
    },
    others: Load {
        len: BACKLOG_LEN_MAX * FLEET_TOPICS.len(),
        bytes: BACKLOG_BYTES_MAX * 3,
    },
    all: Load {
        len: BACKLOG_LEN_MAX * (FLEET_TOPICS.len() + 1),
        bytes: BACKLOG_BYTES_MAX * 4,
    },
};

// Each message of a client has a packet identifier of its own.
const _: () = assert!(OFFLINE_CLIENT_MESSAGES_MAX < u16::MAX as usize);
const _: () = assert!(READ_BUF_LEN >= PACKET_LEN_MAX as usize);
const _: () = assert!(READ_BUF_LEN > tls_session::limits::HANDSHAKE_INPUT_LEN_MAX * 2);
const _: () = assert!(PACKET_LEN_MAX as usize > PAYLOAD_LEN_MAX + 1024);
const _: () = assert!(OUT_BYTES_MAX > PACKET_LEN_MAX as usize);
const _: () = assert!(QUEUE_TOPIC_BYTES_MAX > PACKET_LEN_MAX as usize);
const _: () = assert!(QUEUE_TOPIC_BYTES_MAX < CLIENT_BOUNDS.others.bytes);
const _: () = assert!(QUEUE_TOPIC_LEN_MAX < CLIENT_BOUNDS.others.len);
// A receiver's first lane also takes its first event, and what comes while the backlog moves.
const _: () = assert!(BACKLOG_LEN_MAX < EVENTS_MAX / 2);
const _: () = assert!(BACKLOG_BYTES_MAX < EVENTS_BYTES_MAX / 2);
