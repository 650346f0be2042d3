//! The MQTT 5 client of the gateway: one connection, QoS 1 both ways, outbound only.
//!
//! Not here: when to connect again (`gateway`), what the messages mean (`mqtt-rpc`).
//! Invariant: a message from the broker is acknowledged only by [`Delivery::acknowledge`], so
//! after its receiver has made it durable.
//! Invariant: every message is delivered, whatever its topic; P2P needs no subscription.
//! Invariant: a link that answers nothing for [`ConnectOptions::answer_timeout`] is closed.
//! Start at [`Client::connect`]. The protocol without I/O is `session`, the loop that owns the
//! socket is `driver`. Tested against Debian's mosquitto in `tests/mosquitto.rs`, and against
//! peers that misbehave in `tests/bad_peers.rs`.

mod client;
mod driver;
mod error;
mod limits;
mod options;
mod proxy;
mod session;
mod transport;
mod web;

pub use client::{Acknowledgement, Client, Deliveries, Delivery};
pub use error::{CloseReason, ConnectError, ConnectFailure, PublishError};
pub use limits::{PAYLOAD_LEN_MAX, RECEIVE_MAXIMUM};
pub use options::{BrokerAddress, BrokerAddressError, ConnectOptions, Security};
pub use proxy::{Proxy, ProxyError};
