//! The disk under the data log, as a trait.

use std::{io, sync::Arc};

/// Number of a segment; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// Its size.
    pub total_bytes: u64,
    /// What is left for us.
    pub free_bytes: u64,
}

/// A directory of segment files.
pub trait Disk: Send + Sync + 'static {
    /// The segments there are.
    ///
    /// # Errors
    /// If the disk fails.
    fn segments(&self) -> io::Result<Vec<SegmentId>>;
    /// Makes a segment; its name is durable when this returns.
    ///
    /// # Errors
    /// If the disk fails or is full.
    fn create(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>>;
    /// Opens a segment.
    ///
    /// # Errors
    /// If there is none, or the disk fails.
    fn open(&self, id: SegmentId) -> io::Result<Arc<dyn SegmentFile>>;
    /// Removes a segment.
    ///
    /// # Errors
    /// If the disk fails.
    fn remove(&self, id: SegmentId) -> io::Result<()>;
    /// Room on it.
    ///
    /// # Errors
    /// If the disk fails.
    fn room(&self) -> io::Result<DiskRoom>;
}

/// One segment file: sparse, with holes where blocks were freed.
pub trait SegmentFile: Send + Sync + 'static {
    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// If the disk fails or is full.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Fills `bytes`; what lies beyond the end is zero.
    ///
    /// # Errors
    /// If the disk fails.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// The same if it needs no wait for the disk; whether it did.
    ///
    /// # Errors
    /// If the disk fails.
    fn read_at_once(&self, offset: u64, bytes: &mut [u8]) -> io::Result<bool>;
    /// Makes all that was written durable.
    ///
    /// # Errors
    /// If the disk fails.
    fn sync(&self) -> io::Result<()>;
    /// Gives the room of a range back; it reads as zeros.
    ///
    /// # Errors
    /// If the disk fails.
    fn free(&self, offset: u64, len: u64) -> io::Result<()>;
    /// Whether a part of the range is a hole, or lies behind the end.
    ///
    /// # Errors
    /// If the disk fails.
    fn has_hole(&self, offset: u64, len: u64) -> io::Result<bool>;
    /// Blocks of the range that are not holes.
    ///
    /// # Errors
    /// If the disk fails.
    fn data_blocks(&self, offset: u64, len: u64) -> io::Result<u64>;
    /// Bytes it takes on the disk.
    ///
    /// # Errors
    /// If the disk fails.
    fn used_bytes(&self) -> io::Result<u64>;
}
