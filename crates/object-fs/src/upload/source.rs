//! The bytes of an upload: a file as it was at one moment.

use std::{io, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cache::BLOCK_LEN;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, PartSource};
use parking_lot::Mutex;
use vfs::{Attributes, VfsResult};

use crate::{
    engine::{Engine, read_index as index},
    extents::{Extent, ExtentMap, blocks_of},
    node::{Node, Pin},
    record::Remote,
};

/// A file's picture. Writes that come later go to other blocks; the pin keeps these.
pub(crate) struct Frozen {
    engine: Arc<Engine>,
    extents: ExtentMap,
    /// Where bytes come from that are not in the cache, and up to which offset.
    pub(super) base: Option<(Remote, u64)>,
    /// Bytes of a symbolic link.
    target: Option<Bytes>,
    /// Blocks that the cache disk could not read, when somebody last wanted them.
    pub(super) unreadable: Mutex<Option<Range<u64>>>,
    _pin: Option<Pin>,
    pub(crate) size: u64,
    pub(crate) generation: u64,
    /// Content up to this generation is in the object before.
    clean_generation: u64,
    pub(crate) attributes: Attributes,
    pub(crate) attributes_version: u64,
}

impl Engine {
    /// Takes a file's picture; later changes belong to the next generation.
    pub(super) async fn freeze(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<Frozen> {
        // What is uploaded is durable here first, so the bucket is never ahead of us, and so
        // that the index names everything that will be called clean; the gate keeps writes from
        // slipping in between.
        let _gate = node.writing.lock().await;
        let frozen = self.take_picture(node)?;
        self.commit_node(node).await?;
        Ok(frozen)
    }

    fn take_picture(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<Frozen> {
        let mut state = node.lock()?;
        let is_file = state.record.attributes.file_type == vfs::FileType::Regular;
        let mut frozen = Frozen {
            engine: Arc::clone(self),
            extents: ExtentMap::default(),
            base: None,
            target: None,
            unreadable: Mutex::default(),
            _pin: None,
            size: 0,
            generation: state.record.content.generation,
            clean_generation: state.record.clean_generation,
            attributes: state.record.attributes(),
            attributes_version: state.record.attributes_version,
        };
        if !is_file {
            let target = state.record.target.clone().unwrap_or_default();
            frozen.size = target.len() as u64;
            frozen.target = Some(Bytes::from(target.into_string()));
            return Ok(frozen);
        }
        self.load_data(&mut state)?;
        let content = &mut state.record.content;
        frozen.size = content.size;
        content.next_base_len = Some(content.size);
        if content.changed == content.generation {
            content.generation += 1;
        }
        // The same picture has the same number: so its object is known again after an upload
        // whose answer got lost.
        frozen.generation = content.generation - 1;
        let base_len = content.base_len;
        frozen.base = state.record.remote.clone().map(|remote| (remote, base_len));
        let data = state.loaded()?;
        let touched: Vec<u64> = data.touched.iter().copied().collect();
        for page in touched {
            data.extents.settle(page);
        }
        data.is_unsynced = true;
        frozen.extents = data.extents.clone();
        frozen._pin = Some(node.pin(data, &self.log));
        self.note_unsynced(node.inode);
        Ok(frozen)
    }
}

impl Frozen {
    /// Whether the object before has these bytes, too.
    pub(super) fn is_unchanged(&self, range: &Range<u64>) -> bool {
        let pieces = self.extents.pieces(blocks_of(range));
        let is_clean = |extent: Extent| extent.generation <= self.clean_generation;
        pieces.iter().all(|piece| piece.extent.is_none_or(is_clean))
    }

    async fn read_range(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        let end = offset.saturating_add(len).min(self.size);
        let range = offset.min(end)..end;
        if let Some(target) = &self.target {
            return Ok(target.slice(index(range.start)..index(range.end)));
        }
        let mut whole = BytesMut::with_capacity(index(range.end - range.start));
        for piece in self.extents.pieces(blocks_of(&range)) {
            let start = (piece.blocks.start * BLOCK_LEN).max(range.start);
            let end = (piece.blocks.end * BLOCK_LEN).min(range.end);
            if let Some(extent) = piece.extent {
                let blocks = self.engine.read_blocks(extent.run).await;
                let blocks = blocks.map_err(|e| {
                    *self.unreadable.lock() = Some(piece.blocks.clone());
                    io::Error::other(e)
                })?;
                let skip = index(start - piece.blocks.start * BLOCK_LEN);
                whole.extend_from_slice(&blocks[skip..skip + index(end - start)]);
                continue;
            }
            if let Some((remote, base_len)) = &self.base
                && start < *base_len
            {
                let bytes = self
                    .read_base(remote, start, end.min(*base_len) - start)
                    .await?;
                whole.extend_from_slice(&bytes);
            }
            whole.resize(index(end - range.start), 0);
        }
        Ok(whole.freeze())
    }

    async fn read_base(&self, remote: &Remote, offset: u64, len: u64) -> io::Result<Bytes> {
        let store: &dyn ObjectStore = &*self.engine.store;
        let body = store
            .get(&remote.key, offset, len, remote.etag.as_ref())
            .await;
        let chunks: Vec<Bytes> = body
            .map_err(io::Error::other)?
            .try_collect()
            .await
            .map_err(io::Error::other)?;
        let whole = Bytes::from(chunks.concat());
        if whole.len() as u64 != len {
            return Err(io::Error::other("the old object's body is too short"));
        }
        Ok(whole)
    }
}

#[async_trait]
impl PartSource for Frozen {
    fn len(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        self.read_range(offset, len).await
    }
}
