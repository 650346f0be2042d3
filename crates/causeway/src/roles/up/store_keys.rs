//! The one key pair of the embedded object store.

use std::path::Path;

use model::Secret;
use serde::{Deserialize, Serialize};

use crate::{error::RoleError, private_file, random};

/// As kept in `object-store.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoreKeys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
}

const FILE: &str = "object-store.json";
// The lengths of Amazon's own, which some clients check.
const ID_LEN: usize = 20;
const SECRET_LEN: usize = 40;

impl StoreKeys {
    /// The pair of an earlier start, or a new one.
    pub(super) fn open(data: &Path) -> Result<Self, RoleError> {
        let path = data.join(FILE);
        let broken = |source| RoleError::Broken {
            path: path.clone(),
            advice: "remove it, and give the share `demo` the new keys that the next start makes",
            source,
        };
        if let Some(text) = private_file::read_private(&path)? {
            return serde_json::from_str(&text).map_err(broken);
        }
        let keys = Self {
            access_key_id: random::secret(ID_LEN).expose().to_owned(),
            secret_access_key: random::secret(SECRET_LEN),
        };
        let json = serde_json::to_vec_pretty(&keys).map_err(broken)?;
        private_file::write(&path, &json)?;
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_start_has_the_same_keys() {
        let dir = tempfile::tempdir().unwrap();
        let first = StoreKeys::open(dir.path()).unwrap();
        let second = StoreKeys::open(dir.path()).unwrap();
        assert_eq!(first.access_key_id, second.access_key_id);
        assert_eq!(first.secret_access_key, second.secret_access_key);
    }
}
