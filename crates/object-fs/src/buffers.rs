//! Buffers that answers to reads are made in. They come back when the answer has gone.
//!
//! A new one is filled with zeros, which takes a good part of the time that reading from memory
//! does.
//! Invariant: what a buffer held before is never seen. Whoever takes one writes all of it.

use bytes::Bytes;
use parking_lot::Mutex;

/// Buffers are as long as a power of two from here on.
const LEN_MIN: usize = 4 << 10;
/// So many powers: up to 16 MiB, more than an answer ever takes.
const CLASSES: usize = 13;
/// Bytes that are kept of each length, for all shares: as much as is on its way at a time.
const SPARE_BYTES_MAX: usize = 16 << 20;

/// Of each length those that nobody uses just now.
static SPARE: [Mutex<Vec<Box<[u8]>>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];

/// One that is in use.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl Buffer {
    /// Of this length, with anything in it.
    pub(crate) fn take(len: usize) -> Self {
        let whole = len.next_power_of_two().max(LEN_MIN);
        let spare = class(whole).and_then(|class| class.lock().pop());
        let bytes = spare.unwrap_or_else(|| vec![0; whole].into());
        Self { bytes, len }
    }
}

/// Where buffers of this length are kept.
fn class(len: usize) -> Option<&'static Mutex<Vec<Box<[u8]>>>> {
    let number = len.checked_ilog2()?.checked_sub(LEN_MIN.ilog2())?;
    SPARE.get(usize::try_from(number).ok()?)
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        Self::from_owner(buffer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let Some(class) = class(bytes.len()) else {
            return;
        };
        let mut spare = class.lock();
        if spare.len() * bytes.len() < SPARE_BYTES_MAX {
            spare.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_all_that_was_made_of_it_has_gone() {
        // No other test reads so much at a time.
        const LEN: usize = 12 << 20;
        let kept = || class(LEN.next_power_of_two()).unwrap().lock().len();
        let mut buffer = Buffer::take(LEN);
        buffer.as_mut().fill(7);
        let bytes = Bytes::from(buffer);
        let (part, at) = (bytes.slice(LEN - 10..), bytes.as_ptr());
        drop(bytes);
        assert_eq!((&part[..], kept()), (&[7; 10][..], 0));
        drop(part);
        assert_eq!(kept(), 1);
        let again = [Buffer::take(LEN + 1), Buffer::take(LEN - 1)];
        assert_eq!(again[0].as_ref().as_ptr(), at);
        drop(again);
        assert_eq!(kept(), 1, "what is kept is bounded");
    }
}
