//! Maps of data, and the data itself.

use std::ops::Range;

use cache::{BLOCK_LEN, Batch, DataLog, Entry, Table};
use vfs::{FileType, Inode, VfsResult};

use super::{Check, Checker, called};
use crate::{
    engine::read_index as index,
    extents::{Extent, ExtentMap, PAGE_BLOCKS},
    fault, keys,
    record::Record,
};

/// Blocks compared with their checksums at a time: 4 MiB.
const BLOCKS_AT_A_TIME: u32 = 1_024;

impl Checker<'_> {
    /// One page of a file's map.
    pub(super) fn look_at_page(&mut self, entry: &Entry) -> VfsResult<()> {
        let Ok((inode, page)) = keys::pair(&entry.key) else {
            self.find_damaged(Table::Extents, entry);
            return Ok(());
        };
        let record = self.tables.record(inode)?;
        let record = record.filter(|r| r.attributes.file_type == FileType::Regular);
        let Some(record) = record else {
            let mut fix = Batch::default();
            fix.remove(Table::Extents, &entry.key);
            let what = format!("page {page} of inode {}", inode.0);
            self.find(Check::ExtentWithoutInode, what, fix);
            return Ok(());
        };
        let mut map = ExtentMap::default();
        if map.decode_page(page, &entry.value).is_err() {
            self.find_damaged(Table::Extents, entry);
            let path = self.tables.path(&record)?;
            self.note_lost(path.filter(|_| record.is_content_dirty()));
            return Ok(());
        }
        let mut bad = Vec::new();
        for (first, extent) in map.iter() {
            self.blocks += u64::from(extent.run.count);
            if let Some(check) = self.fault_of(&record, page, (first, extent))? {
                bad.push((first, extent, check));
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        self.find_bad_extents(&record, (page, map), &bad)
    }

    /// What is wrong with an extent.
    fn fault_of(
        &mut self,
        record: &Record,
        page: u64,
        (first, extent): (u64, Extent),
    ) -> VfsResult<Option<Check>> {
        let end = first.saturating_add(u64::from(extent.run.count));
        let is_on_page = end <= (page.saturating_add(1)).saturating_mul(PAGE_BLOCKS);
        if !is_on_page || !DataLog::is_possible(extent.run) {
            return Ok(Some(Check::ExtentOutOfRange));
        }
        if !self.live.insert(extent.run) {
            return Ok(Some(Check::ExtentOverlap));
        }
        if end > record.content.size.div_ceil(BLOCK_LEN) {
            return Ok(Some(Check::ExtentBeyondSize));
        }
        if extent.generation > record.content.generation {
            return Ok(Some(Check::GenerationReuse));
        }
        if self.log.is_missing(extent.run).map_err(fault::of_cache)? {
            return Ok(Some(Check::ExtentMissingBlock));
        }
        if self.depth.data && !self.is_readable(extent)? {
            return Ok(Some(Check::BlockCrc));
        }
        Ok(None)
    }

    fn is_readable(&self, extent: Extent) -> VfsResult<bool> {
        let (mut first, mut left) = (extent.run.first, extent.run.count);
        let mut bytes = Vec::new();
        while left > 0 {
            let count = left.min(BLOCKS_AT_A_TIME);
            let run = cache::Run { first, count };
            bytes.resize(index(run.len_bytes()), 0);
            match self.log.read(run, &mut bytes) {
                Ok(()) => {}
                Err(e) => {
                    tracing::warn!(error = %e, "a block cannot be read");
                    return Ok(false);
                }
            }
            first += u64::from(count);
            left -= count;
        }
        Ok(true)
    }

    fn find_bad_extents(
        &mut self,
        record: &Record,
        (page, mut map): (u64, ExtentMap),
        bad: &[(u64, Extent, Check)],
    ) -> VfsResult<()> {
        let inode = record.attributes.inode;
        let mut fix = Batch::default();
        let mut kept = record.clone();
        for (first, extent, check) in bad {
            if *check == Check::GenerationReuse {
                // The bytes are good: it is the file that must count on.
                kept.content.generation = kept.content.generation.max(extent.generation);
                kept.content.changed = kept.content.changed.max(extent.generation);
            } else {
                map.remove(bad_blocks(record, (*first, *extent), *check));
            }
        }
        if kept != *record {
            self.promise(&mut fix, &kept);
            fix.put(Table::Inodes, keys::of_inode(inode), kept.encode());
        }
        match map.encode_page(page) {
            Some(bytes) => fix.put(Table::Extents, keys::of_page(inode, page), bytes),
            None => fix.remove(Table::Extents, keys::of_page(inode, page)),
        }
        let path = self.tables.path(record)?;
        for (first, extent, check) in bad {
            let blocks = bad_blocks(record, (*first, *extent), *check);
            let what = format!(
                "{}: {} blocks from {} on",
                called(inode, path.as_deref()),
                blocks.end - blocks.start,
                blocks.start
            );
            self.find(*check, what, fix.clone());
            let is_lost = loses_bytes(record, (&blocks, *extent), *check);
            self.note_lost(path.clone().or_else(|| nameless(inode)).filter(|_| is_lost));
        }
        Ok(())
    }
}

/// The blocks of an extent that something is wrong with.
fn bad_blocks(record: &Record, (first, extent): (u64, Extent), check: Check) -> Range<u64> {
    let end = first.saturating_add(u64::from(extent.run.count));
    if check == Check::ExtentBeyondSize {
        // What lies before the end of the file is as good as any.
        return first.max(record.content.size.div_ceil(BLOCK_LEN))..end;
    }
    first..end
}

/// Whether bytes are gone that the object does not have.
fn loses_bytes(record: &Record, (blocks, extent): (&Range<u64>, Extent), check: Check) -> bool {
    !record.has_in_object(blocks, extent.generation)
        && !matches!(check, Check::GenerationReuse | Check::ExtentBeyondSize)
}

fn nameless(inode: Inode) -> Option<String> {
    Some(format!("#{}", inode.0))
}
