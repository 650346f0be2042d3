//! How a connection ends, and what the peer, the console and the log are told.

use std::{borrow::Cow, io, sync::Arc};

use model::CLIENT_ID_LEN_MAX;
use mqtt_codec::{DecodeError, ReasonCode};

use crate::{drain::Farewell, listener::NotServed, rights::InvalidToken};

/// Whose CONNECT was refused, and the word for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) client_id: Arc<str>,
    pub(crate) code: &'static str,
}

impl Refusal {
    /// Of a client that names itself `client_id`, which may be anything.
    pub(crate) fn new(client_id: &str, reason: ReasonCode) -> Self {
        let end = client_id.floor_char_boundary(CLIENT_ID_LEN_MAX);
        Self {
            client_id: client_id.get(..end).unwrap_or_default().into(),
            code: match reason {
                ReasonCode::ClientIdentifierNotValid => "invalid_param",
                ReasonCode::Banned => "blocked",
                ReasonCode::QuotaExceeded => "quota_exceeded",
                _ => "not_authorized",
            },
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client said DISCONNECT.
    Goodbye { with_will: bool },
    /// The client closed the connection without a word.
    Closed,
    /// The socket or its encryption failed.
    Socket(io::ErrorKind),
    /// The client sent what is not MQTT.
    Malformed(DecodeError),
    /// The client broke a rule that cannot be answered in any other way.
    Refused { reason: ReasonCode, text: String },
    /// CONNECT was refused, and CONNACK says why.
    NotConnected {
        text: String,
        why: NotServed,
        /// For the trace; nothing for those who are turned away unread.
        refusal: Option<Refusal>,
    },
    /// No CONNECT came.
    NoConnect,
    /// Nothing was heard for one and a half times the keep alive.
    NoHeart,
    /// The client ID is connected elsewhere now.
    TakenOver,
    /// Its credential was withdrawn.
    Withdrawn,
    /// A token of it is worth nothing, or not enough.
    TokenInvalid(InvalidToken),
    /// An administrator closed it.
    ClosedByAdministrator,
    /// It does not take its messages.
    TooSlow,
    /// It is to go elsewhere, as the broker is being emptied.
    SentAway(Farewell),
    /// The broker stops.
    Stopping,
}

impl End {
    pub(crate) fn refused(reason: ReasonCode, text: impl Into<String>) -> Self {
        Self::Refused {
            reason,
            text: text.into(),
        }
    }

    /// The reason code of DISCONNECT; nothing if the peer is gone or was told already.
    pub(crate) const fn reason(&self) -> Option<ReasonCode> {
        Some(match self {
            Self::Goodbye { .. }
            | Self::Closed
            | Self::Socket(_)
            | Self::NotConnected { .. }
            | Self::NoConnect => return None,
            Self::Malformed(error) => error.reason(),
            Self::Refused { reason, .. } => *reason,
            Self::NoHeart => ReasonCode::KeepAliveTimeout,
            Self::TakenOver => ReasonCode::SessionTakenOver,
            Self::Withdrawn | Self::TokenInvalid(_) => ReasonCode::NotAuthorized,
            Self::ClosedByAdministrator => ReasonCode::AdministrativeAction,
            Self::TooSlow => ReasonCode::QuotaExceeded,
            Self::SentAway(farewell) => farewell.reason,
            Self::Stopping => ReasonCode::ServerShuttingDown,
        })
    }

    /// The property of DISCONNECT that names other brokers.
    pub(crate) fn server_reference(&self) -> Option<&str> {
        match self {
            Self::SentAway(farewell) => farewell.server_reference.as_deref(),
            _ => None,
        }
    }

    /// For the console, in the words of the queue's own trace, and for reason strings.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Goodbye { .. } => "disconnected by client".into(),
            Self::Closed => "closed by client".into(),
            Self::Socket(kind) => format!("Socket IOException: {kind}").into(),
            Self::Malformed(error) => format!("invalid param: {error}").into(),
            Self::Refused { text, .. } | Self::NotConnected { text, .. } => text.into(),
            Self::NoConnect => "no CONNECT".into(),
            Self::NoHeart => "no heart".into(),
            Self::TakenOver => message_bus::TAKEN_OVER.into(),
            Self::Withdrawn => "not authorized: the credential was withdrawn".into(),
            Self::TokenInvalid(invalid) => {
                format!("resource auth failed: {}", invalid.fault).into()
            }
            Self::ClosedByAdministrator => "closed by an administrator".into(),
            Self::TooSlow => "the client does not take its messages".into(),
            Self::SentAway(_) => "the broker sends its clients elsewhere".into(),
            Self::Stopping => "the broker stops".into(),
        }
    }

    /// A word for the trace.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Goodbye { .. } => "disconnected_by_client",
            Self::Closed => "closed_by_client",
            Self::Socket(_) => "socket_io_exception",
            Self::Malformed(_) => "invalid_param",
            Self::TokenInvalid(_) => "resource_auth_failed",
            Self::NotConnected { .. } | Self::Withdrawn => "not_authorized",
            Self::NoConnect => "no_connect",
            Self::NoHeart => "no_heart",
            Self::TakenOver => "client_id_conflict",
            Self::ClosedByAdministrator => "closed_by_administrator",
            Self::TooSlow => "too_slow",
            Self::Stopping => "broker_stops",
            Self::SentAway(_) => "sent_away",
            Self::Refused { reason, .. } => match reason {
                ReasonCode::NotAuthorized => "resource_auth_failed",
                _ => "invalid_param",
            },
        }
    }

    /// Whether the will is published (MQTT 5, 3.1.2.5).
    pub(crate) const fn publishes_will(&self) -> bool {
        !matches!(self, Self::Goodbye { with_will: false })
    }
}
