//! Secrets at rest: AES-256-GCM with a key in a file beside the database.
//!
//! A copy of the database alone (a backup, a disk image of the database server) shows no secret.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand::{SecureRandom as _, SystemRandom},
};
use model::Secret;

use crate::error::{DatabaseError, Result};

const KEY_LEN: usize = 32;

/// Seals and opens secrets.
#[derive(Debug)]
pub(crate) struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// Reads the key file; makes one, readable to its owner only, if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let key = read_or_create(path).map_err(|source| DatabaseError::KeyFile {
            path: path.display().to_string(),
            source,
        })?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|e| {
            DatabaseError::corrupt(
                "the key file",
                format!("it must hold {KEY_LEN} bytes ({e})"),
            )
        })?;
        Ok(Self(key))
    }

    /// Seals `secret` for one place; it opens at no other place, so rows cannot be swapped.
    pub(crate) fn seal(&self, secret: &Secret, place: &str) -> Result<Vec<u8>> {
        let mut sealed = secret.expose().as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .map_err(|_unspecified| DatabaseError::Sealed)?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// Opens what [`Self::seal`] made for the same place.
    pub(crate) fn open_sealed(&self, sealed: &[u8], place: &str) -> Result<Secret> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(DatabaseError::Sealed)?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .0
            .open_in_place(Nonce::from(nonce), Aad::from(place), &mut sealed)
            .map_err(|_unspecified| DatabaseError::Sealed)?;
        let text =
            std::str::from_utf8(plain).map_err(|e| DatabaseError::corrupt("a sealed secret", e))?;
        Ok(Secret::new(text))
    }
}

fn read_or_create(path: &Path) -> std::io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path),
        other => other,
    }
}

/// Written beside its place and moved there, so that a crash leaves a whole key or none.
fn create(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_LEN];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_unspecified| std::io::Error::other("the machine gives no random bytes"))?;
    let draft = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&key)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    if let Some(directory) = path.parent() {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_at_its_place_and_with_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(&dir.path().join("key")).unwrap();
        let sealed = sealer.seal(&Secret::new("hush"), "share/a").unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"hush"));

        let again = Sealer::open(&dir.path().join("key")).unwrap();
        assert_eq!(
            again.open_sealed(&sealed, "share/a").unwrap().expose(),
            "hush"
        );
        assert!(again.open_sealed(&sealed, "share/b").is_err());
        assert!(again.open_sealed(&sealed[..5], "share/a").is_err());
        let other = Sealer::open(&dir.path().join("other")).unwrap();
        assert!(other.open_sealed(&sealed, "share/a").is_err());
    }
}
