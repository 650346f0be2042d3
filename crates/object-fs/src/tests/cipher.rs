//! A bucket whose objects are encrypted, for those who test what is in it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ::model::Secret;
use bytes::Bytes;
use object_cipher::{CipherStore, Layout, SALT_LEN, Salts, ShareKey, decrypt};
use object_store::{ObjectStore, StoreResult};

/// A key, and the salts of all who write with it.
#[derive(Clone)]
pub(crate) struct Cipher {
    key: ShareKey,
    salts: Arc<Counted>,
}

/// Salts that a simulation can repeat.
struct Counted(AtomicU64);

impl Salts for Counted {
    fn next(&self) -> StoreResult<[u8; SALT_LEN]> {
        let mut salt = [0; SALT_LEN];
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        salt[..8].copy_from_slice(&count.to_be_bytes());
        Ok(salt)
    }
}

impl Cipher {
    pub(in crate::tests) fn new(number: u64) -> Self {
        let key = ShareKey::parse(&Secret::new(format!("{number:064x}")));
        Self {
            key: key.unwrap(),
            salts: Arc::new(Counted(AtomicU64::new(0))),
        }
    }

    /// With chunks as small as blocks, so that the small files of a test have several.
    pub(in crate::tests) fn over(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let (key, salts) = (self.key.clone(), Arc::clone(&self.salts));
        let layout = Layout::of_log2(12);
        Arc::new(CipherStore::new(store, key, layout, salts))
    }

    /// What is in an object.
    pub(in crate::tests) fn open(&self, object: &Bytes) -> Bytes {
        let mut file = Vec::new();
        decrypt(&self.key, &object[..], &mut file).unwrap();
        file.into()
    }
}
