//! SUBSCRIBE, UNSUBSCRIBE and their answers.

use crate::{
    DecodeError, EncodeError, PacketId, PacketType, Properties, ProtocolVersion, QoS, ReasonCode,
    reader::Reader, writer::put_binary,
};

/// What happens to retained messages at SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// Send them.
    Send = 0,
    /// Send them if the subscription is new.
    SendIfNew = 1,
    /// Do not send them.
    DoNotSend = 2,
}

/// How a client wants the messages of one filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// At most this quality of service.
    pub qos: QoS,
    /// Not what it published itself. MQTT 5 only, as all that follow.
    pub no_local: bool,
    /// With the retain flag that the publisher set.
    pub retain_as_published: bool,
    /// What happens to retained messages.
    pub retain_handling: RetainHandling,
}

impl SubscribeOptions {
    /// Options that 3.1.1 can say.
    #[must_use]
    pub const fn qos(qos: QoS) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }

    fn from_byte(byte: u8, version: ProtocolVersion) -> Result<Self, DecodeError> {
        let reserved = if version.has_properties() { 0xc0 } else { 0xfc };
        if byte & reserved != 0 {
            return Err(DecodeError::Flags);
        }
        let qos = QoS::from_bits(byte & 0x03).ok_or(DecodeError::QoS)?;
        let retain_handling = match byte & 0x30 {
            0x00 => RetainHandling::Send,
            0x10 => RetainHandling::SendIfNew,
            0x20 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::Flags),
        };
        let (no_local, retain_as_published) = (byte & 0x04 != 0, byte & 0x08 != 0);
        Ok(Self {
            qos,
            no_local,
            retain_as_published,
            retain_handling,
        })
    }

    fn to_byte(self, version: ProtocolVersion) -> u8 {
        if !version.has_properties() {
            return self.qos as u8;
        }
        (self.qos as u8)
            | (u8::from(self.no_local) << 2)
            | (u8::from(self.retain_as_published) << 3)
            | ((self.retain_handling as u8) << 4)
    }
}

/// A client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Comes back in SUBACK.
    pub packet_id: PacketId,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// Which messages; one filter at least.
    pub filters: SubscribeFilters<'a>,
}

/// Filters with options, as checked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilters<'a> {
    bytes: &'a [u8],
    version: ProtocolVersion,
}

/// A client asks for no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Comes back in UNSUBACK.
    pub packet_id: PacketId,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// Which messages; one filter at least.
    pub filters: Filters<'a>,
}

/// Filters, as checked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters<'a>(&'a [u8]);

/// Filters being put together for a packet of one's own.
#[derive(Clone, Debug, Default)]
pub struct FilterList(Vec<u8>);

/// Answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Which SUBSCRIBE.
    pub packet_id: PacketId,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// One for each filter.
    pub codes: Codes<'a>,
}

/// Answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Which UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// One for each filter; none in 3.1.1.
    pub codes: Codes<'a>,
}

/// Reason codes, one byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes<'a>(&'a [u8]);

fn read_filter<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    match reader.string()? {
        "" => Err(DecodeError::TopicFilter),
        filter => Ok(filter),
    }
}

impl<'a> SubscribeFilters<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        let mut rest = Reader::new(bytes);
        if rest.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        while !rest.is_empty() {
            read_filter(&mut rest)?;
            SubscribeOptions::from_byte(rest.u8()?, version)?;
        }
        Ok(Self { bytes, version })
    }

    /// One after the other, as they were sent.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, SubscribeOptions)> {
        let mut rest = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            let filter = rest.string().ok()?;
            let options = SubscribeOptions::from_byte(rest.u8().ok()?, self.version).ok()?;
            Some((filter, options))
        })
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Filters<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        let mut rest = Reader::new(bytes);
        if rest.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        while !rest.is_empty() {
            read_filter(&mut rest)?;
        }
        Ok(Self(bytes))
    }

    /// One after the other, as they were sent.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut rest = Reader::new(self.0);
        std::iter::from_fn(move || rest.string().ok())
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl FilterList {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a filter for UNSUBSCRIBE.
    ///
    /// # Errors
    /// It is too long.
    pub fn push(&mut self, filter: &str) -> Result<(), EncodeError> {
        put_binary(&mut self.0, filter.as_bytes())
    }

    /// Adds a filter for SUBSCRIBE.
    ///
    /// # Errors
    /// It is too long.
    pub fn push_with(
        &mut self,
        filter: &str,
        options: SubscribeOptions,
        version: ProtocolVersion,
    ) -> Result<(), EncodeError> {
        put_binary(&mut self.0, filter.as_bytes())?;
        self.0.push(options.to_byte(version));
        Ok(())
    }

    /// As the payload of SUBSCRIBE; all were added by [`FilterList::push_with`] for `version`.
    #[must_use]
    pub fn for_subscribe(&self, version: ProtocolVersion) -> SubscribeFilters<'_> {
        SubscribeFilters {
            bytes: &self.0,
            version,
        }
    }

    /// As the payload of UNSUBSCRIBE; all were added by [`FilterList::push`].
    #[must_use]
    pub fn for_unsubscribe(&self) -> Filters<'_> {
        Filters(&self.0)
    }
}

impl<'a> Codes<'a> {
    /// Codes to send, one byte each; values are those of [`ReasonCode::value`].
    #[must_use]
    pub const fn from_values(values: &'a [u8]) -> Self {
        Self(values)
    }

    pub(crate) fn read(
        reader: &mut Reader<'a>,
        packet: PacketType,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        // MQTT 3.1.1, 3.11: UNSUBACK has no payload there.
        if packet == PacketType::UnsubAck && !version.has_properties() {
            return if bytes.is_empty() {
                Ok(Self(bytes))
            } else {
                Err(DecodeError::Trailing)
            };
        }
        if bytes.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        for &value in bytes {
            let known = ReasonCode::from_value(value).is_some_and(|r| r.belongs_to(packet));
            let in_version = version.has_properties() || matches!(value, 0..=2 | 0x80);
            if !known || !in_version {
                return Err(DecodeError::ReasonCode(value));
            }
        }
        Ok(Self(bytes))
    }

    /// One after the other, in the order of the filters.
    pub fn iter(self) -> impl Iterator<Item = ReasonCode> {
        self.0
            .iter()
            .filter_map(|value| ReasonCode::from_value(*value))
    }

    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}
