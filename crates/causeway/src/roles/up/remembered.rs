//! Ports of the start before. Port 0 picks a free one at the first start, and the same one
//! later while it is free: clients find what they have mounted, and the gateway its broker.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    config::UpSettings,
    error::RoleError,
    private_file::{self, FileError},
};

/// The ports that were in use, by part.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) console: u16,
    pub(super) broker_tls: u16,
    pub(super) broker_tcp: u16,
    pub(super) s3: u16,
    pub(super) nfs: u16,
}

const FILE: &str = "ports.json";

impl Remembered {
    /// None of them at the first start.
    pub(super) fn load(data: &Path) -> Result<Self, RoleError> {
        let path = data.join(FILE);
        let Some(text) = private_file::read(&path)? else {
            return Ok(Self::default());
        };
        serde_json::from_str(&text).map_err(|source| RoleError::Broken {
            path,
            advice: "remove it; ports that were given as 0 may then change",
            source,
        })
    }

    pub(super) fn store(self, data: &Path) -> Result<(), RoleError> {
        let path = data.join(FILE);
        let json = serde_json::to_vec(&self).map_err(std::io::Error::from);
        let json = json.map_err(FileError::at("write", &path))?;
        Ok(private_file::write(&path, &json)?)
    }

    /// The settings with remembered ports where any port will do.
    pub(super) fn choose_ports(self, settings: UpSettings) -> UpSettings {
        UpSettings {
            console: choose(settings.console, self.console),
            broker_tls: choose(settings.broker_tls, self.broker_tls),
            broker_tcp: choose(settings.broker_tcp, self.broker_tcp),
            s3: choose(settings.s3, self.s3),
            nfs: choose(settings.nfs, self.nfs),
            ..settings
        }
    }
}

fn choose(asked: SocketAddr, remembered: u16) -> SocketAddr {
    let before = SocketAddr::new(asked.ip(), remembered);
    if asked.port() == 0 && remembered != 0 && TcpListener::bind(before).is_ok() {
        before
    } else {
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_stays_the_same_while_it_is_free() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let taken = TcpListener::bind(any).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(choose(any, port), any);
        drop(taken);
        assert_eq!(choose(any, port).port(), port);
        let given: SocketAddr = "127.0.0.1:4049".parse().unwrap();
        assert_eq!(choose(given, port), given);
    }
}
