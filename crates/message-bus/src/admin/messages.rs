//! Messages that an operator or a program sends through the console.

use bytes::Bytes;
use model::Topic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message, sent with `QoS` 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageToSend {
    /// A topic, or `<parent>/p2p/<client ID>` for one client.
    pub topic: Topic,
    /// Its payload.
    pub payload: Bytes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageSent {
    /// Its number in the trace.
    pub message_id: String,
    /// How many clients it was given to.
    pub receivers: u64,
}
