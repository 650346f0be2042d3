//! Sessions that begin, go on, rest and end.

use std::sync::{Arc, atomic::Ordering};

use message_bus::ChannelId;
use model::Timestamp;
use mqtt_codec::{Properties, QoS};
use thiserror::Error;

use super::{
    Lsn, Offline, State, StoredSubscription, StoredWill, Uid,
    record::{Record, Seq, SessionRecord},
    session::{Place, Session},
};
use crate::{
    limits::SWEEP_LEN_MAX,
    message::{Message, MessageRef, Outgoing},
    routes::Seat,
};

/// No further session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the broker keeps no further persistent session")]
pub(crate) struct TooManySessions;

/// A client connects and wants its session to be kept.
#[derive(Debug)]
pub(crate) struct Attach<'a> {
    pub(crate) client_id: &'a Arc<str>,
    pub(crate) clean_start: bool,
    pub(crate) expiry_s: u32,
    pub(crate) will: Option<StoredWill>,
    pub(crate) seat: Seat,
    pub(crate) channel: ChannelId,
}

/// The session that it has now.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) uid: Uid,
    /// It was there before.
    pub(crate) present: bool,
    pub(crate) subscriptions: Vec<StoredSubscription>,
    /// Messages of `QoS` 2 that it has published and not released.
    pub(crate) inbound: Vec<u16>,
    /// The last words of the session that has ended with this.
    pub(crate) last_words: Option<Arc<Message>>,
    /// CONNACK waits for it.
    pub(crate) lsn: Lsn,
}

/// What comes of a will when its client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detached {
    /// The session has ended, or the will is not to be delayed.
    WillNow,
    /// The session keeps it until its delay is over.
    WillLater,
    /// The client is connected elsewhere already: a will that was to be delayed is never sent.
    Resumed,
}

impl Offline {
    /// Makes or resumes the session of a client that has just connected.
    pub(crate) fn attach(&self, attach: Attach<'_>) -> Result<Attached, TooManySessions> {
        let mut state = self.state.lock();
        let old = state.ledger.of_client(attach.client_id).map(|s| s.uid);
        let mut last_words = None;
        if let Some(uid) = old.filter(|_| attach.clean_start) {
            last_words = words_left_by(&state, uid);
            state.record(Record::SessionGone(uid));
        }
        let resumed = old.filter(|_| !attach.clean_start);
        if resumed.is_none() && state.ledger.len() >= self.limits.sessions_max {
            self.changed(&state);
            return Err(TooManySessions);
        }
        let known = resumed.and_then(|uid| state.ledger.session(uid));
        let known = known.map(Session::record);
        let mut record = known.unwrap_or_else(|| SessionRecord {
            uid: state.ledger.next_uid(),
            client_id: Arc::clone(attach.client_id),
            expiry_s: 0,
            away_since: None,
            next_seq: Seq(0),
            sent: Seq(0),
            inbound: Vec::new(),
            subscriptions: Vec::new(),
            will: None,
        });
        record.away_since = None;
        record.expiry_s = attach.expiry_s;
        record.will = attach.will;
        let (uid, subscriptions) = (record.uid, record.subscriptions.clone());
        let inbound = record.inbound.clone();
        let lsn = state.record(Record::Session(record));
        let (seat, channel) = (attach.seat, attach.channel);
        state.ledger.move_to(uid, Place::Online { seat, channel });
        let news = state.ledger.session_mut(uid).and_then(|session| {
            session.rewind();
            // Told once it is durable, when CONNACK goes out, too.
            session.announce()
        });
        state.news.extend(news);
        self.changed(&state);
        Ok(Attached {
            uid,
            present: resumed.is_some(),
            subscriptions,
            inbound,
            last_words,
            lsn,
        })
    }

    /// Ends the session that a client had, since it connects with a clean one; its last words.
    pub(crate) fn discard(&self, client_id: &str) -> Option<(Lsn, Option<Arc<Message>>)> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.state.lock();
        let uid = state.ledger.of_client(client_id)?.uid;
        let last_words = words_left_by(&state, uid);
        let lsn = state.record(Record::SessionGone(uid));
        state.urgent = true;
        self.changed(&state);
        Some((lsn, last_words))
    }

    /// The client of a session is gone. `expiry_s` is what it said last; `with_will` is whether
    /// its will is to be published at all.
    pub(crate) fn detach(
        &self,
        (uid, channel): (Uid, ChannelId),
        expiry_s: u32,
        with_will: bool,
        now: Timestamp,
    ) -> Detached {
        let mut state = self.state.lock();
        let Some(session) = state.ledger.session(uid) else {
            return Detached::WillNow;
        };
        let delay_s = session.will.as_ref().map_or(0, |will| will.delay_s);
        if !session.is_on(channel) {
            return Detached::Resumed;
        }
        let mut record = session.record();
        record.expiry_s = expiry_s;
        record.away_since = Some(now.as_millis());
        if record.expiry_s == 0 {
            state.record(Record::SessionGone(uid));
            self.changed(&state);
            return Detached::WillNow;
        }
        let later = with_will && delay_s > 0;
        if !later {
            record.will = None;
        }
        state.record(Record::Session(record));
        if let Some(session) = state.ledger.session_mut(uid) {
            session.rewind();
        }
        self.changed(&state);
        if later {
            Detached::WillLater
        } else {
            Detached::WillNow
        }
    }

    /// Adds a subscription, or replaces the one with the same filter.
    pub(crate) fn subscribe(&self, uid: Uid, subscription: StoredSubscription) -> Option<Lsn> {
        self.change_subscriptions(uid, |all| {
            match all.iter_mut().find(|s| s.is_same(&subscription)) {
                Some(same) => *same = subscription,
                None => all.push(subscription),
            }
        })
    }

    /// Takes a subscription away.
    pub(crate) fn unsubscribe(&self, uid: Uid, filter: &str) -> Option<Lsn> {
        self.change_subscriptions(uid, |all| all.retain(|s| s.whole() != filter))
    }

    fn change_subscriptions(
        &self,
        uid: Uid,
        change: impl FnOnce(&mut Vec<StoredSubscription>),
    ) -> Option<Lsn> {
        let mut state = self.state.lock();
        let session = state.ledger.session(uid)?;
        let (mut record, place) = (session.record(), session.place);
        let before = record.subscriptions.clone();
        change(&mut record.subscriptions);
        if record.subscriptions == before {
            // That it is so may not be on disk yet.
            return Some(state.lsn);
        }
        let lsn = state.record(Record::Session(record));
        state.ledger.move_to(uid, place);
        state.urgent = true;
        self.changed(&state);
        Some(lsn)
    }

    /// Ends sessions and drops messages whose time is over; returns the wills that are due, with
    /// the clients they are of.
    pub(crate) fn sweep(&self, now: Timestamp) -> Vec<(Arc<str>, Arc<Message>)> {
        let nothing = self.is_empty() && self.retained.load(Ordering::Relaxed) == 0;
        if nothing {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let mut wills = Vec::new();
        for _ in 0..SWEEP_LEN_MAX {
            let Some(uid) = state.ledger.due(now.as_millis()) else {
                break;
            };
            wills.extend(come_due(&mut state, uid, now));
        }
        self.drop_aged(&mut state, now);
        drop_expired_retained(&mut state, now);
        self.changed(&state);
        wills
    }
}

/// The will whose delay ends with the session (MQTT 5, 3.1.3.2.2). That of a client which is
/// connected is its connection's to say.
fn words_left_by(state: &State, uid: Uid) -> Option<Arc<Message>> {
    let session = state.ledger.session(uid)?;
    let will = session.will.as_ref().filter(|_| session.is_away())?;
    Some(Arc::clone(&will.message))
}

/// A session's life is over, or the delay of its will.
fn come_due(state: &mut State, uid: Uid, now: Timestamp) -> Option<(Arc<str>, Arc<Message>)> {
    let session = state.ledger.session(uid)?;
    let will = session.will.as_ref();
    let will = will.map(|will| (Arc::clone(&session.client_id), Arc::clone(&will.message)));
    if session.is_over(now.as_millis()) {
        state.record(Record::SessionGone(uid));
    } else {
        let mut record = session.record();
        record.will = None;
        state.record(Record::Session(record));
    }
    will
}

fn drop_expired_retained(state: &mut State, now: Timestamp) {
    for _ in 0..SWEEP_LEN_MAX {
        let Some(topic) = state.ledger.retained.expired(now) else {
            return;
        };
        let nothing = MessageRef {
            topic,
            properties: Properties::NONE,
            payload: &[],
            qos: QoS::AtMostOnce,
            retain: true,
            expires_at: None,
        };
        let nothing = Outgoing::borrowed(nothing).share();
        state.record(Record::Retained(nothing));
    }
}
