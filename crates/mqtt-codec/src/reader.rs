//! Fields of a packet, read one after the other.

use crate::DecodeError;

/// What is left of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) const fn peek(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing)
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// MQTT 5, 1.5.5: seven bits a byte, four bytes at most, no byte more than needed.
    pub(crate) fn variable(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::VariableByteInteger);
                }
                return Ok(value);
            }
        }
        Err(DecodeError::VariableByteInteger)
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        self.binary().and_then(Self::text)
    }

    /// What `bytes` say, which may be anything but the null character (MQTT 5, 1.5.4).
    pub(crate) fn text(bytes: &'a [u8]) -> Result<&'a str, DecodeError> {
        let text = std::str::from_utf8(bytes).ok().ok_or(DecodeError::String)?;
        if has_any(bytes, [0]) {
            return Err(DecodeError::String);
        }
        Ok(text)
    }

    /// A block of `variable()` bytes, as properties are.
    pub(crate) fn block(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.variable()?;
        self.take(usize::try_from(len).ok().ok_or(DecodeError::Truncated)?)
    }
}

/// Whether one of `wanted` is among `bytes`, eight of which are looked at together: names are too
/// short for a search with vectors to pay.
pub(crate) fn has_any<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().any(|byte| wanted.contains(byte));
    };
    let (chunks, _) = bytes.as_chunks();
    let mut chunks = chunks.iter().chain([last]);
    chunks.any(|chunk| {
        let word = u64::from_ne_bytes(*chunk);
        wanted.iter().any(|byte| has_zero(word ^ every(*byte)))
    })
}

const fn every(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Whether a byte of `word` is zero: the subtraction borrows first from the lowest of those, and from
/// none if there is none (H. S. Warren, Hacker's Delight, 6-1).
const fn has_zero(word: u64) -> bool {
    word.wrapping_sub(every(0x01)) & !word & every(0x80) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_is() {
        for len in 0..40 {
            for at in 0..len {
                for filler in [1, 0x20, 0x7f, 0x80, 0x81, 0xff] {
                    let mut bytes = vec![filler; len];
                    assert!(!has_any(&bytes, [0, b'+', b'#']), "{len} of {filler}");
                    for wanted in [0, b'+', b'#'] {
                        *bytes.get_mut(at).unwrap() = wanted;
                        assert!(
                            has_any(&bytes, [0, b'+', b'#']),
                            "{wanted} at {at} of {len}"
                        );
                        assert!(has_any(&bytes, [wanted]), "{wanted} at {at} of {len}");
                    }
                }
            }
        }
    }
}
