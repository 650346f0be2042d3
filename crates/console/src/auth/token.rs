//! Tokens of logins and other random words.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::Secret;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

const TOKEN_LEN: usize = 32;
const PASSWORD_LEN: usize = 20;
const KEY_ID_LEN: usize = 20;
/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A new token, 256 bits of it random.
pub(crate) fn random() -> Secret {
    let bytes: [u8; TOKEN_LEN] = rand::rng().random();
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the database keeps of a token. It is looked up by this hash: how long the look-up takes
/// says nothing about the token.
pub(crate) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// A password to be read from a screen, 100 bits of it random.
pub(crate) fn random_password() -> Secret {
    Secret::new(word(PASSWORD_LEN))
}

/// An access key id.
pub(crate) fn random_key_id() -> String {
    word(KEY_ID_LEN)
}

fn word(len: usize) -> String {
    let mut rng = rand::rng();
    (0..len)
        .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
        .map(|&b| char::from(b))
        .collect()
}
