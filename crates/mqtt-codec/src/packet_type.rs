//! Control packet types (MQTT 5, 2.1.2).

/// Type of a control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketType {
    /// Client asks to connect.
    Connect = 1,
    /// Server answers it.
    ConnAck = 2,
    /// A message.
    Publish = 3,
    /// QoS 1 answer.
    PubAck = 4,
    /// QoS 2, first answer.
    PubRec = 5,
    /// QoS 2, second step.
    PubRel = 6,
    /// QoS 2, last answer.
    PubComp = 7,
    /// Client asks for messages.
    Subscribe = 8,
    /// Server answers it.
    SubAck = 9,
    /// Client asks for no more messages.
    Unsubscribe = 10,
    /// Server answers it.
    UnsubAck = 11,
    /// Sign of life.
    PingReq = 12,
    /// Server answers it.
    PingResp = 13,
    /// Goodbye.
    Disconnect = 14,
    /// Enhanced authentication, MQTT 5 only.
    Auth = 15,
}

impl PacketType {
    pub(crate) const fn from_nibble(nibble: u8) -> Option<Self> {
        Some(match nibble {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// Flags that the fixed header must carry (MQTT 5, 2.1.3); PUBLISH has its own.
    pub(crate) const fn reserved_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            Self::Connect
            | Self::ConnAck
            | Self::Publish
            | Self::PubAck
            | Self::PubRec
            | Self::PubComp
            | Self::SubAck
            | Self::UnsubAck
            | Self::PingReq
            | Self::PingResp
            | Self::Disconnect
            | Self::Auth => 0,
        }
    }

    /// First byte of the packet, for all types but PUBLISH.
    pub(crate) const fn first_byte(self) -> u8 {
        ((self as u8) << 4) | self.reserved_flags()
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << (self as u8)
    }
}
