//! Certificates: reading them, and whether one was issued by an authority.

use std::{sync::Arc, time::Duration};

use model::Timestamp;
use rustls::{
    RootCertStore,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::limits::CERTIFICATE_LEN_MAX;

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Facts {
    /// Hexadecimal.
    pub(super) serial: String,
    pub(super) common_name: String,
    pub(super) expires_at: Timestamp,
}

/// One authority's signature on others' certificates.
#[derive(Debug)]
pub(super) struct Trust(Arc<dyn ClientCertVerifier>);

impl Trust {
    /// Whether a certificate comes from this authority itself and is good now.
    pub(super) fn has_issued(&self, certificate: &CertificateDer<'_>, now: Timestamp) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
        self.0.verify_client_cert(certificate, &[], now).is_ok()
    }
}

/// The first certificate of a PEM text.
pub(super) fn certificate(pem: &str) -> Result<CertificateDer<'static>, String> {
    if pem.len() > CERTIFICATE_LEN_MAX {
        return Err(format!(
            "a certificate has at most {CERTIFICATE_LEN_MAX} bytes"
        ));
    }
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("this is not a certificate in PEM: {error}"))
}

pub(super) fn trust(pem: &str) -> Result<Trust, String> {
    let bad =
        |error: &dyn std::fmt::Display| format!("this is no authority's certificate: {error}");
    let mut roots = RootCertStore::empty();
    roots.add(certificate(pem)?).map_err(|e| bad(&e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map(Trust)
        .map_err(|e| bad(&e))
}

pub(super) fn facts(der: &CertificateDer<'_>) -> Result<Facts, String> {
    let (_, parsed) = X509Certificate::from_der(der)
        .map_err(|error| format!("this certificate cannot be read: {error}"))?;
    let name = parsed.subject().iter_common_name().next();
    let name = name.and_then(|name| name.as_str().ok()).unwrap_or_default();
    let expires_at = parsed.validity().not_after.timestamp();
    let expires_at = u64::try_from(expires_at).unwrap_or(0).saturating_mul(1_000);
    Ok(Facts {
        serial: hex::encode(parsed.raw_serial()),
        common_name: name.to_owned(),
        expires_at: Timestamp::from_millis(expires_at),
    })
}

/// What an authority's certificate says, which must be allowed to issue others.
pub(super) fn authority_facts(pem: &str) -> Result<Facts, String> {
    let der = certificate(pem)?;
    let (_, parsed) = X509Certificate::from_der(&der)
        .map_err(|error| format!("this certificate cannot be read: {error}"))?;
    if !parsed.is_ca() {
        return Err("this certificate is not an authority's: it may not issue others".into());
    }
    facts(&der)
}
