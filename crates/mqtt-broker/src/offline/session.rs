//! A persistent session: what it subscribed to, and the messages that wait for its client.
//!
//! A message in the queue, of QoS 1:  Waiting ── PUBACK ──▶ (gone)
//!                         of QoS 2:  Waiting ── PUBREC ──▶ Released ── PUBCOMP ──▶ (gone)

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use message_bus::ChannelId;
use mqtt_codec::{PacketId, QoS};

use super::{
    Lsn,
    record::{Seq, SessionRecord, StoredSubscription, StoredWill, Uid, WallMs},
};
use crate::{
    limits::SESSION_EXPIRY_S_MAX,
    message::{Message, SubscriptionId},
    routes::Seat,
    session::{Awaits, KeptIn},
    shard::Unfinished,
    subscriptions::Held,
};

/// Identifiers go from 1 to 65,535.
const IDS: u64 = 65_535;

/// Where the client of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Away { since: WallMs },
    Online { seat: Seat, channel: ChannelId },
}

/// A message in a queue.
#[derive(Debug)]
pub(super) enum Entry {
    Waiting(Waiting),
    /// Its receiver has it, and knows nothing but the identifier any more.
    Released {
        lsn: Lsn,
    },
}

impl Entry {
    /// It may be sent when this is durable.
    pub(super) const fn lsn(&self) -> Lsn {
        match self {
            Self::Waiting(waiting) => waiting.lsn,
            Self::Released { lsn } => *lsn,
        }
    }

    /// What the client must say next.
    pub(super) const fn awaits(&self) -> Awaits {
        match self {
            Self::Waiting(waiting) if matches!(waiting.qos, QoS::ExactlyOnce) => Awaits::PubRec,
            Self::Waiting(_) => Awaits::PubAck,
            Self::Released { .. } => Awaits::PubComp,
        }
    }
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message_id: u64,
    pub(super) at: WallMs,
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) ids: Box<[SubscriptionId]>,
    pub(super) lsn: Lsn,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) uid: Uid,
    pub(super) client_id: Arc<str>,
    pub(super) expiry_s: u32,
    pub(super) place: Place,
    pub(super) will: Option<StoredWill>,
    /// Messages of `QoS` 2 that it has published and not released.
    pub(super) inbound: BTreeSet<u16>,
    /// The last that found no room. Not durable: after a crash only those have it who get it from
    /// here, and then it is known to be received.
    pub(super) unfinished: Option<Box<Unfinished>>,
    /// Each with its place in the tree; a shared one has none.
    pub(super) subscriptions: Vec<(StoredSubscription, Option<Held>)>,
    pub(super) queue: BTreeMap<Seq, Entry>,
    pub(super) queue_bytes: usize,
    pub(super) next_seq: Seq,
    /// Those before were on the wire, in this connection or one before.
    pub(super) sent: Seq,
    /// Those before were on the wire in this connection.
    pub(super) cursor: Seq,
    /// Those before came before this connection.
    pub(super) online_from: Seq,
    /// Those before `cursor` that are not done.
    pub(super) in_flight: usize,
    /// Its shard was told that there is something, and has not looked yet.
    pub(super) notified: bool,
    /// Where it stands among the deadlines.
    pub(super) deadline: Option<WallMs>,
}

impl Session {
    pub(super) fn new(record: &SessionRecord) -> Self {
        Self {
            uid: record.uid,
            client_id: Arc::clone(&record.client_id),
            expiry_s: record.expiry_s,
            place: Place::Away { since: 0 },
            will: None,
            inbound: BTreeSet::new(),
            unfinished: None,
            subscriptions: Vec::new(),
            queue: BTreeMap::new(),
            queue_bytes: 0,
            next_seq: record.next_seq,
            sent: record.sent,
            cursor: Seq(0),
            online_from: Seq(0),
            in_flight: 0,
            notified: false,
            deadline: None,
        }
    }

    /// As it goes to the log.
    pub(super) fn record(&self) -> SessionRecord {
        let subscriptions = self.subscriptions.iter().map(|(s, _)| s.clone()).collect();
        SessionRecord {
            uid: self.uid,
            client_id: Arc::clone(&self.client_id),
            expiry_s: self.expiry_s,
            away_since: match self.place {
                Place::Away { since } => Some(since),
                Place::Online { .. } => None,
            },
            next_seq: self.next_seq,
            sent: self.sent,
            inbound: self.inbound.iter().copied().collect(),
            subscriptions,
            will: self.will.clone(),
        }
    }

    pub(super) fn is_on(&self, channel: ChannelId) -> bool {
        matches!(self.place, Place::Online { channel: on, .. } if on == channel)
    }

    pub(super) const fn is_away(&self) -> bool {
        matches!(self.place, Place::Away { .. })
    }

    /// Whom to tell that there is something for its client: its shard, unless that was told and has
    /// not looked yet.
    pub(super) fn announce(&mut self) -> Option<(Seat, ChannelId)> {
        let Place::Online { seat, channel } = self.place else {
            return None;
        };
        let was_told = std::mem::replace(&mut self.notified, true);
        (!was_told).then_some((seat, channel))
    }

    /// A new connection: everything that is not done goes out again.
    pub(super) fn rewind(&mut self) {
        self.cursor = Seq(0);
        self.online_from = self.next_seq;
        self.in_flight = 0;
        self.notified = false;
    }

    /// Whether a message came while its client was away.
    pub(super) fn kept_in(&self, seq: Seq) -> KeptIn {
        if seq < self.online_from {
            KeptIn::Away
        } else {
            KeptIn::Store
        }
    }

    /// When something happens to it if its client stays away.
    pub(super) fn next_deadline(&self) -> Option<WallMs> {
        let Place::Away { since } = self.place else {
            return None;
        };
        let after = |s: u32| since.saturating_add(u64::from(s) * 1_000);
        let ends = after(self.expiry_s.min(SESSION_EXPIRY_S_MAX));
        let will = self.will.as_ref().map_or(ends, |will| after(will.delay_s));
        Some(ends.min(will))
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, now: WallMs) -> bool {
        let life_ms = u64::from(self.expiry_s.min(SESSION_EXPIRY_S_MAX)) * 1_000;
        matches!(self.place, Place::Away { since } if since.saturating_add(life_ms) <= now)
    }

    /// The place that an identifier stands for: the queue is never longer than there are.
    pub(super) fn seq_of(&self, id: PacketId) -> Option<Seq> {
        let (Seq(first), _) = self.queue.first_key_value()?;
        let ahead = (u64::from(id.get() - 1) + IDS - first % IDS) % IDS;
        let seq = Seq(first + ahead);
        // What was not sent in this connection cannot be answered.
        (seq < self.cursor && self.queue.contains_key(&seq)).then_some(seq)
    }

    /// Whether another message can have an identifier of its own.
    pub(super) fn has_id(&self) -> bool {
        let first = self.queue.first_key_value();
        first.is_none_or(|(Seq(first), _)| self.next_seq.0 - first < IDS)
    }
}

/// The packet identifier of a place.
pub(super) fn id_of(seq: Seq) -> PacketId {
    let id = u16::try_from(seq.0 % IDS + 1).ok().and_then(PacketId::new);
    id.expect("a remainder is less than its divisor")
}
