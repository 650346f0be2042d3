//! Everything that a script or test needs to know; the form is a promise (`docs/operations.md`).

use std::{net::SocketAddr, path::Path};

use gateway::Gateway;
use serde::Serialize;

use super::{
    demo::{self, Demo},
    parts::Parts,
};
use crate::config::INSTANCE;

#[derive(Debug, Serialize)]
pub(super) struct Ready {
    pid: u32,
    pub(super) data_dir: String,
    pub(super) console: ReadyConsole,
    broker: ReadyBroker,
    pub(super) object_store: ReadyStore,
    pub(super) gateway: ReadyGateway,
}

#[derive(Debug, Serialize)]
pub(super) struct ReadyConsole {
    pub(super) url: String,
    pub(super) user: &'static str,
    /// Only at the first start: nobody can tell it afterwards.
    pub(super) password: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReadyBroker {
    tls_address: Option<SocketAddr>,
    tcp_address: Option<SocketAddr>,
    ca_file: String,
    instance: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct ReadyStore {
    pub(super) endpoint: String,
    region: String,
    pub(super) bucket: String,
    access_key_id: String,
    secret_access_key: String,
    /// Keys of the share `demo` begin with it.
    pub(super) prefix: String,
    /// Where the objects of the bucket are, as files.
    pub(super) directory: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ReadyGateway {
    pub(super) id: String,
    client_id: String,
    nfs_address: Option<SocketAddr>,
    share: &'static str,
    export: String,
    /// Nothing if the operator has deleted the share.
    pub(super) mount_command: Option<String>,
}

impl Ready {
    pub(super) fn new(parts: &Parts, demo: Demo, data: &Path) -> Self {
        let text = |path: &Path| path.display().to_string();
        let expose = |secret: &model::Secret| secret.expose().to_owned();
        Self {
            pid: std::process::id(),
            data_dir: text(data),
            console: ReadyConsole {
                url: parts.url.clone(),
                user: "admin",
                password: parts.console.first_password().map(expose),
            },
            broker: ReadyBroker {
                tls_address: parts.broker.tls_address(),
                tcp_address: parts.broker.tcp_address(),
                ca_file: text(&parts.authority.path()),
                instance: INSTANCE,
            },
            object_store: ReadyStore {
                endpoint: parts.bucket.endpoint.clone(),
                region: parts.bucket.region.clone(),
                bucket: parts.bucket.bucket.clone(),
                access_key_id: parts.bucket.access_key_id.clone(),
                secret_access_key: expose(&parts.bucket.secret_access_key),
                prefix: parts.bucket.prefix.clone(),
                directory: text(&parts.objects.join(&parts.bucket.bucket)),
            },
            gateway: ReadyGateway {
                id: demo.id,
                client_id: demo.client_id,
                nfs_address: parts.gateway.as_ref().map(Gateway::nfs_address),
                share: demo::NAME,
                export: format!("/{}", demo::NAME),
                mount_command: demo.mount_command,
            },
        }
    }
}
