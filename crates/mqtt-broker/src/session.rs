//! One client, from CONNECT to its end, without I/O: packets in, requests and bytes out.
//!
//! ```text
//! AwaitConnect ── CONNECT accepted ──▶ Live ──▶ (an End)
//!       └──────── anything else ─────────────▶ (an End)
//! ```
//! Invariant: an idle client has neither window nor output; what it costs is [`Live`].

mod alias;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod bench;
mod connect;
mod deliver;
mod end;
mod in_flight;
mod output;
mod persistent;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod play;
mod publish;
mod received;
mod retained;
pub(crate) mod subscribe;
pub(crate) mod token;
mod told;
mod window;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use clock::Clock;
use message_bus::ChannelId;
use mqtt_codec::{
    Ack, Disconnect, Packet, PacketId, PacketType, PropertiesBuf, ProtocolVersion, ReasonCode,
    Subscribe, Unsubscribe,
};

use alias::{InboundAliases, OutboundAliases};
pub(crate) use end::{End, Refusal};
pub(crate) use in_flight::{Answer, Awaits, Step};
pub(crate) use output::Output;
use persistent::Resumed;
pub(crate) use persistent::{Persistent, will_delay_s};
pub(crate) use publish::{Incoming, RefusedPublish};
use received::Received;
pub(crate) use told::{KeptIn, Metered, Told, Unsent};
use window::Window;

use crate::{
    client_certificate::ClientCertificate,
    group_load::GroupLoad,
    listener::NotServed,
    message::Message,
    offline::{Offline, StoredSubscription},
    registry::{Registry, rules::GroupNumber},
    rights::Rights,
    routes::{Routes, Seat},
    subscriptions::Held,
};

/// What a session may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'c> {
    pub(crate) registry: &'c Registry,
    pub(crate) instance: &'c str,
    pub(crate) channels: &'c AtomicU64,
    pub(crate) clock: &'c Clock,
    pub(crate) offline: &'c Offline,
    /// The session's own.
    pub(crate) seat: Seat,
    pub(crate) groups: &'c GroupLoad,
    pub(crate) routes: &'c Routes,
    pub(crate) visitor: Visitor<'c>,
}

/// What is known of a client before its CONNECT.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visitor<'c> {
    /// Verified.
    pub(crate) certificate: Option<&'c ClientCertificate>,
    /// It gets this answer, whoever it is.
    pub(crate) refused: Option<NotServed>,
}

impl Context<'_> {
    fn next_channel(&self) -> ChannelId {
        ChannelId(self.channels.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a session asks its shard to do.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// Nothing more.
    Nothing,
    /// Make the client known; CONNACK is written.
    Connected {
        access_key_id: Arc<str>,
        /// What it had subscribed to, if its session goes on.
        subscriptions: Vec<StoredSubscription>,
        /// The will of the session that has ended instead.
        last_words: Option<Arc<Message>>,
    },
    /// Give the message out, then acknowledge it.
    Publish(Incoming<'a>),
    /// Write down that a message was refused.
    Refused(Box<RefusedPublish>),
    /// Subscribe, then answer.
    Subscribe(Subscribe<'a>),
    /// Unsubscribe, then answer.
    Unsubscribe(Unsubscribe<'a>),
    /// Watch the tokens of the client, which are others now.
    TokensChanged,
}

/// The state of a connection, within it: what a message needs of a client that was idle has to
/// come from afar in memory, and comes at once.
#[derive(Debug)]
pub(crate) enum Session {
    /// A stranger.
    AwaitConnect,
    /// A client.
    Live(Live),
}

/// A client. A million of them are idle, so each field is weighed. In order: first what each packet
/// needs, then what a message needs.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Live {
    pub(crate) version: ProtocolVersion,
    problem_information: bool,
    /// What the one message in flight awaits, whose identifier is the last; then there is no
    /// window.
    alone: Option<Awaits>,
    /// Bytes of the group in the client ID.
    group_len: u8,
    receive_max: u16,
    last_packet_id: u16,
    /// Of its client ID: what it may publish on depends on it.
    group: Option<GroupNumber>,
    packet_len_max: u32,
    pub(crate) client_id: Arc<str>,
    pub(crate) channel: ChannelId,
    /// Less than those of its group; most clients have none of their own.
    pub(crate) rights: Option<Box<Rights>>,
    /// If its session outlives the connection.
    pub(crate) persistent: Option<Box<Persistent>>,
    window: Option<Box<Window>>,
    extras: Option<Box<Extras>>,
    /// Numbers that the client takes for topics; 0 for none.
    topic_alias_max: u16,
    pub(crate) keep_alive_s: u16,
    pub(crate) will: Option<Arc<Message>>,
    #[expect(
        clippy::box_collection,
        reason = "most clients have none: 8 bytes, not 24"
    )]
    subscriptions: Option<Box<Vec<Held>>>,
}

/// What only some clients need, and an idle one seldom.
#[derive(Debug, Default)]
struct Extras {
    received: Received,
    inbound: InboundAliases,
    outbound: OutboundAliases,
    /// Filters of its shared subscriptions.
    shared: Vec<Box<str>>,
}

impl Extras {
    fn is_empty(&self) -> bool {
        let aliases = self.inbound.is_empty() && self.outbound.is_empty();
        self.received.is_empty() && aliases && self.shared.is_empty()
    }
}

impl Session {
    pub(crate) fn version(&self) -> ProtocolVersion {
        match self {
            Self::AwaitConnect => ProtocolVersion::V5,
            Self::Live(live) => live.version,
        }
    }

    pub(crate) fn live(&mut self) -> Option<&mut Live> {
        match self {
            Self::AwaitConnect => None,
            Self::Live(live) => Some(live),
        }
    }

    /// Whether nothing waits for the client to keep up, here or in the store.
    pub(crate) fn has_nothing_waiting(&self) -> bool {
        match self {
            Self::AwaitConnect => true,
            Self::Live(live) => live.persistent.is_none() && live.waiting().0 == 0,
        }
    }

    /// Takes one packet of the peer.
    pub(crate) fn handle<'a>(
        &mut self,
        packet: Packet<'a>,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Request<'a>, End> {
        match self {
            Self::Live(live) => live.handle(packet, context, out),
            Self::AwaitConnect => {
                let Packet::Connect(packet) = packet else {
                    return Err(out_of_place("the first packet must be CONNECT"));
                };
                let (live, access_key_id, resumed) = connect::connect(&packet, context, out)?;
                *self = Self::Live(live);
                Ok(Request::Connected {
                    access_key_id,
                    subscriptions: resumed.subscriptions,
                    last_words: resumed.last_words,
                })
            }
        }
    }

    /// Writes the last words, as far as the peer can understand them.
    pub(crate) fn goodbye(&self, end: &End, out: &mut Output) {
        if let (Self::Live(live), End::TokenInvalid(invalid)) = (self, end) {
            token::put_invalid_notice(live, *invalid, out);
        }
        match (self, end.reason()) {
            (Self::Live(live), Some(reason)) if live.version.has_properties() => {
                let reason = of_disconnect(reason);
                if let Some(reference) = end.server_reference()
                    && out.put_farewell(reason, reference, live.packet_len_max())
                {
                    return;
                }
                let text = end.text();
                let text = if live.problem_information { &*text } else { "" };
                out.put_goodbye(reason, text, live.packet_len_max());
            }
            // A wrong protocol level is answered (MQTT 3.1.1, 3.1.2.2), other garbage is not.
            (Self::AwaitConnect, Some(ReasonCode::UnsupportedProtocolVersion)) => {
                let reason = ReasonCode::UnsupportedProtocolVersion;
                out.put_refusal(reason, "", ProtocolVersion::V311, usize::MAX);
            }
            (Self::Live(_) | Self::AwaitConnect, _) => {}
        }
    }
}

/// The reason as DISCONNECT can say it: what is wrong with a CONNECT is not for a client that has
/// connected (MQTT 5, 3.1.0 and 3.14.2.1).
fn of_disconnect(reason: ReasonCode) -> ReasonCode {
    if reason.belongs_to(PacketType::Disconnect) {
        reason
    } else {
        ReasonCode::ProtocolError
    }
}

fn out_of_place(text: &str) -> End {
    End::refused(ReasonCode::ProtocolError, text)
}

impl Live {
    fn handle<'a>(
        &mut self,
        packet: Packet<'a>,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Request<'a>, End> {
        match packet {
            Packet::Publish(publish) => {
                let topic = self.topic(&publish)?;
                if topic == token::UPLOAD {
                    self.upload_token(&publish, context, out)
                } else {
                    self.check_publish(&publish, topic, context, out)
                }
            }
            Packet::PubAck(ack) => self.take_answer(&ack, Answer::PubAck, context, out),
            Packet::PubRec(ack) => {
                let refused = ack.reason.is_failure();
                self.take_answer(&ack, Answer::PubRec { refused }, context, out)
            }
            Packet::PubComp(ack) => self.take_answer(&ack, Answer::PubComp, context, out),
            Packet::PubRel(ack) => {
                self.released(ack.packet_id, context, out)?;
                Ok(Request::Nothing)
            }
            Packet::Subscribe(subscribe) => Ok(Request::Subscribe(subscribe)),
            Packet::Unsubscribe(unsubscribe) => Ok(Request::Unsubscribe(unsubscribe)),
            Packet::PingReq => {
                // The same in each version, and shorter than CONNACK, which the client took. So
                // nothing of the client is looked at, which has been idle for long.
                out.put(&Packet::PingResp, ProtocolVersion::V5);
                Ok(Request::Nothing)
            }
            Packet::Disconnect(Disconnect { reason, properties }) => {
                self.change_expiry(properties)?;
                Err(End::Goodbye {
                    with_will: reason != ReasonCode::Success,
                })
            }
            Packet::Connect(_) => Err(out_of_place("CONNECT comes once")),
            Packet::Auth(_) => Err(out_of_place("no authentication method was agreed on")),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                Err(out_of_place("a client does not send this packet"))
            }
        }
    }

    fn take_answer<'a>(
        &mut self,
        ack: &Ack<'_>,
        answer: Answer,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Request<'a>, End> {
        match &self.persistent {
            None => self.answered(ack.packet_id, answer, context.clock, out)?,
            Some(persistent) => {
                let uid = persistent.uid;
                self.answered_stored(uid, ack, answer, context, out)?;
            }
        }
        Ok(Request::Nothing)
    }

    fn packet_len_max(&self) -> usize {
        usize::try_from(self.packet_len_max).unwrap_or(usize::MAX)
    }

    /// Says something that must be said. A client that takes no packet of this size cannot be
    /// served (MQTT 5, 3.1.2.11.4).
    fn put(&self, packet: &Packet<'_>, out: &mut Output) -> Result<(), End> {
        if self.says(packet, out) {
            Ok(())
        } else {
            let text = "the answer is longer than the client's maximum packet size";
            Err(End::refused(ReasonCode::PacketTooLarge, text))
        }
    }

    /// Says it if it is not too long for the client; whether it was said.
    fn says(&self, packet: &Packet<'_>, out: &mut Output) -> bool {
        out.put_within(packet, self.version, self.packet_len_max())
    }

    /// Words for a client that asks for them.
    fn explanation(&self, text: &str) -> PropertiesBuf {
        if text.is_empty() || !self.version.has_properties() || !self.problem_information {
            PropertiesBuf::new()
        } else {
            output::reason_string(text)
        }
    }

    /// Whether a message that the client has not released has this identifier (MQTT 5, 2.2.1).
    fn is_in_use(&self, packet_id: PacketId) -> bool {
        let received = self.extras.as_ref().map(|extras| &extras.received);
        self.version.has_properties() && received.is_some_and(|ids| ids.contains(packet_id))
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Gives the memory back when nothing is in it.
    fn drop_empty_extras(&mut self) {
        self.extras.take_if(|extras| extras.is_empty());
    }
}

#[cfg(test)]
mod tests;
