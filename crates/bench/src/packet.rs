//! Packets as a load generator needs them: built once, and looked at rather than parsed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use mqtt_codec::{
    Connect, Delivery, FilterList, Packet, PacketId, Properties, ProtocolVersion, Publish, QoS,
    Subscribe, SubscribeOptions, encode, encode_publish,
};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

/// All clients speak it, since every broker does.
const VERSION: ProtocolVersion = ProtocolVersion::V311;
const KEEP_ALIVE_S: u16 = 3_600;
/// The group of every client of a run.
pub(crate) const GROUP: &str = "GID_bench";
/// The instance in user names.
pub(crate) const INSTANCE: &str = "bench";
/// Of all credentials of a run: the broker that knows them is the run's own.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Proof {
    /// The broker lets anybody in.
    Anonymous,
    /// Device credentials of our broker.
    Credential,
}

/// Delivery guarantee, 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Level {
    /// At most once.
    Zero,
    /// At least once.
    One,
}

impl Level {
    const fn qos(self) -> QoS {
        match self {
            Self::Zero => QoS::AtMostOnce,
            Self::One => QoS::AtLeastOnce,
        }
    }
}

/// Client ID of the device with this number.
pub(crate) fn device(number: u32) -> String {
    format!("{GROUP}@@@d-{number:07}")
}

/// The access key id that belongs to a client ID.
pub(crate) fn access_key_id(client_id: &str) -> String {
    let (_, device) = client_id.split_once("@@@").unwrap_or_default();
    format!("key-{device}")
}

/// CONNECT.
pub(crate) fn connect(client_id: &str, proof: Proof) -> Vec<u8> {
    let (user_name, password) = match proof {
        Proof::Anonymous => (None, None),
        Proof::Credential => {
            let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes())
                .expect("HMAC takes keys of any length");
            mac.update(client_id.as_bytes());
            let password = STANDARD.encode(mac.finalize().into_bytes());
            let key = access_key_id(client_id);
            (
                Some(format!("DeviceCredential|{key}|{INSTANCE}")),
                Some(password),
            )
        }
    };
    build(&Packet::Connect(Connect {
        version: VERSION,
        clean_start: true,
        keep_alive_s: KEEP_ALIVE_S,
        properties: Properties::NONE,
        client_id,
        will: None,
        user_name: user_name.as_deref(),
        password: password.as_deref().map(str::as_bytes),
    }))
}

/// SUBSCRIBE to all of `filters`.
pub(crate) fn subscribe(filters: &[String]) -> Vec<u8> {
    let mut list = FilterList::new();
    for filter in filters {
        let options = SubscribeOptions::qos(QoS::AtLeastOnce);
        list.push_with(filter, options, VERSION)
            .expect("our filters are short");
    }
    build(&Packet::Subscribe(Subscribe {
        packet_id: PacketId::MIN,
        properties: Properties::NONE,
        filters: list.for_subscribe(VERSION),
    }))
}

/// PINGREQ.
pub(crate) const PING: [u8; 2] = [0xc0, 0];

fn build(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, VERSION, &mut bytes).expect("our packets are short");
    bytes
}

/// Appends PUBLISH; with [`Level::One`] as packet `id`.
pub(crate) fn publish(topic: &str, level: Level, id: u16, payload: &[u8], out: &mut Vec<u8>) {
    let packet_id = PacketId::new(id).unwrap_or(PacketId::MIN);
    let delivery = match level.qos() {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce | QoS::ExactlyOnce => Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        },
    };
    let publish = Publish {
        delivery,
        retain: false,
        topic,
        properties: Properties::NONE,
        payload,
    };
    encode_publish(&publish, VERSION, out).expect("our packets are short");
}

/// Appends PUBACK.
pub(crate) fn acknowledge(id: u16, out: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

/// A packet, as bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) first: u8,
    pub(crate) body: &'a [u8],
    /// Header included.
    pub(crate) len: usize,
}

/// The first packet of `bytes`, if all of it is there.
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&first, rest) = bytes.split_first()?;
    let (mut len, mut header) = (0_usize, 1_usize);
    for (shift, &byte) in [0, 7, 14, 21].into_iter().zip(rest) {
        len |= usize::from(byte & 0x7f) << shift;
        header += 1;
        if byte & 0x80 == 0 {
            let body = bytes.get(header..header + len)?;
            return Some(Frame {
                first,
                body,
                len: header + len,
            });
        }
    }
    None
}

/// What is in a PUBLISH.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) topic: &'a [u8],
    /// Of `QoS` 1.
    pub(crate) id: Option<u16>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Type of the packet.
    pub(crate) const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Its parts, if it is a whole PUBLISH.
    pub(crate) fn message(&self) -> Option<Message<'a>> {
        let (len, rest) = self.body.split_first_chunk::<2>()?;
        let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        if self.first & 0x06 == 0 {
            let id = None;
            return Some(Message {
                topic,
                id,
                payload: rest,
            });
        }
        let (id, payload) = rest.split_first_chunk::<2>()?;
        let id = Some(u16::from_be_bytes(*id));
        Some(Message { topic, id, payload })
    }
}

/// Types of packets.
pub(crate) mod kind {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const SUBSCRIBE: u8 = 8;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
}
