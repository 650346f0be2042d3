//! Bytes as an encrypted object: its header, and all of it with a key.

#![no_main]

use model::Secret;
use object_cipher::{Header, ShareKey, decrypt};

libfuzzer_sys::fuzz_target!(|object: &[u8]| {
    let read = Header::decode(object);
    let key = ShareKey::parse(&Secret::new("07".repeat(31) + "08")).expect("64 digits");
    // Nobody makes a tag by chance: what opens was written with the key.
    let opened = decrypt(&key, object, std::io::sink());
    assert!(opened.is_err(), "{read:?} was opened");
});
