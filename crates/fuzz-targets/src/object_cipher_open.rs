//! Bytes as an encrypted object: its header, and all of it with a key.

use model::Secret;
use object_cipher::{Header, ShareKey, decrypt};

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(object: &[u8]) {
    let read = Header::decode(object);
    let key = ShareKey::parse(&Secret::new("07".repeat(31) + "08")).expect("64 digits");
    // Nobody makes a tag by chance: what opens was written with the key.
    let opened = decrypt(&key, object, std::io::sink());
    assert!(opened.is_err(), "{read:?} was opened");
}
