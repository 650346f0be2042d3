//! What can be wrong with bytes from a peer, and with packets of our own.

use thiserror::Error;

use crate::ReasonCode;

/// Why bytes are not a packet. The sender is to blame for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A variable byte integer has a fifth byte, or more bytes than it needs.
    #[error("a variable byte integer is longer than allowed")]
    VariableByteInteger,
    /// The packet is longer than the receiver takes.
    #[error("packet has {len} bytes; at most {max} are taken")]
    TooLarge {
        /// Length of the whole packet.
        len: u32,
        /// What the receiver takes.
        max: u32,
    },
    /// Type 0, or AUTH in 3.1.1.
    #[error("unknown packet type {0}")]
    PacketType(u8),
    /// Reserved bits of the fixed header.
    #[error("reserved flags of the fixed header are wrong")]
    HeaderFlags,
    /// A field reaches past the end of the packet.
    #[error("packet ends within a field")]
    Truncated,
    /// Bytes behind the last field.
    #[error("packet has bytes behind its last field")]
    Trailing,
    /// Not UTF-8, or it holds U+0000.
    #[error("a string is not UTF-8 or holds U+0000")]
    String,
    /// Protocol name other than `MQTT`.
    #[error("protocol name is not MQTT")]
    ProtocolName,
    /// Protocol level that is neither 4 nor 5.
    #[error("protocol level {0} is not spoken here; 4 (3.1.1) and 5 are")]
    ProtocolLevel(u8),
    /// Reserved bits of CONNECT, CONNACK or subscription options, or flags that exclude each other.
    #[error("reserved or contradicting flags")]
    Flags,
    /// `QoS` 3, or DUP set at `QoS` 0.
    #[error("impossible QoS")]
    QoS,
    /// Packet identifier 0.
    #[error("packet identifier is 0")]
    PacketId,
    /// A topic name holds a wildcard, or is empty without an alias.
    #[error("topic name is empty or holds a wildcard")]
    TopicName,
    /// SUBSCRIBE or UNSUBSCRIBE names no topic filter, or an answer has no code.
    #[error("list of topic filters or codes is empty")]
    EmptyList,
    /// An empty topic filter.
    #[error("topic filter is empty")]
    TopicFilter,
    /// A property that does not exist.
    #[error("unknown property {0:#04x}")]
    UnknownProperty(u8),
    /// A property of other packets.
    #[error("property {0:#04x} does not belong into this packet")]
    MisplacedProperty(u8),
    /// A property that may be there once is there twice.
    #[error("property {0:#04x} is given twice")]
    DuplicateProperty(u8),
    /// A value that the property cannot have.
    #[error("property {0:#04x} has an impossible value")]
    PropertyValue(u8),
    /// A reason or return code that this packet cannot have.
    #[error("code {0:#04x} does not belong into this packet")]
    ReasonCode(u8),
}

impl DecodeError {
    /// What to tell the sender.
    #[must_use]
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::TooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::ProtocolName | Self::ProtocolLevel(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::TopicName => ReasonCode::TopicNameInvalid,
            Self::PropertyValue(0x23) => ReasonCode::TopicAliasInvalid,
            Self::PacketId
            | Self::EmptyList
            | Self::TopicFilter
            | Self::DuplicateProperty(_)
            | Self::PropertyValue(_) => ReasonCode::ProtocolError,
            Self::VariableByteInteger
            | Self::PacketType(_)
            | Self::HeaderFlags
            | Self::Truncated
            | Self::Trailing
            | Self::String
            | Self::Flags
            | Self::QoS
            | Self::UnknownProperty(_)
            | Self::MisplacedProperty(_)
            | Self::ReasonCode(_) => ReasonCode::MalformedPacket,
        }
    }
}

/// Why a packet cannot be encoded. The caller is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A string or binary field has more than 65,535 bytes.
    #[error("a field has {0} bytes; 65535 fit")]
    FieldTooLong(usize),
    /// The packet is longer than MQTT can say.
    #[error("packet has {0} bytes; 268435455 fit")]
    PacketTooLong(usize),
    /// MQTT 3.1.1 has no such packet.
    #[error("MQTT 3.1.1 has no such packet")]
    NotInVersion,
}
