//! Alerts (RFC 8446, 6).

use crate::TlsError;

/// Level and description, as they are sent.
pub(crate) type Alert = [u8; 2];

pub(crate) const CLOSE_NOTIFY: Alert = [1, 0];
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

/// What the peer is told about an error of records; a handshake has said it already.
pub(crate) const fn alert_of(error: &TlsError) -> Option<Alert> {
    match error {
        TlsError::RecordTooLong => Some(RECORD_OVERFLOW),
        TlsError::BadRecord => Some(BAD_RECORD_MAC),
        TlsError::Unexpected => Some(UNEXPECTED_MESSAGE),
        TlsError::Crypto => Some(INTERNAL_ERROR),
        TlsError::KeysUsedUp => Some(CLOSE_NOTIFY),
        TlsError::Handshake(_)
        | TlsError::Unfinished
        | TlsError::HandshakeTooLong
        | TlsError::PeerAlert(_) => None,
    }
}
