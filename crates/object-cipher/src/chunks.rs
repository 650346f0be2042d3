//! Chunks, sealed and opened in place.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use thiserror::Error;

use crate::{
    header::Header,
    key::ShareKey,
    layout::{Layout, TAG_LEN},
};

/// Why an object cannot be opened from a chunk on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// It is not what was written there, or was not the last and is now.
    #[error("chunk {0} is not what was written there; the object was changed, cut off or damaged")]
    Changed(u64),
    /// There are fewer chunks than were written.
    #[error("it is cut off in or before chunk {0}")]
    CutOff(u64),
}

/// Which chunk of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) is_last: bool,
}

impl Place {
    /// Never the same twice for an object's key; a chunk at another place, or one that was not
    /// the last and is now, does not open.
    fn nonce(self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[0] = u8::from(self.is_last);
        nonce[4..].copy_from_slice(&self.index.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The key of one object, with what else its header says.
pub(crate) struct ObjectKey {
    key: LessSafeKey,
    pub(crate) layout: Layout,
}

impl ObjectKey {
    pub(crate) fn new(key: &ShareKey, header: &Header) -> Self {
        Self {
            key: key.of_object(header),
            layout: header.layout,
        }
    }

    /// Seals the bytes; the tag that follows them.
    pub(crate) fn seal(&self, place: Place, bytes: &mut [u8]) -> impl AsRef<[u8]> + use<> {
        let sealed = self
            .key
            .seal_in_place_separate_tag(place.nonce(), Aad::empty(), bytes);
        sealed.expect("a chunk is shorter than what AES-GCM can take")
    }

    /// Opens a chunk with its tag in place; how long it is without.
    pub(crate) fn open(&self, place: Place, sealed: &mut [u8]) -> Result<usize, ChunkError> {
        let opened = self.key.open_in_place(place.nonce(), Aad::empty(), sealed);
        let opened = opened.map_err(|_unspecified| ChunkError::Changed(place.index))?;
        Ok(opened.len())
    }
}

/// Whether bytes can be a chunk at all.
pub(crate) const fn has_tag(sealed_len: usize) -> bool {
    sealed_len as u64 >= TAG_LEN
}
