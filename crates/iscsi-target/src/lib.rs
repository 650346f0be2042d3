//! iSCSI (RFC 7143): the target's side of the protocol, without I/O.
//!
//! Not here: blocks (`block-device`), sockets.
//! Invariant: decoding is total: any bytes give a PDU, a need for more, or an error.
//! PDU framing is the whole of this crate so far; login, sessions and SCSI build on it.
//! Start at [`decode`]. Tested by round trips and by arbitrary bytes.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod pdu;

pub use pdu::{BHS_LEN, DATA_LEN_MAX, DecodeError, Pdu, decode, encode};
