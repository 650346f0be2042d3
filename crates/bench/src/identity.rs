//! The certificate of a run: P-256, of nobody but itself.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use mqtt_broker::{ListenerConfig, ServerCertificate, TlsSettings};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::error::BenchError;

/// The certificate's file below `dir`.
pub(crate) fn certificate_file(dir: &Path) -> PathBuf {
    dir.join("certificate.pem")
}

/// The key's file below `dir`.
pub(crate) fn key_file(dir: &Path) -> PathBuf {
    dir.join("key.pem")
}

/// Makes both, for a broker on this machine.
pub(crate) fn make(dir: &Path) -> Result<(), BenchError> {
    let key = KeyPair::generate().map_err(BenchError::tls)?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let certificate = params.self_signed(&key).map_err(BenchError::tls)?;
    fs::write(certificate_file(dir), certificate.pem())
        .and_then(|()| fs::write(key_file(dir), key.serialize_pem()))
        .map_err(BenchError::io("write a certificate"))
}

/// A listener of our broker with them.
pub(crate) fn load(
    dir: &Path,
    address: SocketAddr,
    kernel: bool,
) -> Result<ListenerConfig, BenchError> {
    let certificate =
        CertificateDer::from_pem_file(certificate_file(dir)).map_err(BenchError::tls)?;
    let certificate = ServerCertificate {
        chain: vec![certificate],
        key: PrivateKeyDer::from_pem_file(key_file(dir)).map_err(BenchError::tls)?,
    };
    let settings = TlsSettings {
        kernel,
        ..TlsSettings::new(vec![certificate])
    };
    Ok(ListenerConfig {
        tls: Some(settings),
        ..ListenerConfig::new("tls", address)
    })
}
