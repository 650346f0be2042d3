//! A block device as `iscsi-target` sees a volume: one trait, its errors, and a model in memory.
//!
//! Not here: SCSI (`iscsi-target`), where blocks are kept (`object-volume`).
//! Invariant: a write is seen by every read that begins after it returned.
//! Invariant: what was flushed, or written with [`Durability::Forced`], survives a crash; of the
//! rest each block does or does not, by itself. A block is never torn.
//! Start at [`BlockDevice`]. Tests of engines use [`MemDisk`] as oracle.

mod error;
mod extent;
mod mem_disk;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::{BlockError, BlockErrorKind, BlockResult};
pub use extent::{BlockCount, Extent, Lba};
pub use mem_disk::MemDisk;

/// Size of a device and of what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a logical block: 512 or 4096.
    pub block_bytes: u32,
    /// Blocks of the device.
    pub blocks: BlockCount,
    /// Blocks that are written without reading first; writes are best aligned to it.
    pub blocks_per_physical: u32,
    /// Most blocks of one call.
    pub transfer_max: BlockCount,
    /// Whether [`BlockDevice::unmap`] gives room back.
    pub provisioning: Provisioning,
}

/// When room is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// As blocks are written; unmapped blocks read as zeros.
    Thin,
    /// At once.
    Thick,
}

/// When a write may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is seen by reads; the next flush makes it durable.
    Cached,
    /// When it is durable: the FUA bit (SBC-3, 5.40).
    Forced,
}

/// A device of numbered blocks. Calls may overlap; of two overlapping writes under way at once,
/// each block has the one or the other.
#[async_trait]
pub trait BlockDevice: Send + Sync + 'static {
    /// Its size.
    fn geometry(&self) -> Geometry;
    /// The bytes of an extent.
    async fn read(&self, extent: Extent) -> BlockResult<Bytes>;
    /// Writes whole blocks from `start` on.
    async fn write(&self, start: Lba, data: Bytes, durability: Durability) -> BlockResult<()>;
    /// Makes durable what was written before.
    async fn flush(&self) -> BlockResult<()>;
    /// Gives an extent back: it reads as zeros from then on.
    async fn unmap(&self, extent: Extent) -> BlockResult<()>;
}

impl Geometry {
    /// The extent that `data` fills from `start` on, if it is whole blocks inside the device.
    ///
    /// # Errors
    /// [`BlockError::Alignment`], [`BlockError::TransferTooLong`] or [`BlockError::OutOfRange`].
    pub fn extent_of(&self, start: Lba, data: &Bytes) -> BlockResult<Extent> {
        let (bytes, block_bytes) = (data.len() as u64, u64::from(self.block_bytes));
        if !bytes.is_multiple_of(block_bytes) {
            let block_bytes = self.block_bytes;
            return Err(BlockError::Alignment { bytes, block_bytes });
        }
        let count = BlockCount(bytes / block_bytes);
        self.check(Extent { start, count })
    }

    /// The extent itself, if it can be read or written in one call.
    ///
    /// # Errors
    /// [`BlockError::TransferTooLong`] or [`BlockError::OutOfRange`].
    pub fn check(&self, extent: Extent) -> BlockResult<Extent> {
        if extent.count > self.transfer_max {
            let max = self.transfer_max;
            return Err(BlockError::TransferTooLong { extent, max });
        }
        self.check_inside(extent)
    }

    /// The extent itself, if it lies inside the device; an unmap may be as long as that.
    ///
    /// # Errors
    /// [`BlockError::OutOfRange`].
    pub fn check_inside(&self, extent: Extent) -> BlockResult<Extent> {
        let inside = extent.end().is_some_and(|end| end.0 <= self.blocks.0);
        let blocks = self.blocks;
        inside
            .then_some(extent)
            .ok_or(BlockError::OutOfRange { extent, blocks })
    }
}
