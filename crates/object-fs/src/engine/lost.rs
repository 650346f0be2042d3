//! Files of which bytes are lost: the cache disk cannot read them, and they were nowhere else.
//!
//! A block is lost as long as the file has it where it cannot be read: not any more once it is
//! written anew or cut off, or the file is gone. The notes are in memory; after a start, who reads
//! such a block, or uploads it, finds it again.

use std::collections::{BTreeMap, BTreeSet};

use cache::BLOCK_LEN;
use model::{LostCache, LostRange, QueueItem};
use parking_lot::Mutex;
use vfs::{Inode, VfsResult};

use super::Engine;
use crate::{
    event::{FsEvent, said},
    node::Node,
};

/// Files noted; the others are only in the log.
const FILES_MAX: usize = 100;
/// Blocks noted of one file: 256 MiB, and 1 MiB of memory.
const BLOCKS_MAX: usize = 65_536;

/// A block of a file, and where it lies on the cache disk.
pub(super) type LostBlock = (u64, u64);

/// What is lost.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    by_file: Mutex<BTreeMap<Inode, BTreeSet<LostBlock>>>,
    /// What went with the cache before this one.
    with_cache: Mutex<Option<LostCache>>,
}

impl Lost {
    /// Whether some of it is news.
    fn note(&self, inode: Inode, blocks: &[LostBlock]) -> bool {
        let mut files = self.by_file.lock();
        if files.len() >= FILES_MAX && !files.contains_key(&inode) {
            return false;
        }
        let noted = files.entry(inode).or_default();
        let before = noted.len();
        noted.extend(blocks.iter().take(BLOCKS_MAX.saturating_sub(before)));
        noted.len() > before
    }

    fn of(&self, inode: Inode) -> Option<BTreeSet<LostBlock>> {
        self.by_file.lock().get(&inode).cloned()
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
        let mut files = self.lost.by_file.lock();
        if left.is_empty() {
            files.remove(&node.inode);
        } else {
            files.insert(node.inode, left);
        }
        Ok(ranges)
    }

    /// What went with the cache before this one; told to people if that is news.
    pub(crate) fn tell_lost_cache(&self, lost: LostCache, is_news: bool) {
        if is_news {
            let event = FsEvent::CacheLost(lost.clone());
            tracing::error!(share = %self.config.name, "{event}");
            self.events.push(event);
        }
        *self.lost.with_cache.lock() = Some(lost);
    }

    /// The paths of files that have lost bytes, the first ones.
    pub(crate) fn lost_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self
            .lost_files()
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        if let Some(lost) = &*self.lost.with_cache.lock() {
            let left = FILES_MAX.saturating_sub(paths.len());
            paths.extend(lost.names.iter().take(left).cloned());
        }
        paths
    }

    /// The same as lines of the queue, at most so many.
    pub(crate) fn lost_items(&self, limit: usize) -> Vec<QueueItem> {
        let now_ms = self.clock.wall().as_millis();
        let of_file = |(path, ranges): (String, Vec<LostRange>)| {
            let bytes = ranges.iter().map(|range| range.len).sum();
            let error = format!("{} are lost on the cache disk", said(&ranges));
            lost_item(path, bytes, (now_ms, error))
        };
        let mut items: Vec<QueueItem> = self.lost_files().into_iter().map(of_file).collect();
        if let Some(lost) = &*self.lost.with_cache.lock() {
            let error = format!("lost with the cache disk, as of {}", lost.as_of);
            let since = lost.found_at.as_millis();
            let names = lost.names.iter().take(limit);
            items.extend(names.map(|name| lost_item(name.clone(), 0, (since, error.clone()))));
        }
        items.truncate(limit);
        items
    }

    /// Files here that have lost bytes, by path.
    fn lost_files(&self) -> Vec<(String, Vec<LostRange>)> {
        let inodes: Vec<Inode> = self.lost.by_file.lock().keys().copied().collect();
        let mut files = Vec::new();
        for inode in inodes {
            let ranges = self.node(inode).and_then(|node| self.lost_ranges(&node));
            match ranges {
                Ok(ranges) if ranges.is_empty() => {}
                Ok(ranges) => {
                    let path = self.path_of(inode);
                    files.extend(path.map(|path| (path, ranges)));
                }
                // It is gone, and what it lost with it.
                Err(_) => drop(self.lost.by_file.lock().remove(&inode)),
            }
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        files
    }
}

fn lost_item(what: String, bytes: u64, (since, error): (u64, String)) -> QueueItem {
    QueueItem {
        kind: "lost".to_owned(),
        what,
        bytes,
        since,
        is_running: false,
        percent: None,
        failures: 0,
        error: Some(error),
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
