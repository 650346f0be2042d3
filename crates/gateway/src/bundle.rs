//! Opening an activation bundle.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use model::{ActivationBundle, BundleError, Timestamp};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Reads a bundle that was signed by the authority whose certificate it carries.
pub(crate) fn open(text: &str, now: Timestamp) -> Result<ActivationBundle, BundleError> {
    ActivationBundle::open(text, now, |bundle, body, signature| {
        is_signed(&bundle.ca_pem, body, signature)
    })
}

fn is_signed(ca_pem: &str, body: &[u8], signature: &[u8]) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_slice(ca_pem.as_bytes()) else {
        return false;
    };
    let Ok((_, certificate)) = X509Certificate::from_der(&certificate) else {
        return false;
    };
    let key = &certificate.public_key().subject_public_key.data;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
    key.verify(body, signature).is_ok()
}
