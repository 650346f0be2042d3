//! The first bytes of an encrypted object.

use thiserror::Error;

use crate::{
    key::{KeyId, ShareKey},
    layout::{CHUNK_LOG2_MAX, CHUNK_LOG2_MIN, Layout},
};

/// Bytes before the first chunk.
pub const HEADER_LEN: usize = 64;
/// Random bytes of a header.
pub const SALT_LEN: usize = 32;
/// Of those before the salt, which go into the derivation of the object's key.
const FIXED_LEN: usize = HEADER_LEN - SALT_LEN;
const MAGIC: [u8; 8] = *b"CSWYCRPT";
const VERSION: u8 = 1;

/// Why bytes are not the beginning of an object that can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// They begin otherwise, or are too few.
    #[error("it is not encrypted by Causeway")]
    NotEncrypted,
    /// A later form.
    #[error("its format is version {0}, and this program reads version 1")]
    Version(u8),
    /// A chunk length that nobody writes.
    #[error("its header is damaged")]
    Damaged,
}

/// What an object says of itself before its first chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How long its chunks are.
    pub layout: Layout,
    /// Which share key opens it.
    pub key_id: KeyId,
    /// Random for each put.
    pub salt: [u8; SALT_LEN],
}

impl Header {
    pub(crate) fn new(key: &ShareKey, layout: Layout, salt: [u8; SALT_LEN]) -> Self {
        let key_id = key.id();
        Self {
            layout,
            key_id,
            salt,
        }
    }

    /// Reads the first [`HEADER_LEN`] bytes of an object.
    ///
    /// # Errors
    /// They are not what this program writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(HeaderError::NotEncrypted)?;
        let salt = *rest
            .first_chunk::<SALT_LEN>()
            .ok_or(HeaderError::NotEncrypted)?;
        let (magic, rest) = fixed.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(HeaderError::NotEncrypted);
        }
        let [version, chunk_log2, reserved @ ..] = rest else {
            return Err(HeaderError::Damaged);
        };
        if *version != VERSION {
            return Err(HeaderError::Version(*version));
        }
        let is_known = (CHUNK_LOG2_MIN..=CHUNK_LOG2_MAX).contains(chunk_log2);
        let (reserved, key_id) = reserved.split_last_chunk().ok_or(HeaderError::Damaged)?;
        if !is_known || reserved.iter().any(|byte| *byte != 0) {
            return Err(HeaderError::Damaged);
        }
        Ok(Self {
            layout: Layout::of_log2(*chunk_log2),
            key_id: KeyId(*key_id),
            salt,
        })
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let (fixed, salt) = bytes.split_at_mut(FIXED_LEN);
        fixed.copy_from_slice(&self.fixed());
        salt.copy_from_slice(&self.salt);
        bytes
    }

    /// All but the salt.
    pub(crate) fn fixed(&self) -> [u8; FIXED_LEN] {
        let mut fixed = [0; FIXED_LEN];
        fixed[..8].copy_from_slice(&MAGIC);
        fixed[8] = VERSION;
        fixed[9] = self.layout.chunk_log2();
        fixed[16..].copy_from_slice(&self.key_id.0);
        fixed
    }
}
