//! TLS for the console's pages and API.

use std::{path::Path, sync::Arc};

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _};

use crate::{authority::ServerCertificate, error::RoleError};

/// Serves HTTP/2 and HTTP/1.1 with this certificate.
pub(super) fn server_config(
    certificate: ServerCertificate,
) -> Result<Arc<ServerConfig>, RoleError> {
    let failed = RoleError::part::<rustls::Error>;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed("set up TLS"))?
        .with_no_client_auth()
        .with_single_cert(certificate.chain, certificate.key)
        .map_err(failed("use the console's certificate and key"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The operator's own certificate.
pub(super) fn load(certificate: &Path, key: &Path) -> Result<ServerCertificate, RoleError> {
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    Ok(ServerCertificate {
        chain: chain.map_err(RoleError::part("read the certificate of --tls-cert"))?,
        key: PrivateKeyDer::from_pem_file(key)
            .map_err(RoleError::part("read the key of --tls-key"))?,
    })
}
