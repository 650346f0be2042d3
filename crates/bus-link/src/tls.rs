//! TLS of both ends.

use std::sync::Arc;

use rustls::{ConnectionCommon, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::error::BusLinkError;

/// For a broker.
pub(crate) fn server_config(
    cert_chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<rustls::ServerConfig, BusLinkError> {
    rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(cert_chain, key)
        })
        .map_err(|error| BusLinkError::Tls(error.into()))
}

/// For a console that trusts the authorities in `ca_pem` and no others.
pub(crate) fn client_config(ca_pem: &str) -> Result<rustls::ClientConfig, BusLinkError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|error| BusLinkError::Tls(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| BusLinkError::Tls(error.into()))?;
    }
    if roots.is_empty() {
        return Err(BusLinkError::Tls(
            "there is no certificate in the CA file".into(),
        ));
    }
    let builder =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| BusLinkError::Tls(error.into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What binds a proof to this connection.
pub(crate) fn binding<Side>(connection: &ConnectionCommon<Side>) -> std::io::Result<[u8; 32]> {
    let exported = connection.export_keying_material([0; 32], b"EXPORTER-causeway-bus-link", None);
    exported.map_err(std::io::Error::other)
}
