//! What a kernel needs to make and open the records of a connection from now on, and what it
//! leaves to us: records that are not data.

use std::fmt;

use crate::{
    TlsError,
    alert::{self, Heard},
    header::ContentType,
};

/// The key of one direction, as it is now.
#[derive(Clone, Copy)]
pub struct KernelKey<'a> {
    /// What it is for.
    pub cipher: KernelCipher,
    /// The key itself, as long as the cipher wants it.
    pub key: &'a [u8],
    /// What a nonce is made of (RFC 8446, 5.3).
    pub iv: &'a [u8; 12],
    /// Records that it has protected.
    pub sequence: u64,
}

impl fmt::Debug for KernelKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KernelKey({:?})", self.cipher)
    }
}

/// A cipher of TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelCipher {
    /// AES-GCM with 128 bits.
    Aes128Gcm,
    /// AES-GCM with 256 bits.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// Both directions.
#[derive(Clone, Copy, Debug)]
pub struct KernelKeys<'a> {
    /// For what the peer sends.
    pub receive: KernelKey<'a>,
    /// For what it gets.
    pub send: KernelKey<'a>,
}

/// What a record that is not data means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The peer sends nothing more.
    Closed,
    /// Nothing.
    Nothing,
}

/// Takes a record that is not data, of the type `content`, from the kernel.
///
/// # Errors
/// The connection cannot go on: the peer gave up, or wants new keys, which kernels take since
/// Linux 6.14 only; it must connect anew then.
pub fn hear_control(content: u8, message: &[u8]) -> Result<Control, TlsError> {
    match ContentType::from_value(content) {
        Some(ContentType::Alert) => match alert::hear(message)? {
            Heard::Close => Ok(Control::Closed),
            Heard::Nothing => Ok(Control::Nothing),
        },
        Some(ContentType::Handshake) => Err(TlsError::KeysUsedUp),
        Some(ContentType::ApplicationData) | None => Err(TlsError::Unexpected),
    }
}
