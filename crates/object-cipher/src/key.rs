//! Keys of shares, and what may be said of them aloud.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::{SecureRandom as _, SystemRandom},
};
use model::Secret;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::header::Header;

const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 16;
/// What is derived, so that nothing derived for one end serves another.
const FOR_KEY_ID: &[u8] = b"causeway key id 1";
const FOR_OBJECT: &[u8] = b"causeway object 1";

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is not 64 hexadecimal digits.
    #[error(
        "a key is 64 hexadecimal digits (256 bits), as `openssl rand -hex 32` or an export gives"
    )]
    Form,
    /// All its bytes are the same: nobody drew it by chance.
    #[error("a key of one repeated byte is no key; let the console make one")]
    Weak,
    /// The machine has no randomness.
    #[error("the machine gives no random bytes")]
    NoRandomness,
}

/// The key of a share: from it the key of each object is derived.
#[derive(Clone)]
pub struct ShareKey(Zeroizing<[u8; KEY_LEN]>);

/// Tells keys apart, and nothing of what they are: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; KEY_ID_LEN]);

struct IdLen;

impl KeyType for IdLen {
    fn len(&self) -> usize {
        KEY_ID_LEN
    }
}

impl ShareKey {
    /// A new one.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        let filled = SystemRandom::new().fill(&mut *bytes);
        filled.map_err(|_unspecified| KeyError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// From its 64 hexadecimal digits.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        let digits = text.expose().trim();
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_form| KeyError::Form)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(KeyError::Weak);
        }
        Ok(Self(bytes))
    }

    /// Its 64 hexadecimal digits, for those who keep it.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(hex::encode(*self.0))
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; KEY_ID_LEN];
        let extracted = Salt::new(HKDF_SHA256, &[]).extract(&*self.0);
        let derived = extracted.expand(&[FOR_KEY_ID], IdLen);
        derived
            .and_then(|derived| derived.fill(&mut id))
            .expect("HKDF gives up to 8,160 bytes");
        KeyId(id)
    }

    /// The key of the object with this header: another one for each header.
    pub(crate) fn of_object(&self, header: &Header) -> LessSafeKey {
        let extracted = Salt::new(HKDF_SHA256, &header.salt).extract(&*self.0);
        let fixed = header.fixed();
        let info = [FOR_OBJECT, &fixed];
        let derived = extracted.expand(&info, &AES_256_GCM);
        let derived = derived.expect("HKDF gives up to 8,160 bytes");
        LessSafeKey::new(UnboundKey::from(derived))
    }
}

impl fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShareKey({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut id = [0; KEY_ID_LEN];
        hex::decode_to_slice(text, &mut id).map_err(|_form| KeyError::Form)?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_digits_and_is_never_shown() {
        let key = ShareKey::random().unwrap();
        let again = ShareKey::parse(&key.to_secret()).unwrap();
        assert_eq!(*again.0, *key.0);
        let shown = format!("{key:?} {:?}", key.to_secret());
        assert!(!shown.contains(key.to_secret().expose()));
        assert!(shown.contains(&key.id().to_string()));
        assert_ne!(key.id(), ShareKey::random().unwrap().id());
        assert_eq!(key.id().to_string().parse(), Ok(key.id()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let refused = |text: &str| ShareKey::parse(&Secret::new(text)).unwrap_err();
        assert_eq!(refused("secret"), KeyError::Form);
        assert_eq!(refused(&"0".repeat(63)), KeyError::Form);
        assert_eq!(refused(&"ab".repeat(32)), KeyError::Weak);
    }

    #[test]
    fn what_is_derived_stays_what_it_is() {
        // Objects of years ago are to be opened: RFC 5869 with these words gives this.
        let digits: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        let key = ShareKey::parse(&Secret::new(digits)).unwrap();
        assert_eq!(key.id().to_string(), KNOWN_ID);
    }

    const KNOWN_ID: &str = "3242ff86a643e9fe4673c1ee3d11000f";
}
