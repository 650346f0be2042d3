//! A message on its way to those who get it.

use std::{cell::OnceCell, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use message_bus::{Precedence, fair::Place};
use model::Timestamp;
use mqtt_codec::{Properties, PropertiesBuf, Property, QoS};

use crate::shared_subscriptions::SharedId;

/// Number of a message in the traces, never used twice, not even across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageId(pub(crate) u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A message that outlives the packet it came in: one allocation, shared by all who wait for it.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Box<[u8]>,
    topic_len: usize,
    properties_len: usize,
    qos: QoS,
    retain: bool,
    expires_at: Option<Timestamp>,
    /// If it is traced.
    id: Option<MessageId>,
    /// Of its parent topic, when it was published.
    precedence: Precedence,
}

/// The parts of a message, wherever they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageRef<'a> {
    pub(crate) topic: &'a str,
    /// Those that a broker must pass on unchanged (MQTT 5, 3.3.2.3), and no others.
    pub(crate) properties: Properties<'a>,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    /// The flag as its publisher set it.
    pub(crate) retain: bool,
    /// Nobody gets it from then on; who gets it before is told how long it is good for.
    pub(crate) expires_at: Option<Timestamp>,
}

impl MessageRef<'_> {
    /// What remains of its expiry interval, in seconds: `Err` if that is over.
    pub(crate) fn expires_in_s(
        &self,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Option<u32>, Expired> {
        let Some(at) = self.expires_at else {
            return Ok(None);
        };
        let left = at.since(now());
        if left.is_zero() {
            return Err(Expired);
        }
        // Not yet over is at least a second, or it would be sent as one that is over.
        let whole_s = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Ok(Some(u32::try_from(whole_s).unwrap_or(u32::MAX)))
    }
}

/// The message's interval is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired;

/// What a client calls one of its subscriptions.
pub(crate) type SubscriptionId = NonZeroU32;

/// How one receiver gets a message: what its subscriptions that match ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'s> {
    /// At most.
    pub(crate) qos: QoS,
    /// With the publisher's RETAIN flag, not without it.
    pub(crate) retain_as_published: bool,
    /// Told to the receiver.
    pub(crate) ids: &'s [SubscriptionId],
    /// Of which the receiver is one of several members.
    pub(crate) shared: Option<SharedId>,
}

impl Terms<'_> {
    /// Without a subscription: as it was published.
    pub(crate) const P2P: Self = Self {
        qos: QoS::ExactlyOnce,
        retain_as_published: false,
        ids: &[],
        shared: None,
    };
}

impl Message {
    fn new(parts: MessageRef<'_>, id: Option<MessageId>, precedence: Precedence) -> Self {
        let properties = parts.properties.as_bytes();
        let mut bytes =
            Vec::with_capacity(parts.topic.len() + properties.len() + parts.payload.len());
        bytes.extend_from_slice(parts.topic.as_bytes());
        bytes.extend_from_slice(properties);
        bytes.extend_from_slice(parts.payload);
        Self {
            bytes: bytes.into_boxed_slice(),
            topic_len: parts.topic.len(),
            properties_len: properties.len(),
            qos: parts.qos,
            retain: parts.retain,
            expires_at: parts.expires_at,
            id,
            precedence,
        }
    }

    fn topic(&self) -> &str {
        let topic = self.bytes.get(..self.topic_len).unwrap_or_default();
        std::str::from_utf8(topic).expect("it was text when the message was made")
    }

    /// Where it waits, if it must.
    pub(crate) fn place(&self) -> Place<'_> {
        Place::of_topic(self.topic(), self.precedence)
    }

    pub(crate) fn parts(&self) -> MessageRef<'_> {
        let (topic, rest) = self.bytes.split_at(self.topic_len);
        let (properties, payload) = rest.split_at(self.properties_len);
        MessageRef {
            topic: std::str::from_utf8(topic).expect("it was text when the message was made"),
            properties: Properties::from_kept(properties),
            payload,
            qos: self.qos,
            retain: self.retain,
            expires_at: self.expires_at,
        }
    }

    /// Its number, if it is traced.
    pub(crate) const fn id(&self) -> Option<MessageId> {
        self.id
    }

    /// What it weighs in a queue.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// A message being given out: copied once, when the first receiver cannot take it right away.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) parts: MessageRef<'a>,
    /// If it is traced.
    pub(crate) id: Option<MessageId>,
    precedence: Precedence,
    shared: OnceCell<Arc<Message>>,
}

impl<'a> Outgoing<'a> {
    pub(crate) const fn borrowed(parts: MessageRef<'a>) -> Self {
        Self {
            parts,
            id: None,
            precedence: Precedence::NORMAL,
            shared: OnceCell::new(),
        }
    }

    /// With the precedence of its parent topic.
    pub(crate) const fn ranked(mut self, precedence: Precedence) -> Self {
        self.precedence = precedence;
        self
    }

    /// What it would weigh in a queue.
    pub(crate) fn len(&self) -> usize {
        let MessageRef {
            topic,
            properties,
            payload,
            ..
        } = self.parts;
        topic.len() + properties.as_bytes().len() + payload.len()
    }

    /// Where it waits, if it must.
    pub(crate) fn place(&self) -> Place<'a> {
        Place::of_topic(self.parts.topic, self.precedence)
    }

    pub(crate) const fn precedence(&self) -> Precedence {
        self.precedence
    }

    /// With a number, by which its traces are found.
    pub(crate) const fn traced(mut self, id: Option<MessageId>) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn shared_from(message: &'a Arc<Message>) -> Self {
        Self {
            parts: message.parts(),
            id: message.id,
            precedence: message.precedence,
            shared: OnceCell::from(Arc::clone(message)),
        }
    }

    pub(crate) fn share(&self) -> Arc<Message> {
        Arc::clone(
            self.shared
                .get_or_init(|| Arc::new(Message::new(self.parts, self.id, self.precedence))),
        )
    }
}

/// The properties that go on to receivers as they are: not the alias, which is the publisher's
/// own, nor the expiry interval, which runs down.
pub(crate) fn forwarded(properties: Properties<'_>) -> PropertiesBuf {
    let mut kept = PropertiesBuf::new();
    for property in properties {
        match property {
            Property::PayloadFormatIndicator(_)
            | Property::ContentType(_)
            | Property::ResponseTopic(_)
            | Property::CorrelationData(_)
            | Property::UserProperty(..) => {
                kept.push(property)
                    .expect("it was as long when it was received");
            }
            _ => {}
        }
    }
    kept
}

/// When a message with these properties, published now, expires.
pub(crate) fn expires_at(
    properties: Properties<'_>,
    now: impl FnOnce() -> Timestamp,
) -> Option<Timestamp> {
    let interval_s = properties.iter().find_map(|property| match property {
        Property::MessageExpiryInterval(interval_s) => Some(interval_s),
        _ => None,
    })?;
    Some(now().plus(Duration::from_secs(interval_s.into())))
}

/// Whether a payload is what its format indicator says (MQTT 5, 3.3.2.3.2).
pub(crate) fn is_of_its_format(properties: Properties<'_>, payload: &[u8]) -> bool {
    let says_text = |p: Property<'_>| p == Property::PayloadFormatIndicator(true);
    !properties.iter().any(says_text) || std::str::from_utf8(payload).is_ok()
}
