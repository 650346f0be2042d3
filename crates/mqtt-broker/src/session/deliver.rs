//! Messages to the client: at once, or behind others in its window.

use std::{sync::Arc, time::Duration};

use clock::Clock;
use mqtt_codec::{
    Ack, Delivery, Packet, PacketId, PropertiesBuf, Property, Publish, QoS, ReasonCode, publish_len,
};

use super::{
    End, Live, Output,
    alias::Alias,
    in_flight::{Answer, Awaits, InFlight, Step},
    out_of_place,
    told::{KeptIn, Told},
    window::{Window, following},
};
use crate::{
    inbox::Delivered,
    message::{Expired, Message, MessageId, MessageRef, Outgoing, Terms},
    shared_subscriptions::SharedId,
};

/// Where the identifier of a message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbered {
    /// The next free one.
    ByWindow { traced: Option<MessageId> },
    /// It had it before, and keeps it.
    Stored { packet_id: PacketId, dup: bool },
}

impl Live {
    /// Delivers a message on the terms of the client's subscriptions.
    pub(crate) fn deliver(
        &mut self,
        message: &Outgoing<'_>,
        terms: Terms<'_>,
        clock: &Clock,
        out: &mut Output,
    ) -> Delivered {
        let numbered = Numbered::ByWindow { traced: message.id };
        if message.parts.qos.min(terms.qos) == QoS::AtMostOnce {
            if let Some(window) = self.window.as_mut().filter(|w| w.has_retained()) {
                let waits = window.wait_behind_retained(message, terms, clock.now());
                return if waits {
                    Delivered::Waits
                } else {
                    Delivered::Full
                };
            }
            return if out.is_full() {
                Delivered::Full
            } else {
                self.write(message.parts, terms, numbered, clock, out)
            };
        }
        let idle = self.alone.is_none() && self.window.is_none();
        if idle && !out.is_full() {
            return self.write(message.parts, terms, numbered, clock, out);
        }
        let receive_max = self.receive_max;
        let window = self.window();
        if window.is_open(receive_max) && !out.is_full() {
            let delivered = self.write(message.parts, terms, numbered, clock, out);
            self.drop_empty_window();
            delivered
        } else if window.wait(message, terms, clock.now()) {
            Delivered::Waits
        } else {
            Delivered::Full
        }
    }

    /// Writes PUBLISH, unless the message has expired or the client takes none of this size.
    pub(super) fn write(
        &mut self,
        parts: MessageRef<'_>,
        terms: Terms<'_>,
        numbered: Numbered,
        clock: &Clock,
        out: &mut Output,
    ) -> Delivered {
        let expires_in_s = match (parts.expires_in_s(|| clock.wall()), numbered) {
            (Ok(expires_in_s), _) => expires_in_s,
            // What was sent once does not expire any more (MQTT 5, 4.3.3).
            (Err(Expired), Numbered::Stored { dup: true, .. }) => Some(0),
            (Err(Expired), Numbered::Stored { .. } | Numbered::ByWindow { .. }) => {
                return Delivered::Expired;
            }
        };
        let mut own = out.take_scratch();
        let mut alias = self.alias(parts.topic);
        let mut publish = Publish {
            delivery: Delivery::AtMostOnce,
            retain: parts.retain && terms.retain_as_published,
            topic: parts.topic,
            properties: parts.properties,
            payload: parts.payload,
        };
        self.put_own(&mut own, expires_in_s, terms, alias);
        if let Alias::Known(_) = alias {
            publish.topic = "";
        }
        let awaits = Awaits::after(parts.qos.min(terms.qos));
        // Any identifier is as long as the one it will have.
        publish.delivery = awaits.map_or(Delivery::AtMostOnce, |a| a.delivery(PacketId::MIN));
        let fits = |own: &PropertiesBuf| {
            publish_len(&publish, own.as_properties(), self.version) <= self.packet_len_max()
        };
        let mut fitting = fits(&own);
        if !fitting && alias_is_new(alias) {
            alias = Alias::None;
            self.put_own(&mut own, expires_in_s, terms, alias);
            fitting = fits(&own);
        }
        let delivered = if fitting {
            self.encode(publish, awaits.map(|a| (a, numbered)), &own, out)
        } else {
            Delivered::Gone
        };
        out.give_scratch(own);
        if (delivered, alias_is_new(alias)) == (Delivered::Sent, true) {
            self.extras().outbound.add(parts.topic);
        }
        delivered
    }

    fn encode(
        &mut self,
        mut publish: Publish<'_>,
        awaits: Option<(Awaits, Numbered)>,
        own: &PropertiesBuf,
        out: &mut Output,
    ) -> Delivered {
        let packet_id = awaits.and_then(|(awaits, numbered)| match numbered {
            Numbered::ByWindow { traced } => {
                let packet_id = self.number(awaits, traced);
                publish.delivery = awaits.delivery(packet_id);
                Some(packet_id)
            }
            Numbered::Stored { .. } => {
                publish.delivery = numbered.apply(publish.delivery);
                None
            }
        });
        if out
            .put_publish(&publish, own.as_properties(), self.version)
            .is_ok()
        {
            return Delivered::Sent;
        }
        match (&mut self.window, packet_id) {
            (Some(window), Some(packet_id)) => window.forget(packet_id),
            (None, Some(_)) => self.alone = None,
            (_, None) => {}
        }
        Delivered::Gone
    }

    /// The next free identifier, for a message that awaits an answer.
    fn number(&mut self, awaits: Awaits, traced: Option<MessageId>) -> PacketId {
        if self.window.is_none() && self.alone.is_none() && traced.is_none() {
            let packet_id = following(self.last_packet_id);
            self.last_packet_id = packet_id.get();
            self.alone = Some(awaits);
            return packet_id;
        }
        let last = self.last_packet_id;
        let packet_id = self.window().send(last, awaits, traced);
        self.last_packet_id = packet_id.get();
        packet_id
    }

    /// The window, which one message alone does not need.
    pub(super) fn window(&mut self) -> &mut Window {
        let window = self.window.get_or_insert_default();
        let alone = self.alone.take().zip(PacketId::new(self.last_packet_id));
        if let Some((awaits, packet_id)) = alone {
            window.add(InFlight { packet_id, awaits });
        }
        window
    }

    /// The properties that a message has for this client only.
    fn put_own(
        &self,
        own: &mut PropertiesBuf,
        expires_in_s: Option<u32>,
        terms: Terms<'_>,
        alias: Alias,
    ) {
        own.clear();
        if !self.version.has_properties() {
            return;
        }
        let expiry = expires_in_s.map(Property::MessageExpiryInterval);
        let alias = match alias {
            Alias::None => None,
            Alias::New(number) | Alias::Known(number) => Some(Property::TopicAlias(number)),
        };
        let ids = terms.ids.iter();
        let ids = ids.map(|id| Property::SubscriptionIdentifier(id.get()));
        for property in expiry.into_iter().chain(alias).chain(ids) {
            own.push(property)
                .expect("a number is never too long for its property");
        }
    }

    fn alias(&self, topic: &str) -> Alias {
        match &self.extras {
            _ if self.topic_alias_max == 0 => Alias::None,
            Some(extras) => extras.outbound.find(topic, self.topic_alias_max),
            None => Alias::New(1),
        }
    }

    /// Messages that wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let window = self.window.as_ref();
        window.map_or((0, 0), |window| window.waiting())
    }

    fn drop_empty_window(&mut self) {
        if self.window.as_ref().is_some_and(|window| window.is_empty()) {
            self.window = None;
        }
    }

    /// PUBACK, PUBREC or PUBCOMP for a message that the client was sent.
    pub(super) fn answered(
        &mut self,
        packet_id: PacketId,
        answer: Answer,
        clock: &Clock,
        out: &mut Output,
    ) -> Result<(), End> {
        let (step, traced) = match (&mut self.window, &mut self.alone) {
            (Some(window), _) => window.answered(packet_id, answer),
            (None, Some(awaits)) if packet_id.get() == self.last_packet_id => {
                let step = awaits.step(answer);
                match step {
                    Step::Done => self.alone = None,
                    Step::Release => *awaits = Awaits::PubComp,
                    Step::Unknown | Step::OutOfPlace => {}
                }
                (step, None)
            }
            (None, _) => (Step::Unknown, None),
        };
        if let Some(id) = traced {
            let refused = answer.is_refusal();
            out.tell(Told::Answered { id, refused });
        }
        match (step, answer) {
            (Step::Done, _) => self.send_waiting(clock, out),
            (Step::Release, _) => self.release(packet_id, ReasonCode::Success, out)?,
            // MQTT 5, 4.3.3: a sender that knows nothing of a PUBREC says so in PUBREL.
            (Step::Unknown, Answer::PubRec { refused: false }) => {
                self.release(packet_id, ReasonCode::PacketIdentifierNotFound, out)?;
            }
            // An answer that comes twice harms nobody.
            (Step::Unknown, Answer::PubAck | Answer::PubComp | Answer::PubRec { .. }) => {}
            (Step::OutOfPlace, _) => {
                return Err(out_of_place("this answer is not of the message's QoS"));
            }
        }
        Ok(())
    }

    /// PUBACK, if it is for the one message in flight and nothing follows from it; whether it is.
    pub(crate) fn takes_last_puback(&mut self, packet_id: u16) -> bool {
        let is_last = self.alone == Some(Awaits::PubAck) && packet_id == self.last_packet_id;
        let takes = is_last && self.window.is_none() && self.persistent.is_none();
        if takes {
            self.alone = None;
        }
        takes
    }

    pub(super) fn release(
        &self,
        packet_id: PacketId,
        reason: ReasonCode,
        out: &mut Output,
    ) -> Result<(), End> {
        let ack = Ack {
            reason,
            ..Ack::success(packet_id)
        };
        self.put(&Packet::PubRel(ack), out)
    }

    /// What waits for the client and may go to others, now that it is gone.
    pub(crate) fn take_shared(&mut self) -> Vec<(SharedId, Arc<Message>)> {
        let window = self.window.as_mut();
        window
            .map(|window| window.take_shared())
            .unwrap_or_default()
    }

    /// Sends what waits, as far as the window and the peer allow, and ends an empty window.
    pub(crate) fn send_waiting(&mut self, clock: &Clock, out: &mut Output) {
        while let Some(window) = &mut self.window {
            if !window.has_room(self.receive_max) || out.is_full() {
                return;
            }
            let Some(waiting) = window.next_waiting() else {
                return self.drop_empty_window();
            };
            let (message, terms) = (&waiting.message, waiting.terms());
            let traced = message.id();
            let numbered = Numbered::ByWindow { traced };
            if self.write(message.parts(), terms, numbered, clock, out) != Delivered::Sent {
                continue;
            }
            out.note_waited(Arc::clone(message), waiting.since);
            if waiting.retained {
                out.tell(Told::Sent {
                    message: Arc::clone(message),
                    from: KeptIn::Retained,
                    waited: Duration::ZERO,
                });
            }
        }
    }
}

const fn alias_is_new(alias: Alias) -> bool {
    matches!(alias, Alias::New(_))
}
