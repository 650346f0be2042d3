//! The file `console.link`: all that a console needs to know of its broker.
//!
//! One file instead of four settings: an address, an authority and a secret that do not belong
//! together cannot be combined by mistake, and an operator copies one thing.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bus_link::BusLinkClient;
use clock::Clock;
use message_bus::MessageBus;
use model::{GroupId, Secret};
use serde::{Deserialize, Serialize};

use crate::{
    error::RoleError,
    private_file::{self, FileError},
    random,
};

/// A reader refuses a higher one.
const VERSION: u32 = 1;
const SECRET_LEN: usize = 43; // 256 bits
const ADVICE: &str = "copy console.link again from the broker's data directory";

/// What is inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Link {
    version: u32,
    /// Where the console connects to, `host:port`.
    pub(super) address: String,
    /// Where gateways connect to, `host:port`; goes into activation bundles.
    pub(super) brokers: Vec<String>,
    /// MQTT instance id.
    pub(super) instance: String,
    /// Group of the gateways.
    pub(super) group: GroupId,
    /// The authority that vouches for the broker.
    pub(super) ca_pem: String,
    /// Its key: activation bundles are signed with it.
    pub(super) ca_key_pem: Secret,
    /// Proves that the console may use the broker.
    pub(super) secret: Secret,
}

/// What the broker knows of itself.
#[derive(Debug)]
pub(super) struct LinkDraft<'a> {
    pub(super) host: &'a str,
    pub(super) link: SocketAddr,
    pub(super) tls: SocketAddr,
    pub(super) instance: &'a str,
    pub(super) group: &'a GroupId,
    pub(super) ca_pem: &'a str,
    pub(super) ca_key_pem: Secret,
}

impl Link {
    /// A link with the secret of an earlier start, or a new one.
    pub(super) fn new(draft: &LinkDraft<'_>, secret: Secret) -> Self {
        Self {
            version: VERSION,
            address: host_port(draft.host, draft.link.port()),
            brokers: vec![host_port(draft.host, draft.tls.port())],
            instance: draft.instance.to_owned(),
            group: draft.group.clone(),
            ca_pem: draft.ca_pem.to_owned(),
            ca_key_pem: draft.ca_key_pem.clone(),
            secret,
        }
    }

    /// Writes the file.
    pub(super) fn store(&self, path: &Path) -> Result<(), RoleError> {
        let json = serde_json::to_vec_pretty(self).map_err(broken(path))?;
        Ok(private_file::write(path, &json)?)
    }

    /// The way to the broker. It need not be there yet.
    pub(super) fn connect(&self, clock: &Clock) -> Result<Arc<dyn MessageBus>, RoleError> {
        let config = bus_link::ClientConfig {
            address: self.address.clone(),
            ca_pem: self.ca_pem.clone(),
            secret: self.secret.clone(),
        };
        let client = BusLinkClient::connect(config, clock.clone());
        Ok(Arc::new(client.map_err(RoleError::part(
            "set up the link to the broker",
        ))?))
    }

    /// Reads the file.
    pub(super) fn load(path: &Path) -> Result<Self, RoleError> {
        let missing = || FileError::at("read", path)(std::io::ErrorKind::NotFound.into());
        let text = private_file::read_private(path)?.ok_or_else(missing)?;
        let link: Self = serde_json::from_str(&text).map_err(broken(path))?;
        if link.version > VERSION {
            let newer = serde::de::Error::custom("it is of a newer version of causeway");
            return Err(broken(path)(newer));
        }
        Ok(link)
    }
}

/// The shared secret, kept beside the link so that a later start has the same one.
pub(super) fn secret(path: &Path) -> Result<Secret, RoleError> {
    if let Some(secret) = private_file::read_private(path)? {
        return Ok(Secret::new(secret.trim_end()));
    }
    let secret = random::secret(SECRET_LEN);
    private_file::write(path, secret.expose().as_bytes())?;
    Ok(secret)
}

fn broken(path: &Path) -> impl FnOnce(serde_json::Error) -> RoleError {
    let path = path.to_owned();
    move |source| RoleError::Broken {
        path,
        advice: ADVICE,
        source,
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(super) fn host_port(host: &str, port: u16) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_comes_back_as_it_was_and_keeps_its_secret() {
        let dir = tempfile::tempdir().unwrap();
        let secret_path = dir.path().join("link.secret");
        let first = secret(&secret_path).unwrap();
        assert_eq!(secret(&secret_path).unwrap(), first);

        let draft = LinkDraft {
            host: "fd00::1",
            link: "[::]:8884".parse().unwrap(),
            tls: "[::]:8883".parse().unwrap(),
            instance: "causeway",
            group: &"GID_csg_local".parse().unwrap(),
            ca_pem: "PEM",
            ca_key_pem: Secret::new("KEY"),
        };
        let path = dir.path().join("console.link");
        Link::new(&draft, first.clone()).store(&path).unwrap();
        let link = Link::load(&path).unwrap();
        assert_eq!(link.address, "[fd00::1]:8884");
        assert_eq!(link.brokers, ["[fd00::1]:8883"]);
        assert_eq!(link.secret, first);
    }

    #[test]
    fn a_broken_or_newer_link_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.link");
        for text in ["{", "{\"version\": 1}"] {
            private_file::write(&path, text.as_bytes()).unwrap();
            let said = Link::load(&path).unwrap_err().to_string();
            assert!(said.contains("copy console.link again"), "{said}");
        }
    }
}
