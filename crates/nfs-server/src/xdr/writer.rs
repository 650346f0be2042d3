//! Writing.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    buffer: BytesMut,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(capacity),
        }
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.buffer.put_u32(value);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.buffer.put_u64(value);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.u32(u32::from(value));
    }

    /// Opaque bytes with their length before them.
    pub(crate) fn opaque(&mut self, bytes: &[u8]) {
        self.u32(wire_len(bytes.len()));
        self.buffer.put_slice(bytes);
        self.buffer.put_bytes(0, padding(bytes.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Sets the word at the front, which was written before its value was known.
    pub(crate) fn set_first_word(&mut self, value: u32) {
        if let Some(word) = self.buffer.first_chunk_mut::<4>() {
            *word = value.to_be_bytes();
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        self.buffer.freeze()
    }
}

/// Zero bytes that follow `len` bytes of opaque data.
pub(crate) const fn padding(len: usize) -> usize {
    len.next_multiple_of(4).saturating_sub(len)
}

/// A length as the wire has it. Every buffer that we write is far below 4 GiB.
pub(crate) fn wire_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
