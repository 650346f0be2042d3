//! The message bus across hosts: a broker serves its bus, a console uses it as its own.
//!
//! Not here: what a bus promises (`message-bus`), MQTT (`mqtt-broker`).
//! Invariant: nothing is said before both ends have proved that they know the secret, each to
//! the other, inside one TLS connection: a proof is worth nothing in another one.
//! Invariant: while the link is down a call fails at once with `Unreachable`; it is never kept
//! for later. A call under way when the link breaks fails so too, and may have been done.
//! Invariant: events in flight are bounded by credit, from the broker's queue to the console's
//! receiver; a receiver ends when the link is cut; a new one first gets who is online, then what changes.
//! Start at [`BusLinkServer`] and [`BusLinkClient`]; the wire is in `message.rs` and `frame.rs`.
//! Tested by `tests/link.rs` over the bus in memory, through cuts, and by `frame.rs` with bytes.

#![forbid(unsafe_code)]

mod client;
mod error;
mod frame;
mod limits;
mod message;
mod proof;
mod server;
mod tls;
mod wire;

pub use client::{BusLinkClient, ClientConfig};
pub use error::BusLinkError;
pub use frame::count_frames;
pub use server::{BusLinkServer, ServerConfig};
