//! A message of a client, and what its publisher is told.

use std::sync::Arc;

use model::TopicName;
use mqtt_codec::{Delivery, Publish, QoS, ReasonCode};
use parking_lot::Mutex;

use super::{
    Shard,
    store::Until,
    targets::{Keep, Origin, Publisher, Targets},
    to_key,
    trace::Traced,
};
use crate::{
    inbox::Delivered,
    message::{Message, MessageId, MessageRef, Outgoing, expires_at, forwarded},
    session::{End, Incoming, RefusedPublish},
};

/// A message that was given out. What was decided of it counts for those behind it that were read
/// together with it: nobody can tell at which moment each of them came.
#[derive(Debug)]
pub(super) struct Precedent<'a> {
    incoming: Incoming<'a>,
    targets: Targets,
}

impl<'a> Precedent<'a> {
    /// Which those behind it often have, too.
    pub(super) const fn topic(&self) -> Option<&'a str> {
        self.incoming.topic.borrowed()
    }
}

impl Shard {
    /// Gives out a message of a client. If there may be one `behind` it, returns what counts for
    /// that one, too.
    pub(super) fn publish<'a>(
        &mut self,
        slot: u32,
        incoming: Incoming<'a>,
        behind: bool,
    ) -> Option<Precedent<'a>> {
        let outgoing = self.take_in(slot, &incoming);
        if let Some(rest) = self.rest_of(slot, &incoming) {
            self.trace_incoming(slot, outgoing.id, &incoming, "accepted");
            // It is tried in this turn.
            self.stall(slot, &incoming, &outgoing, rest);
            return None;
        }
        let targets = self.targets(&incoming.topic, incoming.uplink, &outgoing);
        let Some(targets) = targets else {
            self.trace_incoming(slot, outgoing.id, &incoming, "no_receiver");
            self.counters().messages_no_receiver.one();
            let text = "the client that the topic names is not connected";
            let reason = ReasonCode::NoMatchingSubscribers;
            self.acknowledge(slot, incoming.delivery, (reason, text), None);
            self.tell_no_receiver(slot, &incoming);
            return None;
        };
        let again = behind.then(|| targets.clone());
        self.pass(slot, &incoming, &outgoing, targets);
        again.map(|targets| Precedent { incoming, targets })
    }

    /// Gives out one more that is like `before`; whether it is.
    pub(super) fn publish_behind<'a>(
        &mut self,
        slot: u32,
        before: &Precedent<'a>,
        publish: &Publish<'a>,
    ) -> bool {
        let live = self.connection(slot).and_then(|c| c.session.live());
        let incoming = live.and_then(|live| live.check_behind(&before.incoming, publish));
        let Some(incoming) = incoming else {
            return false;
        };
        let outgoing = self.take_in(slot, &incoming);
        self.pass(slot, &incoming, &outgoing, before.targets.clone());
        true
    }

    /// Counts a message, and its publisher as one who has spoken.
    fn take_in<'i>(&mut self, slot: u32, incoming: &'i Incoming<'_>) -> Outgoing<'i> {
        self.counters().messages_in.one();
        let id = (incoming.traced)
            .then(|| self.number_within_budget())
            .flatten();
        let outgoing = Outgoing::borrowed(incoming.parts()).traced(id);
        let outgoing = outgoing.ranked(incoming.precedence);
        self.meter_arrival(&outgoing);
        self.pace(slot);
        if let Some(connection) = self.connection(slot) {
            connection.urgency.note(incoming.precedence);
        }
        outgoing
    }

    /// Gives a message to those who get it, and answers its publisher or lets it wait.
    fn pass(
        &mut self,
        slot: u32,
        incoming: &Incoming<'_>,
        outgoing: &Outgoing<'_>,
        mut targets: Targets,
    ) {
        self.trace_incoming(slot, outgoing.id, incoming, "accepted");
        let nobody_here = targets.is_for_nobody_here();
        let Some(from) = self.origin(slot, incoming.delivery) else {
            return;
        };
        if targets.store == Keep::Nothing && from.uid.is_some() && from.inbound.is_some() {
            targets.store = Keep::Receipt;
        }
        self.give_out(from, &incoming.topic, outgoing, &mut targets);
        if targets.is_empty() {
            let reason = if nobody_here && targets.until.is_none() {
                ReasonCode::NoMatchingSubscribers
            } else {
                ReasonCode::Success
            };
            self.acknowledge(slot, incoming.delivery, (reason, ""), targets.until);
        } else {
            self.stall(slot, incoming, outgoing, Arc::new(Mutex::new(targets)));
        }
    }

    /// A message broke a rule; it may take its connection along.
    pub(super) fn refused(&mut self, slot: u32, refused: RefusedPublish) -> Result<(), End> {
        self.counters().messages_refused.one();
        if let Some(id) = self.message_id(&refused.topic) {
            let live = self.connection(slot).and_then(|c| c.session.live());
            if let Some(who) = live.map(|live| Traced::of(live)) {
                self.trace_refused(&who, id, &refused);
            }
        }
        refused.end.map_or(Ok(()), Err)
    }

    fn trace_incoming(
        &mut self,
        slot: u32,
        id: Option<MessageId>,
        incoming: &Incoming<'_>,
        code: &'static str,
    ) {
        let Some(id) = id else { return };
        let live = self.connection(slot).and_then(|c| c.session.live());
        let Some(who) = live.map(|live| Traced::of(live)) else {
            return;
        };
        let message = (id, incoming.topic.as_str());
        self.trace_publish(&who, message, code, incoming.delivery);
    }

    /// The last words of a client that was lost.
    pub(super) fn publish_will(
        &mut self,
        topic: &TopicName<'_>,
        client_id: &str,
        uplink: bool,
        will: &Arc<Message>,
    ) {
        // Its expiry interval counts from now (MQTT 5, 3.1.3.2.4).
        let will = will.parts();
        let properties = forwarded(will.properties);
        let id = self.message_id(topic.as_str());
        let clock = &self.shared.clock;
        let outgoing = Outgoing::borrowed(MessageRef {
            properties: properties.as_properties(),
            expires_at: expires_at(will.properties, || clock.wall()),
            ..will
        });
        let precedence = self.shared.registry.rules().precedence(topic.parent());
        let outgoing = outgoing.traced(id).ranked(precedence);
        let targets = self.targets(topic, uplink, &outgoing);
        let code = targets.as_ref().map_or("no_receiver", |_| "accepted");
        if let Some(id) = id {
            self.trace_will(client_id, (id, topic.as_str()), code);
        }
        let Some(mut targets) = targets else { return };
        let from = Origin {
            publisher: Publisher::Gone(client_id),
            uid: None,
            inbound: None,
        };
        self.give_out(from, topic, &outgoing, &mut targets);
        if !targets.is_empty() {
            self.counters().messages_dropped.one();
        }
    }

    /// Answers a publisher, once `until` is on disk.
    pub(super) fn acknowledge(
        &mut self,
        slot: u32,
        delivery: Delivery,
        (reason, text): (ReasonCode, &str),
        until: Until,
    ) {
        if delivery == Delivery::AtMostOnce {
            return;
        }
        let Self {
            connections, spare, ..
        } = self;
        let connection = connections.get_mut(to_key(slot)).filter(|c| !c.doomed);
        let Some(connection) = connection else {
            return;
        };
        let output = connection.output.get_or_insert_with(|| spare.take());
        let start = output.mark();
        output.hold(until);
        let answered = match connection.session.live() {
            Some(live) => live.acknowledge(delivery, reason, text, output),
            None => Ok(()),
        };
        match answered {
            Ok(()) => {
                self.seal(slot, start);
                self.mark_dirty(slot);
            }
            Err(end) => self.doom(slot, end),
        }
    }

    /// What came of a delivery that nobody waits for.
    pub(super) fn settle(&mut self, slot: u32, delivered: Delivered, qos: QoS) {
        match delivered {
            Delivered::Sent | Delivered::Waits => self.counters().messages_out.one(),
            // Counted when it is sent.
            Delivered::Stored => {}
            Delivered::Gone => self.counters().messages_dropped.one(),
            Delivered::Expired => self.counters().messages_expired.one(),
            Delivered::Full if qos == QoS::AtMostOnce => self.counters().messages_dropped.one(),
            Delivered::Full => {
                // It was promised that none of these is lost while it is connected.
                self.counters().slow_clients_closed.one();
                self.doom(slot, End::TooSlow);
            }
        }
    }
}
