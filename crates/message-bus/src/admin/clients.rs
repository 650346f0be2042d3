//! Who is connected, and who may not.

use model::{GroupId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsQuery {
    /// Of this group only.
    pub group: Option<GroupId>,
    /// Behind this client ID.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientSession {
    /// Which.
    pub client_id: String,
    /// Whether it is connected.
    pub online: bool,
    /// Its connection, a number that is never used twice.
    pub channel_id: Option<String>,
    /// Its address, `ip:port`.
    pub address: Option<String>,
    /// Connected since when.
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
    /// What it proved who it is with: the id of a credential, `key/<access key id>`, or
    /// `x509/<authority>/<serial>`.
    pub credential: Option<String>,
    /// What it subscribes to; only where one client or a few are asked for.
    pub subscriptions: Vec<Subscription>,
}

/// What a client subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// Topic filter.
    pub filter: String,
    /// Highest quality of service.
    pub qos: u8,
}

/// Clients by ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsPage {
    /// What is on it.
    pub items: Vec<ClientSession>,
    /// The client ID behind which the next page begins.
    pub next: Option<String>,
}

/// Which of the clients that may not connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedQuery {
    /// Behind this client ID.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A client that may not connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockedClient {
    /// Which.
    pub client_id: String,
    /// Since when.
    #[schema(value_type = u64)]
    pub since: Timestamp,
}

/// Clients that may not connect, by ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedPage {
    /// What is on it.
    pub items: Vec<BlockedClient>,
    /// The client ID behind which the next page begins.
    pub next: Option<String>,
}
