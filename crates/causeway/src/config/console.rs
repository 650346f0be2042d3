//! Settings of `causeway console`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use model::Secret;
use serde::{Deserialize, Serialize};

use super::{ConfigError, up::check_host};

/// As file, environment and flags say it.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConsole {
    /// Directory for the database, keys and certificates [default: /var/lib/causeway/console]
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Where pages and API are served; by HTTPS unless it is a loopback address
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", env = "CAUSEWAY_CONSOLE_ADDRESS")]
    pub(crate) address: Option<SocketAddr>,
    /// Host name or address by which browsers reach this console; goes into its certificate
    #[arg(long, value_name = "HOST", env = "CAUSEWAY_HOST")]
    pub(crate) host: Option<String>,
    /// The file `console.link` of the broker: its address, authority and the shared secret.
    /// Required
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_BROKER_LINK")]
    pub(crate) broker_link: Option<PathBuf>,
    /// Certificate chain of the console, PEM [default: made by its own authority]
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_TLS_CERT",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_TLS_KEY",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Database: `sqlite://…`, `postgres://…`, `mysql://…`. A URL with a password belongs into
    /// the file or the environment [default: SQLite in the data directory]
    #[arg(
        long,
        value_name = "URL",
        env = "CAUSEWAY_DATABASE",
        hide_env_values = true,
        value_parser = super::parse_secret,
        global = true
    )]
    pub(crate) database: Option<Secret>,
    /// Name of this console among those that share its database [default: console]
    #[arg(long, value_name = "NAME", env = "CAUSEWAY_NODE")]
    pub(crate) node: Option<String>,
    /// Write addresses and the first login to this file, as JSON, once the console is ready
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// How pages and API are protected on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleTls {
    /// Not at all: nothing leaves this host.
    Loopback,
    /// By a certificate of the console's own authority.
    OwnAuthority,
    /// By the operator's certificate.
    Files { certificate: PathBuf, key: PathBuf },
}

/// Checked.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) host: Option<String>,
    pub(crate) broker_link: PathBuf,
    pub(crate) tls: ConsoleTls,
    pub(crate) database: Option<Secret>,
    pub(crate) node: String,
    pub(crate) ready_file: Option<PathBuf>,
}

impl RawConsole {
    /// The data directory, which is all that work on the console at rest needs.
    pub(crate) fn data_dir(&self) -> PathBuf {
        let default = || "/var/lib/causeway/console".into();
        self.data.clone().unwrap_or_else(default)
    }
}

impl TryFrom<RawConsole> for ConsoleSettings {
    type Error = ConfigError;

    fn try_from(raw: RawConsole) -> Result<Self, ConfigError> {
        if let Some(host) = &raw.host {
            check_host("host", host)?;
        }
        let data_dir = raw.data_dir();
        let address = raw
            .address
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let tls = match (raw.tls_cert, raw.tls_key) {
            (Some(certificate), Some(key)) => ConsoleTls::Files { certificate, key },
            (None, None) if address.ip().is_loopback() => ConsoleTls::Loopback,
            (None, None) => ConsoleTls::OwnAuthority,
            (Some(_), None) => return Err(missing("tls_key", "tls-key")),
            (None, Some(_)) => return Err(missing("tls_cert", "tls-cert")),
        };
        Ok(Self {
            data_dir,
            address,
            host: raw.host,
            broker_link: raw
                .broker_link
                .ok_or_else(|| missing("broker_link", "broker-link"))?,
            tls,
            database: raw.database,
            node: raw.node.unwrap_or_else(|| "console".to_owned()),
            ready_file: raw.ready_file,
        })
    }
}

fn missing(key: &'static str, flag: &'static str) -> ConfigError {
    ConfigError::Missing { key, flag }
}
