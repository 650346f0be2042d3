//! Settings of `causeway broker`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use model::GroupId;
use mqtt_broker::limits::CONNECTIONS_MAX;
use serde::{Deserialize, Serialize};

use super::{
    ConfigError,
    listener::{self, ListenerSettings, RawListener},
    up::{check_host, check_loopback},
};

/// As file, environment and flags say it.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawBroker {
    /// Directory for keys, certificates and device credentials
    /// [default: /var/lib/causeway/broker]
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Host name or address by which gateways and the console reach this broker; goes into its
    /// certificate and into activation bundles. Required
    #[arg(long, value_name = "HOST", env = "CAUSEWAY_HOST")]
    pub(crate) host: Option<String>,
    /// Where gateways connect, MQTT over TLS [default: 0.0.0.0:8883]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_BROKER_TLS_ADDRESS")]
    pub(crate) tls_address: Option<SocketAddr>,
    /// Where local clients connect without TLS; loopback only [default: none]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_BROKER_ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
    /// Where consoles connect [default: 0.0.0.0:8884]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_LINK_ADDRESS")]
    pub(crate) link_address: Option<SocketAddr>,
    /// MQTT instance id [default: causeway]
    #[arg(long, value_name = "ID", env = "CAUSEWAY_INSTANCE")]
    pub(crate) instance: Option<String>,
    /// Region: gateways are in the group `GID_csg_REGION` [default: local]
    #[arg(long, value_name = "REGION", env = "CAUSEWAY_REGION")]
    pub(crate) region: Option<String>,
    /// Threads for connections [default: one for each processor]
    #[arg(long, value_name = "COUNT", env = "CAUSEWAY_BROKER_THREADS")]
    pub(crate) threads: Option<usize>,
    /// Further addresses where clients connect. Each is a list of words, for instance
    /// `protocol=wss,address=0.0.0.0:443,certificate=mq.pem,key=mq.key`; several in the
    /// environment have `;` between them. docs/operations.md explains all words [default: none]
    #[arg(
        long = "listener",
        value_name = "WORD=VALUE,…",
        env = "CAUSEWAY_LISTENERS",
        value_delimiter = ';',
        value_parser = listener::parse_flag
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) listeners: Vec<RawListener>,
    /// Connections of all listeners together [default: 1100000, or what the limit of open files
    /// allows]
    #[arg(long, value_name = "COUNT", env = "CAUSEWAY_CONNECTIONS_MAX")]
    pub(crate) connections_max: Option<usize>,
    /// Where /metrics, /healthz and /readyz are served by HTTP, to whoever can connect
    /// [default: nowhere]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_METRICS_ADDRESS")]
    pub(crate) metrics_address: Option<SocketAddr>,
    /// Write addresses to this file, as JSON, once the broker is ready
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// Checked.
#[derive(Clone, Debug)]
pub(crate) struct BrokerSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) host: String,
    pub(crate) tls: SocketAddr,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) link: SocketAddr,
    pub(crate) instance: String,
    pub(crate) group: GroupId,
    pub(crate) threads: usize,
    pub(crate) listeners: Vec<ListenerSettings>,
    pub(crate) connections_max: usize,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) ready_file: Option<PathBuf>,
}

/// More threads than this bring nothing but memory: a shard is one event loop of one core.
const THREADS_MAX: usize = 256;

impl TryFrom<RawBroker> for BrokerSettings {
    type Error = ConfigError;

    fn try_from(raw: RawBroker) -> Result<Self, ConfigError> {
        let missing_host = ConfigError::Missing {
            key: "host",
            flag: "host",
        };
        let host = raw.host.ok_or(missing_host)?;
        check_host("host", &host)?;
        if let Some(address) = raw.address {
            check_loopback("address", address)?;
        }
        let threads = raw.threads.unwrap_or_else(processors);
        if !(1..=THREADS_MAX).contains(&threads) {
            let reason = format!("{threads} is not between 1 and {THREADS_MAX}");
            return Err(ConfigError::invalid("threads", &reason));
        }
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        Ok(Self {
            data_dir: raw
                .data
                .unwrap_or_else(|| "/var/lib/causeway/broker".into()),
            host,
            tls: raw.tls_address.unwrap_or(any(8883)),
            tcp: raw.address,
            link: raw.link_address.unwrap_or(any(8884)),
            instance: check_instance(raw.instance)?,
            group: group_of_region(raw.region.as_deref())?,
            threads,
            listeners: listener::check_all(raw.listeners)?,
            connections_max: raw.connections_max.unwrap_or(CONNECTIONS_MAX),
            metrics: raw.metrics_address,
            ready_file: raw.ready_file,
        })
    }
}

/// One event loop for each processor; one if their number cannot be told.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Default MQTT instance id.
pub(crate) const INSTANCE: &str = "causeway";
/// Default region.
const REGION: &str = "local";

/// The instance id is the last part of a user name, whose parts `|` divides.
fn check_instance(instance: Option<String>) -> Result<String, ConfigError> {
    let instance = instance.unwrap_or_else(|| INSTANCE.to_owned());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !instance.is_empty() && instance.bytes().all(plain) {
        return Ok(instance);
    }
    let reason = format!("`{instance}` may hold only letters, digits, `-` and `_`");
    Err(ConfigError::invalid("instance", &reason))
}

/// The group of the gateways of a region.
pub(crate) fn group_of_region(region: Option<&str>) -> Result<GroupId, ConfigError> {
    format!("GID_csg_{}", region.unwrap_or(REGION))
        .parse()
        .map_err(|error| ConfigError::invalid("region", &error))
}
