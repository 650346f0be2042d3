//! An object opened without a gateway: for the day on which there is none.

use std::io::{self, Read, Write};

use thiserror::Error;

use crate::{
    chunks::{ChunkError, ObjectKey, Place, has_tag},
    header::{HEADER_LEN, Header, HeaderError},
    key::{KeyId, ShareKey},
    sealed::index_of,
};

/// Why an object cannot be opened.
#[derive(Debug, Error)]
pub enum DecryptError {
    /// It is no object of ours.
    #[error("the object cannot be opened: {0}")]
    Header(#[from] HeaderError),
    /// Another key is needed.
    #[error("the object is encrypted with key {object}, and the key given is {given}")]
    OtherKey {
        /// That of the object.
        object: KeyId,
        /// That which was given.
        given: KeyId,
    },
    /// It was tampered with.
    #[error("the object cannot be opened: {0}")]
    Chunk(#[from] ChunkError),
    /// It cannot be read.
    #[error("cannot read the object")]
    Read(#[source] io::Error),
    /// The file cannot be written.
    #[error("cannot write the file")]
    Write(#[source] io::Error),
}

/// Reads a whole object, and writes the file that it is: how long that is. What is written before
/// an error is right, and is not all.
///
/// # Errors
/// The object is not whole, not ours, or cannot be read; the file cannot be written.
pub fn decrypt(
    key: &ShareKey,
    mut object: impl Read,
    mut file: impl Write,
) -> Result<u64, DecryptError> {
    let mut header = Vec::with_capacity(HEADER_LEN);
    read_up_to(&mut object, HEADER_LEN, &mut header)?;
    let header = Header::decode(&header)?;
    if header.key_id != key.id() {
        return Err(DecryptError::OtherKey {
            object: header.key_id,
            given: key.id(),
        });
    }
    let object_key = ObjectKey::new(key, &header);
    let chunk_len = index_of(header.layout.sealed_chunk_len());
    let (mut arrived, mut written) = (Vec::with_capacity(chunk_len + 1), 0);
    for index in 0.. {
        // One byte more tells that the chunk is not the last.
        read_up_to(&mut object, chunk_len + 1, &mut arrived)?;
        let is_last = arrived.len() <= chunk_len;
        let mut chunk = std::mem::take(&mut arrived);
        arrived.extend(chunk.drain(chunk_len.min(chunk.len())..));
        if !has_tag(chunk.len()) {
            return Err(ChunkError::CutOff(index).into());
        }
        let len = object_key.open(Place { index, is_last }, &mut chunk)?;
        file.write_all(&chunk[..len]).map_err(DecryptError::Write)?;
        written += len as u64;
        if is_last {
            break;
        }
    }
    file.flush().map_err(DecryptError::Write)?;
    Ok(written)
}

/// Reads until `bytes` has so many, or there are no more.
fn read_up_to(object: &mut impl Read, len: usize, bytes: &mut Vec<u8>) -> Result<(), DecryptError> {
    let missing = len.saturating_sub(bytes.len()) as u64;
    let read = object.by_ref().take(missing).read_to_end(bytes);
    read.map_err(DecryptError::Read).map(|_len| ())
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::*;

    /// Made by another program (Python's `cryptography`) from what the format's page says.
    const OF_ANOTHER_PROGRAM: &str = "435357594352505401100000000000003242ff86a643e9fe4673c1ee3d11000f\
        6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283\
        64a000f3d3c380410a138d3a35862d405ae716f236";

    fn key() -> ShareKey {
        let digits: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        ShareKey::parse(&Secret::new(digits)).unwrap()
    }

    #[test]
    fn what_another_program_wrote_by_the_format_opens() {
        let object = hex::decode(OF_ANOTHER_PROGRAM).unwrap();
        let mut file = Vec::new();
        assert_eq!(decrypt(&key(), &object[..], &mut file).unwrap(), 5);
        assert_eq!(file, b"hello");
    }

    #[test]
    fn nothing_is_written_of_what_is_not_whole() {
        let object = hex::decode(OF_ANOTHER_PROGRAM).unwrap();
        for len in 0..object.len() {
            let mut file = Vec::new();
            let refused = decrypt(&key(), &object[..len], &mut file);
            assert!(refused.is_err() && file.is_empty(), "{len} bytes");
        }
        let longer = [&object[..], b"x"].concat();
        let refused = decrypt(&key(), &longer[..], io::sink());
        assert!(matches!(
            refused,
            Err(DecryptError::Chunk(ChunkError::Changed(0)))
        ));
    }
}
