//! Why a connection ends below its application.

use thiserror::Error;

/// Why a connection cannot go on.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The peers could not agree, or one is not who it says.
    #[error("handshake failed: {0}")]
    Handshake(#[source] rustls::Error),
    /// The peer closed before there was a connection.
    #[error("closed during the handshake")]
    Unfinished,
    /// The peer sent more than any handshake needs.
    #[error("the handshake is too long")]
    HandshakeTooLong,
    /// A record is longer than records are.
    #[error("the peer sent a record that is too long")]
    RecordTooLong,
    /// What a record holds is not what its sender put there.
    #[error("the peer sent a record that cannot be decrypted")]
    BadRecord,
    /// A record or message that has no place here.
    #[error("the peer sent a record out of place")]
    Unexpected,
    /// The peer gave up.
    #[error("the peer sent alert {0}")]
    PeerAlert(u8),
    /// A key that nothing can follow (TLS 1.2, or a kernel has it) has protected as much as it may;
    /// the peer must connect anew.
    #[error("the keys of this connection are used up")]
    KeysUsedUp,
    /// The cryptography library refuses.
    #[error("the cryptography library has failed")]
    Crypto,
}
