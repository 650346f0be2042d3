//! What can go wrong, by what the caller should do.

use std::io;

use thiserror::Error;

use crate::{BlockCount, Extent};

/// Result of a call.
pub type BlockResult<T> = Result<T, BlockError>;

/// A failure of a device.
#[derive(Debug, Error)]
pub enum BlockError {
    /// It reaches beyond the last block.
    #[error("{extent} lie outside a device of {blocks}")]
    OutOfRange {
        /// What was asked for.
        extent: Extent,
        /// The device's blocks.
        blocks: BlockCount,
    },
    /// More than one call may carry.
    #[error("{extent} are more than {max} in one call")]
    TransferTooLong {
        /// What was asked for.
        extent: Extent,
        /// What is allowed.
        max: BlockCount,
    },
    /// Not whole blocks.
    #[error("{bytes} bytes are not whole blocks of {block_bytes}")]
    Alignment {
        /// What was given.
        bytes: u64,
        /// The block size.
        block_bytes: u32,
    },
    /// There is no room for new blocks.
    #[error("there is no room to write {extent}")]
    NoSpace {
        /// What was to be written.
        extent: Extent,
    },
    /// The device may be read alone.
    #[error("the device is read-only")]
    ReadOnly,
    /// Another gateway has the volume now.
    #[error("another gateway has taken over the volume")]
    Fenced,
    /// The bytes are not those that were written.
    #[error("{extent} are damaged")]
    Corrupt {
        /// Which blocks.
        extent: Extent,
    },
    /// What keeps the blocks cannot be reached now.
    #[error("{extent} cannot be reached now")]
    Unavailable {
        /// Which blocks.
        extent: Extent,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cache disk failed.
    #[error("the cache disk failed")]
    Io(#[source] io::Error),
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockErrorKind {
    /// The request is wrong: illegal request.
    Invalid,
    /// Data protect: the host must not write.
    WriteProtected,
    /// Space allocation failed: the host may try again once there is room.
    NoSpace,
    /// Medium error: trying again does not help.
    Corrupt,
    /// Not ready: trying again may help.
    Unavailable,
    /// This device is not ours any more.
    Fenced,
}

impl BlockError {
    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> BlockErrorKind {
        match self {
            Self::OutOfRange { .. } | Self::TransferTooLong { .. } | Self::Alignment { .. } => {
                BlockErrorKind::Invalid
            }
            Self::NoSpace { .. } => BlockErrorKind::NoSpace,
            Self::ReadOnly => BlockErrorKind::WriteProtected,
            Self::Fenced => BlockErrorKind::Fenced,
            Self::Corrupt { .. } => BlockErrorKind::Corrupt,
            Self::Unavailable { .. } | Self::Io(_) => BlockErrorKind::Unavailable,
        }
    }
}
