//! The MQTT broker: connections, sessions, rules of the queue, and the bus to the console.
//!
//! Not here: packets as bytes (`mqtt-codec`), what the messages mean (`mqtt-rpc`, `console`).
//! Invariant: an idle client has no task and no buffer.
//! Invariant: a message of `QoS` 1 or 2 is acknowledged only when all who must get it have it in
//! their queue; until then its publisher is not read.
//! Invariant: presence tells of a new connection before it tells that the one it took over is
//! gone, and a receiver knows all that is connected before it hears of changes.
//! Invariant: every queue has a limit, named in [`limits`].
//!
//! A client that does not take its messages: `QoS` 0 is dropped and counted; when its queue of
//! `QoS` 1 and 2 is full, the bus answers full, and a message from another client ends its connection
//! with reason 0x97, so that it knows that it has missed something.
//!
//! What must outlive a connection or the broker is in the offline store (`offline.rs`): a message
//! to a persistent session is acknowledged, and sent, only once it is on disk.
//!
//! Start at [`Broker::start`], then `shard.rs` (I/O) and `session.rs` (protocol, no I/O).
//! Tested by `tests/`: Debian's mosquitto clients, raw sockets, and properties of sessions.

mod authenticate;
mod bell;
mod broker;
mod bucket;
mod bus;
mod client_certificate;
mod config;
mod drain;
mod error;
mod exposition;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod group_load;
mod hash;
mod histogram;
mod hub;
mod inbox;
mod interest;
mod levels;
pub mod limits;
mod listen;
mod listener;
mod memory;
mod message;
mod metrics;
mod offline;
mod operations;
mod pace;
mod registry;
mod retained;
mod rights;
mod routes;
mod session;
mod shard;
mod shared;
mod shared_subscriptions;
mod slow;
mod subscriptions;
mod tls;
mod topic_meters;
mod trace;
mod transport;
mod wheel;

pub use broker::Broker;
pub use bucket::Rate;
pub use client_certificate::ClientCertificate;
pub use config::{
    BrokerConfig, CertificateSource, ClientAuthentication, ListenerCertificates, ListenerConfig,
    ListenerLimits, OfflineLimits, ServerCertificate, TlsListener, TlsSettings,
};
pub use drain::{Drain, Elsewhere};
pub use error::{BrokerError, RegistryError};
pub use memory::{MemoryFull, MemoryLink, MemoryPeers};
pub use metrics::Metrics;
pub use registry::{Access, Registry};
pub use slow::SlowConsumer;
