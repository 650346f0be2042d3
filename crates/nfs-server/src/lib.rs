//! NFS version 3 with MOUNT and a port mapper, all on one TCP port, over any [`vfs::Vfs`].
//!
//! Not here: files (`object-fs`), rights of users (`vfs::posix`; this crate only squashes and
//! looks at addresses), locks (clients mount with `nolock`), version 4.
//!
//! Invariant: nothing from the network is looked at but through the decoders in `xdr`, `rpc`,
//! `nfs3`, `mount3` and `portmap`, which are total: no input makes them panic or allocate more
//! than the input's size.
//! Invariant: what is under way is bounded, by connection and in all (`limits`); a client that
//! asks for more is not read until there is room.
//! Invariant: a change is carried out once, however often the client repeats its call
//! (`duplicates`), and is finished even if the client goes away.
//! Invariant: each call is checked against the table of exports as it is then.
//!
//! Start at [`NfsServer::start`]; a record's way is `connection` → `dispatch` → `procedures`.
//! Tested by properties of the decoders, by `tests/protocol.rs` over raw records, by
//! `tests/libnfs.rs` with the tools of libnfs, and by the Linux kernel's client in the guest.

#![forbid(unsafe_code)]

mod access;
mod change_window;
mod connection;
mod decode;
mod dispatch;
mod duplicates;
mod exports;
mod file_handle;
mod limits;
mod listener;
#[deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod mount3;
mod mounting;
#[deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod nfs3;
#[deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod portmap;
mod procedures;
#[deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod rpc;
mod server;
mod service;
mod status;
#[deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod xdr;

pub use access::CidrError;
pub use decode::count_calls;
pub use exports::{Awaited, ClientStatus, ExportError, ExportOptions, ExportStatus};
pub use file_handle::HandleKey;
pub use server::{NfsConfig, NfsServer, StartError};
