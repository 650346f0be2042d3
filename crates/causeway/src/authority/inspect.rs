//! Whether a stored server certificate can go on being used.

use std::net::IpAddr;

use clock::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::SERVER_RENEWED_BEFORE;

/// Made by `authority`, for exactly `names`, and not near its end.
pub(super) fn is_good(
    certificate: &CertificateDer<'_>,
    authority: &CertificateDer<'_>,
    names: &[String],
    now: Timestamp,
) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let Ok((_, authority)) = X509Certificate::from_der(authority) else {
        return false;
    };
    let ends = certificate.validity().not_after.timestamp();
    let renewed_from = now.plus(SERVER_RENEWED_BEFORE).as_millis() / 1_000;
    let lasts = i64::try_from(renewed_from).is_ok_and(|from| from < ends);
    let ours = certificate
        .verify_signature(Some(authority.public_key()))
        .is_ok();
    lasts && ours && same_names(&certificate, names)
}

fn same_names(certificate: &X509Certificate<'_>, names: &[String]) -> bool {
    let Ok(Some(stored)) = certificate.subject_alternative_name() else {
        return false;
    };
    let mut stored: Vec<String> = stored
        .value
        .general_names
        .iter()
        .filter_map(name_text)
        .collect();
    let mut wanted = names.to_vec();
    stored.sort_unstable();
    wanted.sort_unstable();
    stored == wanted
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let ip = match **octets {
                [a, b, c, d] => IpAddr::from([a, b, c, d]),
                _ => IpAddr::from(<[u8; 16]>::try_from(*octets).ok()?),
            };
            Some(ip.to_string())
        }
        _ => None,
    }
}
