//! Bytes for a peer that its socket has not taken yet.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use mqtt_codec::{
    ConnAck, Disconnect, EncodeError, Packet, Properties, PropertiesBuf, Property, ProtocolVersion,
    Publish, ReasonCode, encode, encode_publish_with,
};

use super::told::{Metered, Told, Unsent};
use crate::{
    limits::{HELD_ACKS_MAX, OUT_BYTES_MAX, REASON_LEN_MAX},
    message::Message,
    offline::Lsn,
    topic_meters::MeterId,
};

/// An output buffer.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    sent: usize,
    /// Memory for the properties of one packet.
    scratch: PropertiesBuf,
    held: Option<Box<Held>>,
    unsent: Vec<Unsent>,
    told: Vec<Told>,
}

/// What must not be said before something is on disk, in order.
#[derive(Debug, Default)]
struct Held {
    waiting: VecDeque<(Lsn, Vec<u8>)>,
    /// Bytes of these.
    len: usize,
    /// What is said next waits for this.
    next: Option<Lsn>,
    /// Nothing may go before the first that waits: it is CONNACK.
    gate: bool,
}

impl Output {
    pub(crate) fn pending(&self) -> &[u8] {
        if self.held.as_ref().is_some_and(|held| held.gate) {
            return &[];
        }
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Whether there is nothing in it, nor anything to tell.
    pub(crate) const fn is_blank(&self) -> bool {
        let silent = self.bytes.is_empty() && self.held.is_none();
        silent && self.unsent.is_empty() && self.told.is_empty()
    }

    /// Whether all was sent, and nothing waits.
    pub(crate) fn is_done(&self) -> bool {
        self.held.is_none() && self.pending().is_empty()
    }

    /// Whether something waits for the disk, behind which everything else must stay.
    pub(crate) const fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Where what is said next begins.
    pub(crate) const fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// What is said next waits until `until` is on disk.
    pub(crate) fn hold(&mut self, until: Option<Lsn>) {
        if let Some(until) = until {
            let held = self.held.get_or_insert_default();
            held.next = held.next.max(Some(until));
        }
    }

    /// The same for what must be said before everything else.
    pub(crate) fn hold_first(&mut self, until: Option<Lsn>) {
        self.hold(until);
        if let Some(held) = &mut self.held {
            held.gate = true;
        }
    }

    /// Sets aside what was said from `start` on, if it must wait: for the disk, or behind others
    /// that do. Returns for what.
    pub(crate) fn seal(&mut self, start: usize, durable: Lsn) -> Option<Lsn> {
        let held = self.held.as_mut()?;
        let next = held.next.take().filter(|next| *next > durable);
        let until = next.max(held.waiting.back().map(|(until, _)| *until));
        let said = match until {
            Some(until) if start < self.bytes.len() => Some((until, self.bytes.split_off(start))),
            _ => None,
        };
        if let Some(said) = said {
            held.len += said.1.len();
            held.waiting.push_back(said);
            return until;
        }
        if held.waiting.is_empty() {
            self.held = None;
        }
        None
    }

    /// Says what has waited for `durable`.
    pub(crate) fn release(&mut self, durable: Lsn) {
        let Some(held) = &mut self.held else { return };
        while held
            .waiting
            .front()
            .is_some_and(|(until, _)| *until <= durable)
        {
            let Some((_, said)) = held.waiting.pop_front() else {
                break;
            };
            held.len -= said.len();
            if std::mem::take(&mut held.gate) {
                self.bytes.splice(0..0, said);
            } else {
                self.bytes.extend_from_slice(&said);
            }
        }
        if held.waiting.is_empty() {
            self.held = None;
        }
    }

    /// Whether the peer is so far behind that nothing may be added unasked.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() - self.sent >= OUT_BYTES_MAX || self.is_full_of_held()
    }

    /// Whether that is the disk's doing, and not the peer's.
    pub(crate) fn is_full_of_held(&self) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|h| h.waiting.len() >= HELD_ACKS_MAX || h.len >= OUT_BYTES_MAX)
    }

    pub(crate) fn sent(&mut self, len: usize) {
        self.sent = (self.sent + len).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent >= OUT_BYTES_MAX {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Notes that a message that came now was added.
    pub(crate) fn note_message(&mut self, meter: MeterId, now: Instant) {
        let same = |last: &&mut Unsent| {
            last.since == now && matches!(last.metered, Metered::With(other) if other == meter)
        };
        match self.unsent.last_mut().filter(same) {
            Some(last) => last.count += 1,
            None => self.unsent.push(Unsent {
                metered: Metered::With(meter),
                since: now,
                count: 1,
            }),
        }
    }

    /// The same of one that has waited `since` it came.
    pub(super) fn note_waited(&mut self, message: Arc<Message>, since: Instant) {
        self.unsent.push(Unsent {
            metered: Metered::Itself(message),
            since,
            count: 1,
        });
    }

    /// The messages that were added, once the kernel has all of them.
    pub(crate) fn take_delivered(&mut self) -> impl Iterator<Item = Unsent> {
        let all = self.bytes.is_empty().then_some(self.unsent.len());
        self.unsent.drain(..all.unwrap_or(0))
    }

    /// Tells the event loop something.
    pub(super) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }

    /// What there is to tell.
    pub(crate) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// As if it were new, but with its memory.
    pub(crate) fn reset(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.held = None;
        self.unsent.clear();
        self.told.clear();
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a packet of the broker's own, all of whose fields have limits.
    pub(crate) fn put(&mut self, packet: &Packet<'_>, version: ProtocolVersion) {
        encode(packet, version, &mut self.bytes).expect("packets of our own are short");
    }

    /// The same, unless it is longer than the peer takes: then nothing is added.
    pub(crate) fn put_within(
        &mut self,
        packet: &Packet<'_>,
        version: ProtocolVersion,
        len_max: usize,
    ) -> bool {
        let start = self.bytes.len();
        self.put(packet, version);
        let fits = self.bytes.len() - start <= len_max;
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    pub(crate) fn put_publish(
        &mut self,
        publish: &Publish<'_>,
        own: Properties<'_>,
        version: ProtocolVersion,
    ) -> Result<(), EncodeError> {
        encode_publish_with(publish, own, version, &mut self.bytes)
    }

    /// Says why with `text` if it fits, else without, or else nothing.
    pub(crate) fn put_explained(
        &mut self,
        text: &str,
        version: ProtocolVersion,
        len_max: usize,
        packet: impl Fn(Properties<'_>) -> Packet<'_>,
    ) -> bool {
        let explained = if text.is_empty() {
            PropertiesBuf::new()
        } else {
            reason_string(text)
        };
        self.put_within(&packet(explained.as_properties()), version, len_max)
            || self.put_within(&packet(Properties::NONE), version, len_max)
    }

    /// CONNACK that refuses.
    pub(crate) fn put_refusal(
        &mut self,
        reason: ReasonCode,
        text: &str,
        version: ProtocolVersion,
        len_max: usize,
    ) {
        self.put_explained(text, version, len_max, |properties| {
            Packet::ConnAck(ConnAck {
                session_present: false,
                reason,
                properties,
            })
        });
    }

    /// DISCONNECT, which a server says in MQTT 5 only.
    pub(crate) fn put_goodbye(&mut self, reason: ReasonCode, text: &str, len_max: usize) {
        self.put_explained(text, ProtocolVersion::V5, len_max, |properties| {
            Packet::Disconnect(Disconnect { reason, properties })
        });
    }

    /// DISCONNECT that names other brokers; says whether the peer can take it.
    pub(crate) fn put_farewell(
        &mut self,
        reason: ReasonCode,
        server_reference: &str,
        len_max: usize,
    ) -> bool {
        let mut properties = PropertiesBuf::new();
        let reference = Property::ServerReference(server_reference);
        if properties.push(reference).is_err() {
            return false;
        }
        let properties = properties.as_properties();
        let disconnect = Packet::Disconnect(Disconnect { reason, properties });
        self.put_within(&disconnect, ProtocolVersion::V5, len_max)
    }

    pub(crate) fn take_scratch(&mut self) -> PropertiesBuf {
        std::mem::take(&mut self.scratch)
    }

    /// Gives it back for the next packet.
    pub(crate) fn give_scratch(&mut self, scratch: PropertiesBuf) {
        self.scratch = scratch;
    }
}

/// A reason string, cut to [`REASON_LEN_MAX`].
pub(super) fn reason_string(text: &str) -> PropertiesBuf {
    let mut properties = PropertiesBuf::new();
    properties
        .push(Property::ReasonString(cut(text, REASON_LEN_MAX)))
        .expect("the text was cut");
    properties
}

/// As much of `text` as has `len_max` bytes.
pub(super) fn cut(text: &str, len_max: usize) -> &str {
    text.get(..text.floor_char_boundary(len_max))
        .unwrap_or(text)
}
