//! NFS version 3 (RFC 1813): arguments and results of its 22 procedures.

mod args;
mod attributes;
mod results;

pub(crate) use args::{Args, CreateHow, Handle};
pub(crate) use attributes::{FATTR_LEN, NewNode, PostOp, Wcc};
pub(crate) use results::{
    Failed, FileSystemInfo, FileSystemUse, Listing, ListingEntry, Made, Outcome, ReadDone, Results,
    WriteDone,
};

pub(crate) const PROGRAM: u32 = 100_003;
pub(crate) const VERSION: u32 = 3;

/// Bits of ACCESS (RFC 1813, 3.3.4).
pub(crate) mod access {
    pub(crate) const READ: u32 = 0x01;
    pub(crate) const LOOKUP: u32 = 0x02;
    pub(crate) const MODIFY: u32 = 0x04;
    pub(crate) const EXTEND: u32 = 0x08;
    pub(crate) const DELETE: u32 = 0x10;
    pub(crate) const EXECUTE: u32 = 0x20;
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]
mod tests;
