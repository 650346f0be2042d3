//! Files of which bytes are lost: the cache disk cannot read them, and they were nowhere else.
//!
//! A block is lost as long as the file has it where it cannot be read: not any more once it is
//! written anew or cut off, or the file is gone. The notes are in memory; after a start, who reads
//! such a block, or uploads it, finds it again.

use std::collections::{BTreeMap, BTreeSet};

use cache::BLOCK_LEN;
use model::LostRange;
use parking_lot::Mutex;
use vfs::{Inode, VfsResult};

use super::Engine;
use crate::{event::FsEvent, node::Node};

/// Files noted; the others are only in the log.
const FILES_MAX: usize = 100;
/// Blocks noted of one file: 256 MiB, and 1 MiB of memory.
const BLOCKS_MAX: usize = 65_536;

/// A block of a file, and where it lies on the cache disk.
pub(super) type LostBlock = (u64, u64);

/// What is lost, by file.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeMap<Inode, BTreeSet<LostBlock>>>);

impl Lost {
    /// Whether some of it is news.
    fn note(&self, inode: Inode, blocks: &[LostBlock]) -> bool {
        let mut files = self.0.lock();
        if files.len() >= FILES_MAX && !files.contains_key(&inode) {
            return false;
        }
        let noted = files.entry(inode).or_default();
        let before = noted.len();
        noted.extend(blocks.iter().take(BLOCKS_MAX.saturating_sub(before)));
        noted.len() > before
    }

    fn of(&self, inode: Inode) -> Option<BTreeSet<LostBlock>> {
        self.0.lock().get(&inode).cloned()
    }
}

impl Engine {
    /// Notes blocks that nobody has any more, and tells people if that is news.
    pub(super) fn note_lost(&self, node: &Node, blocks: &[LostBlock]) -> VfsResult<()> {
        let path = self.path_of(node.inode)?;
        let size = node.lock()?.record.content.size;
        if !self.lost.note(node.inode, blocks) {
            return Ok(());
        }
        let ranges = ranges_of(blocks.iter().map(|(block, _)| *block), size);
        let event = FsEvent::BytesLost { path, ranges };
        tracing::error!(share = %self.config.name, "{event}");
        self.events.push(event);
        Ok(())
    }

    /// The ranges of a file that are lost now.
    pub(crate) fn lost_ranges(&self, node: &Node) -> VfsResult<Vec<LostRange>> {
        let Some(noted) = self.lost.of(node.inode) else {
            return Ok(Vec::new());
        };
        let mut state = node.lock()?;
        self.load_data(&mut state)?;
        let size = state.record.content.size;
        let extents = &state.loaded()?.extents;
        let is_there = |(block, place): &LostBlock| {
            let pieces = extents.pieces(*block..*block + 1);
            let extent = pieces.first().and_then(|piece| piece.extent);
            extent.is_some_and(|extent| extent.run.first == *place)
        };
        let left: BTreeSet<LostBlock> = noted.into_iter().filter(is_there).collect();
        let ranges = ranges_of(left.iter().map(|(block, _)| *block), size);
        let mut files = self.lost.0.lock();
        if left.is_empty() {
            files.remove(&node.inode);
        } else {
            files.insert(node.inode, left);
        }
        Ok(ranges)
    }

    /// The paths of files that have lost bytes.
    pub(crate) fn lost_paths(&self) -> Vec<String> {
        let inodes: Vec<Inode> = self.lost.0.lock().keys().copied().collect();
        let mut paths = Vec::new();
        for inode in inodes {
            let ranges = self.node(inode).and_then(|node| self.lost_ranges(&node));
            match ranges {
                Ok(ranges) if ranges.is_empty() => {}
                Ok(_) => paths.extend(self.path_of(inode)),
                // It is gone, and what it lost with it.
                Err(_) => drop(self.lost.0.lock().remove(&inode)),
            }
        }
        paths.sort();
        paths
    }
}

/// Blocks in order as ranges of bytes, up to the end of the file.
fn ranges_of(blocks: impl Iterator<Item = u64>, size: u64) -> Vec<LostRange> {
    let mut ranges: Vec<LostRange> = Vec::new();
    for block in blocks {
        let offset = block * BLOCK_LEN;
        let len = BLOCK_LEN.min(size.saturating_sub(offset));
        match ranges.last_mut() {
            Some(last) if last.offset + last.len == offset => last.len += len,
            Some(_) | None if len > 0 => ranges.push(LostRange { offset, len }),
            Some(_) | None => {}
        }
    }
    ranges
}
