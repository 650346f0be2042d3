//! The file engine: a directory tree over a bucket, with a write-back cache on a disk.
//!
//! Not here: protocols (`nfs-server`), HTTP to the store (`object-store-http`), how index
//! and data lie on the disk (`cache`), the rules of POSIX (`vfs::posix`).
//! Invariant: names and attributes are durable when a call returns; content is after a
//! commit. The index never names data that is not on the disk.
//! Invariant: an inode's object is independent of its path; the bucket follows the tree by
//! comparison ([`upload`]), the tree follows the bucket by listings ([`scan`]).
//! Invariant: a key is written or deleted for one inode at a time, and what may have been
//! written to a key is noted before it is (`keys::KeyState`).
//! Start at [`ObjectFs::open`], then `engine`. Tested by `tests` against `vfs::MemFs` with
//! random operations, power cuts and a store that fails, and fact by fact.

mod buffers;
mod codec;
mod config;
mod engine;
mod event;
mod express;
mod extents;
mod fault;
mod fs;
mod fsck;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod keys;
mod lease;
mod manage;
mod metadata;
mod node;
mod readers;
mod record;
mod scan;
mod status;
mod upload;

pub use config::{ObjectFsConfig, OpenError, UploadSettings};
pub use event::FsEvent;
pub use fs::{ObjectFs, SyncError, SyncSummary};
pub use fsck::{Check, FsckError, FsckOptions, fsck};
pub use manage::{EvictSummary, Unprotected};

#[cfg(test)]
mod tests;
