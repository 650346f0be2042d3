//! The five bytes before each record (RFC 8446, 5.1).

use crate::{TlsError, limits::RECORD_LEN_MAX};

pub(crate) const HEADER_LEN: usize = 5;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    Alert,
    Handshake,
    ApplicationData,
}

impl ContentType {
    pub(crate) const fn from_value(value: u8) -> Option<Self> {
        match value {
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            _ => None,
        }
    }

    pub(crate) const fn value(self) -> u8 {
        match self {
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
        }
    }
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) bytes: [u8; HEADER_LEN],
    pub(crate) content: ContentType,
    /// Of what follows.
    pub(crate) len: usize,
}

impl Header {
    /// `None` if there is not enough of it.
    pub(crate) fn decode(input: &[u8]) -> Result<Option<Self>, TlsError> {
        let Some(bytes) = input.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let [content, major, _, high, low] = *bytes;
        let content = ContentType::from_value(content).ok_or(TlsError::Unexpected)?;
        if major != 3 {
            return Err(TlsError::Unexpected);
        }
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len > RECORD_LEN_MAX {
            return Err(TlsError::RecordTooLong);
        }
        Ok(Some(Self {
            bytes: *bytes,
            content,
            len,
        }))
    }

    pub(crate) fn of(content: ContentType, len: usize) -> Self {
        let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        Self {
            bytes: [content.value(), 3, 3, high, low],
            content,
            len,
        }
    }
}
