//! Who is connected.
//!
//! Events may come late and out of order. A client is online if some channel of it has a
//! connect and no tcpclean; never "the last event wins".

use std::fmt;

use model::{ClientId, Timestamp};
use serde::{Deserialize, Serialize};

/// Number of a connection, never used twice, not even across restarts of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub u64);

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Online {
    /// Whose.
    pub client_id: ClientId,
    /// Which.
    pub channel: ChannelId,
    /// Since when.
    pub since: Timestamp,
    /// The peer's address, `ip:port`.
    pub address: String,
    /// The access key id it authenticated with.
    pub access_key_id: String,
}

/// The reason of a [`PresenceKind::TcpClean`] that followed a take-over: somebody came in under the
/// same client ID.
pub const TAKEN_OVER: &str = "clientId conflict";

/// Somebody came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub client_id: ClientId,
    /// On which connection.
    pub channel: ChannelId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: PresenceKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PresenceKind {
    /// A connection was accepted.
    Connect {
        /// The peer's address, `ip:port`.
        address: String,
        /// The access key id it authenticated with.
        access_key_id: String,
    },
    /// The client said goodbye; tcpclean follows.
    Disconnect,
    /// The connection is gone.
    TcpClean {
        /// `closed by client`, `no heart`, `clientId conflict`, …
        reason: String,
    },
}
