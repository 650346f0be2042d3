//! Records as bytes: a mark, the length, a checksum, and the body.
//!
//! The mark makes it cheap to find the next whole record behind a damaged place.

use std::sync::Arc;

use model::Timestamp;
use mqtt_codec::{Properties, QoS};

use super::{
    MessageRecord, NUMBER_MAX, Receiver, Record, Seq, SessionRecord, StoredSubscription,
    StoredWill, Uid,
};
use crate::message::{Message, MessageId, MessageRef, Outgoing, SubscriptionId};

const MARK: [u8; 4] = [0xc5, b'M', b'Q', 0x01];
/// Mark, length and checksum.
pub(crate) const HEADER_LEN: usize = 12;
/// Longer ones are not written: a message has 128 KiB with its properties, and each receiver
/// less than 160 bytes.
const BODY_LEN_MAX: usize = 256 * 1024 * 1024;

const SESSION: u8 = 1;
const SESSION_GONE: u8 = 2;
const MESSAGE: u8 = 3;
const SENT: u8 = 4;
const SETTLED: u8 = 5;
const RECEIVED: u8 = 6;
const INBOUND: u8 = 7;
const INBOUND_DONE: u8 = 8;
const RETAINED: u8 = 9;

/// Appends `record` to `out`.
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) {
    let start = open(out);
    let mut w = Writer(out);
    match record {
        Record::Session(session) => w.byte(SESSION).session(session),
        Record::SessionGone(uid) => w.byte(SESSION_GONE).u64(uid.0),
        Record::Message(message) => w.byte(MESSAGE).message(message),
        Record::Sent(uid, seq) => w.byte(SENT).u64(uid.0).u64(seq.0),
        Record::Settled(uid, seq) => w.byte(SETTLED).u64(uid.0).u64(seq.0),
        Record::Received(uid, seq) => w.byte(RECEIVED).u64(uid.0).u64(seq.0),
        Record::Inbound(uid, id) => w.byte(INBOUND).u64(uid.0).u16(*id),
        Record::InboundDone(uid, id) => w.byte(INBOUND_DONE).u64(uid.0).u16(*id),
        Record::Retained(message) => w.byte(RETAINED).parts(message.parts()),
    };
    close(start, out);
}

/// Leaves room for the header of a record; where it is.
fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; HEADER_LEN - MARK.len()]);
    start
}

/// Writes the header, once the body is there.
fn close(start: usize, out: &mut [u8]) {
    let body = out.get(start + HEADER_LEN..).unwrap_or_default();
    let len = u32::try_from(body.len()).expect("a record is shorter than 4 GiB");
    let crc = crc32c::crc32c(body);
    if let Some(header) = out.get_mut(start + MARK.len()..start + HEADER_LEN) {
        let (at_len, at_crc) = header.split_at_mut(4);
        at_len.copy_from_slice(&len.to_le_bytes());
        at_crc.copy_from_slice(&crc.to_le_bytes());
    }
}

/// The record that `bytes` begin with, and its length; nothing if it is not whole.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let rest = bytes.strip_prefix(&MARK)?;
    let (len, rest) = rest.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    if len > BODY_LEN_MAX {
        return None;
    }
    let body = rest.get(..len)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut r = Reader(body);
    let record = r.record()?;
    r.0.is_empty().then_some((record, HEADER_LEN + len))
}

/// Where the next whole record begins, behind the first byte.
pub(crate) fn find_next(bytes: &[u8]) -> Option<usize> {
    let is_record = |at: usize| bytes.get(at..).is_some_and(|rest| decode(rest).is_some());
    let mut marks = bytes.windows(MARK.len()).enumerate().skip(1);
    marks.find_map(|(at, window)| (window == MARK && is_record(at)).then_some(at))
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn len(&mut self, len: usize) -> &mut Self {
        self.u32(u32::try_from(len).expect("everything in a record is shorter than 4 GiB"))
    }

    fn block(&mut self, bytes: &[u8]) -> &mut Self {
        self.len(bytes.len()).0.extend_from_slice(bytes);
        self
    }

    /// Zero is none, so what is there is one more.
    fn maybe(&mut self, value: Option<u64>) -> &mut Self {
        self.u64(value.map_or(0, |value| value.saturating_add(1)))
    }

    /// Zero is none, and never one.
    fn id(&mut self, id: Option<SubscriptionId>) -> &mut Self {
        self.u32(id.map_or(0, SubscriptionId::get))
    }

    fn parts(&mut self, parts: MessageRef<'_>) -> &mut Self {
        self.byte(parts.qos as u8)
            .byte(u8::from(parts.retain))
            .maybe(parts.expires_at.map(Timestamp::as_millis))
            .block(parts.topic.as_bytes())
            .block(parts.properties.as_bytes())
            .block(parts.payload)
    }

    fn session(&mut self, session: &SessionRecord) -> &mut Self {
        self.u64(session.uid.0)
            .block(session.client_id.as_bytes())
            .u32(session.expiry_s)
            .maybe(session.away_since)
            .u64(session.next_seq.0)
            .u64(session.sent.0)
            .len(session.inbound.len());
        for id in &session.inbound {
            self.u16(*id);
        }
        self.len(session.subscriptions.len());
        for subscription in &session.subscriptions {
            self.block(subscription.filter.as_str().as_bytes())
                .block(subscription.share.as_deref().unwrap_or_default().as_bytes())
                .byte(subscription.qos as u8)
                .byte(u8::from(subscription.no_local))
                .byte(u8::from(subscription.retain_as_published))
                .id(subscription.id);
        }
        match &session.will {
            None => self.byte(0),
            Some(will) => self.byte(1).u32(will.delay_s).parts(will.message.parts()),
        }
    }

    fn message(&mut self, message: &MessageRecord) -> &mut Self {
        self.u64(message.id)
            .u64(message.at)
            .parts(message.message.parts());
        let (uid, id) = message
            .inbound
            .map_or((None, 0), |(uid, id)| (Some(uid.0), id));
        self.maybe(uid).u16(id).len(message.receivers.len());
        for receiver in &message.receivers {
            self.u64(receiver.uid.0)
                .u64(receiver.seq.0)
                .byte(receiver.qos as u8)
                .byte(u8::from(receiver.retain))
                .len(receiver.ids.len());
            for id in &receiver.ids {
                self.id(Some(*id));
            }
        }
        self.maybe(message.message.id().map(|MessageId(id)| id))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn uid(&mut self) -> Option<Uid> {
        self.number().map(Uid)
    }

    fn seq(&mut self) -> Option<Seq> {
        self.number().map(Seq)
    }

    fn number(&mut self) -> Option<u64> {
        self.u64().filter(|number| *number <= NUMBER_MAX)
    }

    fn maybe(&mut self) -> Option<Option<u64>> {
        Some(self.u64()?.checked_sub(1))
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (block, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(block)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }

    fn qos(&mut self) -> Option<QoS> {
        match self.byte()? {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// As many as their number says; each takes a byte at least, so that bounds them.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = usize::try_from(self.u32()?).ok()?;
        if len > self.0.len() {
            return None;
        }
        (0..len).map(|_| one(self)).collect()
    }

    fn parts(&mut self) -> Option<Arc<Message>> {
        Some(Outgoing::borrowed(self.message_ref()?).share())
    }

    fn message_ref(&mut self) -> Option<MessageRef<'a>> {
        let (qos, retain) = (self.qos()?, self.flag()?);
        let expires_at = self.maybe()?.map(Timestamp::from_millis);
        let (topic, properties) = (self.text()?, self.block()?);
        Some(MessageRef {
            topic,
            properties: Properties::from_kept(properties),
            payload: self.block()?,
            qos,
            retain,
            expires_at,
        })
    }

    fn record(&mut self) -> Option<Record> {
        Some(match self.byte()? {
            SESSION => Record::Session(self.session()?),
            SESSION_GONE => Record::SessionGone(self.uid()?),
            MESSAGE => Record::Message(self.message()?),
            SENT => Record::Sent(self.uid()?, self.seq()?),
            SETTLED => Record::Settled(self.uid()?, self.seq()?),
            RECEIVED => Record::Received(self.uid()?, self.seq()?),
            INBOUND => Record::Inbound(self.uid()?, self.u16()?),
            INBOUND_DONE => Record::InboundDone(self.uid()?, self.u16()?),
            RETAINED => Record::Retained(self.parts()?),
            _ => return None,
        })
    }

    fn session(&mut self) -> Option<SessionRecord> {
        Some(SessionRecord {
            uid: self.uid()?,
            client_id: self.text()?.into(),
            expiry_s: self.u32()?,
            away_since: self.maybe()?,
            next_seq: self.seq()?,
            sent: self.seq()?,
            inbound: self.list(Self::u16)?,
            subscriptions: self.list(Self::subscription)?,
            will: match self.flag()? {
                false => None,
                true => Some(StoredWill {
                    delay_s: self.u32()?,
                    message: self.parts()?,
                }),
            },
        })
    }

    fn subscription(&mut self) -> Option<StoredSubscription> {
        Some(StoredSubscription {
            filter: self.text()?.parse().ok()?,
            share: Some(self.text()?).filter(|s| !s.is_empty()).map(Into::into),
            qos: self.qos()?,
            no_local: self.flag()?,
            retain_as_published: self.flag()?,
            id: SubscriptionId::new(self.u32()?),
        })
    }

    fn message(&mut self) -> Option<MessageRecord> {
        let (id, at) = (self.number()?, self.u64()?);
        let parts = self.message_ref()?;
        let (uid, packet_id) = (self.maybe()?, self.u16()?);
        let receivers = self.list(Self::receiver)?;
        // Records of earlier versions end here.
        let traced = match self.0 {
            [] => None,
            _ => self.maybe()?.map(MessageId),
        };
        Some(MessageRecord {
            id,
            at,
            message: Outgoing::borrowed(parts).traced(traced).share(),
            inbound: uid.map(|uid| (Uid(uid), packet_id)),
            receivers,
        })
    }

    fn receiver(&mut self) -> Option<Receiver> {
        Some(Receiver {
            uid: self.uid()?,
            seq: self.seq()?,
            qos: self.qos()?,
            retain: self.flag()?,
            ids: self.list(|r| SubscriptionId::new(r.u32()?))?.into(),
        })
    }
}

/// Reads noise, and noise as the body of a record; what that says can be said again.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn check(bytes: &[u8]) {
    decode(bytes);
    let mut framed = Vec::new();
    let start = open(&mut framed);
    framed.extend_from_slice(bytes);
    close(start, &mut framed);
    find_next(&[b"?", &framed[..]].concat());
    let Some((record, len)) = decode(&framed) else {
        return;
    };
    assert_eq!(len, framed.len());
    let mut again = Vec::new();
    encode(&record, &mut again);
    let (same, _) = decode(&again).expect("what was read can be written and read");
    assert_eq!(format!("{same:?}"), format!("{record:?}"));
}

#[cfg(test)]
mod tests;
