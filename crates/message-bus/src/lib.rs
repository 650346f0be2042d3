//! The bus between console and brokers: one trait, its errors, and a model of it in memory.
//!
//! Not here: MQTT (`mqtt-broker`), what the messages mean (`mqtt-rpc`, `console`).
//! Invariant: a message to a client that is not connected is refused at once with
//! [`BusError::Offline`], never queued.
//! Invariant: a receiver first gets [`BusEvent::Online`], everything that is connected now, and
//! from then on every change; so a console that (re)connects knows presence without asking.
//! Start at [`MessageBus`]. Reference model: [`MemBus`].

pub mod admin;
pub mod fair;
mod mem_bus;
mod precedence;
mod presence;
mod queue;

pub use admin::{AdminAnswer, AdminCall};
use async_trait::async_trait;
use bytes::Bytes;
pub use mem_bus::{MemBus, MemClient};
use model::{ClientId, Credential, ParentTopic, Timestamp, Topic};
pub use precedence::{Precedence, TopicClass, WEIGHT_MAX};
pub use presence::{ChannelId, Online, Presence, PresenceKind, TAKEN_OVER};
pub use queue::{
    BusReceiver, BusSender, EVENTS_BYTES_MAX, EVENTS_MAX, PRESENCE_MAX, QueueFull, bus_queue,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A message from a client to the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uplink {
    /// Its topic.
    pub topic: Topic,
    /// Who sent it, as authenticated by the broker.
    pub from: ClientId,
    /// When the broker got it.
    pub at: Timestamp,
    /// Its payload.
    pub payload: Bytes,
}

/// What a receiver gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BusEvent {
    /// All that is connected; replaces whatever was known before.
    Online {
        /// One for each connection.
        channels: Vec<Online>,
    },
    /// Somebody came or went.
    Presence(Presence),
    /// A message came.
    Uplink(Uplink),
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BusError {
    /// The client is not connected: the message was not sent.
    #[error("{client_id} is not connected")]
    Offline {
        /// Which client.
        client_id: ClientId,
    },
    /// The client does not keep up: the message was not sent.
    #[error("the queue to {client_id} is full")]
    Full {
        /// Which client.
        client_id: ClientId,
    },
    /// The message breaks a rule of the queue: it was not sent.
    #[error("{reason}")]
    Refused {
        /// Which rule.
        reason: String,
    },
    /// What the call names does not exist.
    #[error("there is no {what}")]
    NotFound {
        /// What was named.
        what: String,
    },
    /// It is there already, or in use.
    #[error("{reason}")]
    Conflict {
        /// What stands against it, and what to do.
        reason: String,
    },
    /// The broker cannot be reached.
    #[error("the message queue cannot be reached: {reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// The way from a console to the clients of the message queue, and back.
#[async_trait]
pub trait MessageBus: Send + Sync + 'static {
    /// Sends to one client, QoS 1, by P2P. Returns once the broker has put it on the client's
    /// connection; says which one.
    async fn send(
        &self,
        parent: &ParentTopic,
        to: &ClientId,
        payload: Bytes,
    ) -> Result<ChannelId, BusError>;
    /// Everything that comes up from now on. A later receiver replaces an earlier one.
    async fn receive(&self) -> Result<BusReceiver, BusError>;
    /// Lets a client in with this credential, besides any it has; until `expires_at` if given.
    async fn register(
        &self,
        client_id: &ClientId,
        credential: &Credential,
        expires_at: Option<Timestamp>,
    ) -> Result<(), BusError>;
    /// Withdraws one credential; a connection made with it is closed.
    async fn withdraw(&self, client_id: &ClientId, access_key_id: &str) -> Result<(), BusError>;
    /// Withdraws all credentials of a client and closes its connection.
    async fn expel(&self, client_id: &ClientId) -> Result<(), BusError>;
    /// Connections of a client: more than one only while a take-over is under way.
    async fn sessions(&self, client_id: &ClientId) -> Result<Vec<Online>, BusError>;
    /// Administration of the queue's own rules.
    ///
    /// A bus whose queue is administered elsewhere refuses every call.
    async fn administer(&self, _call: AdminCall) -> Result<AdminAnswer, BusError> {
        let reason = "this message queue is administered elsewhere".to_owned();
        Err(BusError::Refused { reason })
    }
}
