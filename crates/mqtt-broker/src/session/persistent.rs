//! A session that outlives its connection: its messages are in the offline store.
//!
//! What must be on disk before it is said is written to the output at once, and held there.

use std::sync::Arc;

use mqtt_codec::{Ack, Connect, Delivery, Packet, PacketId, Properties, Property, ReasonCode};

use super::{
    Context, End, Live, Output,
    deliver::Numbered,
    in_flight::{Answer, Step},
    out_of_place,
    told::Told,
};
use crate::{
    inbox::Delivered,
    limits::SESSION_EXPIRY_S_MAX,
    message::{Message, Terms},
    offline::{Attach, Ready, StoredSubscription, StoredWill, Uid},
};

/// What a connection knows of its persistent session.
#[derive(Debug)]
pub(crate) struct Persistent {
    pub(crate) uid: Uid,
    /// How long it outlives the connection; a DISCONNECT may change it.
    pub(crate) expiry_s: u32,
    /// The store may have more that can be sent.
    more: bool,
}

/// A session that is gone on with.
#[derive(Debug, Default)]
pub(crate) struct Resumed {
    /// It was there before this connection.
    pub(super) present: bool,
    pub(super) subscriptions: Vec<StoredSubscription>,
    /// Of the session that it does not go on with.
    pub(super) last_words: Option<Arc<Message>>,
}

type Refused = (ReasonCode, String);

/// How long the session is to outlive the connection.
pub(super) fn expiry_s(connect: &Connect<'_>, asked_s: u32) -> u32 {
    match (connect.version.has_properties(), connect.clean_start) {
        (true, _) => asked_s.min(SESSION_EXPIRY_S_MAX),
        (false, true) => 0,
        // MQTT 3.1.1 knows no end; this broker does.
        (false, false) => SESSION_EXPIRY_S_MAX,
    }
}

/// How long after the end of the connection a will is due.
pub(crate) fn will_delay_s(will: &Message) -> u32 {
    let mut properties = will.parts().properties.iter();
    let delay = properties.find_map(|property| match property {
        Property::WillDelayInterval(delay_s) => Some(delay_s),
        _ => None,
    });
    delay.unwrap_or_default()
}

impl Live {
    /// Finds or makes the session that the client asks for. CONNACK waits until that is on disk.
    pub(super) fn attach(
        &mut self,
        clean_start: bool,
        expiry_s: u32,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<Resumed, Refused> {
        let offline = context.offline;
        if clean_start && expiry_s == 0 {
            let (lsn, last_words) = offline.discard(&self.client_id).unzip();
            out.hold_first(lsn);
            return Ok(Resumed {
                last_words: last_words.flatten(),
                ..Resumed::default()
            });
        }
        let will = self.will.as_ref().map(|message| StoredWill {
            delay_s: will_delay_s(message),
            message: Arc::clone(message),
        });
        let attach = Attach {
            client_id: &self.client_id,
            clean_start,
            expiry_s,
            will,
            seat: context.seat,
            channel: self.channel,
        };
        let attached = offline
            .attach(attach)
            .map_err(|error| (ReasonCode::QuotaExceeded, error.to_string()))?;
        self.persistent = Some(Box::new(Persistent {
            uid: attached.uid,
            expiry_s,
            more: false,
        }));
        for id in attached.inbound.into_iter().filter_map(PacketId::new) {
            self.extras().received.add(id);
        }
        out.hold_first(Some(attached.lsn));
        Ok(Resumed {
            present: attached.present,
            subscriptions: attached.subscriptions,
            last_words: attached.last_words,
        })
    }

    /// DISCONNECT may change how long the session lives on (MQTT 5, 3.14.2.2.2).
    pub(super) fn change_expiry(&mut self, properties: Properties<'_>) -> Result<(), End> {
        let asked = properties.iter().find_map(|property| match property {
            Property::SessionExpiryInterval(asked_s) => Some(asked_s),
            _ => None,
        });
        match (asked, &mut self.persistent) {
            (None | Some(0), None) | (None, Some(_)) => Ok(()),
            (Some(asked_s), Some(persistent)) if asked_s == 0 || persistent.expiry_s > 0 => {
                persistent.expiry_s = asked_s.min(SESSION_EXPIRY_S_MAX);
                Ok(())
            }
            (Some(_), _) => Err(out_of_place(
                "a session that ends with its connection cannot be made to last",
            )),
        }
    }

    /// PUBACK, PUBREC or PUBCOMP for a message of the store.
    pub(super) fn answered_stored(
        &mut self,
        uid: Uid,
        ack: &Ack<'_>,
        answer: Answer,
        context: &Context<'_>,
        out: &mut Output,
    ) -> Result<(), End> {
        let of = (uid, self.channel);
        let answered = context.offline.answered(of, ack.packet_id, answer);
        let (step, lsn) = (answered.step, answered.until);
        if let Some(id) = answered.traced {
            let refused = answer.is_refusal();
            out.tell(Told::Answered { id, refused });
        }
        match (step, answer) {
            (Step::Done, _) => self.send_stored(context, out),
            (Step::Release, _) => {
                // Who has forgotten the message must not get it again after a crash.
                out.hold(lsn);
                self.release(ack.packet_id, ReasonCode::Success, out)?;
            }
            (Step::Unknown, Answer::PubRec { refused: false }) => {
                self.release(ack.packet_id, ReasonCode::PacketIdentifierNotFound, out)?;
            }
            (Step::Unknown, Answer::PubAck | Answer::PubComp | Answer::PubRec { .. }) => {}
            (Step::OutOfPlace, _) => {
                return Err(out_of_place("this answer is not of the message's QoS"));
            }
        }
        Ok(())
    }

    /// The store has something new.
    pub(crate) fn hear_news(&mut self, context: &Context<'_>, out: &mut Output) {
        if let Some(persistent) = &self.persistent {
            context.offline.hear((persistent.uid, self.channel));
        }
        self.send_stored(context, out);
    }

    /// Sends what the store has, as far as the client and the peer allow.
    fn send_stored(&mut self, context: &Context<'_>, out: &mut Output) {
        let Some(persistent) = &mut self.persistent else {
            return;
        };
        let of = (persistent.uid, self.channel);
        persistent.more = true;
        while !out.is_full() {
            let now = context.clock.wall();
            let ready = context.offline.take(of, self.receive_max, now);
            if ready.is_empty() {
                if let Some(persistent) = &mut self.persistent {
                    persistent.more = false;
                }
                return;
            }
            for ready in ready {
                self.write_stored(of.0, &ready, context, out);
            }
        }
    }

    /// The same, if the last time ended since the peer was behind.
    pub(crate) fn send_more_stored(&mut self, context: &Context<'_>, out: &mut Output) {
        if self.persistent.as_ref().is_some_and(|p| p.more) {
            self.send_stored(context, out);
        }
    }

    fn write_stored(&mut self, uid: Uid, ready: &Ready, context: &Context<'_>, out: &mut Output) {
        let (packet_id, dup, message, terms, from, at) = match ready {
            Ready::Release(packet_id) => {
                // It is a few bytes: whoever takes less takes nothing.
                return out.put(&Packet::PubRel(Ack::success(*packet_id)), self.version);
            }
            Ready::Message {
                packet_id,
                qos,
                dup,
                message,
                retain_as_published,
                ids,
                from,
                at,
            } => {
                let terms = Terms {
                    qos: *qos,
                    retain_as_published: *retain_as_published,
                    ids,
                    shared: None,
                };
                (*packet_id, *dup, message, terms, *from, *at)
            }
        };
        let numbered = Numbered::Stored { packet_id, dup };
        if self.write(message.parts(), terms, numbered, context.clock, out) != Delivered::Sent {
            // Expired, or longer than the client takes: it will not get better.
            return context.offline.drop_one((uid, self.channel), packet_id);
        }
        out.tell(Told::Sent {
            message: Arc::clone(message),
            from,
            waited: context.clock.wall().since(at),
        });
    }
}

impl Numbered {
    /// `delivery` with the identifier that the store has given.
    pub(super) const fn apply(self, delivery: Delivery) -> Delivery {
        match (self, delivery) {
            (Self::Stored { packet_id, dup }, Delivery::AtLeastOnce { .. }) => {
                Delivery::AtLeastOnce { packet_id, dup }
            }
            (Self::Stored { packet_id, dup }, Delivery::ExactlyOnce { .. }) => {
                Delivery::ExactlyOnce { packet_id, dup }
            }
            (Self::Stored { .. }, Delivery::AtMostOnce) | (Self::ByWindow { .. }, _) => delivery,
        }
    }
}
