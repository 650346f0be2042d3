//! Settings of `causeway gateway join` and `causeway gateway run`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use gateway::{Proxy, ProxyError};
use model::Secret;
use serde::{Deserialize, Serialize};

use super::{ConfigError, up::check_host};

/// As file, environment and flags say it.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawGateway {
    /// Directory for the gateway's identity and its record of commands
    /// [default: /var/lib/causeway/gateway]
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Cache disk: a directory, best on a disk of its own, that holds what is not yet uploaded
    /// [default: DATA/cache]
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_CACHE", global = true)]
    pub(crate) cache: Option<PathBuf>,
    /// Where NFS is served [default: 0.0.0.0:2049]
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "CAUSEWAY_NFS_ADDRESS",
        global = true
    )]
    pub(crate) nfs_address: Option<SocketAddr>,
    /// Host name or address by which NFS clients reach this gateway, for the mount command
    /// [default: found by itself]
    #[arg(long, value_name = "HOST", env = "CAUSEWAY_HOST", global = true)]
    pub(crate) host: Option<String>,
    /// HTTP proxy to leave the network through, `http://[user:password@]host:port`. With a
    /// password it belongs into the file or the environment
    #[arg(
        long,
        value_name = "URL",
        env = "CAUSEWAY_PROXY",
        hide_env_values = true,
        value_parser = super::parse_secret,
        global = true
    )]
    pub(crate) proxy: Option<Secret>,
    /// MQTT keep alive, in seconds: a dead link is noticed within twice that [default: 10]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "CAUSEWAY_KEEP_ALIVE_S",
        global = true
    )]
    pub(crate) keep_alive_s: Option<u16>,
    /// Time between two status reports, in seconds [default: 5]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "CAUSEWAY_STATUS_INTERVAL_S",
        global = true
    )]
    pub(crate) status_interval_s: Option<u16>,
    /// Longest pause before a lost connection to the broker is tried again, in seconds; a
    /// shorter one is for small fleets, whose gateways cannot crowd a broker [default: 60]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "CAUSEWAY_RECONNECT_PAUSE_MAX_S",
        global = true
    )]
    pub(crate) reconnect_pause_max_s: Option<u16>,
    /// Write the address of NFS to this file, as JSON, once the gateway is ready
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_READY_FILE", global = true)]
    pub(crate) ready_file: Option<PathBuf>,
}

/// Checked.
#[derive(Clone, Debug)]
pub(crate) struct GatewaySettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) cache_dir: PathBuf,
    pub(crate) nfs: SocketAddr,
    pub(crate) host: Option<String>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) keep_alive: Duration,
    pub(crate) status_interval: Duration,
    pub(crate) reconnect_pause_max: Duration,
    pub(crate) ready_file: Option<PathBuf>,
}

impl TryFrom<RawGateway> for GatewaySettings {
    type Error = ConfigError;

    fn try_from(raw: RawGateway) -> Result<Self, ConfigError> {
        if let Some(host) = &raw.host {
            check_host("host", host)?;
        }
        let data_dir = raw
            .data
            .unwrap_or_else(|| "/var/lib/causeway/gateway".into());
        Ok(Self {
            cache_dir: raw.cache.unwrap_or_else(|| data_dir.join("cache")),
            data_dir,
            nfs: raw
                .nfs_address
                .unwrap_or(SocketAddr::from(([0, 0, 0, 0], 2049))),
            host: raw.host,
            proxy: raw
                .proxy
                .map(|url| url.expose().parse())
                .transpose()
                .map_err(|error: ProxyError| ConfigError::invalid("proxy", &error))?,
            keep_alive: seconds("keep_alive_s", raw.keep_alive_s.unwrap_or(10))?,
            status_interval: seconds("status_interval_s", raw.status_interval_s.unwrap_or(5))?,
            reconnect_pause_max: seconds(
                "reconnect_pause_max_s",
                raw.reconnect_pause_max_s.unwrap_or(60),
            )?,
            ready_file: raw.ready_file,
        })
    }
}

/// Zero would mean never (MQTT keep alive) or always (status), and neither is wanted.
fn seconds(key: &'static str, seconds: u16) -> Result<Duration, ConfigError> {
    if seconds == 0 {
        return Err(ConfigError::invalid(key, "must be at least 1"));
    }
    Ok(Duration::from_secs(u64::from(seconds)))
}
