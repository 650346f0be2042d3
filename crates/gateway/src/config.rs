//! What a gateway needs to be told by its host.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use mqtt_client::Proxy;

use crate::limits::RECONNECT_PAUSE_MAX;

/// Where a gateway keeps what it must not lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPaths {
    /// Identity, intent, memory of commands.
    pub data_dir: PathBuf,
}

/// Settings of a gateway's host; everything else comes as intent.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Identity, intent, memory of commands.
    pub data_dir: PathBuf,
    /// The cache disk: a directory for each share.
    pub cache_dir: PathBuf,
    /// Where NFS clients connect.
    pub nfs_listen: SocketAddr,
    /// The host name or address that NFS clients use; by default the one that leads to the
    /// message queue.
    pub advertised_host: Option<String>,
    /// The HTTP proxy on the way to the message queue.
    pub proxy: Option<Proxy>,
    /// Longest silence towards the message queue.
    pub keep_alive: Duration,
    /// Time between two status reports.
    pub status_interval: Duration,
    /// Longest pause before the message queue is tried again, whatever came before.
    pub reconnect_pause_max: Duration,
}

impl GatewayConfig {
    /// With the usual intervals, no proxy, NFS on `nfs_listen`.
    #[must_use]
    pub fn new(data_dir: PathBuf, cache_dir: PathBuf, nfs_listen: SocketAddr) -> Self {
        Self {
            data_dir,
            cache_dir,
            nfs_listen,
            advertised_host: None,
            proxy: None,
            keep_alive: Duration::from_secs(10),
            status_interval: Duration::from_secs(5),
            reconnect_pause_max: RECONNECT_PAUSE_MAX,
        }
    }
}
