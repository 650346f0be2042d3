//! What a client's certificate says about it, once its chain is verified.

use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// The certificate with which a client has proved that it holds its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Common name of its subject; empty without one.
    pub common_name: String,
    /// Its serial number, as hexadecimal digits without separators.
    pub serial: String,
    /// Common name of the authority that made it.
    pub issuer: String,
    /// All of it.
    pub der: CertificateDer<'static>,
}

/// It cannot be understood, though its signature is good.
#[derive(Debug, Error)]
#[error("the client's certificate cannot be understood")]
pub(crate) struct Unreadable(#[source] x509_parser::error::X509Error);

impl ClientCertificate {
    pub(crate) fn parse(der: &CertificateDer<'static>) -> Result<Self, Unreadable> {
        let parsed = X509Certificate::from_der(der);
        let (_, certificate) = parsed.map_err(|e| match e {
            x509_parser::nom::Err::Error(e) | x509_parser::nom::Err::Failure(e) => Unreadable(e),
            x509_parser::nom::Err::Incomplete(_) => {
                Unreadable(x509_parser::error::X509Error::InvalidCertificate)
            }
        })?;
        let name = |name: &x509_parser::x509::X509Name<'_>| {
            let common_name = name.iter_common_name().next();
            let text = common_name.and_then(|name| name.as_str().ok());
            text.unwrap_or_default().to_owned()
        };
        let serial = certificate.raw_serial();
        let serial = serial.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            common_name: name(certificate.subject()),
            serial,
            issuer: name(certificate.issuer()),
            der: der.clone(),
        })
    }
}
