//! Record marking (RFC 5531, section 11): each fragment has a word with its length before it,
//! whose highest bit says that it is the last of its record.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use crate::limits::{FRAGMENTS_MAX, READ_BUFFER_LEN, RECORD_LEN_MAX};

const LAST_FRAGMENT: u32 = 1 << 31;
const MARK_LEN: usize = 4;

/// Why the bytes of a connection make no sense any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    /// Longer than the longest request.
    #[error("record of at least {len} bytes is longer than any request")]
    TooLong {
        /// Length known so far.
        len: usize,
    },
    /// In more parts than any client would make.
    #[error("record has more than {FRAGMENTS_MAX} fragments")]
    TooManyFragments,
}

/// Cuts the bytes of a connection into records. The caller fills [`RecordReader::buffer`].
#[derive(Debug, Default)]
pub(crate) struct RecordReader {
    buffer: BytesMut,
    /// Fragments of a record whose last has not come; empty for nearly all clients, always.
    before: BytesMut,
    fragments: u32,
}

impl RecordReader {
    /// Where to put what the connection sends, with room for the rest of a record that has
    /// begun, so that a large write is received in place.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        let wanted = match self.fragment_len() {
            // A peer must first send something before it gets room for all that it announces.
            Some(len) if self.buffer.len() >= READ_BUFFER_LEN / 2 => {
                len.min(RECORD_LEN_MAX).saturating_add(MARK_LEN)
            }
            Some(_) | None => READ_BUFFER_LEN,
        };
        let missing = wanted.saturating_sub(self.buffer.len());
        self.buffer.reserve(missing.max(READ_BUFFER_LEN / 4));
        &mut self.buffer
    }

    fn fragment_len(&self) -> Option<usize> {
        let mark = u32::from_be_bytes(*self.buffer.first_chunk::<MARK_LEN>()?);
        usize::try_from(mark & !LAST_FRAGMENT).ok()
    }

    /// The next complete record, without a copy if it came in one fragment.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, RecordError> {
        while let Some(mark) = self.buffer.first_chunk::<MARK_LEN>() {
            let mark = u32::from_be_bytes(*mark);
            let len = usize::try_from(mark & !LAST_FRAGMENT).unwrap_or(usize::MAX);
            let whole = self.before.len().saturating_add(len);
            if whole > RECORD_LEN_MAX {
                return Err(RecordError::TooLong { len: whole });
            }
            if self.buffer.len() < len.saturating_add(MARK_LEN) {
                return Ok(None);
            }
            self.buffer.advance(MARK_LEN);
            let fragment = self.buffer.split_to(len);
            if mark & LAST_FRAGMENT != 0 {
                return Ok(Some(self.complete(fragment)));
            }
            self.fragments = self.fragments.saturating_add(1);
            if self.fragments > FRAGMENTS_MAX {
                return Err(RecordError::TooManyFragments);
            }
            self.before.extend_from_slice(&fragment);
        }
        Ok(None)
    }

    fn complete(&mut self, last: BytesMut) -> Bytes {
        if self.fragments == 0 {
            return last.freeze();
        }
        self.fragments = 0;
        let mut record = std::mem::take(&mut self.before);
        record.extend_from_slice(&last);
        record.freeze()
    }
}
