//! One segment: its file, and what of it need not be verified again.

use std::{io, sync::Arc};

use super::{
    BLOCK_LEN_MEM, CRC_LEN_MEM, Run, failed,
    verified::{Verified, Waits},
};
use crate::{CacheError, CacheErrorKind, CacheResult, SegmentFile, SegmentId};

/// A segment that is open.
pub(super) struct Segment {
    pub(super) id: SegmentId,
    pub(super) file: Arc<dyn SegmentFile>,
    verified: Verified,
}

impl Segment {
    pub(super) fn new(id: SegmentId, file: Arc<dyn SegmentFile>) -> Self {
        Self {
            id,
            file,
            verified: Verified::nothing(),
        }
    }

    /// Writes blocks and their checksums.
    pub(super) fn write(&self, run: Run, bytes: &[u8]) -> io::Result<()> {
        let mut crcs = Vec::with_capacity(run.count as usize * CRC_LEN_MEM);
        for block in bytes.chunks(BLOCK_LEN_MEM) {
            crcs.extend_from_slice(&crc32c::crc32c(block).to_le_bytes());
        }
        let before = self.verified.waits();
        let written = self
            .file
            .write_at(run.offset(), bytes)
            .and_then(|()| self.file.write_at(run.table_offset(), &crcs));
        match written {
            Ok(()) => self.verified.note(run, before),
            // Written in part.
            Err(_) => self.verified.forget(),
        }
        written
    }

    /// Reads blocks, from the disk if need be, and compares their checksums.
    pub(super) fn read(&self, run: Run, bytes: &mut [u8]) -> CacheResult<()> {
        self.verified.forget();
        let before = self.verified.waits();
        let mut crcs = vec![0; run.count as usize * CRC_LEN_MEM];
        let read = self
            .file
            .read_at(run.offset(), bytes)
            .and_then(|()| self.file.read_at(run.table_offset(), &mut crcs));
        read.map_err(failed("read", self.id))?;
        verify(run, bytes, &crcs)?;
        self.verified.note(run, before);
        Ok(())
    }

    /// The same if the disk need not be waited for; whether it was done.
    pub(super) fn read_at_once(&self, run: Run, bytes: &mut [u8]) -> CacheResult<bool> {
        let before = self.verified.waits();
        Ok(self.copy_at_once(run.offset(), bytes)? && self.verify_at_once(run, bytes, before)?)
    }

    /// The same, with checksums of those blocks only of which nothing is known. That is asked when
    /// they have been copied: what is known then holds for what is in memory now.
    pub(super) fn read_from_memory(&self, run: Run, bytes: &mut [u8]) -> CacheResult<bool> {
        let before = self.verified.waits();
        Ok(self.copy_at_once(run.offset(), bytes)?
            && (self.verified.has(run) || self.verify_at_once(run, bytes, before)?))
    }

    fn verify_at_once(&self, run: Run, bytes: &[u8], before: Waits) -> CacheResult<bool> {
        let mut crcs = vec![0; run.count as usize * CRC_LEN_MEM];
        if !self.copy_at_once(run.table_offset(), &mut crcs)? {
            return Ok(false);
        }
        verify(run, bytes, &crcs)?;
        self.verified.note(run, before);
        Ok(true)
    }

    fn copy_at_once(&self, offset: u64, bytes: &mut [u8]) -> CacheResult<bool> {
        let is_there = self.file.read_at_once(offset, bytes);
        let is_there = is_there.map_err(failed("read", self.id))?;
        if !is_there {
            // The kernel may have begun to fetch it.
            self.verified.forget();
        }
        Ok(is_there)
    }
}

fn verify(run: Run, bytes: &[u8], crcs: &[u8]) -> CacheResult<()> {
    let (stored, _) = crcs.as_chunks::<CRC_LEN_MEM>();
    for (n, (block, crc)) in bytes.chunks(BLOCK_LEN_MEM).zip(stored).enumerate() {
        if crc32c::crc32c(block) != u32::from_le_bytes(*crc) {
            let block = run.first + n as u64;
            let message = format!("block {block} of the cache disk is damaged");
            return Err(CacheError::new(CacheErrorKind::Corrupt, message));
        }
    }
    Ok(())
}
