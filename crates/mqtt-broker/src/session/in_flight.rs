//! A message on its way to one client, step by step (MQTT 5, 4.3).
//!
//! ```text
//! QoS 1: PubAck ── PUBACK ──▶ (done)
//! QoS 2: PubRec ── PUBREC ──▶ PubComp ── PUBCOMP ──▶ (done)
//!           └─ PUBREC that refuses ──▶ (done)
//! ```

use mqtt_codec::{Delivery, PacketId, QoS};

/// Sent, and not yet done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) packet_id: PacketId,
    pub(crate) awaits: Awaits,
}

/// What the client must say next. Each has a number that may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the packets' own names")]
#[repr(u8)]
pub(crate) enum Awaits {
    /// That it has the message of `QoS` 1.
    PubAck = 1,
    /// That it has the message of `QoS` 2.
    PubRec = 2,
    /// That it will not take it for new again.
    PubComp = 3,
}

/// What a client says about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the packets' own names")]
pub(crate) enum Answer {
    PubAck,
    /// A refusal ends it: it is discarded, and nobody else gets it (MQTT 5, 4.8.2).
    PubRec {
        refused: bool,
    },
    PubComp,
}

impl Answer {
    /// Whether the client does not take the message.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::PubRec { refused: true })
    }
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is room for another message.
    Done,
    /// PUBREL must be said.
    Release,
    /// There is no message with this identifier.
    Unknown,
    /// The message awaits another packet than this.
    OutOfPlace,
}

impl Awaits {
    /// After a message of `qos`; `QoS` 0 awaits nothing and is never in flight.
    pub(crate) const fn after(qos: QoS) -> Option<Self> {
        match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Self::PubAck),
            QoS::ExactlyOnce => Some(Self::PubRec),
        }
    }

    /// How a message that awaits this is sent first.
    pub(crate) const fn delivery(self, packet_id: PacketId) -> Delivery {
        let dup = false;
        match self {
            Self::PubAck => Delivery::AtLeastOnce { packet_id, dup },
            Self::PubRec | Self::PubComp => Delivery::ExactlyOnce { packet_id, dup },
        }
    }

    /// What follows from `answer`.
    pub(crate) const fn step(self, answer: Answer) -> Step {
        match (self, answer) {
            (Self::PubAck, Answer::PubAck)
            | (Self::PubRec, Answer::PubRec { refused: true })
            | (Self::PubComp, Answer::PubComp) => Step::Done,
            // Said again: it has not heard our PUBREL.
            (Self::PubRec | Self::PubComp, Answer::PubRec { refused: false }) => Step::Release,
            (Self::PubAck, Answer::PubRec { .. } | Answer::PubComp)
            | (Self::PubRec, Answer::PubAck | Answer::PubComp)
            | (Self::PubComp, Answer::PubAck | Answer::PubRec { refused: true }) => {
                Step::OutOfPlace
            }
        }
    }
}
