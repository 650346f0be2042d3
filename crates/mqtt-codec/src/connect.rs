//! CONNECT and CONNACK.

use std::fmt;

use crate::{
    DecodeError, EncodeError, PacketType, Properties, Property, ProtocolVersion, QoS, ReasonCode,
    encode::put_properties,
    reader::Reader,
    writer::{put_binary, put_u16},
};

const PROTOCOL_NAME: &[u8] = b"MQTT";

/// A client asks to connect (MQTT 5, 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// What the client speaks.
    pub version: ProtocolVersion,
    /// Forget what an earlier session left (3.1.1: clean session).
    pub clean_start: bool,
    /// Longest silence, in seconds; 0 for any.
    pub keep_alive_s: u16,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// Who it is.
    pub client_id: &'a str,
    /// Published for it when it is lost.
    pub will: Option<Will<'a>>,
    /// With what right.
    pub user_name: Option<&'a str>,
    /// Proof of it.
    pub password: Option<&'a [u8]>,
}

impl fmt::Debug for Connect<'_> {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("properties", &self.properties)
            .field("will", &self.will)
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// What the server publishes for a client that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// With which quality of service.
    pub qos: QoS,
    /// To be kept for later subscribers.
    pub retain: bool,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
    /// Where to.
    pub topic: &'a str,
    /// What it says.
    pub payload: &'a [u8],
}

/// The server's answer to CONNECT (MQTT 5, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The server remembers an earlier session.
    pub session_present: bool,
    /// What came of it.
    pub reason: ReasonCode,
    /// MQTT 5 only.
    pub properties: Properties<'a>,
}

/// CONNECT flags (MQTT 5, 3.1.2.3).
mod flag {
    pub(super) const RESERVED: u8 = 0x01;
    pub(super) const CLEAN_START: u8 = 0x02;
    pub(super) const WILL: u8 = 0x04;
    pub(super) const WILL_QOS: u8 = 0x18;
    pub(super) const WILL_RETAIN: u8 = 0x20;
    pub(super) const PASSWORD: u8 = 0x40;
    pub(super) const USER_NAME: u8 = 0x80;
}

impl<'a> Connect<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.binary()? != PROTOCOL_NAME {
            return Err(DecodeError::ProtocolName);
        }
        let level = reader.u8()?;
        let version =
            ProtocolVersion::from_level(level).ok_or(DecodeError::ProtocolLevel(level))?;
        let flags = reader.u8()?;
        check_flags(flags, version)?;
        let keep_alive_s = reader.u16()?;
        let properties = if version.has_properties() {
            let properties = Properties::read(reader, PacketType::Connect)?;
            check_authentication(properties)?;
            properties
        } else {
            Properties::NONE
        };
        let client_id = reader.string()?;
        let will = (flags & flag::WILL != 0)
            .then(|| Will::read(reader, flags, version))
            .transpose()?;
        let user_name = (flags & flag::USER_NAME != 0)
            .then(|| reader.string())
            .transpose()?;
        let password = (flags & flag::PASSWORD != 0)
            .then(|| reader.binary())
            .transpose()?;
        let clean_start = flags & flag::CLEAN_START != 0;
        Ok(Self {
            version,
            clean_start,
            keep_alive_s,
            properties,
            client_id,
            will,
            user_name,
            password,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_binary(out, PROTOCOL_NAME)?;
        out.extend_from_slice(&[self.version.level(), self.flags()]);
        put_u16(out, self.keep_alive_s);
        put_properties(out, self.version, self.properties)?;
        put_binary(out, self.client_id.as_bytes())?;
        if let Some(will) = &self.will {
            put_properties(out, self.version, will.properties)?;
            put_binary(out, will.topic.as_bytes())?;
            put_binary(out, will.payload)?;
        }
        if let Some(user_name) = self.user_name {
            put_binary(out, user_name.as_bytes())?;
        }
        if let Some(password) = self.password {
            put_binary(out, password)?;
        }
        Ok(())
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= flag::CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= flag::WILL | ((will.qos as u8) << 3);
            if will.retain {
                flags |= flag::WILL_RETAIN;
            }
        }
        if self.user_name.is_some() {
            flags |= flag::USER_NAME;
        }
        if self.password.is_some() {
            flags |= flag::PASSWORD;
        }
        flags
    }
}

fn check_flags(flags: u8, version: ProtocolVersion) -> Result<(), DecodeError> {
    let will_details = flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0;
    let lone_password = flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0;
    // MQTT 3.1.1, 3.1.2.9: no password without a user name; MQTT 5 lifted that.
    if flags & flag::RESERVED != 0
        || (flags & flag::WILL == 0 && will_details)
        || (lone_password && version == ProtocolVersion::V311)
    {
        return Err(DecodeError::Flags);
    }
    Ok(())
}

/// MQTT 5, 3.1.2.11.10: authentication data needs a method.
fn check_authentication(properties: Properties<'_>) -> Result<(), DecodeError> {
    let mut method = false;
    let mut data = None;
    for property in properties {
        match property {
            Property::AuthenticationMethod(_) => method = true,
            Property::AuthenticationData(_) => data = Some(property.id()),
            _ => {}
        }
    }
    match data {
        Some(id) if !method => Err(DecodeError::PropertyValue(id)),
        _ => Ok(()),
    }
}

impl<'a> Will<'a> {
    fn read(
        reader: &mut Reader<'a>,
        flags: u8,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let qos = QoS::from_bits((flags & flag::WILL_QOS) >> 3).ok_or(DecodeError::QoS)?;
        let properties = if version.has_properties() {
            Properties::read_will(reader)?
        } else {
            Properties::NONE
        };
        let topic = reader.string()?;
        if topic.is_empty() || topic.contains(['+', '#']) {
            return Err(DecodeError::TopicName);
        }
        let payload = reader.binary()?;
        let retain = flags & flag::WILL_RETAIN != 0;
        Ok(Self {
            qos,
            retain,
            properties,
            topic,
            payload,
        })
    }
}

impl<'a> ConnAck<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: ProtocolVersion,
    ) -> Result<Self, DecodeError> {
        let session_present = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::Flags),
        };
        let code = reader.u8()?;
        let (reason, properties) = if version.has_properties() {
            let reason = ReasonCode::from_value(code).filter(|r| r.belongs_to(PacketType::ConnAck));
            (reason, Properties::read(reader, PacketType::ConnAck)?)
        } else {
            (ReasonCode::from_return_code(code), Properties::NONE)
        };
        let reason = reason.ok_or(DecodeError::ReasonCode(code))?;
        if session_present && reason.is_failure() {
            return Err(DecodeError::Flags);
        }
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        version: ProtocolVersion,
    ) -> Result<(), EncodeError> {
        let code = if version.has_properties() {
            self.reason.value()
        } else {
            self.reason.return_code()
        };
        out.extend_from_slice(&[u8::from(self.session_present), code]);
        put_properties(out, version, self.properties)
    }
}
