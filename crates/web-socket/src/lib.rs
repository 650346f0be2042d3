//! WebSocket (RFC 6455) without I/O, as far as a stream of bytes needs it: binary frames, whose
//! borders mean nothing (MQTT 5, 6.0), and the control frames.
//!
//! Not here: sockets, TLS, MQTT, where the randomness of masks comes from.
//! Invariant: nothing of a frame is kept but its header and the payload of a control frame, so
//! no peer can make a decoder hold memory.
//! Start at [`Decoder::decode`] and [`upgrade::parse_request`]. Tested by properties (any cut of
//! any frames gives the same bytes).
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod decode;
mod encode;
mod error;
pub mod limits;
pub mod upgrade;

pub use decode::{Decoded, Decoder};
pub use encode::{Role, encode_binary, encode_close};
pub use error::{CloseCode, FrameError};

#[cfg(test)]
mod tests;
