//! PUBLISH from a client: the rules of the queue, before anybody gets the message.

use std::borrow::Cow;

use message_bus::Precedence;
use model::{Direction, Timestamp, TopicError, TopicName};
use mqtt_codec::{
    Ack, Delivery, Packet, PacketId, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode,
};

use super::{Context, End, Live, Output, Request, alias::AliasError, out_of_place, output::cut};
use crate::{
    limits::{RECEIVE_MAX, TOPIC_ALIAS_NAME_LEN_MAX},
    message::{MessageRef, expires_at, forwarded, is_of_its_format},
    registry::rules::PublishRule,
    rights::{Act, Denial, InvalidToken},
};

/// A message that obeys the rules.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) topic: TopicName<'a>,
    /// Goes to the console.
    pub(crate) uplink: bool,
    /// Of its parent topic.
    pub(crate) precedence: Precedence,
    /// If there are not too many.
    pub(crate) traced: bool,
    /// How it is to be acknowledged.
    pub(crate) delivery: Delivery,
    retain: bool,
    payload: &'a [u8],
    properties: PropertiesBuf,
    expires_at: Option<Timestamp>,
}

impl Incoming<'_> {
    pub(crate) fn parts(&self) -> MessageRef<'_> {
        MessageRef {
            topic: self.topic.as_str(),
            properties: self.properties.as_properties(),
            payload: self.payload,
            qos: self.delivery.qos(),
            retain: self.retain,
            expires_at: self.expires_at,
        }
    }
}

/// A message that breaks a rule; its publisher was told, if that is possible.
#[derive(Debug)]
pub(crate) struct RefusedPublish {
    /// Its topic, as far as it is worth writing down.
    pub(crate) topic: String,
    pub(crate) delivery: Delivery,
    /// A word for the trace.
    pub(crate) code: &'static str,
    pub(crate) text: String,
    /// The connection ends with it.
    pub(crate) end: Option<End>,
}

/// Why a message is refused: answered with PUBACK where that is possible.
enum Refused {
    Rule(ReasonCode, String),
    /// Answered with a notice and the end of the connection.
    Token(InvalidToken),
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Standing(text) => Self::Rule(ReasonCode::NotAuthorized, text),
            Denial::Token(invalid) => Self::Token(invalid),
        }
    }
}

impl Live {
    /// The message, if it obeys the rules.
    pub(super) fn check_publish<'a>(
        &mut self,
        publish: &Publish<'a>,
        topic: Cow<'a, str>,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Request<'a>, End> {
        let topic = TopicName::new(topic);
        let delivery = publish.delivery;
        if !self.is_new(delivery, context, out)? {
            return Ok(Request::Nothing);
        }
        let checked = self.check_rules(publish, topic, context);
        let checked = checked.and_then(|(topic, rule)| {
            let allowed = self.check_rights(Act::Publish, topic.as_str());
            allowed.map(|()| (topic, rule)).map_err(Refused::from)
        });
        match checked {
            Ok((topic, rule)) => {
                if let Delivery::ExactlyOnce { packet_id, .. } = delivery {
                    self.extras().received.add(packet_id);
                }
                Ok(Request::Publish(Incoming {
                    topic,
                    uplink: rule.direction == Some(Direction::Uplink),
                    precedence: rule.precedence,
                    traced: rule.traced,
                    delivery,
                    retain: publish.retain,
                    payload: publish.payload,
                    properties: forwarded(publish.properties),
                    expires_at: expires_at(publish.properties, || context.clock.wall()),
                }))
            }
            Err(refused) => {
                let refused = self.refuse(publish, refused, out);
                Ok(Request::Refused(Box::new(refused)))
            }
        }
    }

    /// The message behind `before`, if what was decided of that one counts for it as well: it is
    /// on the same topic, of the same `QoS`, no longer, and has no properties.
    pub(crate) fn check_behind<'a>(
        &self,
        before: &Incoming<'a>,
        publish: &Publish<'a>,
    ) -> Option<Incoming<'a>> {
        let delivery = publish.delivery;
        let is_new = match delivery {
            Delivery::AtMostOnce => true,
            Delivery::AtLeastOnce { packet_id, .. } => !self.is_in_use(packet_id),
            Delivery::ExactlyOnce { .. } => false,
        };
        let counts = is_new
            && delivery.qos() == before.delivery.qos()
            && publish.properties.is_empty()
            // Who subscribes meanwhile must get those behind what it was told is retained; and what
            // is still to be retained of one is not to be of the other.
            && !publish.retain
            && !before.retain
            && publish.payload.len() <= before.payload.len()
            && publish.topic == before.topic.as_str();
        counts.then(|| Incoming {
            topic: before.topic.clone(),
            delivery,
            payload: publish.payload,
            properties: PropertiesBuf::new(),
            expires_at: None,
            ..*before
        })
    }

    /// The topic, by its name or its alias.
    pub(super) fn topic<'a>(&mut self, publish: &Publish<'a>) -> Result<Cow<'a, str>, End> {
        let mut alias = None;
        for property in publish.properties {
            match property {
                Property::TopicAlias(number) => alias = Some(number),
                Property::SubscriptionIdentifier(_) => {
                    return Err(out_of_place(
                        "a client does not send subscription identifiers with messages",
                    ));
                }
                _ => {}
            }
        }
        let Some(alias) = alias else {
            return Ok(Cow::Borrowed(publish.topic));
        };
        match self.extras().inbound.resolve(alias, publish.topic) {
            Ok(name) => Ok(Cow::Owned(name.to_owned())),
            Err(AliasError::OutOfRange) => Err(End::refused(
                ReasonCode::TopicAliasInvalid,
                "the topic alias is above the maximum that CONNACK says",
            )),
            Err(AliasError::Unknown) => Err(out_of_place("the topic alias has no topic")),
        }
    }

    /// Whether the message was not taken before; if it was, that is said again.
    fn is_new(
        &mut self,
        delivery: Delivery,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<bool, End> {
        let Some(extras) = &self.extras else {
            return Ok(true);
        };
        let received = &extras.received;
        match delivery {
            Delivery::ExactlyOnce { packet_id, .. } if received.contains(packet_id) => {
                if self.persistent.is_some() {
                    // That it is known may not be on disk yet.
                    out.hold(Some(context.offline.last()));
                }
                self.put(&Packet::PubRec(Ack::success(packet_id)), out)?;
                Ok(false)
            }
            Delivery::ExactlyOnce { .. } => {
                // MQTT 3.1.1 has no such quota: its clients are bounded by their identifiers.
                if self.version.has_properties() && received.len() >= usize::from(RECEIVE_MAX) {
                    let text = "more messages await PUBREL than the receive maximum allows";
                    return Err(End::refused(ReasonCode::ReceiveMaximumExceeded, text));
                }
                Ok(true)
            }
            Delivery::AtLeastOnce { packet_id, .. } if self.is_in_use(packet_id) => {
                let text = "the identifier is of a message of QoS 2 that is not released";
                self.acknowledge(delivery, ReasonCode::PacketIdentifierInUse, text, out)?;
                Ok(false)
            }
            Delivery::AtMostOnce | Delivery::AtLeastOnce { .. } => Ok(true),
        }
    }

    fn check_rules<'a>(
        &self,
        publish: &Publish<'_>,
        topic: Result<TopicName<'a>, TopicError>,
        context: &Context<'_>,
    ) -> Result<(TopicName<'a>, PublishRule), Refused> {
        let len = publish.payload.len();
        let rules = context.registry.rules();
        let max = rules.settings().payload_bytes_max;
        if len > usize::try_from(max).unwrap_or(usize::MAX) {
            let text = format!("payload has {len} bytes; {max} are allowed");
            return Err(Refused::Rule(ReasonCode::QuotaExceeded, text));
        }
        let topic =
            topic.map_err(|e| Refused::Rule(ReasonCode::TopicNameInvalid, e.to_string()))?;
        if !is_of_its_format(publish.properties, publish.payload) {
            let text = "the payload is not UTF-8 as its format indicator says";
            return Err(Refused::Rule(ReasonCode::PayloadFormatInvalid, text.into()));
        }
        let rule = rules
            .check_publish(self.group, || self.names(), &topic)
            .map_err(|refusal| Refused::Rule(refusal.reason(), refusal.to_string()))?;
        Ok((topic, rule))
    }

    /// Group and device of the client.
    pub(super) fn names(&self) -> (&str, &str) {
        let (group, rest) = self.client_id.split_at(self.group_len.into());
        let device = rest.strip_prefix("@@@");
        (group, device.expect("a client ID has a device"))
    }

    /// MQTT 5 refuses a message of `QoS` 1 or 2 in its answer. MQTT 3.1.1 cannot say no, and
    /// `QoS` 0 is not answered: there the connection ends, as it does at the original.
    fn refuse(
        &mut self,
        publish: &Publish<'_>,
        refused: Refused,
        out: &mut Output,
    ) -> RefusedPublish {
        let delivery = publish.delivery;
        let mute = delivery.qos() == QoS::AtMostOnce || !self.version.has_properties();
        let (code, text, end) = match refused {
            Refused::Token(invalid) => {
                let end = End::TokenInvalid(invalid);
                (end.code(), end.text().into_owned(), Some(end))
            }
            Refused::Rule(reason, text) if mute => {
                let end = End::refused(reason, text.clone());
                (word(reason), text, Some(end))
            }
            Refused::Rule(reason, text) => {
                let end = self.acknowledge(delivery, reason, &text, out).err();
                (word(reason), text, end)
            }
        };
        RefusedPublish {
            topic: cut(publish.topic, TOPIC_ALIAS_NAME_LEN_MAX).to_owned(),
            delivery,
            code,
            text,
            end,
        }
    }

    /// PUBACK or PUBREC to the client.
    pub(crate) fn acknowledge(
        &mut self,
        delivery: Delivery,
        reason: ReasonCode,
        text: &str,
        out: &mut Output,
    ) -> Result<(), End> {
        match delivery {
            Delivery::AtMostOnce => Ok(()),
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.answer(packet_id, reason, text, out, puback)
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if reason.is_failure() {
                    // No PUBREL follows a refusal.
                    self.forget_received(packet_id);
                }
                self.answer(packet_id, reason, text, out, pubrec)
            }
        }
    }

    /// PUBREL: the client will not send the message again.
    pub(super) fn released(
        &mut self,
        packet_id: PacketId,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<(), End> {
        if let Some(persistent) = &self.persistent {
            // The client uses the identifier for another message once it has PUBCOMP.
            out.hold(context.offline.release_inbound(persistent.uid, packet_id));
        }
        let (reason, text) = if self.forget_received(packet_id) {
            (ReasonCode::Success, "")
        } else {
            let text = "there is no such message that awaits PUBREL";
            (ReasonCode::PacketIdentifierNotFound, text)
        };
        self.answer(packet_id, reason, text, out, pubcomp)
    }

    fn forget_received(&mut self, packet_id: PacketId) -> bool {
        let Some(extras) = &mut self.extras else {
            return false;
        };
        let known = extras.received.release(packet_id);
        self.drop_empty_extras();
        known
    }

    /// MQTT 3.1.1 knows only success; MQTT 5 clients are told why, unless they do not ask.
    fn answer(
        &self,
        packet_id: PacketId,
        reason: ReasonCode,
        text: &str,
        out: &mut Output,
        packet: fn(Ack<'_>) -> Packet<'_>,
    ) -> Result<(), End> {
        // MQTT 3.1.1 knows only success.
        let reason = if self.version.has_properties() {
            reason
        } else {
            ReasonCode::Success
        };
        let explained = self.explanation(text);
        let ack = |properties| {
            packet(Ack {
                packet_id,
                reason,
                properties,
            })
        };
        if self.says(&ack(explained.as_properties()), out) {
            Ok(())
        } else {
            self.put(&ack(Properties::NONE), out)
        }
    }
}

/// For the trace.
const fn word(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::QuotaExceeded => "quota_exceeded",
        ReasonCode::TopicNameInvalid => "topic_name_invalid",
        ReasonCode::PayloadFormatInvalid => "payload_format_invalid",
        _ => "not_authorized",
    }
}

const fn puback(ack: Ack<'_>) -> Packet<'_> {
    Packet::PubAck(ack)
}

const fn pubrec(ack: Ack<'_>) -> Packet<'_> {
    Packet::PubRec(ack)
}

const fn pubcomp(ack: Ack<'_>) -> Packet<'_> {
    Packet::PubComp(ack)
}
