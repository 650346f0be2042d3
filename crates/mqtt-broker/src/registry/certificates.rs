//! Authorities whose certificates let devices in, and the device certificates that came.
//!
//! An authority is trusted once its owner has proved to hold its key: by a certificate that it
//! issued to this broker's registration code. A device certificate is registered when it first
//! comes; what counts is whether it is active.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use message_bus::admin::{
    CertificateQuery, CertificateState, CertificatesPage, DeviceCertificate, NewAuthority,
    TrustedAuthority,
};
use model::{ClientId, Timestamp};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::{
    Registry,
    change::Change,
    credentials::Entry,
    page::page,
    secrets,
    x509::{self, Facts, Trust},
};
use crate::{
    client_certificate::ClientCertificate,
    error::RegistryError,
    limits::{AUTHORITIES_MAX, DESCRIPTION_LEN_MAX, DEVICE_CERTIFICATES_MAX},
};

/// A trusted authority, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Authority {
    pub(crate) serial: String,
    pub(crate) name: String,
    pub(crate) pem: String,
    pub(crate) state: CertificateState,
    pub(crate) expires_at: Timestamp,
    pub(crate) registered_at: Timestamp,
}

/// A device certificate, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) authority: String,
    pub(crate) serial: String,
    pub(crate) common_name: String,
    pub(crate) client_id: ClientId,
    pub(crate) state: CertificateState,
    pub(crate) expires_at: Timestamp,
    pub(crate) registered_at: Timestamp,
}

/// Why a certificate lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateFault {
    #[error("the client's certificate was issued by no authority that is trusted and active here")]
    Untrusted,
    #[error("the client's certificate is inactive")]
    Inactive,
    #[error(
        "the common name of the client's certificate is neither its client ID nor its Device ID"
    )]
    OtherName,
    #[error("more device certificates were seen than are kept; delete some")]
    TooMany,
}

#[derive(Debug)]
struct Held {
    authority: Authority,
    /// `None` if the certificate cannot be read any more; then it lets nobody in.
    trust: Option<Arc<Trust>>,
    certificates: BTreeMap<String, Certificate>,
}

#[derive(Debug, Default)]
pub(super) struct Authorities {
    code: Option<String>,
    held: BTreeMap<String, Held>,
    /// Certificates that came, for the journal. Lost in a crash, they come again.
    seen: Vec<Certificate>,
}

impl Authorities {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::RegistrationCode { code } => self.code = Some(code),
            Change::Authority { authority } => {
                let trust = x509::trust(&authority.pem).ok().map(Arc::new);
                let held = Held {
                    trust,
                    certificates: BTreeMap::new(),
                    authority,
                };
                self.held.insert(held.authority.serial.clone(), held);
            }
            Change::AuthorityState { serial, state } => {
                if let Some(held) = self.held.get_mut(&serial) {
                    held.authority.state = state;
                }
            }
            Change::RemoveAuthority { serial } => {
                self.held.remove(&serial);
            }
            Change::Certificate { certificate } => self.keep(certificate),
            Change::RemoveCertificate { authority, serial } => {
                if let Some(held) = self.held.get_mut(&authority) {
                    held.certificates.remove(&serial);
                }
            }
            _ => {}
        }
    }

    /// Certificates that came, as far as they are still there.
    fn take_seen(&mut self) -> Vec<Change> {
        let seen = std::mem::take(&mut self.seen);
        let now = |seen: Certificate| {
            let held = self.held.get(&seen.authority)?;
            let certificate = held.certificates.get(&seen.serial)?.clone();
            Some(Change::Certificate { certificate })
        };
        seen.into_iter().filter_map(now).collect()
    }

    fn keep(&mut self, certificate: Certificate) {
        if let Some(held) = self.held.get_mut(&certificate.authority) {
            let serial = certificate.serial.clone();
            held.certificates.insert(serial, certificate);
        }
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        changes.extend(
            self.code
                .clone()
                .map(|code| Change::RegistrationCode { code }),
        );
        for held in self.held.values() {
            let authority = held.authority.clone();
            changes.push(Change::Authority { authority });
            let certificates = held.certificates.values().cloned();
            changes.extend(certificates.map(|certificate| Change::Certificate { certificate }));
        }
        changes
    }

    fn is_active(&self, authority: &str, serial: &str) -> bool {
        let held = self.held.get(authority);
        held.is_some_and(|held| {
            let certificate = held.certificates.get(serial);
            held.authority.state == CertificateState::Active
                && certificate.is_some_and(|c| c.state == CertificateState::Active)
        })
    }

    fn count(&self) -> usize {
        self.held.values().map(|held| held.certificates.len()).sum()
    }
}

impl Registry {
    /// The authorities whose certificates let devices in now.
    pub(crate) fn active_authorities(&self) -> Vec<CertificateDer<'static>> {
        let identities = self.identities.read();
        let held = identities.authorities.held.values();
        let active = held.filter(|held| held.authority.state == CertificateState::Active);
        active
            .filter_map(|held| x509::certificate(&held.authority.pem).ok())
            .collect()
    }

    /// Lets a client in with its certificate, which the handshake has verified; registers the
    /// certificate if it is new.
    pub(crate) fn check_certificate(
        &self,
        client_id: &ClientId,
        certificate: &ClientCertificate,
    ) -> Result<Entry, CertificateFault> {
        let now = self.clock.wall();
        let authority = self.authority_of(&certificate.der, now)?;
        let facts = x509::facts(&certificate.der).or(Err(CertificateFault::Untrusted))?;
        let name = facts.common_name.as_str();
        if name != client_id.as_str() && name != client_id.device() {
            return Err(CertificateFault::OtherName);
        }
        let credential = format!("x509/{authority}/{}", facts.serial);
        self.see(authority, client_id, facts, now)?;
        Ok(Entry {
            credential: credential.into(),
            rights: None,
        })
    }

    /// The active authority that issued a certificate. A listener may trust others, too.
    fn authority_of(
        &self,
        certificate: &CertificateDer<'static>,
        now: Timestamp,
    ) -> Result<String, CertificateFault> {
        let identities = self.identities.read();
        let active = |held: &&Held| held.authority.state == CertificateState::Active;
        let candidates: Vec<(String, Arc<Trust>)> = (identities.authorities.held.values())
            .filter(active)
            .filter_map(|held| Some((held.authority.serial.clone(), held.trust.clone()?)))
            .collect();
        // Signatures take long: nobody waits for the lock meanwhile.
        drop(identities);
        let issuer = candidates
            .into_iter()
            .find(|(_, trust)| trust.has_issued(certificate, now));
        issuer
            .map(|(serial, _)| serial)
            .ok_or(CertificateFault::Untrusted)
    }

    fn see(
        &self,
        authority: String,
        client_id: &ClientId,
        facts: Facts,
        now: Timestamp,
    ) -> Result<(), CertificateFault> {
        let known = {
            let identities = self.identities.read();
            let held = identities.authorities.held.get(&authority);
            let held = held.ok_or(CertificateFault::Untrusted)?;
            held.certificates.get(&facts.serial).map(|c| c.state)
        };
        match known {
            Some(CertificateState::Active) => return Ok(()),
            Some(CertificateState::Inactive) => return Err(CertificateFault::Inactive),
            None => {}
        }
        let certificate = Certificate {
            authority,
            serial: facts.serial,
            common_name: facts.common_name,
            client_id: client_id.clone(),
            state: CertificateState::Active,
            expires_at: facts.expires_at,
            registered_at: now,
        };
        let mut identities = self.identities.write();
        let held = identities.authorities.held.get(&certificate.authority);
        let held = held.and_then(|held| held.certificates.get(&certificate.serial));
        // It may have come over another connection, and somebody may have said what it is worth.
        match held.map(|held| held.state) {
            Some(CertificateState::Active) => return Ok(()),
            Some(CertificateState::Inactive) => return Err(CertificateFault::Inactive),
            None => {}
        }
        if identities.authorities.count() >= DEVICE_CERTIFICATES_MAX {
            return Err(CertificateFault::TooMany);
        }
        identities.authorities.seen.push(certificate.clone());
        identities.authorities.keep(certificate);
        Ok(())
    }

    /// Writes down what came since the last call, as it is now: somebody may have taken it back. An
    /// event loop must not wait for the disk.
    pub(crate) fn store_seen(&self) {
        if self.identities.read().authorities.seen.is_empty() {
            return;
        }
        // From here on nothing is taken back until it is written.
        let mut kept = self.journal.lock();
        let changes = self.identities.write().authorities.take_seen();
        if let Err(error) = kept.journal.append(&changes) {
            tracing::warn!(%error, "device certificates that came are not written down");
        }
    }

    /// Whether the holder of a certificate may stay.
    pub(super) fn certificate_is_active(&self, credential: &str) -> bool {
        let parts = credential
            .strip_prefix("x509/")
            .and_then(|c| c.split_once('/'));
        let identities = self.identities.read();
        parts.is_some_and(|(authority, serial)| identities.authorities.is_active(authority, serial))
    }

    /// What a verification certificate must carry as its common name.
    pub(crate) fn registration_code(&self) -> Result<String, RegistryError> {
        let code = self.identities.read().authorities.code.clone();
        if let Some(code) = code {
            return Ok(code);
        }
        let code = secrets::id();
        self.commit(vec![Change::RegistrationCode { code: code.clone() }])?;
        Ok(code)
    }

    /// Trusts an authority. The code is used up: the next authority needs a new one.
    ///
    /// # Errors
    /// A certificate cannot be read, is no authority's, or does not prove that the key is held.
    pub fn register_authority(&self, new: NewAuthority) -> Result<(), RegistryError> {
        let refused = |text: String| RegistryError::Refused(text);
        if new.name.is_empty() || new.name.len() > DESCRIPTION_LEN_MAX {
            let text = format!("an authority's name has 1 to {DESCRIPTION_LEN_MAX} bytes");
            return Err(refused(text));
        }
        let now = self.clock.wall();
        let trust = x509::trust(&new.certificate_pem).map_err(refused)?;
        let facts = x509::authority_facts(&new.certificate_pem).map_err(refused)?;
        let verification = x509::certificate(&new.verification_pem).map_err(refused)?;
        let proof = x509::facts(&verification).map_err(refused)?;
        if proof.common_name != self.registration_code()? {
            let text =
                "the common name of the verification certificate is not the registration code";
            return Err(refused(text.into()));
        }
        if !trust.has_issued(&verification, now) {
            let text =
                "the verification certificate was not issued by this authority, or is not good now";
            return Err(refused(text.into()));
        }
        let identities = self.identities.read();
        if identities.authorities.held.contains_key(&facts.serial) {
            let text = format!("authority {} is registered already", facts.serial);
            return Err(RegistryError::Conflict(text));
        }
        if identities.authorities.held.len() >= AUTHORITIES_MAX {
            let text = format!("there are {AUTHORITIES_MAX} authorities; delete one first");
            return Err(RegistryError::Conflict(text));
        }
        drop(identities);
        let authority = Authority {
            serial: facts.serial,
            name: new.name,
            pem: new.certificate_pem,
            state: CertificateState::Active,
            expires_at: facts.expires_at,
            registered_at: now,
        };
        let code = secrets::id();
        self.commit(vec![
            Change::Authority { authority },
            Change::RegistrationCode { code },
        ])
    }

    pub(crate) fn authorities(&self) -> Vec<TrustedAuthority> {
        let identities = self.identities.read();
        let held = identities.authorities.held.values();
        let shown = held.map(|held| TrustedAuthority {
            serial: held.authority.serial.clone(),
            name: held.authority.name.clone(),
            state: held.authority.state,
            expires_at: held.authority.expires_at,
            registered_at: held.authority.registered_at,
            devices: held.certificates.len() as u64,
        });
        shown.collect()
    }

    pub(crate) fn set_authority(
        &self,
        serial: &str,
        state: CertificateState,
    ) -> Result<(), RegistryError> {
        self.authority_state(serial)?;
        let serial = serial.to_owned();
        self.commit(vec![Change::AuthorityState { serial, state }])
    }

    pub(crate) fn delete_authority(&self, serial: &str) -> Result<(), RegistryError> {
        if self.authority_state(serial)? == CertificateState::Active {
            let text = format!("authority {serial} is active; make it inactive first");
            return Err(RegistryError::Conflict(text));
        }
        let serial = serial.to_owned();
        self.commit(vec![Change::RemoveAuthority { serial }])
    }

    fn authority_state(&self, serial: &str) -> Result<CertificateState, RegistryError> {
        let identities = self.identities.read();
        let held = identities.authorities.held.get(serial);
        held.map(|held| held.authority.state)
            .ok_or_else(|| RegistryError::NotFound(format!("certificate authority {serial}")))
    }

    pub(crate) fn device_certificates(
        &self,
        query: &CertificateQuery,
    ) -> Result<CertificatesPage, RegistryError> {
        self.authority_state(&query.authority)?;
        let after = query.after.as_deref();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let identities = self.identities.read();
        let held = identities.authorities.held.get(&query.authority);
        let certificates = held.into_iter().flat_map(|held| {
            let behind = (from, Bound::Unbounded);
            held.certificates.range::<str, _>(behind)
        });
        let (certificates, next) = page(certificates, query.limit);
        let items = certificates.into_iter().map(|(_, it)| shown(it)).collect();
        Ok(CertificatesPage { items, next })
    }

    pub(crate) fn set_device_certificate(
        &self,
        authority: &str,
        serial: &str,
        state: CertificateState,
    ) -> Result<(), RegistryError> {
        let mut certificate = self.find_certificate(authority, serial)?;
        certificate.state = state;
        self.commit(vec![Change::Certificate { certificate }])
    }

    pub(crate) fn delete_device_certificate(
        &self,
        authority: &str,
        serial: &str,
    ) -> Result<(), RegistryError> {
        if self.find_certificate(authority, serial)?.state == CertificateState::Active {
            let text = format!("device certificate {serial} is active; make it inactive first");
            return Err(RegistryError::Conflict(text));
        }
        let (authority, serial) = (authority.to_owned(), serial.to_owned());
        self.commit(vec![Change::RemoveCertificate { authority, serial }])
    }

    fn find_certificate(
        &self,
        authority: &str,
        serial: &str,
    ) -> Result<Certificate, RegistryError> {
        let identities = self.identities.read();
        let held = identities.authorities.held.get(authority);
        held.and_then(|held| held.certificates.get(serial).cloned())
            .ok_or_else(|| {
                let what = format!("device certificate {serial} of authority {authority}");
                RegistryError::NotFound(what)
            })
    }
}

fn shown(certificate: &Certificate) -> DeviceCertificate {
    DeviceCertificate {
        authority: certificate.authority.clone(),
        serial: certificate.serial.clone(),
        common_name: certificate.common_name.clone(),
        client_id: certificate.client_id.to_string(),
        state: certificate.state,
        expires_at: certificate.expires_at,
        registered_at: certificate.registered_at,
    }
}
