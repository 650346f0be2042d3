//! Secrets made at first starts.

use model::Secret;
use rand::{TryRngCore as _, rngs::OsRng};

/// Bytes from the system's random source.
pub(crate) fn bytes<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    OsRng
        .try_fill_bytes(&mut bytes)
        .expect("the kernel has randomness once it has booted");
    bytes
}

/// `length` letters and digits: 62 of them carry almost six bits each.
pub(crate) fn secret(length: usize) -> Secret {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // The two values beyond the letters are thrown away: to fold them in would favour some.
        let [byte] = bytes::<1>();
        if let Some(letter) = LETTERS.get(usize::from(byte & 0x3f)) {
            text.push(char::from(*letter));
        }
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_length_and_differ() {
        let (one, other) = (secret(40), secret(40));
        assert_eq!(one.expose().len(), 40);
        assert!(one.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }
}
