//! What became of connections and messages.

use model::{ClientId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Traces of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceOf {
    /// Connections.
    Devices,
    /// Messages.
    Messages,
}

/// Which traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceQuery {
    /// Of connections or of messages.
    pub of: TraceOf,
    /// Of this client only.
    pub client_id: Option<ClientId>,
    /// Of this message only.
    pub message_id: Option<String>,
    /// Not before.
    pub begin: Timestamp,
    /// Before.
    pub end: Timestamp,
    /// Newest first.
    pub reverse: bool,
    /// Behind this entry.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceAction {
    /// A client asked to be let in.
    Connect,
    /// A client said goodbye.
    Disconnect,
    /// A connection is gone.
    Close,
    /// A client published a message.
    Pub,
    /// A client was given a message.
    Sub,
    /// A client acknowledged it.
    Acked,
    /// A client that was away was given a message when it came back.
    PushOffline,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceEntry {
    /// When.
    #[schema(value_type = u64)]
    pub time: Timestamp,
    /// What happened.
    pub action: TraceAction,
    /// How it went, as a word: `accepted`, `not_authorized`, `client_id_conflict`, …
    pub code: String,
    /// The same as a sentence.
    pub info: String,
    /// Which client.
    pub client_id: String,
    /// On which connection.
    pub channel_id: Option<String>,
    /// Which message.
    pub message_id: Option<String>,
    /// Its topic.
    pub topic: Option<String>,
}

/// Entries by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracePage {
    /// What is on it.
    pub items: Vec<TraceEntry>,
    /// Where the next page begins.
    pub next: Option<String>,
}
