//! The server's side of TLS without I/O, for a million connections that are idle.
//!
//! rustls makes the [`Handshake`]. Then its connection, with its buffers, is given up: what stays
//! is [`Records`], the two keys and their counters, and what makes new keys when the peer asks.
//! A key schedule is made for each batch of records: 0.2 µs, against 1,200 bytes for each client.
//! Or a kernel goes on with the keys of [`Records::kernel_keys`].
//!
//! Not here: sockets, certificates, whom to trust.
//! Invariant: nothing that was not authenticated leaves [`Records::open`].
//! Invariant: no nonce is used twice: a counter is part of each, and counters only grow.
//! Invariant: what is kept between two calls has no buffer.
//! Start at [`Handshake::advance`]. Tested against rustls as the client, in both versions and
//! with every suite.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod alert;
mod error;
mod handshake;
mod header;
mod kernel;
mod keys;
pub mod limits;
mod records;

pub use alert::{ALERT, Alert, CLOSE_NOTIFY};
pub use error::TlsError;
pub use handshake::{Established, Handshake, Progress};
pub use kernel::{Control, KernelCipher, KernelKey, KernelKeys, hear_control};
pub use records::{Opened, Records};

#[cfg(test)]
mod tests;
