//! MQTT 3.1.1 and 5.0 packets, decoded and encoded without I/O, for servers and clients.
//!
//! Not here: what a packet means for a session (`mqtt-broker`, `mqtt-client`).
//! Invariant: a decoded packet borrows from its input; nothing is allocated.
//! Invariant: whatever the input, decoding returns; it never panics and never reads past the
//! packet. What a [`Packet`] holds was checked: UTF-8, flags, property types and duplicates.
//! Start at [`decode`] and [`encode`]. Tested by `tests/round_trip.rs`, `tests/strict.rs` and the
//! fuzz target `mqtt_decode`.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod connect;
mod decode;
mod encode;
mod error;
mod packet;
mod packet_type;
mod properties;
mod property;
mod reader;
mod reason;
mod subscribe;
mod version;
mod writer;

pub use connect::{ConnAck, Connect, Will};
pub use decode::{Limits, decode, decode_behind};
pub use encode::{encode, encode_publish, encode_publish_with, publish_len};
pub use error::{DecodeError, EncodeError};
pub use packet::{Ack, Auth, Delivery, Disconnect, Packet, PacketId, Publish, QoS};
pub use packet_type::PacketType;
pub use properties::{Properties, PropertiesBuf, PropertyIter};
pub use property::Property;
pub use reason::ReasonCode;
pub use subscribe::{
    Codes, FilterList, Filters, RetainHandling, SubAck, Subscribe, SubscribeFilters,
    SubscribeOptions, UnsubAck, Unsubscribe,
};
pub use version::ProtocolVersion;

/// Largest remaining length that four bytes can say (MQTT 5, 1.5.5).
pub const REMAINING_LEN_MAX: u32 = 268_435_455;
