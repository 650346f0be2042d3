//! From bytes to a packet.

use crate::{
    Ack, Auth, Codes, ConnAck, Connect, DecodeError, Delivery, Disconnect, Filters, Packet,
    PacketId, PacketType, Properties, ProtocolVersion, Publish, QoS, ReasonCode, SubAck, Subscribe,
    SubscribeFilters, UnsubAck, Unsubscribe,
    reader::{Reader, has_any},
};

/// What the receiver takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What was agreed; CONNECT says its own.
    pub version: ProtocolVersion,
    /// Longest packet, header included.
    pub packet_len_max: u32,
}

/// Decodes the packet at the start of `input`; `None` if not all of it is there yet. Also says
/// how many bytes it took.
///
/// # Errors
/// The bytes can never become a packet; the connection must end.
pub fn decode(input: &[u8], limits: Limits) -> Result<Option<(Packet<'_>, usize)>, DecodeError> {
    decode_behind(input, limits, None)
}

/// The same behind a PUBLISH with this `topic`: one that is the same need not be checked again.
///
/// # Errors
/// As those of [`decode`].
pub fn decode_behind<'a>(
    input: &'a [u8],
    limits: Limits,
    topic: Option<&'a str>,
) -> Result<Option<(Packet<'a>, usize)>, DecodeError> {
    let mut reader = Reader::new(input);
    let Ok(first) = reader.u8() else {
        return Ok(None);
    };
    let (packet_type, flags) = check_first(first, limits.version)?;
    let remaining = match reader.variable() {
        Ok(len) => len,
        // Fewer than four bytes are there and each says that another one follows.
        Err(DecodeError::Truncated) => return Ok(None),
        Err(error) => return Err(error),
    };
    let header_len = input.len().saturating_sub(reader.peek().len());
    let len = remaining.saturating_add(u32::try_from(header_len).unwrap_or(u32::MAX));
    if len > limits.packet_len_max {
        return Err(DecodeError::TooLarge {
            len,
            max: limits.packet_len_max,
        });
    }
    let Ok(body) = reader.take(usize::try_from(remaining).unwrap_or(usize::MAX)) else {
        return Ok(None);
    };
    let mut body = Reader::new(body);
    let packet = decode_body((packet_type, flags), &mut body, limits.version, topic)?;
    body.finish()?;
    let len = input.len().saturating_sub(reader.peek().len());
    Ok(Some((packet, len)))
}

fn check_first(first: u8, version: ProtocolVersion) -> Result<(PacketType, u8), DecodeError> {
    let (nibble, flags) = (first >> 4, first & 0x0f);
    let packet_type = PacketType::from_nibble(nibble)
        .filter(|t| *t != PacketType::Auth || version.has_properties())
        .ok_or(DecodeError::PacketType(nibble))?;
    if packet_type != PacketType::Publish && flags != packet_type.reserved_flags() {
        return Err(DecodeError::HeaderFlags);
    }
    Ok((packet_type, flags))
}

fn decode_body<'a>(
    (packet_type, flags): (PacketType, u8),
    reader: &mut Reader<'a>,
    version: ProtocolVersion,
    known: Option<&'a str>,
) -> Result<Packet<'a>, DecodeError> {
    Ok(match packet_type {
        PacketType::Connect => Packet::Connect(Connect::read(reader)?),
        PacketType::ConnAck => Packet::ConnAck(ConnAck::read(reader, version)?),
        PacketType::Publish => Packet::Publish(read_publish(reader, flags, version, known)?),
        PacketType::PubAck => Packet::PubAck(read_ack(reader, packet_type, version)?),
        PacketType::PubRec => Packet::PubRec(read_ack(reader, packet_type, version)?),
        PacketType::PubRel => Packet::PubRel(read_ack(reader, packet_type, version)?),
        PacketType::PubComp => Packet::PubComp(read_ack(reader, packet_type, version)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe {
            packet_id: read_packet_id(reader)?,
            properties: read_properties(reader, packet_type, version)?,
            filters: SubscribeFilters::read(reader, version)?,
        }),
        PacketType::SubAck => Packet::SubAck(SubAck {
            packet_id: read_packet_id(reader)?,
            properties: read_properties(reader, packet_type, version)?,
            codes: Codes::read(reader, packet_type, version)?,
        }),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
            packet_id: read_packet_id(reader)?,
            properties: read_properties(reader, packet_type, version)?,
            filters: Filters::read(reader)?,
        }),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck {
            packet_id: read_packet_id(reader)?,
            properties: read_properties(reader, packet_type, version)?,
            codes: Codes::read(reader, packet_type, version)?,
        }),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => {
            let (reason, properties) = read_reason(reader, packet_type, version)?;
            Packet::Disconnect(Disconnect { reason, properties })
        }
        PacketType::Auth => {
            let (reason, properties) = read_reason(reader, packet_type, version)?;
            Packet::Auth(Auth { reason, properties })
        }
    })
}

fn read_packet_id(reader: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
    PacketId::new(reader.u16()?).ok_or(DecodeError::PacketId)
}

fn read_properties<'a>(
    reader: &mut Reader<'a>,
    packet_type: PacketType,
    version: ProtocolVersion,
) -> Result<Properties<'a>, DecodeError> {
    if version.has_properties() {
        Properties::read(reader, packet_type)
    } else {
        Ok(Properties::NONE)
    }
}

fn read_publish<'a>(
    reader: &mut Reader<'a>,
    flags: u8,
    version: ProtocolVersion,
    known: Option<&'a str>,
) -> Result<Publish<'a>, DecodeError> {
    let (dup, retain) = (flags & 0x08 != 0, flags & 0x01 != 0);
    let qos = QoS::from_bits((flags >> 1) & 0x03).ok_or(DecodeError::QoS)?;
    let topic = reader.binary()?;
    let known = known.filter(|known| known.as_bytes() == topic);
    let topic = known.map_or_else(|| Reader::text(topic), Ok)?;
    let delivery = match qos {
        QoS::AtMostOnce if dup => return Err(DecodeError::QoS),
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce {
            packet_id: read_packet_id(reader)?,
            dup,
        },
        QoS::ExactlyOnce => Delivery::ExactlyOnce {
            packet_id: read_packet_id(reader)?,
            dup,
        },
    };
    let properties = read_properties(reader, PacketType::Publish, version)?;
    if known.is_none() {
        check_topic(topic, properties)?;
    }
    let payload = reader.rest();
    Ok(Publish {
        delivery,
        retain,
        topic,
        properties,
        payload,
    })
}

fn check_topic(topic: &str, properties: Properties<'_>) -> Result<(), DecodeError> {
    // Property 0x23 is the topic alias, which stands for an empty name.
    let aliased = topic.is_empty() && properties.iter().any(|p| p.id() == 0x23);
    if (topic.is_empty() && !aliased) || has_any(topic.as_bytes(), [b'+', b'#']) {
        return Err(DecodeError::TopicName);
    }
    Ok(())
}

fn read_ack<'a>(
    reader: &mut Reader<'a>,
    packet_type: PacketType,
    version: ProtocolVersion,
) -> Result<Ack<'a>, DecodeError> {
    let packet_id = read_packet_id(reader)?;
    let (reason, properties) = read_reason(reader, packet_type, version)?;
    Ok(Ack {
        packet_id,
        reason,
        properties,
    })
}

/// Reason code and properties may be left out from the end (MQTT 5, 3.4.2.1 and 3.14.2.1).
fn read_reason<'a>(
    reader: &mut Reader<'a>,
    packet_type: PacketType,
    version: ProtocolVersion,
) -> Result<(ReasonCode, Properties<'a>), DecodeError> {
    if !version.has_properties() || reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::NONE));
    }
    let code = reader.u8()?;
    let reason = ReasonCode::from_value(code)
        .filter(|r| r.belongs_to(packet_type))
        .ok_or(DecodeError::ReasonCode(code))?;
    if reader.is_empty() {
        return Ok((reason, Properties::NONE));
    }
    Ok((reason, Properties::read(reader, packet_type)?))
}
