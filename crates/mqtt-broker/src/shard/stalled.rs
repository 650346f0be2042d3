//! Messages that found no room.
//!
//! Of `QoS` 1 nothing is lost here: its publisher gets no PUBACK and is not read until all who
//! must get the message have room. `QoS` 0 and status are dropped and counted instead.

use std::sync::Arc;

use message_bus::fair::{Bounds, FairQueue, Load, Place, Queued};
use model::Topic;
use mqtt_codec::{Delivery, ReasonCode};

use super::{Shard, targets::Targets, unfinished::Rest};
use crate::{
    limits::RETRIES_PER_TURN,
    message::{Message, Outgoing},
    session::Incoming,
};

/// What came of trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retried {
    Done,
    InVain,
}

/// A message that found no room.
#[derive(Debug)]
pub(super) struct Stalled {
    message: Arc<Message>,
    topic: Topic,
    delivery: Delivery,
    rest: Rest,
}

/// Whose message it is, among those that found no room.
#[derive(Debug)]
pub(super) struct Waiter {
    slot: u32,
    message: Arc<Message>,
}

impl Queued for Waiter {
    fn place(&self) -> Place<'_> {
        self.message.place()
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }
}

/// Nobody waits. A connection waits with one message at most, so there is no other bound.
pub(super) const fn none_stalled() -> FairQueue<Waiter> {
    FairQueue::new(&UNBOUNDED)
}

const UNBOUNDED: Bounds = {
    let all = Load {
        len: usize::MAX,
        bytes: usize::MAX,
    };
    Bounds {
        lane: all,
        others: all,
        all,
    }
};

impl Shard {
    /// Lets a message wait, and its publisher with it.
    pub(super) fn stall(
        &mut self,
        slot: u32,
        incoming: &Incoming<'_>,
        outgoing: &Outgoing<'_>,
        rest: Rest,
    ) {
        self.counters().stalls.one();
        let message = outgoing.share();
        let (topic, delivery) = (incoming.topic.to_topic(), incoming.delivery);
        self.note_unfinished(slot, delivery, &topic, &rest);
        let waiter = Waiter {
            slot,
            message: Arc::clone(&message),
        };
        if let Some(connection) = self.connection(slot) {
            connection.stalled = Some(Box::new(Stalled {
                message,
                topic,
                delivery,
                rest,
            }));
            self.stalled.push_anyway(waiter);
        }
    }

    /// Tries some of the messages again that found no room, and lets go on who is done.
    pub(super) fn retry_stalled(&mut self) {
        for _ in 0..self.stalled.len().min(RETRIES_PER_TURN) {
            let Some(waiter) = self.stalled.pop() else {
                break;
            };
            if self.retry(waiter.slot) == Retried::InVain {
                self.stalled.push_anyway(waiter);
            }
        }
    }

    fn retry(&mut self, slot: u32) -> Retried {
        let Some(connection) = self.connection(slot) else {
            return Retried::Done;
        };
        let Some(stalled) = connection.stalled.take() else {
            return Retried::Done;
        };
        let Some(from) = self.origin(slot, stalled.delivery) else {
            return Retried::Done;
        };
        let outgoing = Outgoing::shared_from(&stalled.message);
        let rest = Arc::clone(&stalled.rest);
        let mut targets = rest.lock();
        if self.is_worth_trying(&stalled.topic, &outgoing, &targets) {
            let topic = stalled.topic.name();
            self.give_out(from, &topic, &outgoing, &mut targets);
        }
        if targets.is_empty() {
            let until = targets.until;
            self.acknowledge(slot, stalled.delivery, (ReasonCode::Success, ""), until);
            self.mark_ready(slot);
            return Retried::Done;
        }
        if let Some(connection) = self.connection(slot) {
            connection.stalled = Some(stalled);
        }
        Retried::InVain
    }

    /// To find out that the console has no room costs less than to make a message for it.
    fn is_worth_trying(&self, topic: &Topic, outgoing: &Outgoing<'_>, targets: &Targets) -> bool {
        let others = targets.retain || targets.client.is_some() || !targets.shared.is_empty();
        let others = others || targets.shards != 0;
        let payload = outgoing.parts.payload;
        others || !targets.receiver || self.shared.hub.has_room(topic, payload.len())
    }
}
