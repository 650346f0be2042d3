//! All that the log says, in memory.
//!
//! Invariant: [`Ledger::apply`] is the only way to change what is durable, at work and at
//! recovery; so what is recovered is what was there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map},
    sync::Arc,
};

use mqtt_codec::QoS;
use slab::Slab;

use super::{
    Lsn,
    record::{
        MessageRecord, Receiver, Record, Seq, SessionRecord, StoredSubscription, Uid, WallMs,
    },
    session::{Entry, Place, Session, Waiting},
};
use crate::{
    interest::Interest,
    message::Message,
    retained::Retained,
    subscriptions::{Held, Subscriber, Subscriptions},
};

/// A message that waits for somebody.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) at: WallMs,
    pub(super) message: Arc<Message>,
    pub(super) waiting: Vec<(Uid, Seq)>,
}

#[derive(Debug)]
pub(super) struct Ledger {
    sessions: Slab<Session>,
    by_uid: HashMap<Uid, usize>,
    by_client: HashMap<Arc<str>, Uid>,
    tree: Subscriptions,
    /// Read by others without the lock.
    interest: Arc<Interest>,
    /// By age.
    pub(super) messages: BTreeMap<u64, Kept>,
    /// Of messages, each once.
    pub(super) message_bytes: usize,
    /// A message that waits for two clients counts twice.
    pub(super) waiting: usize,
    deadlines: BTreeSet<(WallMs, Uid)>,
    pub(super) retained: Retained,
    next_uid: u64,
    next_message: u64,
}

impl Ledger {
    pub(super) fn new(interest: Arc<Interest>) -> Self {
        Self {
            sessions: Slab::new(),
            by_uid: HashMap::new(),
            by_client: HashMap::new(),
            tree: Subscriptions::new(),
            interest,
            messages: BTreeMap::new(),
            message_bytes: 0,
            waiting: 0,
            deadlines: BTreeSet::new(),
            retained: Retained::default(),
            next_uid: 1,
            next_message: 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) const fn next_uid(&self) -> Uid {
        Uid(self.next_uid)
    }

    pub(super) const fn next_message(&self) -> u64 {
        self.next_message
    }

    pub(super) fn of_client(&self, client_id: &str) -> Option<&Session> {
        self.session(*self.by_client.get(client_id)?)
    }

    pub(super) fn session(&self, uid: Uid) -> Option<&Session> {
        self.sessions.get(*self.by_uid.get(&uid)?)
    }

    /// For what is not durable; the rest goes through [`Ledger::apply`].
    pub(super) fn session_mut(&mut self, uid: Uid) -> Option<&mut Session> {
        self.sessions.get_mut(*self.by_uid.get(&uid)?)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().map(|(_, session)| session)
    }

    /// Makes a change that is durable when `lsn` is.
    pub(super) fn apply(&mut self, record: Record, lsn: Lsn) {
        match record {
            Record::Session(session) => self.apply_session(session),
            Record::SessionGone(uid) => self.remove_session(uid),
            Record::Message(message) => self.apply_message(message, lsn),
            Record::Sent(uid, seq) => {
                if let Some(session) = self.session_mut(uid) {
                    session.sent = session.sent.max(seq);
                }
            }
            Record::Settled(uid, seq) => self.settle(uid, seq),
            Record::Received(uid, seq) => self.received(uid, seq, lsn),
            Record::Inbound(uid, id) => {
                if let Some(session) = self.session_mut(uid) {
                    session.inbound.insert(id);
                }
            }
            Record::InboundDone(uid, id) => {
                if let Some(session) = self.session_mut(uid) {
                    session.inbound.remove(&id);
                }
            }
            Record::Retained(message) => self.retained.set(&message),
        }
    }

    fn apply_session(&mut self, record: SessionRecord) {
        let uid = record.uid;
        self.next_uid = self.next_uid.max(uid.0 + 1);
        let key = if let Some(key) = self.by_uid.get(&uid) {
            *key
        } else {
            let key = self.sessions.insert(Session::new(&record));
            self.by_uid.insert(uid, key);
            key
        };
        // Another life of the same client may have been read meanwhile, a second time.
        self.by_client.insert(Arc::clone(&record.client_id), uid);
        self.resubscribe(key, record.subscriptions);
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.expiry_s = record.expiry_s;
        session.will = record.will;
        session.inbound = record.inbound.into_iter().collect();
        session.next_seq = session.next_seq.max(record.next_seq);
        session.sent = session.sent.max(record.sent);
        // Online is no durable state: whoever connects says so afterwards.
        let since = record.away_since.unwrap_or(WallMs::MAX);
        session.place = Place::Away { since };
        self.keep_deadline(uid);
    }

    /// A session's client is where `place` says.
    pub(super) fn move_to(&mut self, uid: Uid, place: Place) {
        if let Some(session) = self.session_mut(uid) {
            session.place = place;
        }
        self.keep_deadline(uid);
    }

    fn keep_deadline(&mut self, uid: Uid) {
        let Some(session) = self
            .by_uid
            .get(&uid)
            .and_then(|k| self.sessions.get_mut(*k))
        else {
            return;
        };
        let (old, new) = (session.deadline, session.next_deadline());
        session.deadline = new;
        if let Some(at) = old {
            self.deadlines.remove(&(at, uid));
        }
        if let Some(at) = new {
            self.deadlines.insert((at, uid));
        }
    }

    /// Whose deadline has come.
    pub(super) fn due(&self, now: WallMs) -> Option<Uid> {
        let (at, uid) = self.deadlines.first()?;
        (*at <= now).then_some(*uid)
    }

    fn resubscribe(&mut self, key: usize, subscriptions: Vec<StoredSubscription>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let had = session.subscriptions.iter().map(|(s, _)| s);
        if had.eq(subscriptions.iter()) {
            return;
        }
        self.unsubscribe_all(key);
        let slot = u32::try_from(key).expect("there are fewer sessions than 2^32");
        let mut held = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            if subscription.share.is_some() {
                // Whoever is away takes no part.
                held.push((subscription, None));
                continue;
            }
            let subscriber = Subscriber {
                slot,
                qos: subscription.qos,
                no_local: subscription.no_local,
                retain_as_published: subscription.retain_as_published,
                id: subscription.id,
            };
            self.interest.add(subscription.filter.parent());
            let place = self.tree.add(subscription.filter.as_str(), subscriber);
            held.push((subscription, Some(place)));
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.subscriptions = held;
        }
    }

    fn unsubscribe_all(&mut self, key: usize) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let mut held = std::mem::take(&mut session.subscriptions);
        while let Some((subscription, place)) = held.pop() {
            let Some(place) = place else { continue };
            self.interest.remove(subscription.filter.parent());
            let moved = self.tree.remove(place);
            let moved = moved.and_then(|slot| usize::try_from(slot).ok());
            let Some(moved) = moved.and_then(|key| self.sessions.get_mut(key)) else {
                continue;
            };
            // The last of the node stands where this one stood.
            let of_node = |(_, held): &&mut (_, Option<Held>)| {
                held.is_some_and(|held| held.node == place.node)
            };
            if let Some((_, at)) = moved.subscriptions.iter_mut().find(of_node) {
                *at = Some(place);
            }
        }
    }

    fn remove_session(&mut self, uid: Uid) {
        let Some(key) = self.by_uid.remove(&uid) else {
            return;
        };
        self.unsubscribe_all(key);
        let session = self.sessions.remove(key);
        if self.by_client.get(&session.client_id) == Some(&uid) {
            self.by_client.remove(&session.client_id);
        }
        if let Some(at) = session.deadline {
            self.deadlines.remove(&(at, uid));
        }
        for (seq, entry) in session.queue {
            if let Entry::Waiting(waiting) = entry {
                self.forget(waiting.message_id, uid, seq);
            }
        }
    }

    fn apply_message(&mut self, record: MessageRecord, lsn: Lsn) {
        let MessageRecord {
            id,
            at,
            message,
            inbound,
            receivers,
        } = record;
        self.next_message = self.next_message.max(id + 1);
        if let Some((uid, packet_id)) = inbound
            && let Some(session) = self.session_mut(uid)
        {
            session.inbound.insert(packet_id);
        }
        for receiver in receivers {
            self.enqueue(id, at, &message, receiver, lsn);
        }
    }

    fn enqueue(
        &mut self,
        message_id: u64,
        at: WallMs,
        message: &Arc<Message>,
        receiver: Receiver,
        lsn: Lsn,
    ) {
        let Receiver {
            uid,
            seq,
            qos,
            retain,
            ids,
        } = receiver;
        let Some(session) = self
            .by_uid
            .get(&uid)
            .and_then(|k| self.sessions.get_mut(*k))
        else {
            return;
        };
        session.next_seq = session.next_seq.max(seq.next());
        let btree_map::Entry::Vacant(place) = session.queue.entry(seq) else {
            return;
        };
        place.insert(Entry::Waiting(Waiting {
            message_id,
            at,
            message: Arc::clone(message),
            qos,
            retain,
            ids,
            lsn,
        }));
        session.queue_bytes += message.len();
        self.waiting += 1;
        let kept = self.messages.entry(message_id).or_insert_with(|| {
            self.message_bytes += message.len();
            Kept {
                at,
                message: Arc::clone(message),
                waiting: Vec::with_capacity(1),
            }
        });
        kept.waiting.push((uid, seq));
    }

    fn settle(&mut self, uid: Uid, seq: Seq) {
        let Some(session) = self.session_mut(uid) else {
            return;
        };
        let Some(entry) = session.queue.remove(&seq) else {
            return;
        };
        if seq < session.cursor {
            session.in_flight = session.in_flight.saturating_sub(1);
        }
        if let Entry::Waiting(waiting) = entry {
            session.queue_bytes -= waiting.message.len();
            self.forget(waiting.message_id, uid, seq);
        }
    }

    fn received(&mut self, uid: Uid, seq: Seq, lsn: Lsn) {
        let Some(session) = self.session_mut(uid) else {
            return;
        };
        session.next_seq = session.next_seq.max(seq.next());
        let before = session.queue.insert(seq, Entry::Released { lsn });
        if let Some(Entry::Waiting(waiting)) = before {
            session.queue_bytes -= waiting.message.len();
            self.forget(waiting.message_id, uid, seq);
        }
    }

    /// A message no longer waits for somebody.
    fn forget(&mut self, message_id: u64, uid: Uid, seq: Seq) {
        self.waiting -= 1;
        let btree_map::Entry::Occupied(mut kept) = self.messages.entry(message_id) else {
            return;
        };
        let waiting = &mut kept.get_mut().waiting;
        if let Some(at) = waiting.iter().position(|one| *one == (uid, seq)) {
            waiting.swap_remove(at);
        }
        if waiting.is_empty() {
            self.message_bytes -= kept.remove().message.len();
        }
    }

    /// The sessions that want messages of `topic` at `QoS` 1 or 2, and how.
    pub(super) fn subscribers(&self, topic: &str, from: Option<Uid>) -> Vec<Wanted> {
        let mut keys = Vec::new();
        self.tree.matching(topic, &mut |s| keys.push(s.slot));
        keys.sort_unstable();
        keys.dedup();
        let session = |slot: u32| self.sessions.get(usize::try_from(slot).ok()?);
        let found = keys.into_iter().filter_map(session);
        found.filter_map(|s| Wanted::by(s, topic, from)).collect()
    }

    /// A message as the log should say it now: for those who still wait.
    pub(super) fn message_record(&self, id: u64) -> Option<MessageRecord> {
        let kept = self.messages.get(&id)?;
        let receiver = |&(uid, seq): &(Uid, Seq)| match self.session(uid)?.queue.get(&seq)? {
            Entry::Released { .. } => None,
            Entry::Waiting(waiting) => Some(Receiver {
                uid,
                seq,
                qos: waiting.qos,
                retain: waiting.retain,
                ids: waiting.ids.clone(),
            }),
        };
        Some(MessageRecord {
            id,
            at: kept.at,
            message: Arc::clone(&kept.message),
            inbound: None,
            receivers: kept.waiting.iter().filter_map(receiver).collect(),
        })
    }
}

/// How a session wants a message: what its matching subscriptions ask for, together.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) uid: Uid,
    pub(super) qos: QoS,
    pub(super) retain_as_published: bool,
    pub(super) ids: Vec<crate::message::SubscriptionId>,
}

impl Wanted {
    fn by(session: &Session, topic: &str, from: Option<Uid>) -> Option<Self> {
        let mut wanted = Self {
            uid: session.uid,
            qos: QoS::AtMostOnce,
            retain_as_published: false,
            ids: Vec::new(),
        };
        for (subscription, _) in &session.subscriptions {
            let own = subscription.no_local && from == Some(session.uid);
            let shared = subscription.share.is_some();
            if own || shared || !subscription.filter.matches(topic) {
                continue;
            }
            wanted.qos = wanted.qos.max(subscription.qos);
            wanted.retain_as_published |= subscription.retain_as_published;
            wanted.ids.extend(subscription.id);
        }
        (wanted.qos > QoS::AtMostOnce).then_some(wanted)
    }
}
