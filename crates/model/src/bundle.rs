//! Activation bundles: all that a site needs to join one gateway.
//!
//! Text form: `causeway1.<base64url of JSON>.<base64url of signature>`. The signature is made
//! with the console's key; the joining host has no way to know that key beforehand, so it
//! proves that nothing was changed or cut on the way, while the credential inside proves the
//! right to join.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ClientId, Credential, GatewayId, Location, Timestamp};

/// First characters of every bundle of this version.
pub const BUNDLE_PREFIX: &str = "causeway1";

/// Why a bundle is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Not a bundle, or cut.
    #[error(
        "this is not an activation bundle, or a part of it is missing; copy it again from the console"
    )]
    Malformed,
    /// Its parts do not fit together.
    #[error("the activation bundle was changed on its way; copy it again from the console")]
    Tampered,
    /// Too old.
    #[error("the activation bundle expired at {0}; make a new one in the console")]
    Expired(Timestamp),
}

/// What is inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationBundle {
    /// The gateway's id.
    pub gateway: GatewayId,
    /// The name its operator gave it.
    pub name: String,
    /// Where it runs.
    pub location: Location,
    /// Its client ID.
    pub client_id: ClientId,
    /// MQTT instance id, part of the user name.
    pub instance: String,
    /// Broker addresses to try in turn, `host:port`, TLS.
    pub brokers: Vec<String>,
    /// The certificate authority of the broker, PEM.
    pub ca_pem: String,
    /// Good for one join.
    pub credential: Credential,
    /// Not valid after this.
    pub expires_at: Timestamp,
}

impl ActivationBundle {
    /// The text form. `sign` makes the signature of the bytes it is given.
    #[must_use]
    pub fn seal(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let json = serde_json::to_vec(self).expect("a bundle has only text and numbers");
        let body = format!("{BUNDLE_PREFIX}.{}", URL_SAFE_NO_PAD.encode(json));
        let signature = URL_SAFE_NO_PAD.encode(sign(body.as_bytes()));
        format!("{body}.{signature}")
    }

    /// Reads the text form. `verify` gets the bundle, the signed bytes and the signature.
    ///
    /// # Errors
    /// It is malformed, tampered with, or expired at `now`.
    pub fn open(
        text: &str,
        now: Timestamp,
        verify: impl FnOnce(&Self, &[u8], &[u8]) -> bool,
    ) -> Result<Self, BundleError> {
        let text = text.trim();
        let (body, signature) = text.rsplit_once('.').ok_or(BundleError::Malformed)?;
        let (prefix, json) = body.split_once('.').ok_or(BundleError::Malformed)?;
        if prefix != BUNDLE_PREFIX {
            return Err(BundleError::Malformed);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let json = decode(json).ok_or(BundleError::Tampered)?;
        let signature = decode(signature).ok_or(BundleError::Tampered)?;
        let bundle: Self = serde_json::from_slice(&json)
            .ok()
            .ok_or(BundleError::Tampered)?;
        if !verify(&bundle, body.as_bytes(), &signature) {
            return Err(BundleError::Tampered);
        }
        if bundle.expires_at < now {
            return Err(BundleError::Expired(bundle.expires_at));
        }
        Ok(bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn bundle() -> ActivationBundle {
        ActivationBundle {
            gateway: "gw-7f3k2m9q".parse().unwrap(),
            name: "edge".into(),
            location: Location::OnPremises,
            client_id: "GID_csg_local@@@gw-7f3k2m9q".parse().unwrap(),
            instance: "causeway".into(),
            brokers: vec!["broker.example:8883".into()],
            ca_pem: "-----BEGIN CERTIFICATE-----".into(),
            credential: Credential {
                access_key_id: "k".into(),
                secret: Secret::new("s"),
            },
            expires_at: Timestamp::from_millis(1_000),
        }
    }

    /// Stands for a signature: the sum of all bytes.
    fn sum(bytes: &[u8]) -> Vec<u8> {
        bytes
            .iter()
            .map(|&b| u64::from(b))
            .sum::<u64>()
            .to_be_bytes()
            .to_vec()
    }

    fn open(text: &str, now_ms: u64) -> Result<ActivationBundle, BundleError> {
        let now = Timestamp::from_millis(now_ms);
        ActivationBundle::open(text, now, |_, body, signature| sum(body) == signature)
    }

    #[test]
    fn a_bundle_opens_until_it_expires() {
        let text = bundle().seal(sum);
        assert_eq!(open(&format!(" {text}\n"), 1_000), Ok(bundle()));
        assert_eq!(
            open(&text, 1_001),
            Err(BundleError::Expired(Timestamp::from_millis(1_000)))
        );
    }

    #[test]
    fn a_bundle_that_was_changed_or_cut_is_refused() {
        let text = bundle().seal(sum);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(
                open(&String::from_utf8(bytes).unwrap(), 0).is_err(),
                "changed at {at}"
            );
            assert!(open(&text[..at], 0).is_err(), "cut at {at}");
        }
    }
}
