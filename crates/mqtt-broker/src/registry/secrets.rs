//! Random ids and secrets, from the system's random source.

use model::Secret;
use rand::{TryRngCore as _, rngs::OsRng};

/// Bytes of a secret: as many as SHA-256 gives.
const SECRET_LEN: usize = 32;
/// Bytes of an id: nobody guesses it, and no two are the same.
const ID_LEN: usize = 12;

fn bytes<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    OsRng
        .try_fill_bytes(&mut bytes)
        .expect("the kernel has randomness once it has booted");
    bytes
}

pub(super) fn id() -> String {
    hex::encode(bytes::<ID_LEN>())
}

pub(super) fn secret() -> Secret {
    Secret::new(hex::encode(bytes::<SECRET_LEN>()))
}
