//! What an operator sees of a broker at work, and how it is emptied before it stops.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a broker sends its clients away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DrainOrder {
    /// Clients of MQTT 5 are told that they must not come back: server moved, instead of use
    /// another server.
    pub for_good: bool,
    /// Other brokers, as `host:port` with spaces between; clients of MQTT 5 are told.
    pub server_reference: Option<String>,
    /// All are gone after so many seconds; few clients are gone earlier.
    pub window_s: u32,
}

/// One address where clients connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    /// Its name.
    pub name: String,
    /// `tcp`, `tls`, `ws` or `wss`.
    pub protocol: String,
    /// Where it is, `ip:port`.
    pub address: String,
    /// Connections that are open.
    pub connections: u64,
    /// Most of them.
    pub connections_max: u64,
    /// Until when the first of its certificates is good.
    #[schema(value_type = Option<u64>)]
    pub certificate_expires_at: Option<Timestamp>,
}

/// A client that does not take its messages as fast as they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlowClient {
    /// Which.
    pub client_id: String,
    /// Its connection.
    pub channel_id: String,
    /// Messages of quality of service 1 and 2 that wait for it.
    pub waiting: u64,
    /// Bytes of them.
    pub waiting_bytes: u64,
    /// Bytes that its connection has not taken.
    pub unsent_bytes: u64,
    /// Messages that it missed since it is on the list.
    pub dropped: u64,
}
