//! A certificate authority of its own: made at the first start, it vouches for the broker (in
//! activation bundles) and for a console that is not on loopback.
//!
//! Directory: `ca.pem`, `ca.key`, and `<name>.pem`, `<name>.key` for each server certificate.

mod inspect;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use clock::Timestamp;
use model::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use thiserror::Error;

use crate::private_file::{self, FileError};

const DAY: Duration = Duration::from_hours(24);
/// Bundles carry the authority, so it outlives gateways between two visits to a site.
const AUTHORITY_VALID: Duration = Duration::from_hours(24 * 3_653);
/// As long as anybody accepts (ballot SC22 for public ones; ours are private but may be looked
/// at by the same software).
const SERVER_VALID: Duration = Duration::from_hours(24 * 397);
/// A server certificate with less than this left is made anew at start.
const SERVER_RENEWED_BEFORE: Duration = Duration::from_hours(24 * 90);
/// Clocks of gateways may be behind ours.
const BACKDATED: Duration = DAY;

/// Why there is no certificate.
#[derive(Debug, Error)]
pub(crate) enum AuthorityError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} is missing while {} is there: restore both, or remove both", missing.display(), found.display())]
    HalfThere { missing: PathBuf, found: PathBuf },
    #[error("cannot make a certificate for {name}")]
    Make {
        name: String,
        #[source]
        source: rcgen::Error,
    },
    #[error("cannot understand {}: restore it from a backup", path.display())]
    Broken {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The authority.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    dir: PathBuf,
    certificate_pem: String,
    key: Arc<KeyPair>,
}

/// A certificate chain and its key, ready to serve TLS with.
#[derive(Debug)]
pub(crate) struct ServerCertificate {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Clone for ServerCertificate {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl Authority {
    /// The authority of `dir`, made if there is none.
    pub(crate) fn open(dir: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        private_file::create_dir(dir)?;
        let (certificate_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        let (certificate_pem, key) = match read_pair(&certificate_path, &key_path)? {
            Some((certificate_pem, key_pem)) => (certificate_pem, read_key(&key_path, &key_pem)?),
            None => {
                let (certificate_pem, key) = make_authority(now)?;
                write_pair(&certificate_path, &certificate_pem, &key_path, &key)?;
                (certificate_pem, key)
            }
        };
        Ok(Self {
            dir: dir.to_owned(),
            certificate_pem,
            key: Arc::new(key),
        })
    }

    /// Its certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key, PEM: the console signs activation bundles with it.
    pub(crate) fn key_pem(&self) -> Secret {
        Secret::new(self.key.serialize_pem())
    }

    /// Where its certificate is.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// The certificate of the server `name` for `hosts`, `localhost` and the loopback
    /// addresses: the one of an earlier start while it is good, else a new one.
    pub(crate) fn server(
        &self,
        name: &str,
        hosts: &[&str],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let certificate_path = self.dir.join(format!("{name}.pem"));
        let key_path = self.dir.join(format!("{name}.key"));
        let names = subject_names(hosts);
        let stored = read_pair(&certificate_path, &key_path)?;
        if let Some((certificate, key)) = stored {
            let certificate = read_certificate(&certificate_path, &certificate)?;
            if inspect::is_good(&certificate, &self.der()?, &names, now) {
                return Ok(ServerCertificate {
                    chain: vec![certificate],
                    key: private_key(&key_path, &key)?,
                });
            }
            tracing::info!(server = name, "its certificate is made anew");
        }
        let (certificate_pem, key) = self.make_server(name, &names, now)?;
        write_pair(&certificate_path, &certificate_pem, &key_path, &key)?;
        Ok(ServerCertificate {
            chain: vec![read_certificate(&certificate_path, &certificate_pem)?],
            key: private_key(&key_path, &key.serialize_pem())?,
        })
    }

    fn der(&self) -> Result<CertificateDer<'static>, AuthorityError> {
        read_certificate(&self.path(), &self.certificate_pem)
    }

    fn make_server(
        &self,
        name: &str,
        names: &[String],
        now: Timestamp,
    ) -> Result<(String, KeyPair), AuthorityError> {
        let failed = |source| AuthorityError::Make {
            name: name.to_owned(),
            source,
        };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Causeway {name}"));
        valid(&mut params, now, SERVER_VALID);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, &*self.key).map_err(failed)?;
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        Ok((certificate.pem(), key))
    }
}

fn make_authority(now: Timestamp) -> Result<(String, KeyPair), AuthorityError> {
    let failed = |source| AuthorityError::Make {
        name: "the authority".to_owned(),
        source,
    };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Causeway authority");
    valid(&mut params, now, AUTHORITY_VALID);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key))
}

fn valid(params: &mut CertificateParams, now: Timestamp, for_how_long: Duration) {
    let now = UNIX_EPOCH + Duration::from_millis(now.as_millis());
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + for_how_long).into();
}

fn subject_names(hosts: &[&str]) -> Vec<String> {
    let own = ["localhost", "127.0.0.1", "::1"];
    let mut names: Vec<String> = Vec::new();
    for host in hosts.iter().copied().chain(own) {
        let name = match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_string(),
            Err(_) => host.to_ascii_lowercase(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn read_pair(certificate: &Path, key: &Path) -> Result<Option<(String, String)>, AuthorityError> {
    let half_there = |missing: &Path, found: &Path| AuthorityError::HalfThere {
        missing: missing.to_owned(),
        found: found.to_owned(),
    };
    match (
        private_file::read(certificate)?,
        private_file::read_private(key)?,
    ) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        // The key is written first: alone it means that the first start was cut short.
        (None, _) => Ok(None),
        (Some(_), None) => Err(half_there(key, certificate)),
    }
}

fn write_pair(
    certificate_path: &Path,
    certificate_pem: &str,
    key_path: &Path,
    key: &KeyPair,
) -> Result<(), FileError> {
    // A crash between the two renewals must not pair a new key with an old certificate.
    match std::fs::remove_file(certificate_path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(FileError::at("remove", certificate_path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    private_file::write(key_path, key.serialize_pem().as_bytes())?;
    private_file::write_public(certificate_path, certificate_pem.as_bytes())
}

fn read_key(path: &Path, pem: &str) -> Result<KeyPair, AuthorityError> {
    KeyPair::from_pem(pem).map_err(|source| broken(path, source))
}

fn private_key(path: &Path, pem: &str) -> Result<PrivateKeyDer<'static>, AuthorityError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|source| broken(path, source))
}

fn read_certificate(path: &Path, pem: &str) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|source| broken(path, source))
}

fn broken(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> AuthorityError {
    AuthorityError::Broken {
        path: path.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests;
