//! Alerts (RFC 8446, 6).

use crate::{TlsError, header::ContentType};

/// Level and description, as they are sent.
pub type Alert = [u8; 2];

/// The content type of records with alerts.
pub const ALERT: u8 = ContentType::Alert.value();
/// Nothing more comes.
pub const CLOSE_NOTIFY: Alert = [1, 0];
const UNEXPECTED_MESSAGE: Alert = [2, 10];
const BAD_RECORD_MAC: Alert = [2, 20];
const RECORD_OVERFLOW: Alert = [2, 22];
const INTERNAL_ERROR: Alert = [2, 80];

/// What an alert of the peer means.
pub(crate) enum Heard {
    /// It will send nothing more.
    Close,
    /// Nothing.
    Nothing,
}

/// `user_canceled`: announces `close_notify`.
const USER_CANCELED: u8 = 90;

pub(crate) fn hear(message: &[u8]) -> Result<Heard, TlsError> {
    match message {
        [_, 0] => Ok(Heard::Close),
        [_, USER_CANCELED] => Ok(Heard::Nothing),
        [_, description] => Err(TlsError::PeerAlert(*description)),
        _ => Err(TlsError::Unexpected),
    }
}

impl TlsError {
    /// What the peer is told about an error of records; a handshake has said it already.
    #[must_use]
    pub const fn alert(&self) -> Option<Alert> {
        match self {
            Self::RecordTooLong => Some(RECORD_OVERFLOW),
            Self::BadRecord => Some(BAD_RECORD_MAC),
            Self::Unexpected => Some(UNEXPECTED_MESSAGE),
            Self::Crypto => Some(INTERNAL_ERROR),
            Self::KeysUsedUp => Some(CLOSE_NOTIFY),
            Self::Handshake(_) | Self::Unfinished | Self::HandshakeTooLong | Self::PeerAlert(_) => {
                None
            }
        }
    }
}
