//! Device credentials, in memory.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::Arc,
};

use hmac::{Hmac, Mac as _};
use message_bus::admin::{
    CredentialQuery, CredentialsPage, DeviceCredential, IssuedCredential, TopicRights,
};
use model::{ClientId, Credential, Secret, Timestamp};
use sha1::Sha1;

use super::{Registry, change::Change, page::page, rights::check_rights, secrets};
use crate::{
    error::RegistryError,
    limits::{ACCESS_KEY_ID_LEN_MAX, CREDENTIALS_MAX},
};

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialError {
    /// Never registered, used up or withdrawn: the registry does not remember which.
    Unknown,
    /// The signature is right but comes too late.
    Expired(Timestamp),
    /// The signature was not made with the secret of this credential.
    Signature,
}

/// How a client came in.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The id of a device credential, `key/<access key id>`, or `x509/<authority>/<serial>`.
    pub(crate) credential: Arc<str>,
    /// Its rights, if they are less than those of its group.
    pub(crate) rights: Option<Arc<TopicRights>>,
}

#[derive(Debug)]
struct Held {
    access_key_id: Arc<str>,
    secret: Secret,
    expires_at: Option<Timestamp>,
    /// Nothing for what came before this was remembered.
    created_at: Option<Timestamp>,
    rights: Option<Arc<TopicRights>>,
}

impl Held {
    fn change(&self, client_id: &ClientId) -> Change {
        Change::Register {
            client_id: client_id.clone(),
            access_key_id: self.access_key_id.to_string(),
            secret: self.secret.clone(),
            expires_at: self.expires_at,
            created_at: self.created_at,
            rights: self.rights.as_deref().cloned(),
        }
    }

    fn shown(&self, client_id: &ClientId) -> DeviceCredential {
        DeviceCredential {
            client_id: client_id.to_string(),
            access_key_id: self.access_key_id.to_string(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            rights: self.rights.as_deref().cloned(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Credentials(BTreeMap<ClientId, Vec<Held>>);

impl Credentials {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Register {
                client_id,
                access_key_id,
                secret,
                expires_at,
                created_at,
                rights,
            } => {
                let held = self.0.entry(client_id).or_default();
                held.retain(|h| *h.access_key_id != *access_key_id);
                held.push(Held {
                    access_key_id: access_key_id.into(),
                    secret,
                    expires_at,
                    created_at,
                    rights: rights.map(Arc::new),
                });
                held.shrink_to_fit();
            }
            Change::Withdraw {
                client_id,
                access_key_id,
            } => self.withdraw(client_id, &access_key_id),
            Change::Expel { client_id } => {
                self.0.remove(&client_id);
            }
            _ => {}
        }
    }

    fn withdraw(&mut self, client_id: ClientId, access_key_id: &str) {
        if let btree_map::Entry::Occupied(mut held) = self.0.entry(client_id) {
            held.get_mut()
                .retain(|h| *h.access_key_id != *access_key_id);
            if held.get().is_empty() {
                held.remove();
            }
        }
    }

    pub(super) fn holds(&self, client_id: &ClientId, access_key_id: &str) -> bool {
        self.find(client_id, access_key_id).is_some()
    }

    /// What must go to make room for another credential: those that have expired.
    ///
    /// `None` if there is no room even then.
    fn make_room(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
        now: Timestamp,
    ) -> Option<Vec<Change>> {
        let Some(held) = self.0.get(client_id) else {
            return Some(Vec::new());
        };
        let others = held.iter().filter(|h| &*h.access_key_id != access_key_id);
        let (gone, stay): (Vec<_>, Vec<_>) =
            others.partition(|h| h.expires_at.is_some_and(|e| e < now));
        if stay.len() >= CREDENTIALS_MAX {
            return None;
        }
        let withdraw = |h: &&Held| Change::Withdraw {
            client_id: client_id.clone(),
            access_key_id: h.access_key_id.to_string(),
        };
        Some(gone.iter().map(withdraw).collect())
    }

    /// Checks `signature`, which must be HMAC-SHA1 of the client ID.
    fn check(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
        signature: &[u8],
        now: Timestamp,
    ) -> Result<Entry, CredentialError> {
        let held = self
            .find(client_id, access_key_id)
            .ok_or(CredentialError::Unknown)?;
        verify(&held.secret, client_id, signature)?;
        match held.expires_at {
            Some(at) if at < now => Err(CredentialError::Expired(at)),
            _ => Ok(Entry {
                credential: Arc::clone(&held.access_key_id),
                rights: held.rights.clone(),
            }),
        }
    }

    fn find(&self, client_id: &ClientId, access_key_id: &str) -> Option<&Held> {
        let held = self.0.get(client_id)?;
        held.iter().find(|h| &*h.access_key_id == access_key_id)
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.0
            .iter()
            .flat_map(|(client_id, held)| held.iter().map(|h| h.change(client_id)))
    }

    /// How many devices of a group have a credential.
    pub(super) fn count(&self, group: &str) -> usize {
        self.of_group(group, None).count()
    }

    /// Devices of a group, behind `after` if it is given.
    fn of_group<'a>(
        &'a self,
        group: &'a str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a ClientId, &'a Vec<Held>)> {
        // A group's clients stand together: their IDs begin with it.
        let first = format!("{group}@@@-").parse::<ClientId>().ok();
        let start = after.and_then(|after| after.parse().ok());
        let from = match (start, first) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(first)) => Bound::Included(first),
            (None, None) => Bound::Unbounded,
        };
        self.0
            .range((from, Bound::Unbounded))
            .take_while(move |(id, _)| id.group() == group)
    }
}

/// Whether `signature` is HMAC-SHA1 of the client ID by `secret`; in constant time.
pub(super) fn verify(
    secret: &Secret,
    client_id: &ClientId,
    signature: &[u8],
) -> Result<(), CredentialError> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(client_id.as_str().as_bytes());
    mac.verify_slice(signature)
        .or(Err(CredentialError::Signature))
}

impl Registry {
    /// Lets clients in with these credentials, besides those they have. One write to disk.
    ///
    /// # Errors
    /// A credential breaks a rule, a client has too many, or they cannot be stored; then none
    /// counts.
    pub fn register(
        &self,
        credentials: &[(ClientId, Credential, Option<Timestamp>)],
    ) -> Result<(), RegistryError> {
        let now = self.clock.wall();
        let mut changes = Vec::with_capacity(credentials.len());
        for (client_id, credential, expires_at) in credentials {
            check_credential(credential)?;
            let identities = self.identities.read();
            let id = &credential.access_key_id;
            let Some(room) = identities.credentials.make_room(client_id, id, now) else {
                let text = format!("{client_id} has too many credentials; withdraw one first");
                return Err(RegistryError::Refused(text));
            };
            changes.extend(room);
            changes.push(Change::Register {
                client_id: client_id.clone(),
                access_key_id: credential.access_key_id.clone(),
                secret: credential.secret.clone(),
                expires_at: *expires_at,
                created_at: Some(now),
                rights: None,
            });
        }
        self.commit(changes)
    }

    /// Withdraws one credential. Does not close connections; the bus does.
    pub(crate) fn withdraw(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
    ) -> Result<(), RegistryError> {
        if !self.holds(client_id, access_key_id) {
            return Ok(());
        }
        let (client_id, access_key_id) = (client_id.clone(), access_key_id.to_owned());
        self.commit(vec![Change::Withdraw {
            client_id,
            access_key_id,
        }])
    }

    /// Withdraws all credentials of a client.
    pub(crate) fn expel(&self, client_id: &ClientId) -> Result<(), RegistryError> {
        self.commit(vec![Change::Expel {
            client_id: client_id.clone(),
        }])
    }

    /// Whether a client could connect with this credential, were its signature right.
    pub(crate) fn holds(&self, client_id: &ClientId, access_key_id: &str) -> bool {
        let identities = self.identities.read();
        identities.credentials.holds(client_id, access_key_id)
    }

    pub(crate) fn check_signature(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
        signature: &[u8],
    ) -> Result<Entry, CredentialError> {
        let now = self.clock.wall();
        let identities = self.identities.read();
        let credentials = &identities.credentials;
        credentials.check(client_id, access_key_id, signature, now)
    }

    /// Makes a credential for a device that has none.
    ///
    /// # Errors
    /// Its group does not exist, it has a credential, or the rights are not well formed.
    pub fn register_device(
        &self,
        client_id: &ClientId,
        rights: Option<TopicRights>,
    ) -> Result<IssuedCredential, RegistryError> {
        self.rules()
            .check_group(client_id.group())
            .map_err(|refusal| RegistryError::Refused(refusal.to_string()))?;
        rights.as_ref().map_or(Ok(()), check_rights)?;
        if self.identities.read().credentials.0.contains_key(client_id) {
            let text = format!("{client_id} has a credential; refresh it to get a new one");
            return Err(RegistryError::Conflict(text));
        }
        self.issue(client_id, rights, Vec::new())
    }

    /// Replaces the credentials of a device by one, with the same rights.
    pub(crate) fn refresh_device(
        &self,
        client_id: &ClientId,
    ) -> Result<IssuedCredential, RegistryError> {
        let identities = self.identities.read();
        let held = identities.credentials.0.get(client_id);
        let held = held.ok_or_else(|| no_device(client_id))?;
        let rights = held.last().and_then(|h| h.rights.as_deref().cloned());
        drop(identities);
        let client = client_id.clone();
        self.issue(client_id, rights, vec![Change::Expel { client_id: client }])
    }

    fn issue(
        &self,
        client_id: &ClientId,
        rights: Option<TopicRights>,
        mut changes: Vec<Change>,
    ) -> Result<IssuedCredential, RegistryError> {
        let (access_key_id, secret) = (format!("dc-{}", secrets::id()), secrets::secret());
        changes.push(Change::Register {
            client_id: client_id.clone(),
            access_key_id: access_key_id.clone(),
            secret: secret.clone(),
            expires_at: None,
            created_at: Some(self.clock.wall()),
            rights,
        });
        self.commit(changes)?;
        Ok(IssuedCredential {
            client_id: Some(client_id.to_string()),
            access_key_id,
            secret,
        })
    }

    pub(crate) fn unregister_device(&self, client_id: &ClientId) -> Result<(), RegistryError> {
        if !self.identities.read().credentials.0.contains_key(client_id) {
            return Err(no_device(client_id));
        }
        self.expel(client_id)
    }

    pub(crate) fn device(&self, client_id: &ClientId) -> Result<CredentialsPage, RegistryError> {
        let identities = self.identities.read();
        let held = identities.credentials.0.get(client_id);
        let held = held.ok_or_else(|| no_device(client_id))?;
        let items = held.iter().map(|h| h.shown(client_id)).collect();
        Ok(CredentialsPage { items, next: None })
    }

    pub(crate) fn devices(&self, query: &CredentialQuery) -> CredentialsPage {
        let identities = self.identities.read();
        let (group, after) = (query.group.as_str(), query.after.as_deref());
        let devices = identities.credentials.of_group(group, after);
        let (devices, next) = page(devices, query.limit);
        let of_device = |(id, held): (&ClientId, &Vec<Held>)| -> Vec<DeviceCredential> {
            held.iter().map(|h| h.shown(id)).collect()
        };
        let items = devices.into_iter().flat_map(of_device).collect();
        CredentialsPage { items, next }
    }
}

fn no_device(client_id: &ClientId) -> RegistryError {
    RegistryError::NotFound(format!("credential of {client_id}"))
}

fn check_credential(credential: &Credential) -> Result<(), RegistryError> {
    let id = &credential.access_key_id;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > ACCESS_KEY_ID_LEN_MAX || !id.bytes().all(plain) {
        let text = format!(
            "access key id must be 1 to {ACCESS_KEY_ID_LEN_MAX} letters, digits, `-`, `_` or `.`"
        );
        return Err(RegistryError::Refused(text));
    }
    if credential.secret.is_empty() {
        return Err(RegistryError::Refused(
            "the secret of a credential is empty".into(),
        ));
    }
    Ok(())
}
