//! Reading: total, bounded, and without copies of payloads.

use bytes::{Buf as _, Bytes};
use thiserror::Error;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum XdrError {
    /// The record ends within a value.
    #[error("record ends within a value")]
    Short,
    /// A length is above its bound.
    #[error("length {len} is above the bound {max}")]
    TooLong {
        /// What was announced.
        len: u32,
        /// What is allowed.
        max: u32,
    },
    /// A number that the enumeration does not have.
    #[error("{value} is no {what}")]
    BadValue {
        /// The enumeration.
        what: &'static str,
        /// The number.
        value: u32,
    },
}

/// Takes values from the front of a record.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(crate) const fn new(record: Bytes) -> Self {
        Self { rest: record }
    }

    pub(crate) fn u32(&mut self) -> Result<u32, XdrError> {
        self.rest.try_get_u32().map_err(|_short| XdrError::Short)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, XdrError> {
        self.rest.try_get_u64().map_err(|_short| XdrError::Short)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, XdrError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(XdrError::BadValue {
                what: "boolean",
                value,
            }),
        }
    }

    /// A value that a boolean announces.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Option<T>, XdrError> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Opaque bytes with their length before them: a part of the record itself, not a copy.
    pub(crate) fn opaque(&mut self, max: u32) -> Result<Bytes, XdrError> {
        let len = self.u32()?;
        if len > max {
            return Err(XdrError::TooLong { len, max });
        }
        let len = usize::try_from(len).map_err(|_too_long| XdrError::Short)?;
        if self.rest.len() < len {
            return Err(XdrError::Short);
        }
        let bytes = self.rest.split_to(len);
        let padding = len.next_multiple_of(4).saturating_sub(len);
        if self.rest.len() < padding {
            return Err(XdrError::Short);
        }
        self.rest.advance(padding);
        Ok(bytes)
    }
}
