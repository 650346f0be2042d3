//! The bytes of an upload, encrypted as they are asked for.

use std::io;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::PartSource;

use crate::{
    chunks::{ObjectKey, Place},
    header::{HEADER_LEN, Header},
    layout::TAG_LEN,
};

/// Bytes of the file read at a time, so that little is in memory in both forms.
const STEP_LEN: u64 = 1 << 20;

/// A file as its encrypted object. Asked again for the same bytes it gives the same, as long as
/// the file does: a key serves one put only.
pub(crate) struct Sealed<'a> {
    pub(crate) inner: &'a dyn PartSource,
    pub(crate) key: &'a ObjectKey,
    pub(crate) header: &'a Header,
}

impl Sealed<'_> {
    /// Appends chunks, sealed.
    async fn append(&self, chunks: std::ops::Range<u64>, out: &mut BytesMut) -> io::Result<()> {
        let layout = self.key.layout;
        let (chunk_len, plain_len) = (layout.chunk_len(), self.inner.len());
        let count = layout.chunks(plain_len);
        let per_step = (STEP_LEN / chunk_len).max(1);
        let mut at = chunks.start;
        while at < chunks.end {
            let end = chunks.end.min(at + per_step);
            let (from, to) = (at * chunk_len, plain_len.min(end * chunk_len));
            let plain = self.read_plain(from, to - from).await?;
            let mut rest = &plain[..];
            for index in at..end {
                let (chunk, later) = rest.split_at(rest.len().min(index_of(chunk_len)));
                let place = Place {
                    index,
                    is_last: index + 1 == count,
                };
                let start = out.len();
                out.extend_from_slice(chunk);
                let tag = self.key.seal(place, &mut out[start..]);
                out.extend_from_slice(tag.as_ref());
                rest = later;
            }
            at = end;
        }
        Ok(())
    }

    async fn read_plain(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        let plain = self.inner.read(offset, len).await?;
        if plain.len() as u64 == len {
            return Ok(plain);
        }
        let message = format!("the file gave {} bytes at {offset}, not {len}", plain.len());
        Err(io::Error::other(message))
    }
}

#[async_trait]
impl PartSource for Sealed<'_> {
    fn len(&self) -> u64 {
        self.key.layout.sealed_len(self.inner.len())
    }

    async fn read(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        let (layout, header_len) = (self.key.layout, HEADER_LEN as u64);
        let end = offset.saturating_add(len);
        if end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let sealed_chunk = layout.sealed_chunk_len();
        let body = |at: u64| at.saturating_sub(header_len);
        let chunks = body(offset) / sealed_chunk..body(end).div_ceil(sealed_chunk);
        let room = (chunks.end - chunks.start) * sealed_chunk + header_len + TAG_LEN;
        let mut out = BytesMut::with_capacity(index_of(room));
        let begin = if offset < header_len {
            out.extend_from_slice(&self.header.encode());
            0
        } else {
            layout.chunk_start(chunks.start)
        };
        self.append(chunks, &mut out).await?;
        let skip = index_of(offset - begin);
        Ok(out.freeze().slice(skip..skip + index_of(len)))
    }
}

/// A length that is known to fit into memory.
pub(crate) fn index_of(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
