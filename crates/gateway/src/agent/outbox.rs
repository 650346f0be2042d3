//! What waits to be sent up: replies first, then events, then the newest status, then changes of
//! objects.

use std::collections::VecDeque;

use bytes::Bytes;
use model::{EVENT, Event, GatewayId, GatewayStatus, RESULT, Reply, STATUS, StatusMessage};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tracing::{error, warn};

use crate::limits::{CHANGES_WAITING_MAX, EVENTS_WAITING_MAX, REPLIES_WAITING_MAX};

/// Messages for the console, kept while there is no connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    gateway: GatewayId,
    lanes: Mutex<Lanes>,
    arrived: Notify,
    /// How many connections there were, and whether the last of them is there.
    connection: watch::Sender<Connection>,
}

/// The connection, as those see it who tell changes of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) is_there: bool,
}

#[derive(Debug, Default)]
struct Lanes {
    replies: VecDeque<Bytes>,
    events: VecDeque<Bytes>,
    /// Only the newest is worth sending.
    status: Option<Bytes>,
    changes: VecDeque<Bytes>,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Reply,
    Event,
    Status,
    Changes,
}

impl Lane {
    /// The parent topic it goes to.
    pub(crate) const fn parent(self) -> &'static str {
        match self {
            Self::Reply => RESULT,
            Self::Event | Self::Changes => EVENT,
            Self::Status => STATUS,
        }
    }
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) lane: Lane,
    pub(crate) payload: Bytes,
}

impl Outbox {
    pub(crate) fn new(gateway: GatewayId) -> Self {
        Self {
            gateway,
            lanes: Mutex::default(),
            arrived: Notify::new(),
            connection: watch::Sender::default(),
        }
    }

    /// There is a connection, or there is none any more. Changes of objects do not wait for the
    /// next one: who was not told of some sees a gap.
    pub(crate) fn note_connection(&self, is_there: bool) {
        self.lanes.lock().changes.clear();
        self.connection.send_modify(|connection| {
            connection.number += u64::from(is_there);
            connection.is_there = is_there;
        });
    }

    /// Tells when a connection is made or lost.
    pub(crate) fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// Whether changes of objects can be pushed.
    pub(crate) fn has_room_for_changes(&self) -> bool {
        self.lanes.lock().changes.len() < CHANGES_WAITING_MAX
    }

    /// Changes of objects; if too many wait the oldest go, and those who hear the next see it.
    pub(crate) fn push_changes(&self, event: &Event) {
        if let Some(json) = to_json(event) {
            let mut lanes = self.lanes.lock();
            push(&mut lanes.changes, json, CHANGES_WAITING_MAX, EVENT);
            drop(lanes);
            self.arrived.notify_one();
        }
    }

    pub(crate) fn push_replies(&self, replies: Vec<Reply>) {
        for reply in replies {
            if let Some(json) = to_json(&reply) {
                let mut lanes = self.lanes.lock();
                push(&mut lanes.replies, json, REPLIES_WAITING_MAX, RESULT);
            }
        }
        self.arrived.notify_one();
    }

    pub(crate) fn push_event(&self, event: &Event) {
        if let Some(json) = to_json(event) {
            push(
                &mut self.lanes.lock().events,
                json,
                EVENTS_WAITING_MAX,
                EVENT,
            );
            self.arrived.notify_one();
        }
    }

    pub(crate) fn set_status(&self, status: GatewayStatus) {
        if let Some(json) = to_json(&StatusMessage(status)) {
            self.lanes.lock().status = Some(json);
            self.arrived.notify_one();
        }
    }

    /// The topic of a message.
    pub(super) fn topic(&self, outgoing: &Outgoing) -> String {
        format!("{}/{}", outgoing.lane.parent(), self.gateway)
    }

    /// Waits for the most important message.
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            let arrived = self.arrived.notified();
            if let Some(outgoing) = self.take() {
                return outgoing;
            }
            arrived.await;
        }
    }

    /// Puts back what was sent and not acknowledged, in its order, before all else.
    pub(super) fn put_back(&self, unacknowledged: Vec<Outgoing>) {
        let mut lanes = self.lanes.lock();
        for outgoing in unacknowledged.into_iter().rev() {
            match outgoing.lane {
                Lane::Reply => lanes.replies.push_front(outgoing.payload),
                Lane::Event => lanes.events.push_front(outgoing.payload),
                // The next status tells more; what was changed is told in time or listed.
                Lane::Status | Lane::Changes => {}
            }
        }
    }

    fn take(&self) -> Option<Outgoing> {
        let mut lanes = self.lanes.lock();
        let reply = lanes.replies.pop_front().map(|reply| (Lane::Reply, reply));
        let event = || Some((Lane::Event, lanes.events.pop_front()?));
        let found = reply.or_else(event);
        let found = found.or_else(|| Some((Lane::Status, lanes.status.take()?)));
        let found = found.or_else(|| Some((Lane::Changes, lanes.changes.pop_front()?)));
        found.map(|(lane, payload)| Outgoing { lane, payload })
    }
}

fn push(lane: &mut VecDeque<Bytes>, payload: Bytes, max: usize, parent: &str) {
    if lane.len() >= max {
        lane.pop_front();
        warn!(
            parent,
            "too much waits for the connection; the oldest message is dropped"
        );
    }
    lane.push_back(payload);
}

fn to_json(value: &impl Serialize) -> Option<Bytes> {
    let json = serde_json::to_vec(value);
    json.inspect_err(|error| error!(%error, "cannot be written as JSON"))
        .ok()
        .map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use model::{ChangeBatch, ChangeReport, EventKind, Severity, Timestamp};

    use super::*;

    fn changes(sequence: u64) -> Event {
        let batch = ChangeBatch {
            epoch: 1,
            sequence,
            changes: Vec::new(),
        };
        let share = "a".parse().unwrap();
        Event {
            at: Timestamp::from_millis(0),
            kind: EventKind::Changes(ChangeReport { share, batch }),
        }
    }

    #[tokio::test]
    async fn changes_of_objects_come_last_and_go_with_their_connection() {
        let outbox = Outbox::new("gw-test".parse().unwrap());
        outbox.push_changes(&changes(1));
        outbox.push_event(&Event {
            at: Timestamp::from_millis(0),
            kind: EventKind::Notice {
                severity: Severity::Info,
                share: None,
                message: "m".into(),
            },
        });
        let (first, second) = (outbox.next().await, outbox.next().await);
        assert_eq!((first.lane, second.lane), (Lane::Event, Lane::Changes));
        assert_eq!(outbox.topic(&second), "csg_event/gw-test");
        outbox.put_back(vec![first.clone(), second]);
        assert_eq!(outbox.next().await, first);
        assert_eq!(outbox.take(), None);
        outbox.push_changes(&changes(2));
        outbox.note_connection(false);
        assert_eq!(outbox.take(), None);
        for sequence in 0..100 {
            outbox.push_changes(&changes(sequence));
        }
        assert!(!outbox.has_room_for_changes());
        let waiting = std::iter::from_fn(|| outbox.take()).count();
        assert_eq!(waiting, CHANGES_WAITING_MAX);
    }
}
