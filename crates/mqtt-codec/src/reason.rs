//! Reason codes (MQTT 5, 2.4) and the packets that may carry each.

use crate::PacketType;

macro_rules! reason_codes {
    ($($(#[$doc:meta])+ $name:ident = $value:literal in $($kind:ident)|+;)+) => {
        /// What came of a request, or why a connection ends. 0x80 and above are failures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ReasonCode { $($(#[$doc])+ $name = $value,)+ }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code with this value.
            #[must_use]
            pub const fn from_value(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)+
                    _ => None,
                }
            }

            const fn carriers(self) -> u16 {
                match self {
                    $(Self::$name => 0 $(| PacketType::$kind.bit())+,)+
                }
            }
        }
    };
}

reason_codes! {
    /// All is well; in SUBACK: granted `QoS` 0; in DISCONNECT: without the will.
    Success = 0x00 in ConnAck | PubAck | PubRec | PubRel | PubComp | SubAck | UnsubAck | Auth | Disconnect;
    /// Granted `QoS` 1.
    GrantedQoS1 = 0x01 in SubAck;
    /// Granted `QoS` 2.
    GrantedQoS2 = 0x02 in SubAck;
    /// Goodbye, and publish the will.
    DisconnectWithWill = 0x04 in Disconnect;
    /// Accepted, but nobody gets it.
    NoMatchingSubscribers = 0x10 in PubAck | PubRec;
    /// There was no such subscription.
    NoSubscriptionExisted = 0x11 in UnsubAck;
    /// Go on with authentication.
    ContinueAuthentication = 0x18 in Auth;
    /// Begin authentication again.
    ReAuthenticate = 0x19 in Auth;
    /// No reason given.
    UnspecifiedError = 0x80 in ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect;
    /// The packet cannot be parsed.
    MalformedPacket = 0x81 in ConnAck | Disconnect;
    /// The packet is out of place, or says what it must not.
    ProtocolError = 0x82 in ConnAck | Disconnect;
    /// Valid, but not done by this peer.
    ImplementationSpecificError = 0x83 in ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect;
    /// This version is not spoken.
    UnsupportedProtocolVersion = 0x84 in ConnAck;
    /// The client ID breaks a rule.
    ClientIdentifierNotValid = 0x85 in ConnAck;
    /// User name or password is wrong.
    BadUserNameOrPassword = 0x86 in ConnAck;
    /// Not allowed.
    NotAuthorized = 0x87 in ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect;
    /// The server cannot serve now.
    ServerUnavailable = 0x88 in ConnAck;
    /// The server has too much to do.
    ServerBusy = 0x89 in ConnAck | Disconnect;
    /// The client is banned.
    Banned = 0x8a in ConnAck;
    /// The server stops.
    ServerShuttingDown = 0x8b in Disconnect;
    /// This authentication method is not known.
    BadAuthenticationMethod = 0x8c in ConnAck | Disconnect;
    /// Nothing was heard for too long.
    KeepAliveTimeout = 0x8d in Disconnect;
    /// Another connection has the same client ID.
    SessionTakenOver = 0x8e in Disconnect;
    /// The topic filter breaks a rule.
    TopicFilterInvalid = 0x8f in SubAck | UnsubAck | Disconnect;
    /// The topic name breaks a rule.
    TopicNameInvalid = 0x90 in ConnAck | PubAck | PubRec | Disconnect;
    /// The packet identifier is taken.
    PacketIdentifierInUse = 0x91 in PubAck | PubRec | SubAck | UnsubAck;
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92 in PubRel | PubComp;
    /// Too many messages without an answer.
    ReceiveMaximumExceeded = 0x93 in Disconnect;
    /// No such topic alias.
    TopicAliasInvalid = 0x94 in Disconnect;
    /// The packet is too large.
    PacketTooLarge = 0x95 in ConnAck | Disconnect;
    /// Too many messages in a time.
    MessageRateTooHigh = 0x96 in Disconnect;
    /// A limit is reached.
    QuotaExceeded = 0x97 in ConnAck | PubAck | PubRec | SubAck | Disconnect;
    /// An operator did it.
    AdministrativeAction = 0x98 in Disconnect;
    /// The payload is not what it says it is.
    PayloadFormatInvalid = 0x99 in ConnAck | PubAck | PubRec | Disconnect;
    /// Retained messages are not kept here.
    RetainNotSupported = 0x9a in ConnAck | Disconnect;
    /// A lower `QoS` is the highest here.
    QoSNotSupported = 0x9b in ConnAck | Disconnect;
    /// Use another server for now.
    UseAnotherServer = 0x9c in ConnAck | Disconnect;
    /// Use another server from now on.
    ServerMoved = 0x9d in ConnAck | Disconnect;
    /// Shared subscriptions are not done here.
    SharedSubscriptionsNotSupported = 0x9e in SubAck | Disconnect;
    /// Too many connections in a time.
    ConnectionRateExceeded = 0x9f in ConnAck | Disconnect;
    /// Connected for too long.
    MaximumConnectTime = 0xa0 in Disconnect;
    /// Subscription identifiers are not done here.
    SubscriptionIdentifiersNotSupported = 0xa1 in SubAck | Disconnect;
    /// Wildcards are not done here.
    WildcardSubscriptionsNotSupported = 0xa2 in SubAck | Disconnect;
}

impl ReasonCode {
    /// Its value on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// Whether it says that something failed.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.value() >= 0x80
    }

    /// Whether a packet of this type may carry it.
    #[must_use]
    pub const fn belongs_to(self, packet: PacketType) -> bool {
        self.carriers() & packet.bit() != 0
    }

    /// Return code of a 3.1.1 CONNACK that comes nearest (MQTT 3.1.1, 3.2.2.3).
    #[must_use]
    pub const fn return_code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::UnsupportedProtocolVersion => 1,
            Self::ClientIdentifierNotValid => 2,
            Self::ServerUnavailable
            | Self::ServerBusy
            | Self::QuotaExceeded
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::ConnectionRateExceeded => 3,
            Self::BadUserNameOrPassword => 4,
            _ => 5,
        }
    }

    pub(crate) const fn from_return_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::UnsupportedProtocolVersion,
            2 => Self::ClientIdentifierNotValid,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return None,
        })
    }
}
