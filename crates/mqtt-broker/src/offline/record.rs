//! What the log says: changes of sessions, messages and retained messages.
//!
//! Invariant: applying a run of records a second time, right after the first, changes nothing.
//! The log needs it when a write failed half-way and is done again in a new segment.

mod bytes;

use std::sync::Arc;

use model::TopicFilter;
use mqtt_codec::QoS;

use crate::message::{Message, SubscriptionId};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use bytes::check;
pub(crate) use bytes::{decode, encode, find_next};

/// One life of a persistent session; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uid(pub(crate) u64);

/// The place of a message in the queue of its session. The packet identifier follows from it, so
/// that a message is sent again with the one it had, whatever happened in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seq(pub(crate) u64);

impl Seq {
    /// The place behind it.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Highest number of a session, a message or a place that is read: nobody counts so far, so
/// there is always room to count on.
pub(crate) const NUMBER_MAX: u64 = u64::MAX / 2;

/// Milliseconds since the epoch.
pub(crate) type WallMs = u64;

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// A session is so now, its queue aside.
    Session(SessionRecord),
    /// A session has ended, and its queue with it.
    SessionGone(Uid),
    /// A message waits.
    Message(MessageRecord),
    /// All up to this place have been on the wire.
    Sent(Uid, Seq),
    /// A message is done with: acknowledged, refused, expired or dropped.
    Settled(Uid, Seq),
    /// PUBREC came: what remains of the message is its identifier.
    Received(Uid, Seq),
    /// The session has published a message of `QoS` 2 that it has not released yet.
    Inbound(Uid, u16),
    /// It has released it.
    InboundDone(Uid, u16),
    /// The retained message of its topic; without a payload, there is none any more.
    Retained(Arc<Message>),
}

/// A session without its queue.
#[derive(Clone, Debug)]
pub(crate) struct SessionRecord {
    pub(crate) uid: Uid,
    pub(crate) client_id: Arc<str>,
    /// `u32::MAX` for one that does not end by itself.
    pub(crate) expiry_s: u32,
    /// Since when nobody is connected.
    pub(crate) away_since: Option<WallMs>,
    pub(crate) next_seq: Seq,
    pub(crate) sent: Seq,
    pub(crate) inbound: Vec<u16>,
    pub(crate) subscriptions: Vec<StoredSubscription>,
    pub(crate) will: Option<StoredWill>,
}

/// A subscription of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSubscription {
    pub(crate) filter: TopicFilter,
    /// `$share/<name>/<filter>`, if it is shared with others.
    pub(crate) share: Option<Box<str>>,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) id: Option<SubscriptionId>,
}

impl StoredSubscription {
    /// The filter as the client has said it.
    pub(crate) fn whole(&self) -> &str {
        self.share.as_deref().unwrap_or(self.filter.as_str())
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.whole() == other.whole()
    }
}

/// A will.
#[derive(Clone, Debug)]
pub(crate) struct StoredWill {
    pub(crate) delay_s: u32,
    pub(crate) message: Arc<Message>,
}

/// A message and who must get it.
#[derive(Clone, Debug)]
pub(crate) struct MessageRecord {
    pub(crate) id: u64,
    pub(crate) at: WallMs,
    pub(crate) message: Arc<Message>,
    /// The session that published it with `QoS` 2, and its packet identifier: both in one record,
    /// so that it is known to be received if and only if it is kept.
    pub(crate) inbound: Option<(Uid, u16)>,
    pub(crate) receivers: Vec<Receiver>,
}

/// One who must get a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    pub(crate) uid: Uid,
    pub(crate) seq: Seq,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Subscription identifiers.
    pub(crate) ids: Box<[SubscriptionId]>,
}
