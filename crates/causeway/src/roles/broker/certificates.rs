//! Certificates of the broker's listeners: the operator's files, or the broker's own authority.

use std::path::Path;

use clock::Clock;
use mqtt_broker::{CertificateSource, ListenerCertificates, ServerCertificate, TlsSettings};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _};

use crate::{
    authority::Authority,
    config::{ListenerSettings, TlsFiles},
};

/// Reads them, at the start and whenever it is asked to.
#[derive(Debug)]
pub(super) struct CertificateFiles {
    pub(super) authority: Authority,
    pub(super) host: String,
    pub(super) listeners: Vec<ListenerSettings>,
    pub(super) clock: Clock,
}

impl CertificateFiles {
    /// What a listener shows at first.
    pub(super) fn settings(&self, files: &TlsFiles) -> Result<TlsSettings, String> {
        let read = self.read(files)?;
        Ok(TlsSettings {
            client_authentication: files.client_authentication,
            client_authorities: read.client_authorities,
            kernel: files.kernel,
            ..TlsSettings::new(read.certificates)
        })
    }

    fn read(&self, files: &TlsFiles) -> Result<ListenerCertificates, String> {
        let mut certificates = Vec::with_capacity(files.pairs.len());
        for (certificate, key) in &files.pairs {
            certificates.push(pair(certificate, key)?);
        }
        if certificates.is_empty() {
            certificates.push(self.own()?);
        }
        let client_authorities = match &files.client_ca {
            None => Vec::new(),
            Some(path) => chain(path)?,
        };
        Ok(ListenerCertificates {
            certificates,
            client_authorities,
        })
    }

    /// Of the broker's own authority: made anew when it ends soon.
    fn own(&self) -> Result<ServerCertificate, String> {
        let hosts = [self.host.as_str()];
        let own = self.authority.server("broker", &hosts, self.clock.wall());
        let own = own.map_err(|error| whole(&error))?;
        Ok(ServerCertificate {
            chain: own.chain,
            key: own.key,
        })
    }
}

impl CertificateSource for CertificateFiles {
    fn load(&self, listener: &str) -> Result<Option<ListenerCertificates>, String> {
        let named = self.listeners.iter().find(|l| l.name == listener);
        let files = named.and_then(|named| named.tls.as_ref());
        // The one of `tls_address` is not among them.
        let own = TlsFiles::own();
        self.read(files.unwrap_or(&own)).map(Some)
    }
}

/// All certificates of a file; there must be one.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if read.is_empty() {
        return Err(format!("there is no certificate in {}", path.display()));
    }
    Ok(read)
}

fn pair(certificate: &Path, key: &Path) -> Result<ServerCertificate, String> {
    let read = PrivateKeyDer::from_pem_file(key);
    Ok(ServerCertificate {
        chain: chain(certificate)?,
        key: read.map_err(|error| format!("cannot read the key {}: {error}", key.display()))?,
    })
}

/// An error with what has caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", whole(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
