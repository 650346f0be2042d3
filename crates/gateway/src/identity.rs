//! Who this gateway is, and how it proves that.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use model::{ActivationBundle, ClientId, Credential, GatewayId, Location, Secret};
use mqtt_client::{BrokerAddress, BrokerAddressError, ConnectOptions, Proxy, Security};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

use crate::{data_dir::DataDir, files};

/// What `join` has stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) gateway: GatewayId,
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) client_id: ClientId,
    pub(crate) instance: String,
    pub(crate) brokers: Vec<String>,
    pub(crate) ca_pem: String,
    pub(crate) credential: Credential,
    /// The credential before, until the new one has been used: should the broker have lost
    /// the new one, this one still gets us in.
    pub(crate) previous: Option<Credential>,
}

impl Identity {
    pub(crate) fn from_bundle(bundle: &ActivationBundle) -> Self {
        Self {
            gateway: bundle.gateway.clone(),
            name: bundle.name.clone(),
            location: bundle.location,
            client_id: bundle.client_id.clone(),
            instance: bundle.instance.clone(),
            brokers: bundle.brokers.clone(),
            ca_pem: bundle.ca_pem.clone(),
            credential: bundle.credential.clone(),
            previous: None,
        }
    }

    pub(crate) fn load(dir: &DataDir) -> io::Result<Option<Self>> {
        files::read_json(&dir.identity_file())
    }

    /// When it returns, the identity is on disk.
    pub(crate) fn store(&self, dir: &DataDir) -> io::Result<()> {
        files::write_json(&dir.identity_file(), self)
    }

    /// Takes a new credential and keeps the one in use as the previous one. Says whether
    /// anything has changed.
    pub(crate) fn adopt(&mut self, credential: Credential) -> bool {
        if credential == self.credential {
            return false;
        }
        self.previous = Some(std::mem::replace(&mut self.credential, credential));
        true
    }

    /// How to connect with one of our credentials.
    pub(crate) fn connect_options(
        &self,
        credential: &Credential,
        proxy: Option<&Proxy>,
    ) -> Result<ConnectOptions, BrokerAddressError> {
        let brokers: Result<Vec<BrokerAddress>, _> =
            self.brokers.iter().map(|text| text.parse()).collect();
        Ok(ConnectOptions {
            client_id: self.client_id.to_string(),
            user_name: format!(
                "DeviceCredential|{}|{}",
                credential.access_key_id, self.instance
            ),
            password: sign(&credential.secret, &self.client_id),
            brokers: brokers?,
            security: Security::Tls {
                ca_pem: self.ca_pem.clone(),
            },
            proxy: proxy.cloned(),
            keep_alive: std::time::Duration::from_secs(10),
        })
    }
}

/// The password: base64(HMAC-SHA1(secret, client ID)).
fn sign(secret: &Secret, client_id: &ClientId) -> Secret {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(client_id.as_str().as_bytes());
    Secret::new(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_signs_the_client_id() {
        let client_id = "GID_test@@@device-1".parse().unwrap();
        // echo -n 'GID_test@@@device-1' | openssl dgst -sha1 -hmac secret -binary | base64
        assert_eq!(
            sign(&Secret::new("secret"), &client_id).expose(),
            "joEemY+Nsdat8GvZl0KSb3ddchQ="
        );
    }
}
