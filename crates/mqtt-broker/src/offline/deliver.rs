//! Messages on their way out of queues, and what their receivers say to them.

use std::{sync::Arc, sync::atomic::Ordering};

use message_bus::ChannelId;
use model::Timestamp;
use mqtt_codec::{PacketId, QoS};
use parking_lot::MutexGuard;

use super::{
    Lsn, Offline,
    record::{Record, Seq, Uid},
    session::{Entry, Waiting, id_of},
};
use crate::{
    limits::{RETAINED_LEVELS_AT_ONCE, TAKE_LEN_MAX},
    message::{Message, MessageId, SubscriptionId},
    retained::Walk,
    session::{Answer, KeptIn, Step},
};

/// What is to be sent to a client.
#[derive(Debug)]
pub(crate) enum Ready {
    /// PUBLISH.
    Message {
        packet_id: PacketId,
        qos: QoS,
        dup: bool,
        message: Arc<Message>,
        retain_as_published: bool,
        ids: Box<[SubscriptionId]>,
        from: KeptIn,
        /// When it was put into the store.
        at: Timestamp,
    },
    /// PUBREL.
    Release(PacketId),
}

/// What follows from what a client said about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) step: Step,
    /// PUBREL may be sent when this is durable: from then on the message never goes out again.
    pub(crate) until: Option<Lsn>,
    /// The number of a traced message that the client has now.
    pub(crate) traced: Option<MessageId>,
}

impl Answered {
    const UNKNOWN: Self = Self {
        step: Step::Unknown,
        until: None,
        traced: None,
    };
}

impl Offline {
    /// The shard of a session looks at what it was told of: what comes from now on is news again.
    pub(crate) fn hear(&self, (uid, channel): (Uid, ChannelId)) {
        let mut state = self.state.lock();
        let session = state.ledger.session_mut(uid);
        if let Some(session) = session.filter(|s| s.is_on(channel)) {
            session.notified = false;
        }
    }

    /// What can be sent now to the client of a session, which has at most `in_flight_max` messages
    /// on their way. Those whose time is over are left out. If some are not durable yet, its shard
    /// is told when they are.
    pub(crate) fn take(
        &self,
        (uid, channel): (Uid, ChannelId),
        in_flight_max: u16,
        now: Timestamp,
    ) -> Vec<Ready> {
        let durable = self.durable();
        let mut state = self.state.lock();
        let Some(session) = state.ledger.session_mut(uid).filter(|s| s.is_on(channel)) else {
            return Vec::new();
        };
        let sent = session.sent;
        let mut ready = Vec::new();
        let mut expired = Vec::new();
        let mut is_early = false;
        let mut cursor = session.cursor;
        let room = usize::from(in_flight_max).saturating_sub(session.in_flight);
        for (seq, entry) in session.queue.range(cursor..) {
            if ready.len() >= room.min(TAKE_LEN_MAX) {
                break;
            }
            if entry.lsn() > durable {
                is_early = true;
                break;
            }
            match entry {
                // What was sent once does not expire any more (MQTT 5, 4.3.3).
                Entry::Waiting(waiting) if *seq >= sent && is_over(waiting, now) => {
                    expired.push(*seq);
                }
                Entry::Waiting(waiting) => {
                    let dup = *seq < sent;
                    let from = session.kept_in(*seq);
                    ready.push(message(waiting, (*seq, dup), from));
                }
                Entry::Released { .. } => ready.push(Ready::Release(id_of(*seq))),
            }
            cursor = seq.next();
        }
        session.cursor = cursor;
        session.in_flight += ready.len() + expired.len();
        // They came after the commit began that it was told of, so nobody has said so yet.
        let news = is_early.then(|| session.announce()).flatten();
        state.news.extend(news);
        for seq in &expired {
            state.record(Record::Settled(uid, *seq));
        }
        if cursor > sent {
            state.record(Record::Sent(uid, cursor));
        }
        let is_message = |ready: &&Ready| matches!(ready, Ready::Message { .. });
        let messages = ready.iter().filter(is_message).count() as u64;
        self.tally.sent.fetch_add(messages, Ordering::Relaxed);
        let expired = expired.len() as u64;
        self.tally.expired.fetch_add(expired, Ordering::Relaxed);
        self.changed(&state);
        ready
    }

    /// Takes what a client says about a message.
    pub(crate) fn answered(
        &self,
        (uid, channel): (Uid, ChannelId),
        packet_id: PacketId,
        answer: Answer,
    ) -> Answered {
        let mut state = self.state.lock();
        let session = state.ledger.session(uid).filter(|s| s.is_on(channel));
        let found = session.and_then(|session| {
            let seq = session.seq_of(packet_id)?;
            Some((seq, session.queue.get(&seq)?))
        });
        let Some((seq, entry)) = found else {
            return Answered::UNKNOWN;
        };
        let step = entry.awaits().step(answer);
        let traced = match (step, entry) {
            (Step::Done | Step::Release, Entry::Waiting(waiting)) => waiting.message.id(),
            _ => None,
        };
        let lsn = match (step, entry) {
            (Step::Done, _) => {
                state.record(Record::Settled(uid, seq));
                None
            }
            (Step::Release, Entry::Released { lsn }) => Some(*lsn),
            (Step::Release, Entry::Waiting(_)) => {
                let lsn = state.record(Record::Received(uid, seq));
                state.urgent = true;
                Some(lsn)
            }
            (Step::Unknown | Step::OutOfPlace, _) => None,
        };
        self.changed(&state);
        Answered {
            step,
            until: lsn,
            traced,
        }
    }

    /// A message cannot be sent to its receiver.
    pub(crate) fn drop_one(&self, (uid, channel): (Uid, ChannelId), packet_id: PacketId) {
        let mut state = self.state.lock();
        let session = state.ledger.session(uid).filter(|s| s.is_on(channel));
        if let Some(seq) = session.and_then(|session| session.seq_of(packet_id)) {
            state.record(Record::Settled(uid, seq));
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
            self.changed(&state);
        }
    }

    /// PUBREL: the identifier may be used again once this is durable. Nothing if it was not in use.
    pub(crate) fn release_inbound(&self, uid: Uid, packet_id: PacketId) -> Option<Lsn> {
        let mut state = self.state.lock();
        let session = state.ledger.session_mut(uid)?;
        session.unfinished.take_if(|it| it.has_id(packet_id));
        if !session.inbound.contains(&packet_id.get()) {
            return None;
        }
        let lsn = state.record(Record::InboundDone(uid, packet_id.get()));
        state.urgent = true;
        self.changed(&state);
        Some(lsn)
    }

    /// Retained messages that a subscription brings. Who waits for the store has its turn
    /// meanwhile: what is published from now on comes to the subscriber anyway.
    pub(crate) fn retained(&self, filter: &str, max: usize, now: Timestamp) -> Vec<Arc<Message>> {
        if self.retained.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut walk = Walk::new(filter, max);
        let mut state = self.state.lock();
        while !walk.go_on(&state.ledger.retained, RETAINED_LEVELS_AT_ONCE) {
            MutexGuard::bump(&mut state);
        }
        drop(state);
        let mut found = walk.into_found();
        found.retain(|m| m.parts().expires_at.is_none_or(|at| at > now));
        found
    }
}

fn is_over(waiting: &Waiting, now: Timestamp) -> bool {
    let at = waiting.message.parts().expires_at;
    at.is_some_and(|at| at <= now)
}

fn message(waiting: &Waiting, (seq, dup): (Seq, bool), from: KeptIn) -> Ready {
    Ready::Message {
        packet_id: id_of(seq),
        qos: waiting.qos,
        dup,
        message: Arc::clone(&waiting.message),
        retain_as_published: waiting.retain,
        ids: waiting.ids.clone(),
        from,
        at: Timestamp::from_millis(waiting.at),
    }
}
