//! Keys of applications: each signs for any client ID, and answers for tokens.

use std::{collections::BTreeMap, sync::Arc};

use message_bus::admin::{AccessKey, IssuedCredential, TopicRights};
use model::{ClientId, Secret, Timestamp};

use super::{
    Registry,
    change::Change,
    credentials::{CredentialError, Entry, verify},
    rights::check_rights,
    secrets,
};
use crate::{
    error::RegistryError,
    limits::{ACCESS_KEYS_MAX, DESCRIPTION_LEN_MAX},
};

#[derive(Debug)]
struct Held {
    secret: Secret,
    description: String,
    created_at: Timestamp,
    rights: Option<Arc<TopicRights>>,
}

#[derive(Debug, Default)]
pub(super) struct AccessKeys(BTreeMap<String, Held>);

impl AccessKeys {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::AccessKey {
                access_key_id,
                secret,
                description,
                created_at,
                rights,
            } => {
                let held = Held {
                    secret,
                    description,
                    created_at,
                    rights: rights.map(Arc::new),
                };
                self.0.insert(access_key_id, held);
            }
            Change::RemoveAccessKey { access_key_id } => {
                self.0.remove(&access_key_id);
            }
            _ => {}
        }
    }

    pub(super) fn has(&self, access_key_id: &str) -> bool {
        self.0.contains_key(access_key_id)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.0.iter().map(|(id, held)| Change::AccessKey {
            access_key_id: id.clone(),
            secret: held.secret.clone(),
            description: held.description.clone(),
            created_at: held.created_at,
            rights: held.rights.as_deref().cloned(),
        })
    }
}

impl Registry {
    /// Makes an access key. Its secret is not told again.
    ///
    /// # Errors
    /// There are too many, the rights are not well formed, or it cannot be stored.
    pub fn create_access_key(
        &self,
        description: &str,
        rights: Option<TopicRights>,
    ) -> Result<IssuedCredential, RegistryError> {
        if description.len() > DESCRIPTION_LEN_MAX {
            let text = format!("a description has at most {DESCRIPTION_LEN_MAX} bytes");
            return Err(RegistryError::Refused(text));
        }
        rights.as_ref().map_or(Ok(()), check_rights)?;
        if self.identities.read().keys.0.len() >= ACCESS_KEYS_MAX {
            let text = format!("there are {ACCESS_KEYS_MAX} access keys; delete one first");
            return Err(RegistryError::Conflict(text));
        }
        let (access_key_id, secret) = (format!("ak-{}", secrets::id()), secrets::secret());
        self.commit(vec![Change::AccessKey {
            access_key_id: access_key_id.clone(),
            secret: secret.clone(),
            description: description.to_owned(),
            created_at: self.clock.wall(),
            rights,
        }])?;
        Ok(IssuedCredential {
            client_id: None,
            access_key_id,
            secret,
        })
    }

    /// Deletes an access key: its signatures and tokens are worthless from now on.
    pub(crate) fn delete_access_key(&self, access_key_id: &str) -> Result<(), RegistryError> {
        if !self.identities.read().keys.has(access_key_id) {
            return Err(no_key(access_key_id));
        }
        let access_key_id = access_key_id.to_owned();
        self.commit(vec![Change::RemoveAccessKey { access_key_id }])
    }

    pub(crate) fn access_keys(&self) -> Vec<AccessKey> {
        let identities = self.identities.read();
        let keys = identities.keys.0.iter().map(|(id, held)| AccessKey {
            access_key_id: id.clone(),
            description: held.description.clone(),
            created_at: held.created_at,
            rights: held.rights.as_deref().cloned(),
        });
        keys.collect()
    }

    /// Checks a signature of `client_id` by an access key.
    pub(crate) fn check_key_signature(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
        signature: &[u8],
    ) -> Result<Entry, CredentialError> {
        let identities = self.identities.read();
        let held = identities.keys.0.get(access_key_id);
        let held = held.ok_or(CredentialError::Unknown)?;
        verify(&held.secret, client_id, signature)?;
        Ok(Entry {
            credential: format!("key/{access_key_id}").into(),
            rights: held.rights.clone(),
        })
    }
}

pub(super) fn no_key(access_key_id: &str) -> RegistryError {
    RegistryError::NotFound(format!("access key `{access_key_id}`"))
}
