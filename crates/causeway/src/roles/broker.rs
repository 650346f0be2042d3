//! `causeway broker`: the message broker, and the door through which consoles use it.

mod certificates;
mod monitor;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bus_link::BusLinkServer;
use clock::{Clock, Task, spawn_named};
use model::Secret;
use mqtt_broker::{Broker, BrokerConfig, CertificateSource, ListenerConfig, TlsListener};
use serde::Serialize;

use self::{certificates::CertificateFiles, monitor::Monitor};
use super::{
    link::{self, Link, LinkDraft},
    stop::stop_broker,
};
use crate::{
    authority::{Authority, ServerCertificate},
    config::BrokerSettings,
    data_dir::DataDir,
    error::RoleError,
    open_files,
    ports::{self, Port},
    ready_file::ReadyFile,
    signals::{ReloadSignal, StopSignal},
};

#[derive(Debug, Serialize)]
struct Ready<'a> {
    pid: u32,
    tls_address: Option<SocketAddr>,
    tcp_address: Option<SocketAddr>,
    /// By the names of the configuration.
    listeners: BTreeMap<&'a str, SocketAddr>,
    metrics_address: Option<SocketAddr>,
    link_address: SocketAddr,
    link_file: &'a std::path::Path,
    ca_file: std::path::PathBuf,
    instance: &'a str,
}

/// Serves until asked to stop.
pub(crate) async fn run(settings: BrokerSettings, clock: Clock) -> Result<(), RoleError> {
    let stop_signal = StopSignal::listen().map_err(RoleError::Signals)?;
    // Before anything else, as a SIGHUP without a listener ends the process.
    let reload_signal = ReloadSignal::listen().map_err(RoleError::Signals)?;
    let data = DataDir::open(&settings.data_dir)?;
    if let Some(path) = &settings.ready_file {
        ReadyFile::remove_stale(path)?;
    }
    ports::check_free(&ports_of(&settings))?;

    let authority = Authority::open(data.path(), clock.wall())?;
    let hosts = [settings.host.as_str()];
    let certificate = authority.server("broker", &hosts, clock.wall())?;
    let files = CertificateFiles {
        authority: authority.clone(),
        host: settings.host.clone(),
        listeners: settings.listeners.clone(),
        clock: clock.clone(),
    };
    let broker = start_broker(&settings, &data, certificate.clone(), files)?;
    let broker = Arc::new(broker);
    let monitor = settings.metrics.map(|at| Monitor::start(at, &broker));
    let monitor = monitor.transpose()?;
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
        listeners: addresses(&settings, &broker),
        metrics_address: monitor.as_ref().map(|monitor| monitor.address),
        link_address: door.address(),
        link_file: &link_file,
        ca_file: authority.path(),
        instance: &settings.instance,
    };
    let ready_file = settings.ready_file.as_deref();
    let ready_file = ready_file
        .map(|path| ReadyFile::write(path, &ready))
        .transpose()?;

    let reloading = reload_on(reload_signal, Arc::clone(&broker));
    stop_signal.asked().await;
    drop((ready_file, reloading));
    door.shutdown();
    if let Some(monitor) = monitor {
        monitor.shutdown().await;
    }
    stop_broker(&clock, broker).await;
    Ok(())
}

/// Reads the certificates again with each SIGHUP.
fn reload_on(mut asked: ReloadSignal, broker: Arc<Broker>) -> Task {
    spawn_named("reload", async move {
        while asked.next().await {
            let broker = Arc::clone(&broker);
            let reloading = tokio::task::spawn_blocking(move || broker.reload_certificates());
            match reloading.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "certificates stay as they are");
                }
                Err(error) => tracing::error!(%error, "reading certificates has panicked"),
            }
        }
    })
}

fn addresses<'s>(settings: &'s BrokerSettings, broker: &Broker) -> BTreeMap<&'s str, SocketAddr> {
    let names = settings.listeners.iter().map(|l| l.name.as_str());
    let found = names.filter_map(|name| Some((name, broker.listener_address(name)?)));
    found.collect()
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
    let more = settings.listeners.iter().map(|listener| Port {
        what: "a listener",
        address: listener.address,
        flag: "listener",
    });
    let metrics = settings.metrics.map(|address| Port {
        what: "metrics",
        address,
        flag: "metrics-address",
    });
    let others = others.into_iter().chain(tcp);
    others.chain(more).chain(metrics).collect()
}

fn start_broker(
    settings: &BrokerSettings,
    data: &DataDir,
    certificate: ServerCertificate,
    files: CertificateFiles,
) -> Result<Broker, RoleError> {
    let files_allow = open_files::raise();
    let connections_max = settings.connections_max.min(files_allow);
    if connections_max < settings.connections_max {
        tracing::warn!(
            clients = connections_max,
            wanted = settings.connections_max,
            "the hard limit of open files allows no more clients; raise it (`ulimit -Hn`, \
             LimitNOFILE= of the systemd unit)"
        );
    } else {
        tracing::info!(clients = connections_max, "so many clients can connect");
    }
    let clock = files.clock.clone();
    let config = BrokerConfig {
        listeners: listeners(settings, &files)?,
        connections_max,
        certificates: Some(Arc::new(files) as Arc<dyn CertificateSource>),
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
    Broker::start(config, clock).map_err(RoleError::part("start the broker"))
}

fn listeners(
    settings: &BrokerSettings,
    files: &CertificateFiles,
) -> Result<Vec<ListenerConfig>, RoleError> {
    let configured = settings.listeners.iter().map(|listener| {
        let tls = listener.tls.as_ref().map(|tls| files.settings(tls));
        let tls = tls.transpose();
        if tls.as_ref().is_ok_and(Option::is_none) && !listener.address.ip().is_loopback() {
            tracing::warn!(
                listener = listener.name,
                "it has no TLS: let only a balancer in front of it, or a private network, reach it"
            );
        }
        Ok(ListenerConfig {
            tls: tls.map_err(RoleError::part("read the certificates of a listener"))?,
            web_socket_path: listener.web_socket_path.clone(),
            balancers: listener.balancers.clone(),
            limits: listener.limits,
            ..ListenerConfig::new(listener.name.clone(), listener.address)
        })
    });
    configured.collect()
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
