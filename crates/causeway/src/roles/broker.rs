//! `causeway broker`: the message broker, and the door through which consoles use it.

use std::net::SocketAddr;

use bus_link::BusLinkServer;
use clock::Clock;
use model::Secret;
use mqtt_broker::{Broker, BrokerConfig, TlsListener};
use serde::Serialize;

use super::{
    link::{self, Link, LinkDraft},
    stop::stop_broker,
};
use crate::{
    authority::{Authority, ServerCertificate},
    config::BrokerSettings,
    data_dir::DataDir,
    error::RoleError,
    ports::{self, Port},
    ready_file::ReadyFile,
    signals::StopSignal,
};

#[derive(Debug, Serialize)]
struct Ready<'a> {
    pid: u32,
    tls_address: Option<SocketAddr>,
    tcp_address: Option<SocketAddr>,
    link_address: SocketAddr,
    link_file: &'a std::path::Path,
    ca_file: std::path::PathBuf,
    instance: &'a str,
}

/// Serves until asked to stop.
pub(crate) async fn run(settings: BrokerSettings, clock: Clock) -> Result<(), RoleError> {
    let stop_signal = StopSignal::listen().map_err(RoleError::Signals)?;
    let data = DataDir::open(&settings.data_dir)?;
    if let Some(path) = &settings.ready_file {
        ReadyFile::remove_stale(path)?;
    }
    ports::check_free(&ports_of(&settings))?;

    let authority = Authority::open(data.path(), clock.wall())?;
    let hosts = [settings.host.as_str()];
    let certificate = authority.server("broker", &hosts, clock.wall())?;
    let broker = start_broker(&settings, &data, certificate.clone(), &clock)?;
    let secret = link::secret(&data.path().join("link.secret"))?;
    let door = start_link(&settings, &broker, certificate, secret.clone(), &clock).await?;

    let tls = broker.tls_address();
    let draft = LinkDraft {
        host: &settings.host,
        link: door.address(),
        tls: tls.unwrap_or(settings.tls),
        instance: &settings.instance,
        group: &settings.group,
        ca_pem: authority.pem(),
        ca_key_pem: authority.key_pem(),
    };
    let link_file = data.path().join("console.link");
    Link::new(&draft, secret).store(&link_file)?;
    tracing::info!(link = %link_file.display(), "broker is ready; copy this file to the console");
    let ready = Ready {
        pid: std::process::id(),
        tls_address: tls,
        tcp_address: broker.tcp_address(),
        link_address: door.address(),
        link_file: &link_file,
        ca_file: authority.path(),
        instance: &settings.instance,
    };
    let ready_file = settings.ready_file.as_deref();
    let ready_file = ready_file
        .map(|path| ReadyFile::write(path, &ready))
        .transpose()?;

    stop_signal.asked().await;
    drop(ready_file);
    door.shutdown();
    stop_broker(&clock, broker).await;
    Ok(())
}

fn ports_of(settings: &BrokerSettings) -> Vec<Port> {
    let tcp = settings.tcp.map(|address| Port {
        what: "MQTT",
        address,
        flag: "address",
    });
    let others = [
        Port {
            what: "MQTT over TLS",
            address: settings.tls,
            flag: "tls-address",
        },
        Port {
            what: "consoles",
            address: settings.link,
            flag: "link-address",
        },
    ];
    others.into_iter().chain(tcp).collect()
}

fn start_broker(
    settings: &BrokerSettings,
    data: &DataDir,
    certificate: ServerCertificate,
    clock: &Clock,
) -> Result<Broker, RoleError> {
    let config = BrokerConfig {
        tls: Some(TlsListener {
            address: settings.tls,
            cert_chain: certificate.chain,
            key: certificate.key,
        }),
        tcp: settings.tcp,
        groups: vec![settings.group.clone()],
        threads: settings.threads,
        ..BrokerConfig::new(data.subdirectory("registry")?, settings.instance.clone())
    };
    Broker::start(config, clock.clone()).map_err(RoleError::part("start the broker"))
}

async fn start_link(
    settings: &BrokerSettings,
    broker: &Broker,
    certificate: ServerCertificate,
    secret: Secret,
    clock: &Clock,
) -> Result<BusLinkServer, RoleError> {
    let config = bus_link::ServerConfig {
        address: settings.link,
        cert_chain: certificate.chain,
        key: certificate.key,
        secret,
    };
    BusLinkServer::start(config, broker.bus(), clock.clone())
        .await
        .map_err(RoleError::part("listen for consoles"))
}
