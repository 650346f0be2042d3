//! Messages on their way into queues, and the bounds of those.

use std::sync::atomic::Ordering;

use model::Timestamp;
use mqtt_codec::{PacketId, QoS};
use thiserror::Error;

use super::{
    Lsn, Offline, State, Uid,
    ledger::Wanted,
    record::{MessageRecord, Receiver, Record, Seq},
    session::Entry,
};
use crate::{
    limits::{RETAINED_WAITING_BYTES_MAX, SWEEP_LEN_MAX},
    message::{Outgoing, Terms},
    shard::Unfinished,
    shared_subscriptions::Member,
};

/// Why the store has not taken a message; nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotKept {
    /// The disk does not keep up; later there is room again.
    #[error("the offline store is behind with writing")]
    Full,
    /// A session that was to get it has ended.
    #[error("the session has ended")]
    Gone,
}

/// A message that may concern persistent sessions.
#[derive(Debug)]
pub(crate) struct Publication<'p, 'm> {
    /// The persistent session that published it.
    pub(crate) from: Option<Uid>,
    /// Its packet identifier, if it is of `QoS` 2: known to be received from now on.
    pub(crate) inbound: Option<PacketId>,
    /// To this client alone; otherwise to whoever has subscribed.
    pub(crate) to: Option<&'p str>,
    /// Members of shared subscriptions whose turn it is. In the same record as all others, so
    /// that of a message of `QoS` 2 everything is known after a crash, or nothing.
    pub(crate) chosen: &'p [Member],
    pub(crate) parent: &'p str,
    pub(crate) outgoing: &'p Outgoing<'m>,
    pub(crate) now: Timestamp,
}

/// What the store did with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// For how many sessions it waits now.
    pub(crate) receivers: usize,
    /// Its publisher is answered when this is durable, or at once if that is nothing.
    pub(crate) until: Option<Lsn>,
}

impl Offline {
    /// Whether `client_id` has a persistent session, in which a message for it can wait.
    pub(crate) fn has_session(&self, client_id: &str) -> bool {
        !self.is_empty() && self.state.lock().ledger.of_client(client_id).is_some()
    }

    /// Keeps a message for those who subscribe later; returns when its publisher is to be answered.
    pub(crate) fn retain(&self, outgoing: &Outgoing<'_>) -> Result<Option<Lsn>, NotKept> {
        let mut state = self.state.lock();
        if state.is_behind() {
            return Err(NotKept::Full);
        }
        if !self.may_retain(&state, outgoing) {
            return Ok(None);
        }
        let lsn = state.record(Record::Retained(outgoing.share()));
        self.changed(&state);
        Ok((outgoing.parts.qos > QoS::AtMostOnce).then_some(lsn))
    }

    /// Puts a message where it must wait.
    pub(crate) fn publish(&self, publication: &Publication<'_, '_>) -> Result<Kept, NotKept> {
        let parts = publication.outgoing.parts;
        let stored = parts.qos > QoS::AtMostOnce
            && (publication.to.is_some() || self.interest.is_there(publication.parent));
        let inbound = publication.from.zip(publication.inbound);
        let chosen = publication.chosen;
        if !stored && inbound.is_none() && chosen.is_empty() {
            return Ok(Kept::default());
        }
        let mut state = self.state.lock();
        if state.is_behind() {
            return Err(NotKept::Full);
        }
        if inbound.is_some_and(|(uid, id)| is_received(&state, uid, id)) {
            return Ok(known(&state));
        }
        let members = chosen.iter().map(|member| wanted_by(&state, member));
        let mut wanted: Vec<Wanted> = members.collect::<Option<_>>().ok_or(NotKept::Gone)?;
        if stored {
            wanted.extend(wanted_by_all(&state, publication));
        }
        let (mut lsn, count) = (None, wanted.len());
        let inbound = inbound.map(|(uid, id)| (uid, id.get()));
        if !wanted.is_empty() {
            let id = state.ledger.next_message();
            let receivers = receivers(&mut state, wanted, (chosen.len(), parts.qos));
            lsn = Some(state.record(Record::Message(MessageRecord {
                id,
                at: publication.now.as_millis(),
                message: publication.outgoing.share(),
                inbound,
                receivers,
            })));
            self.tally.stored.fetch_add(1, Ordering::Relaxed);
            self.enforce_bounds_on(&mut state, id);
        } else if let Some((uid, id)) = inbound {
            lsn = Some(state.record(Record::Inbound(uid, id)));
        }
        self.changed(&state);
        Ok(Kept {
            receivers: count,
            until: lsn,
        })
    }

    /// A session has published a message of `QoS` 2 of which nobody gets anything from here.
    pub(crate) fn note_inbound(&self, from: Uid, packet_id: PacketId) -> Result<Kept, NotKept> {
        let mut state = self.state.lock();
        if state.is_behind() {
            return Err(NotKept::Full);
        }
        if state.ledger.session(from).is_none() {
            return Err(NotKept::Gone);
        }
        if is_received(&state, from, packet_id) {
            return Ok(known(&state));
        }
        let until = Some(state.record(Record::Inbound(from, packet_id.get())));
        self.changed(&state);
        Ok(Kept {
            receivers: 0,
            until,
        })
    }

    /// A message of `QoS` 2 of a session has found no room; what is known of one before is
    /// forgotten, as a client does not go on before the one is done.
    pub(crate) fn note_unfinished(&self, from: Uid, unfinished: Unfinished) {
        if let Some(session) = self.state.lock().ledger.session_mut(from) {
            session.unfinished = Some(Box::new(unfinished));
        }
    }

    /// What is known of a message that comes again.
    pub(crate) fn unfinished(&self, from: Uid, id: PacketId, topic: &str) -> Option<Unfinished> {
        let state = self.state.lock();
        let unfinished = state.ledger.session(from)?.unfinished.as_deref();
        unfinished.filter(|it| it.is(id, topic)).cloned()
    }

    /// Gives one connected session a message that only it gets.
    pub(crate) fn put(
        &self,
        uid: Uid,
        outgoing: &Outgoing<'_>,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<(), NotKept> {
        let mut state = self.state.lock();
        if state.is_behind() {
            return Err(NotKept::Full);
        }
        self.put_into(&mut state, uid, outgoing, terms, now)
    }

    /// The same of what is retained. It may wait longer for the disk, for nobody gives it again;
    /// and it must not push out what was acknowledged.
    pub(crate) fn put_retained(
        &self,
        uid: Uid,
        outgoing: &Outgoing<'_>,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<(), NotKept> {
        let mut state = self.state.lock();
        let session = state.ledger.session(uid).ok_or(NotKept::Gone)?;
        let len = session.queue_bytes.saturating_add(outgoing.len());
        let has_room = session.queue.len() < self.limits.client_messages_max
            && len <= self.limits.client_bytes_max
            && state.pending_retained < RETAINED_WAITING_BYTES_MAX;
        if !has_room {
            return Err(NotKept::Full);
        }
        let before = state.pending.len();
        let put = self.put_into(&mut state, uid, outgoing, terms, now);
        state.pending_retained += state.pending.len() - before;
        put
    }

    fn put_into(
        &self,
        state: &mut State,
        uid: Uid,
        outgoing: &Outgoing<'_>,
        terms: Terms<'_>,
        now: Timestamp,
    ) -> Result<(), NotKept> {
        if state.ledger.session(uid).is_none() {
            return Err(NotKept::Gone);
        }
        let wanted = Wanted {
            uid,
            qos: terms.qos,
            retain_as_published: terms.retain_as_published,
            ids: terms.ids.to_vec(),
        };
        let id = state.ledger.next_message();
        let receivers = receivers(state, vec![wanted], (0, outgoing.parts.qos));
        state.record(Record::Message(MessageRecord {
            id,
            at: now.as_millis(),
            message: outgoing.share(),
            inbound: None,
            receivers,
        }));
        state.urgent = true;
        self.tally.stored.fetch_add(1, Ordering::Relaxed);
        self.enforce_bounds_on(state, id);
        self.changed(state);
        Ok(())
    }

    /// A topic that is retained already may always be replaced or taken away.
    fn may_retain(&self, state: &State, outgoing: &Outgoing<'_>) -> bool {
        let (retained, parts) = (&state.ledger.retained, outgoing.parts);
        if retained.get(parts.topic).is_some() {
            return true;
        }
        let len = parts.topic.len() + parts.properties.as_bytes().len() + parts.payload.len();
        let fits = retained.len() < self.limits.retained_max
            && retained.bytes() + len <= self.limits.retained_bytes_max;
        if !fits && !parts.payload.is_empty() {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
        fits && !parts.payload.is_empty()
    }

    /// Drops the oldest messages of the receivers of `message_id`, and of all, as far as there
    /// are too many.
    fn enforce_bounds_on(&self, state: &mut State, message_id: u64) {
        let kept = state.ledger.messages.get(&message_id);
        let receivers: Vec<Uid> = kept
            .into_iter()
            .flat_map(|kept| kept.waiting.iter().map(|(uid, _)| *uid))
            .collect();
        for uid in receivers {
            while let Some(seq) = self.too_much(state, uid) {
                drop_message(state, uid, seq);
                self.tally.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.enforce_bounds(state);
    }

    /// The oldest message of a session that is not on its way, if it has too many. What is on its
    /// way goes, too, if it keeps all packet identifiers from others.
    fn too_much(&self, state: &State, uid: Uid) -> Option<Seq> {
        let session = state.ledger.session(uid)?;
        let oldest = if !session.has_id() {
            Seq(0)
        } else if session.queue.len() > self.limits.client_messages_max
            || session.queue_bytes > self.limits.client_bytes_max
        {
            session.cursor
        } else {
            return None;
        };
        let mut waiting = session
            .queue
            .range(oldest..)
            .filter(|(_, entry)| matches!(entry, Entry::Waiting(_)));
        waiting.next().map(|(seq, _)| *seq)
    }

    /// Drops the oldest messages of the broker, as far as there are too many.
    pub(super) fn enforce_bounds(&self, state: &mut State) {
        while state.ledger.waiting > self.limits.messages_max
            || state.ledger.message_bytes > self.limits.bytes_max
        {
            let Some(dropped) = drop_oldest(state) else {
                break;
            };
            self.tally.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// Drops the messages that have waited too long.
    pub(super) fn drop_aged(&self, state: &mut State, now: Timestamp) {
        let age_ms = u64::try_from(self.limits.message_age.as_millis()).unwrap_or(u64::MAX);
        let aged = |state: &State| {
            let oldest = state.ledger.messages.first_key_value();
            oldest.is_some_and(|(_, kept)| kept.at.saturating_add(age_ms) <= now.as_millis())
        };
        for _ in 0..SWEEP_LEN_MAX {
            if !aged(state) {
                return;
            }
            let Some(dropped) = drop_oldest(state) else {
                break;
            };
            self.tally.expired.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

/// Whether a session has published a message of `QoS` 2 with this identifier already, over another
/// connection.
fn is_received(state: &State, uid: Uid, packet_id: PacketId) -> bool {
    let session = state.ledger.session(uid);
    session.is_some_and(|session| session.inbound.contains(&packet_id.get()))
}

/// Nobody gets it again; that it is known may not be on disk yet.
const fn known(state: &State) -> Kept {
    Kept {
        receivers: 0,
        until: Some(state.lsn),
    }
}

/// Drops the oldest message; returns for how many clients.
fn drop_oldest(state: &mut State) -> Option<u64> {
    let (_, oldest) = state.ledger.messages.first_key_value()?;
    let waiting = oldest.waiting.clone();
    for (uid, seq) in &waiting {
        drop_message(state, *uid, *seq);
    }
    Some(waiting.len() as u64)
}

/// If it was on its way to its client, another one can go.
fn drop_message(state: &mut State, uid: Uid, seq: Seq) {
    state.record(Record::Settled(uid, seq));
    let session = state.ledger.session_mut(uid);
    let news = session.and_then(|session| session.announce());
    state.news.extend(news);
}

fn wanted_by_all(state: &State, publication: &Publication<'_, '_>) -> Vec<Wanted> {
    let Some(client_id) = publication.to else {
        let topic = publication.outgoing.parts.topic;
        return state.ledger.subscribers(topic, publication.from);
    };
    let session = state.ledger.of_client(client_id);
    let only = session.map(|session| Wanted {
        uid: session.uid,
        qos: Terms::P2P.qos,
        retain_as_published: Terms::P2P.retain_as_published,
        ids: Vec::new(),
    });
    only.into_iter().collect()
}

/// Nothing if the member's session has ended. If its client has just gone, the message waits.
fn wanted_by(state: &State, member: &Member) -> Option<Wanted> {
    let session = state.ledger.session(member.uid?)?;
    Some(Wanted {
        uid: session.uid,
        qos: member.qos,
        retain_as_published: member.retain_as_published,
        ids: member.id.into_iter().collect(),
    })
}

/// Gives each its place, and notes whose shard is to be told. Only among the first, which are
/// `chosen`, may be some that come again: who also subscribes by itself gets both.
fn receivers(
    state: &mut State,
    wanted: Vec<Wanted>,
    (chosen, published): (usize, QoS),
) -> Vec<Receiver> {
    let mut receivers: Vec<Receiver> = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let Some(session) = state.ledger.session_mut(wanted.uid) else {
            continue;
        };
        let before = receivers.iter().take(chosen);
        let before = before.filter(|other| other.uid == wanted.uid);
        let seq = before.fold(session.next_seq, |seq, _| seq.next());
        receivers.push(Receiver {
            uid: wanted.uid,
            seq,
            qos: wanted.qos.min(published),
            retain: wanted.retain_as_published,
            ids: wanted.ids.into(),
        });
        let news = session.announce();
        state.news.extend(news);
    }
    receivers
}
