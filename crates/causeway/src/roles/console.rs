//! `causeway console`: pages and API, linked to a broker on another host.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use clock::Clock;
use console::{Console, ConsoleConfig};
use database::Database;
use serde::Serialize;

use super::{
    link::{Link, host_port},
    reset_password::database_config,
    stop::{stop, stop_database},
    tls,
};
use crate::{
    authority::Authority,
    config::{ConsoleSettings, ConsoleTls},
    ctl::print,
    data_dir::DataDir,
    error::RoleError,
    ports::{self, Port},
    ready_file::ReadyFile,
    signals::StopSignal,
};

#[derive(Debug, Serialize)]
struct Ready<'a> {
    pid: u32,
    address: SocketAddr,
    url: &'a str,
    /// The authority to trust, where the console made its own certificate.
    ca_file: Option<PathBuf>,
    user: &'static str,
    /// Only at the first start.
    password: Option<&'a str>,
}

/// Serves until asked to stop.
pub(crate) async fn run(settings: ConsoleSettings, clock: Clock) -> Result<(), RoleError> {
    let stop_signal = StopSignal::listen().map_err(RoleError::Signals)?;
    let link = Link::load(&settings.broker_link)?;
    let data = DataDir::open(&settings.data_dir)?;
    if let Some(path) = &settings.ready_file {
        ReadyFile::remove_stale(path)?;
    }
    ports::check_free(&[Port {
        what: "console",
        address: settings.address,
        flag: "address",
    }])?;
    let transport = Transport::open(&settings, &data, &clock)?;
    let config = database_config(data.path(), settings.database.clone());
    let database = Database::connect(&config)
        .await
        .map_err(RoleError::part("open the database"))?;
    let database = Arc::new(database);
    let bus = link.connect(&clock)?;
    let config = config_of(&settings, link, transport.config);
    let console = Console::start(config, bus, Arc::clone(&database), clock.clone())
        .await
        .map_err(RoleError::part("start the console"))?;

    let host = settings.host.clone();
    let address = console.address();
    let host = host.unwrap_or_else(|| address.ip().to_string());
    let url = format!(
        "{}://{}",
        transport.scheme,
        host_port(&host, address.port())
    );
    tracing::info!(%url, "console is ready");
    let ready = Ready {
        pid: std::process::id(),
        address,
        url: &url,
        ca_file: transport.ca_file,
        user: "admin",
        password: console.first_password().map(model::Secret::expose),
    };
    if let Some(password) = ready.password {
        print(&format!(
            "First login: admin / {password}   (shown only this once)\n"
        ))?;
    }
    let ready_file = settings.ready_file.as_deref();
    let ready_file = ready_file
        .map(|path| ReadyFile::write(path, &ready))
        .transpose()?;
    stop_signal.asked().await;
    drop(ready_file);
    stop(&clock, "console", console.shutdown()).await;
    stop_database(&clock, &database).await;
    Ok(())
}

/// How browsers and programs reach the console.
struct Transport {
    scheme: &'static str,
    config: Option<Arc<rustls::ServerConfig>>,
    ca_file: Option<PathBuf>,
}

impl Transport {
    fn open(settings: &ConsoleSettings, data: &DataDir, clock: &Clock) -> Result<Self, RoleError> {
        let (certificate, ca_file) = match &settings.tls {
            ConsoleTls::Loopback => {
                return Ok(Self {
                    scheme: "http",
                    config: None,
                    ca_file: None,
                });
            }
            ConsoleTls::Files { certificate, key } => (tls::load(certificate, key)?, None),
            ConsoleTls::OwnAuthority => {
                let authority = Authority::open(data.path(), clock.wall())?;
                let address = settings.address.ip();
                let given = settings.host.clone();
                let bound = (!address.is_unspecified()).then(|| address.to_string());
                let hosts: Vec<String> = given.into_iter().chain(bound).collect();
                let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                let certificate = authority.server("console", &hosts, clock.wall())?;
                (certificate, Some(authority.path()))
            }
        };
        Ok(Self {
            scheme: "https",
            config: Some(tls::server_config(certificate)?),
            ca_file,
        })
    }
}

fn config_of(
    settings: &ConsoleSettings,
    link: Link,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> ConsoleConfig {
    ConsoleConfig {
        listen: settings.address,
        tls,
        node: settings.node.clone(),
        group: link.group,
        instance: link.instance,
        brokers: link.brokers,
        ca_pem: link.ca_pem,
        ca_key_pem: link.ca_key_pem,
        bundle_age_max: console::BUNDLE_AGE_DEFAULT,
        first_password: None,
    }
}
