//! Work on a file, or on all files of a tree: fetching it into the cache, and letting it go.

use std::{ops::Range, sync::Arc};

use cache::{BLOCK_LEN, KeyRange, Table};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use vfs::{ErrorKind, FileType, Inode, Name, VfsError, VfsResult};

use super::{Engine, ROOT, fetch::Window, hydrate::is_of_one_object, space::HIGH_PERCENT};
use crate::{EvictSummary, fault, keys, node::Node, record::Record};

/// So many that cannot be had, one behind the other, and it is not the objects: it is the keys,
/// perhaps, or the bucket.
const FAILURES_IN_A_ROW_MAX: u32 = 16;
/// Files of a tree that are fetched side by side.
const FILES_IN_FLIGHT: usize = 4;
/// Parts of one file that are fetched side by side …
const PARTS_IN_FLIGHT: usize = 4;
/// … of so many blocks: 4 MiB.
const PART_BLOCKS: u64 = 1_024;
/// Names of a directory read at a time.
const STEP: usize = 256;

impl Engine {
    /// The inode of a path of the share.
    pub(crate) async fn resolve(self: &Arc<Self>, path: &str) -> VfsResult<Inode> {
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let name = Name::from_bytes(name.as_bytes())?;
            let found = self.shown_child(at, &name).await?;
            at = found.ok_or_else(|| not_there(path))?.inode;
        }
        Ok(at)
    }

    /// Brings all files at and below an inode into the cache; tells each one's length. Those that
    /// cannot be had do not keep it from the others: why, is said at the end of the first of them.
    pub(crate) async fn fetch_tree(
        self: &Arc<Self>,
        top: Inode,
        fetched: &mut (dyn FnMut(u64) + Send),
    ) -> VfsResult<()> {
        let mut room = self.room_for_trees();
        let mut tree = Tree::new(top);
        let (mut failed, mut in_a_row) = (None, 0);
        loop {
            let files = tree.next_files(self)?;
            if files.is_empty() {
                return failed.map_or(Ok(()), Err);
            }
            let mut done = stream::iter(files)
                .map(|file| self.fetch_file(file))
                .buffer_unordered(FILES_IN_FLIGHT);
            while let Some(outcome) = done.next().await {
                let bytes = match outcome {
                    Err(e) if is_of_one_object(&e) && in_a_row < FAILURES_IN_A_ROW_MAX => {
                        in_a_row += 1;
                        failed.get_or_insert(e);
                        continue;
                    }
                    outcome => outcome?,
                };
                in_a_row = 0;
                fetched(bytes);
                room = room.checked_sub(in_blocks(bytes)).ok_or_else(|| {
                    VfsError::new(ErrorKind::NoSpace, "the tree is larger than the cache")
                })?;
            }
        }
    }

    /// What trees that stay in the cache may have: above it eviction begins.
    pub(super) fn room_for_trees(&self) -> u64 {
        self.config.cache_bytes_max / 100 * HIGH_PERCENT
    }

    /// What all files at and below an inode take in the cache.
    pub(super) async fn tree_bytes(&self, top: Inode) -> VfsResult<u64> {
        let (mut tree, mut bytes) = (Tree::new(top), 0_u64);
        loop {
            let files = tree.next_files(self)?;
            if files.is_empty() {
                return Ok(bytes);
            }
            for inode in files {
                let size = self.load_record(inode)?.map(|record| record.content.size);
                bytes = bytes.saturating_add(in_blocks(size.unwrap_or(0)));
            }
            // A walk of millions of files lets others go on.
            tokio::task::yield_now().await;
        }
    }

    /// Brings a file into the cache; its length.
    async fn fetch_file(self: &Arc<Self>, inode: Inode) -> VfsResult<u64> {
        let node = match self.known_node(inode).await {
            Ok(node) => node,
            // Removed meanwhile.
            Err(e) if e.kind() == ErrorKind::Stale => return Ok(0),
            Err(e) => return Err(e),
        };
        let content = node.lock()?.record.content;
        let blocks = content.base_len.div_ceil(BLOCK_LEN);
        let parts = (0..blocks.div_ceil(PART_BLOCKS)).map(|part| {
            let first = part * PART_BLOCKS;
            first..(first + PART_BLOCKS).min(blocks)
        });
        let mut done = stream::iter(parts)
            .map(|part| self.fetch_part(&node, part))
            .buffer_unordered(PARTS_IN_FLIGHT);
        while done.try_next().await?.is_some() {}
        Ok(content.size)
    }

    async fn fetch_part(self: &Arc<Self>, node: &Arc<Node>, part: Range<u64>) -> VfsResult<()> {
        let mut at = part.start;
        while at < part.end {
            let missing = {
                let mut state = match node.lock() {
                    Ok(state) => state,
                    Err(e) if e.kind() == ErrorKind::Stale => return Ok(()),
                    Err(e) => return Err(e),
                };
                self.load_data(&mut state)?;
                let base = state.record.content.base_len.div_ceil(BLOCK_LEN);
                let pieces = state
                    .loaded()?
                    .extents
                    .pieces(at..part.end.min(base).max(at));
                let mut missing = pieces.into_iter().filter(|piece| piece.extent.is_none());
                missing.next().map(|piece| piece.blocks)
            };
            let Some(missing) = missing else {
                return Ok(());
            };
            at = missing.start;
            Box::pin(self.fetch(node, missing, Window(0))).await?;
        }
        Ok(())
    }

    /// Lets all clean files at and below an inode go from the cache.
    pub(crate) async fn evict_tree(
        self: &Arc<Self>,
        top: Inode,
        evicted: &mut (dyn FnMut(u64) + Send),
    ) -> VfsResult<EvictSummary> {
        let mut summary = EvictSummary::default();
        let mut tree = Tree::new(top);
        loop {
            let files = tree.next_files(self)?;
            if files.is_empty() {
                return Ok(summary);
            }
            for inode in files {
                match self.evict_file(inode, &mut summary).await {
                    Ok(bytes) => evicted(bytes),
                    Err(e) if e.kind() == ErrorKind::Stale => {}
                    Err(e) => return Err(e),
                }
            }
        }
    }

    async fn evict_file(&self, inode: Inode, summary: &mut EvictSummary) -> VfsResult<u64> {
        if self.is_pinned(inode)? {
            summary.pinned += 1;
            return Ok(0);
        }
        let node = self.node(inode)?;
        let before = self.cached_bytes(&node)?;
        self.evict_node(&node).await?;
        let after = self.cached_bytes(&node)?;
        summary.dirty += u64::from(after > 0);
        summary.files += u64::from(after == 0 && before > 0);
        summary.bytes += before.saturating_sub(after);
        Ok(before.saturating_sub(after))
    }

    /// Bytes of a file that are on the cache disk.
    pub(crate) fn cached_bytes(&self, node: &Node) -> VfsResult<u64> {
        let mut state = node.lock()?;
        if state.record.attributes.file_type != FileType::Regular {
            return Ok(0);
        }
        self.load_data(&mut state)?;
        let extents = state.loaded()?.extents.iter();
        Ok(extents.map(|(_, extent)| extent.run.len_bytes()).sum())
    }
}

/// What a file of so many bytes takes in the cache.
const fn in_blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_LEN).saturating_mul(BLOCK_LEN)
}

fn not_there(path: &str) -> VfsError {
    let message = format!("there is no `{path}` in the share");
    VfsError::new(ErrorKind::NotFound, message)
}

/// A walk over the files of a tree.
struct Tree {
    /// The inode it began with, while nobody has looked at it.
    top: Option<Inode>,
    /// Directories to be read, and the listing's key where to go on.
    dirs: Vec<(Inode, Vec<u8>)>,
}

impl Tree {
    fn new(top: Inode) -> Self {
        Self {
            top: Some(top),
            dirs: Vec::new(),
        }
    }

    /// Some files more; none at the end.
    fn next_files(&mut self, engine: &Engine) -> VfsResult<Vec<Inode>> {
        if let Some(top) = self.top.take() {
            let record = engine.load_record(top)?.ok_or(ErrorKind::Stale)?;
            if record.attributes.file_type != FileType::Directory {
                return Ok(vec![top]);
            }
            self.dirs.push((top, keys::of_inode(top).to_vec()));
        }
        let mut files = Vec::new();
        while files.is_empty() {
            let Some((dir, after)) = self.dirs.pop() else {
                break;
            };
            let range = KeyRange::prefix(&keys::of_inode(dir)).after(after);
            let listed = engine.index.scan(Table::Listing, &range, STEP);
            let listed = listed.map_err(fault::of_cache)?;
            if let Some(last) = listed.last() {
                self.dirs.push((dir, last.key.to_vec()));
            }
            for line in listed {
                let (_, inode) = keys::pair(&line.key)?;
                let record: Option<Record> = engine.load_record(Inode(inode))?;
                match record.map(|record| record.attributes.file_type) {
                    Some(FileType::Directory) => {
                        let first = keys::of_inode(Inode(inode)).to_vec();
                        self.dirs.push((Inode(inode), first));
                    }
                    Some(FileType::Regular) => files.push(Inode(inode)),
                    Some(FileType::Symlink) | None => {}
                }
            }
        }
        Ok(files)
    }
}
