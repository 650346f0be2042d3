//! SMB shares over the `vfs` port: translation of words, and nothing else.
//!
//! Not here: the protocol (a library brings it), what a share is (`gateway`).
//! Invariant: each kind of error has exactly one NTSTATUS, in [`nt_status`] only.
//! The error table is the whole of this crate so far; the adapter builds on it.
//! Start at [`nt_status`]. Its table is tested whole.
#![forbid(unsafe_code)]

mod status;

pub use status::{NtStatus, nt_status};
