//! Settings of `causeway up`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// As file, environment and flags say it.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawUp {
    /// Directory for everything: keys, database, cache and objects [default: ./causeway-data]
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Where the console listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_CONSOLE_ADDRESS")]
    pub(crate) console_address: Option<SocketAddr>,
    /// Where the broker listens for gateways, MQTT over TLS [default: 127.0.0.1:8883]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_BROKER_TLS_ADDRESS")]
    pub(crate) broker_tls_address: Option<SocketAddr>,
    /// Where the broker listens without TLS; loopback only [default: 127.0.0.1:1883]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_BROKER_ADDRESS")]
    pub(crate) broker_address: Option<SocketAddr>,
    /// Where the embedded object store listens, S3 over HTTP [default: 127.0.0.1:9000]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_S3_ADDRESS")]
    pub(crate) s3_address: Option<SocketAddr>,
    /// Where the gateway `demo` serves NFS [default: 127.0.0.1:2049]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_NFS_ADDRESS")]
    pub(crate) nfs_address: Option<SocketAddr>,
    /// Host name or address by which other machines reach this one: it goes into activation
    /// bundles and the broker's certificate [default: the address of --broker-tls-address]
    #[arg(long, value_name = "HOST", env = "CAUSEWAY_HOST")]
    pub(crate) host: Option<String>,
    /// Write every address and the first login to this file, as JSON, once all is ready; the
    /// file is removed at the stop
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// Checked.
#[derive(Clone, Debug)]
pub(crate) struct UpSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) console: SocketAddr,
    pub(crate) broker_tls: SocketAddr,
    pub(crate) broker_tcp: SocketAddr,
    pub(crate) s3: SocketAddr,
    pub(crate) nfs: SocketAddr,
    pub(crate) host: String,
    pub(crate) ready_file: Option<PathBuf>,
}

impl TryFrom<RawUp> for UpSettings {
    type Error = ConfigError;

    fn try_from(raw: RawUp) -> Result<Self, ConfigError> {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let broker_tls = raw.broker_tls_address.unwrap_or(loopback(8883));
        let settings = Self {
            data_dir: raw.data.unwrap_or_else(|| "causeway-data".into()),
            console: raw.console_address.unwrap_or(loopback(8080)),
            broker_tls,
            broker_tcp: raw.broker_address.unwrap_or(loopback(1883)),
            s3: raw.s3_address.unwrap_or(loopback(9000)),
            nfs: raw.nfs_address.unwrap_or(loopback(2049)),
            host: raw.host.unwrap_or_else(|| host_of(broker_tls.ip())),
            ready_file: raw.ready_file,
        };
        check_loopback("broker_address", settings.broker_tcp)?;
        check_host("host", &settings.host)?;
        Ok(settings)
    }
}

/// How gateways name a broker that listens there, unless the operator says otherwise.
fn host_of(ip: IpAddr) -> String {
    if ip.is_unspecified() {
        "localhost".to_owned()
    } else {
        ip.to_string()
    }
}

/// Without TLS, signatures of client IDs would cross the network in the clear.
pub(super) fn check_loopback(key: &'static str, address: SocketAddr) -> Result<(), ConfigError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let reason = format!("{address} is not a loopback address; other hosts must connect by TLS");
    Err(ConfigError::invalid(key, &reason))
}

/// A host name (RFC 1123, 2.1) or an IP address, without a port.
pub(super) fn check_host(key: &'static str, host: &str) -> Result<(), ConfigError> {
    const HOST_LEN_MAX: usize = 253;
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_name = host.len() <= HOST_LEN_MAX && host.split('.').all(is_label);
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let reason = format!("`{host}` is not a host name or address (without port)");
    Err(ConfigError::invalid(key, &reason))
}
