//! What lies on a cache disk: an index of small records, and a log of data blocks.
//!
//! Not here: what the records mean, when data is clean (`object-fs`).
//! Invariant: a [`Batch`] is all there after a crash or not at all, and in the order in which
//! batches were submitted; it is there for certain once its [`Ticket`] has been waited for.
//! Invariant: a data block, once synced, is never written again: new content goes to new
//! blocks, so nothing that the index names can be torn. Each block carries a checksum.
//! Start at [`Index`] and [`DataLog`]. Tested here on a real directory, and by `object-fs` on
//! [`MemKeyValue`] and [`MemDisk`], whose [`Power`] can be cut.

mod data_log;
mod dir_disk;
mod dir_lock;
mod disk;
mod error;
mod fjall_store;
mod group;
mod index;
mod key_value;
mod live_blocks;
mod mem_disk;
mod mem_key_value;
mod power;

pub use data_log::{BLOCK_LEN, DataLog, Run};
pub use dir_disk::DirDisk;
pub use dir_lock::DirLock;
pub use disk::{Disk, DiskRoom, SegmentFile, SegmentId};
pub use error::{CacheError, CacheErrorKind, CacheResult};
pub use fjall_store::FjallStore;
pub use group::Committer;
pub use index::{Index, Ticket, View};
pub use key_value::{Batch, Change, Entry, KeyRange, KeyValue, Records, Slice, Table};
pub use live_blocks::LiveBlocks;
pub use mem_disk::MemDisk;
pub use mem_key_value::MemKeyValue;
pub use power::{Moment, Power};
