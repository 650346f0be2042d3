//! From a packet to bytes.

use crate::{
    Ack, Delivery, EncodeError, Packet, PacketType, Properties, ProtocolVersion, Publish,
    ReasonCode,
    writer::{put_binary, put_packet, put_u16, put_variable},
};

/// Appends `packet` to `out`. CONNECT is written in its own version.
///
/// # Errors
/// The packet cannot be said in MQTT; `out` is as it was.
pub fn encode(
    packet: &Packet<'_>,
    version: ProtocolVersion,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let first = packet.packet_type().first_byte();
    match packet {
        Packet::Connect(connect) => put_packet(out, first, |out| connect.write(out)),
        Packet::ConnAck(ack) => put_packet(out, first, |out| ack.write(out, version)),
        Packet::Publish(publish) => encode_publish(publish, version, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            put_packet(out, first, |out| put_ack(out, ack, version))
        }
        Packet::Subscribe(subscribe) => put_packet(out, first, |out| {
            put_u16(out, subscribe.packet_id.get());
            put_properties(out, version, subscribe.properties)?;
            out.extend_from_slice(subscribe.filters.as_bytes());
            Ok(())
        }),
        Packet::SubAck(ack) => put_packet(out, first, |out| {
            put_u16(out, ack.packet_id.get());
            put_properties(out, version, ack.properties)?;
            out.extend(
                ack.codes
                    .as_bytes()
                    .iter()
                    .map(|code| subscribe_code(*code, version)),
            );
            Ok(())
        }),
        Packet::Unsubscribe(unsubscribe) => put_packet(out, first, |out| {
            put_u16(out, unsubscribe.packet_id.get());
            put_properties(out, version, unsubscribe.properties)?;
            out.extend_from_slice(unsubscribe.filters.as_bytes());
            Ok(())
        }),
        Packet::UnsubAck(ack) => put_packet(out, first, |out| {
            put_u16(out, ack.packet_id.get());
            if version.has_properties() {
                put_properties(out, version, ack.properties)?;
                out.extend_from_slice(ack.codes.as_bytes());
            }
            Ok(())
        }),
        Packet::PingReq | Packet::PingResp => put_packet(out, first, |_| Ok(())),
        Packet::Disconnect(bye) => put_packet(out, first, |out| {
            put_reason(out, bye.reason, bye.properties, version)
        }),
        Packet::Auth(_) if version == ProtocolVersion::V311 => Err(EncodeError::NotInVersion),
        Packet::Auth(auth) => put_packet(out, first, |out| {
            put_reason(out, auth.reason, auth.properties, version)
        }),
    }
}

/// Appends a PUBLISH; the way for brokers, which send one message to many.
///
/// # Errors
/// The message cannot be said in MQTT; `out` is as it was.
pub fn encode_publish(
    publish: &Publish<'_>,
    version: ProtocolVersion,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    encode_publish_with(publish, Properties::NONE, version, out)
}

/// Appends a PUBLISH whose properties are `own`, those of this one connection, and then those of
/// the message, which are never copied to be put together.
///
/// # Errors
/// The message cannot be said in MQTT; `out` is as it was.
pub fn encode_publish_with(
    publish: &Publish<'_>,
    own: Properties<'_>,
    version: ProtocolVersion,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let (packet_id, dup) = match publish.delivery {
        Delivery::AtMostOnce => (None, false),
        Delivery::AtLeastOnce { packet_id, dup } | Delivery::ExactlyOnce { packet_id, dup } => {
            (Some(packet_id), dup)
        }
    };
    let flags =
        (u8::from(dup) << 3) | ((publish.delivery.qos() as u8) << 1) | u8::from(publish.retain);
    // The length is known before the body, so that a large payload is copied once.
    let len = publish_body_len(publish, own, version);
    let start = out.len();
    out.reserve(len.saturating_add(HEADER_LEN_MAX));
    out.push(PacketType::Publish.first_byte() | flags);
    let body = |out: &mut Vec<u8>| {
        put_variable(out, len)?;
        put_binary(out, publish.topic.as_bytes())?;
        if let Some(packet_id) = packet_id {
            put_u16(out, packet_id.get());
        }
        if version.has_properties() {
            put_variable(out, property_len(publish, own))?;
            out.extend_from_slice(own.as_bytes());
            out.extend_from_slice(publish.properties.as_bytes());
        }
        out.extend_from_slice(publish.payload);
        Ok(())
    };
    body(out).inspect_err(|_| out.truncate(start))
}

/// Length of the whole packet that [`encode_publish_with`] appends.
#[must_use]
pub fn publish_len(publish: &Publish<'_>, own: Properties<'_>, version: ProtocolVersion) -> usize {
    let len = publish_body_len(publish, own, version);
    len.saturating_add(1).saturating_add(variable_len(len))
}

fn property_len(publish: &Publish<'_>, own: Properties<'_>) -> usize {
    let own_len = own.as_bytes().len();
    own_len.saturating_add(publish.properties.as_bytes().len())
}

fn publish_body_len(publish: &Publish<'_>, own: Properties<'_>, version: ProtocolVersion) -> usize {
    let id_len = match publish.delivery {
        Delivery::AtMostOnce => 0,
        Delivery::AtLeastOnce { .. } | Delivery::ExactlyOnce { .. } => 2,
    };
    let mut len = publish
        .topic
        .len()
        .saturating_add(publish.payload.len())
        .saturating_add(2_usize.saturating_add(id_len));
    if version.has_properties() {
        let property_len = property_len(publish, own);
        len = len
            .saturating_add(variable_len(property_len))
            .saturating_add(property_len);
    }
    len
}

/// Type and flags, and four bytes of length.
const HEADER_LEN_MAX: usize = 5;

const fn variable_len(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

pub(crate) fn put_properties(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    properties: Properties<'_>,
) -> Result<(), EncodeError> {
    if version.has_properties() {
        put_variable(out, properties.as_bytes().len())?;
        out.extend_from_slice(properties.as_bytes());
    }
    Ok(())
}

fn put_ack(out: &mut Vec<u8>, ack: &Ack<'_>, version: ProtocolVersion) -> Result<(), EncodeError> {
    put_u16(out, ack.packet_id.get());
    put_reason(out, ack.reason, ack.properties, version)
}

fn put_reason(
    out: &mut Vec<u8>,
    reason: ReasonCode,
    properties: Properties<'_>,
    version: ProtocolVersion,
) -> Result<(), EncodeError> {
    if !version.has_properties() || (reason == ReasonCode::Success && properties.is_empty()) {
        return Ok(());
    }
    out.push(reason.value());
    if properties.is_empty() {
        return Ok(());
    }
    put_properties(out, version, properties)
}

/// MQTT 3.1.1, 3.9.3: any failure is 0x80.
const fn subscribe_code(code: u8, version: ProtocolVersion) -> u8 {
    if code >= 0x80 && !version.has_properties() {
        0x80
    } else {
        code
    }
}
