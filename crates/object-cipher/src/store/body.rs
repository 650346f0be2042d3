//! The body of an answer, opened chunk by chunk as it arrives.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use object_store::{ByteStream, StoreError, StoreErrorKind, StoreResult};

use crate::{
    chunks::{ChunkError, ObjectKey, Place, has_tag},
    header::HEADER_LEN,
    layout::Layout,
    sealed::index_of,
};

/// Which part of the chunks that arrive is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The first chunk that arrives.
    index: u64,
    /// Bytes of it before those that are wanted.
    skip: u64,
    /// Bytes that are still wanted.
    left: u64,
}

impl Window {
    pub(super) const fn new(layout: Layout, offset: u64, len: u64) -> Self {
        Self {
            index: offset / layout.chunk_len(),
            skip: offset % layout.chunk_len(),
            left: len,
        }
    }
}

/// An object's bytes on their way.
pub(super) struct Body {
    name: Box<str>,
    key: Arc<ObjectKey>,
    inner: ByteStream,
    /// Arrived, and not opened yet: a chunk and what came with it.
    arrived: BytesMut,
    has_ended: bool,
    window: Window,
}

/// Takes the header off a body; what is left of it is in the second stream.
pub(super) async fn read_header(mut body: ByteStream) -> StoreResult<(Bytes, ByteStream)> {
    let mut arrived = BytesMut::new();
    while arrived.len() < HEADER_LEN {
        match body.next().await {
            Some(piece) => arrived.extend_from_slice(&piece?),
            None => return Ok((arrived.freeze(), stream::empty().boxed())),
        }
    }
    let header = arrived.split_to(HEADER_LEN).freeze();
    let rest = stream::iter((!arrived.is_empty()).then(|| Ok(arrived.freeze())));
    Ok((header, rest.chain(body).boxed()))
}

impl Body {
    pub(super) fn new(name: &str, key: Arc<ObjectKey>, inner: ByteStream, window: Window) -> Self {
        Self {
            name: name.into(),
            key,
            inner,
            arrived: BytesMut::new(),
            has_ended: false,
            window,
        }
    }

    pub(super) fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, |mut body| async move {
            let next = body.next().await?;
            Ok(next.map(|bytes| (bytes, body)))
        })
        .boxed()
    }

    /// What comes next of what is wanted.
    async fn next(&mut self) -> StoreResult<Option<Bytes>> {
        while self.window.left > 0 {
            let chunk_len = index_of(self.key.layout.sealed_chunk_len());
            // One byte more was asked for than is wanted: without it, the chunk is the last.
            self.fill(chunk_len + 1).await?;
            let index = self.window.index;
            let mut chunk = self.arrived.split_to(self.arrived.len().min(chunk_len));
            if !has_tag(chunk.len()) {
                return Err(self.refuse(ChunkError::CutOff(index)));
            }
            let is_last = self.arrived.is_empty();
            let opened = self.key.open(Place { index, is_last }, &mut chunk);
            let len = opened.map_err(|e| self.refuse(e))?;
            chunk.truncate(len);
            self.window.index += 1;
            let skip = index_of(self.window.skip).min(len);
            self.window.skip = 0;
            let mut wanted = chunk.freeze().slice(skip..);
            wanted.truncate(index_of(self.window.left));
            self.window.left -= wanted.len() as u64;
            if is_last {
                self.window.left = 0;
            }
            if !wanted.is_empty() {
                return Ok(Some(wanted));
            }
        }
        Ok(None)
    }

    /// Waits until so many bytes are there, or all.
    async fn fill(&mut self, len: usize) -> StoreResult<()> {
        while self.arrived.len() < len && !self.has_ended {
            match self.inner.next().await {
                Some(piece) => self.arrived.extend_from_slice(&piece?),
                None => self.has_ended = true,
            }
        }
        Ok(())
    }

    fn refuse(&self, error: ChunkError) -> StoreError {
        let message = format!("object `{}` cannot be opened: {error}", self.name);
        StoreError::new(StoreErrorKind::Undecipherable, message)
    }
}
