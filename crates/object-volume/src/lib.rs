//! Volumes stored as a log of objects: which object holds which block.
//!
//! Not here: SCSI (`iscsi-target`), puts and gets (`object-store`).
//! Invariant: ranges of an [`ExtentMap`] never overlap and are never empty.
//! The map is the whole of this crate so far; log, checkpoints and collection build on it.
//! Start at [`ExtentMap`]. Tested against a block-by-block model with random operations.
#![forbid(unsafe_code)]

mod extent_map;

pub use extent_map::{BlockRange, Extent, ExtentMap, Location};
