//! What waits to be sent up: replies first, then events, then the newest status.

use std::collections::VecDeque;

use bytes::Bytes;
use model::{EVENT, Event, GatewayId, GatewayStatus, RESULT, Reply, STATUS, StatusMessage};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;
use tracing::{error, warn};

use crate::limits::{EVENTS_WAITING_MAX, REPLIES_WAITING_MAX};

/// Messages for the console, kept while there is no connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    gateway: GatewayId,
    lanes: Mutex<Lanes>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Lanes {
    replies: VecDeque<Bytes>,
    events: VecDeque<Bytes>,
    /// Only the newest is worth sending.
    status: Option<Bytes>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) parent: &'static str,
    pub(crate) payload: Bytes,
}

impl Outbox {
    pub(crate) fn new(gateway: GatewayId) -> Self {
        Self {
            gateway,
            lanes: Mutex::default(),
            arrived: Notify::new(),
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
        format!("{}/{}", outgoing.parent, self.gateway)
    }

    /// Waits for the most important message.
    pub(super) async fn next(&self) -> Outgoing {
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
            match outgoing.parent {
                RESULT => lanes.replies.push_front(outgoing.payload),
                EVENT => lanes.events.push_front(outgoing.payload),
                // The next status tells more.
                _ => {}
            }
        }
    }

    fn take(&self) -> Option<Outgoing> {
        let mut lanes = self.lanes.lock();
        let reply = lanes.replies.pop_front().map(|payload| (RESULT, payload));
        let event = || lanes.events.pop_front().map(|payload| (EVENT, payload));
        let found = reply.or_else(event);
        let found = found.or_else(|| lanes.status.take().map(|payload| (STATUS, payload)));
        found.map(|(parent, payload)| Outgoing { parent, payload })
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
