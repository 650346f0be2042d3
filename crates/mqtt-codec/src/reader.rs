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
        if bytes.contains(&0) {
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
