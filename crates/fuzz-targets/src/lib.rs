//! What each fuzz target does with its bytes.
//!
//! Here, and not in `fuzz/`, which is a workspace of its own that a fuzzer's compiler builds: so
//! they are compiled with all else, and played with a few thousand inputs by the tests.
//! Not here: what a crate alone can reach of itself (`fuzzing.rs` of `mqtt-broker`, `object-fs`,
//! `object-store-http` and `sts`).
//! Invariant: a target panics only at a finding.
//! Start at [`TARGETS`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a target says by a panic that it has found something"
)]

pub mod bundle_open;
pub mod bus_link_decode;
pub mod express_decode;
pub mod iscsi_decode;
pub mod mqtt_decode;
pub mod nfs_decode;
pub mod object_cipher_open;
pub mod proxy_protocol_decode;
pub mod rpc_envelope_decode;
pub mod status_decode;
pub mod tls_session;
pub mod web_socket_decode;

/// A target: the name of its file in `fuzz/fuzz_targets`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const TARGETS: [Target; 12] = [
    ("bundle_open", bundle_open::check),
    ("bus_link_decode", bus_link_decode::check),
    ("express_decode", express_decode::check),
    ("iscsi_decode", iscsi_decode::check),
    ("mqtt_decode", mqtt_decode::check),
    ("nfs_decode", nfs_decode::check),
    ("object_cipher_open", object_cipher_open::check),
    ("proxy_protocol_decode", proxy_protocol_decode::check),
    ("rpc_envelope_decode", rpc_envelope_decode::check),
    ("status_decode", status_decode::check),
    ("tls_session", tls_session::check),
    ("web_socket_decode", web_socket_decode::check),
];

#[cfg(test)]
mod tests;
