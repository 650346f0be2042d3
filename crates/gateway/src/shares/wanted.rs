//! What is wanted, on disk: the last intent, and the shares that were removed while they held
//! data that was not yet in their bucket.

use std::{io, path::PathBuf};

use model::{Intent, ShareSettings};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::files;

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// The newest intent.
    pub(crate) intent: Intent,
    /// Shares to be emptied into their buckets, then forgotten.
    #[serde(with = "model::guarded_shares")]
    pub(crate) retired: Vec<ShareSettings>,
}

/// The file it is kept in.
#[derive(Clone, Debug)]
pub(crate) struct WantedFile(pub(crate) PathBuf);

impl WantedFile {
    pub(crate) fn load(&self) -> io::Result<Wanted> {
        Ok(files::read_json(&self.0)?.unwrap_or_default())
    }

    /// When it returns, it is on disk. Blocks.
    pub(crate) fn store(&self, wanted: &Wanted) -> io::Result<()> {
        files::write_json(&self.0, wanted)
    }
}

/// A share's place on the cache disk: its name and what it is over. A share that is moved to
/// another bucket gets another place, so what it held for the old one is never mixed up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn of(settings: &ShareSettings) -> Self {
        let bucket = &settings.bucket;
        let mut hash = Sha256::new();
        for part in [&bucket.endpoint, &bucket.bucket, &bucket.prefix] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let tail: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
        Self(format!("{}.{tail}", settings.name))
    }

    /// The name of its directory.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The file system id of its file handles, before its cache adds its own: the same after each
    /// restart.
    pub(crate) fn fs_id(&self) -> u64 {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}
