//! One direction's key, and how it protects records in either version.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use rustls::ConnectionTrafficSecrets;
use zeroize::Zeroizing;

use crate::{
    TlsError,
    header::{ContentType, HEADER_LEN, Header},
    kernel::{KernelCipher, KernelKey},
    limits::PLAIN_LEN_MAX,
};

const KEY_LEN_MAX: usize = 32;
pub(crate) const TAG_LEN: usize = 16;
/// Part of each nonce of AES-GCM in TLS 1.2, sent with the record (RFC 5288, 3).
pub(crate) const EXPLICIT_NONCE_LEN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suite {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Suite {
    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }
}

/// The key of one direction, and how many records it has protected.
pub(crate) struct Key {
    bytes: Zeroizing<[u8; KEY_LEN_MAX]>,
    iv: [u8; NONCE_LEN],
    pub(crate) sequence: u64,
    suite: Suite,
    version: Version,
}

/// A key made ready for some records.
pub(crate) struct Schedule(LessSafeKey);

impl Key {
    pub(crate) fn new(
        version: Version,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, TlsError> {
        let (suite, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Suite::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Suite::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (Suite::ChaCha20Poly1305, key, iv)
            }
            _ => return Err(TlsError::Crypto),
        };
        let mut bytes = Zeroizing::new([0; KEY_LEN_MAX]);
        // A key of 128 bits may come with 256 bits of room, too.
        let secret = key.as_ref().get(..suite.algorithm().key_len());
        for (to, from) in bytes.iter_mut().zip(secret.ok_or(TlsError::Crypto)?) {
            *to = *from;
        }
        let iv = iv.as_ref().try_into().ok().ok_or(TlsError::Crypto)?;
        Ok(Self {
            bytes,
            iv,
            sequence,
            suite,
            version,
        })
    }

    pub(crate) fn schedule(&self) -> Result<Schedule, TlsError> {
        let algorithm = self.suite.algorithm();
        let key = self.bytes.get(..algorithm.key_len());
        UnboundKey::new(algorithm, key.ok_or(TlsError::Crypto)?)
            .map(|key| Schedule(LessSafeKey::new(key)))
            .ok()
            .ok_or(TlsError::Crypto)
    }

    pub(crate) fn of_kernel(&self) -> KernelKey<'_> {
        let cipher = match self.suite {
            Suite::Aes128Gcm => KernelCipher::Aes128Gcm,
            Suite::Aes256Gcm => KernelCipher::Aes256Gcm,
            Suite::ChaCha20Poly1305 => KernelCipher::ChaCha20Poly1305,
        };
        let key = self.bytes.get(..self.suite.algorithm().key_len());
        KernelKey {
            cipher,
            key: key.unwrap_or_default(),
            iv: &self.iv,
            sequence: self.sequence,
        }
    }

    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    /// Bytes of a record that are neither plain text nor tag.
    const fn explicit_nonce_len(&self) -> usize {
        match (self.version, self.suite) {
            (Version::Tls12, Suite::Aes128Gcm | Suite::Aes256Gcm) => EXPLICIT_NONCE_LEN,
            (Version::Tls12, Suite::ChaCha20Poly1305) | (Version::Tls13, _) => 0,
        }
    }

    /// RFC 8446, 5.3; RFC 7905, 2; and what a sender of RFC 5288 may choose.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        let (_, low) = nonce.split_at_mut(NONCE_LEN.saturating_sub(size_of::<u64>()));
        for (byte, of_sequence) in low.iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= of_sequence;
        }
        nonce
    }

    fn next(&mut self) -> Result<(), TlsError> {
        self.sequence = self.sequence.checked_add(1).ok_or(TlsError::KeysUsedUp)?;
        Ok(())
    }

    /// Decrypts the record behind `header` to the front of `room`, whose end is the record's.
    pub(crate) fn open(
        &mut self,
        schedule: &Schedule,
        header: &Header,
        room: &mut [u8],
    ) -> Result<(ContentType, usize), TlsError> {
        let nonce_len = self.explicit_nonce_len();
        let overhead = nonce_len.saturating_add(TAG_LEN);
        let plain_len = header
            .len
            .checked_sub(overhead)
            .ok_or(TlsError::BadRecord)?;
        let start = room
            .len()
            .checked_sub(header.len)
            .ok_or(TlsError::BadRecord)?;
        let sealed = start.saturating_add(nonce_len);
        let mut nonce = self.nonce();
        if nonce_len > 0 {
            let explicit = room.get(start..sealed).unwrap_or_default();
            let (_, low) = nonce.split_at_mut(NONCE_LEN.saturating_sub(EXPLICIT_NONCE_LEN));
            for (byte, sent) in low.iter_mut().zip(explicit) {
                *byte = *sent;
            }
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = match self.version {
            Version::Tls13 => {
                schedule
                    .0
                    .open_within(nonce, Aad::from(header.bytes), room, sealed..)
            }
            Version::Tls12 => {
                let aad = self.tls12_aad(header.content, plain_len);
                schedule
                    .0
                    .open_within(nonce, Aad::from(aad), room, sealed..)
            }
        };
        let plain = opened.ok().ok_or(TlsError::BadRecord)?;
        let found = match self.version {
            Version::Tls12 => (header.content, plain.len()),
            Version::Tls13 => inner(plain)?,
        };
        if found.1 > PLAIN_LEN_MAX {
            return Err(TlsError::RecordTooLong);
        }
        self.next()?;
        Ok(found)
    }

    /// Appends a record with `plain`, at most [`PLAIN_LEN_MAX`] bytes, to `out`.
    pub(crate) fn seal(
        &mut self,
        schedule: &Schedule,
        (content, plain): (ContentType, &[u8]),
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let nonce = self.nonce();
        let nonce_len = self.explicit_nonce_len();
        let type_len = usize::from(self.version == Version::Tls13);
        let len = [nonce_len, plain.len(), type_len, TAG_LEN].iter().sum();
        let header = match self.version {
            Version::Tls12 => Header::of(content, len),
            Version::Tls13 => Header::of(ContentType::ApplicationData, len),
        };
        out.reserve(len.saturating_add(HEADER_LEN));
        out.extend_from_slice(&header.bytes);
        let (_, explicit) = nonce.split_at(NONCE_LEN.saturating_sub(nonce_len));
        out.extend_from_slice(explicit);
        let start = out.len();
        out.extend_from_slice(plain);
        if type_len > 0 {
            out.push(content.value());
        }
        let sealed = out.get_mut(start..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = match self.version {
            Version::Tls13 => {
                schedule
                    .0
                    .seal_in_place_separate_tag(nonce, Aad::from(header.bytes), sealed)
            }
            Version::Tls12 => {
                let aad = self.tls12_aad(content, plain.len());
                schedule
                    .0
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), sealed)
            }
        };
        out.extend_from_slice(tag.ok().ok_or(TlsError::Crypto)?.as_ref());
        self.next()
    }

    /// RFC 5246, 6.2.3.3.
    fn tls12_aad(&self, content: ContentType, plain_len: usize) -> [u8; 13] {
        let [a, b, c, d, e, f, g, h] = self.sequence.to_be_bytes();
        let [high, low] = u16::try_from(plain_len).unwrap_or(u16::MAX).to_be_bytes();
        [a, b, c, d, e, f, g, h, content.value(), 3, 3, high, low]
    }
}

/// The real type stands behind the plain text, before padding (RFC 8446, 5.2).
fn inner(plain: &[u8]) -> Result<(ContentType, usize), TlsError> {
    let at = plain.iter().rposition(|&b| b != 0);
    let at = at.ok_or(TlsError::Unexpected)?;
    let content = plain.get(at).copied().and_then(ContentType::from_value);
    Ok((content.ok_or(TlsError::Unexpected)?, at))
}
