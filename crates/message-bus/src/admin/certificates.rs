//! Authorities whose certificates let devices in, and those certificates.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// It does.
    Active,
    /// It does not; what is connected with it is closed.
    Inactive,
}

/// An authority to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuthority {
    /// Its name here.
    pub name: String,
    /// Its certificate, PEM.
    pub certificate_pem: String,
    /// A certificate that it has issued to the registration code as common name, PEM.
    pub verification_pem: String,
}

/// An authority that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustedAuthority {
    /// Serial number of its certificate, hexadecimal.
    pub serial: String,
    /// Its name here.
    pub name: String,
    /// Whether it counts.
    pub state: CertificateState,
    /// Until when its certificate is good.
    #[schema(value_type = u64)]
    pub expires_at: Timestamp,
    /// Since when it is trusted.
    #[schema(value_type = u64)]
    pub registered_at: Timestamp,
    /// How many device certificates of it were seen.
    pub devices: u64,
}

/// Which device certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateQuery {
    /// Of the authority with this serial number.
    pub authority: String,
    /// Behind this serial number.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A device certificate that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceCertificate {
    /// Serial number of the authority's certificate.
    pub authority: String,
    /// Its own, hexadecimal.
    pub serial: String,
    /// Its common name: the device's client ID or Device ID.
    pub common_name: String,
    /// The client that came with it first.
    pub client_id: String,
    /// Whether it counts.
    pub state: CertificateState,
    /// Until when it is good.
    #[schema(value_type = u64)]
    pub expires_at: Timestamp,
    /// When it came first.
    #[schema(value_type = u64)]
    pub registered_at: Timestamp,
}

/// Device certificates by serial number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesPage {
    /// What is on it.
    pub items: Vec<DeviceCertificate>,
    /// The serial number behind which the next page begins.
    pub next: Option<String>,
}
