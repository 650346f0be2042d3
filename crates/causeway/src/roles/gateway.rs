//! `causeway gateway`: joining, and serving.

use std::{
    io::{self, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clock::Clock;
use gateway::{Gateway, GatewayConfig, GatewayPaths};
use serde::Serialize;

use super::stop::stop;
use crate::{
    config::GatewaySettings,
    ctl::print,
    error::RoleError,
    ports::{self, Port},
    ready_file::ReadyFile,
    signals::StopSignal,
};

/// Longest bundle: names, addresses and one certificate are a few kilobytes.
const BUNDLE_LEN_MAX: u64 = 64 << 10;

#[derive(Debug, Serialize)]
struct Ready {
    pid: u32,
    nfs_address: SocketAddr,
}

/// Where a bundle comes from.
#[derive(Debug)]
pub(crate) enum BundleSource {
    Text(String),
    Input,
    File(PathBuf),
}

impl BundleSource {
    /// What the command line says; it says one of them.
    pub(crate) fn of(bundle: Option<String>, file: Option<PathBuf>) -> Self {
        match (bundle, file) {
            (_, Some(path)) => Self::File(path),
            (Some(text), None) if text != "-" => Self::Text(text),
            (Some(_) | None, None) => Self::Input,
        }
    }

    fn read(self) -> Result<String, RoleError> {
        let (from, read) = match self {
            Self::Text(text) => return Ok(text),
            Self::Input => ("standard input".to_owned(), read_text(io::stdin().lock())),
            Self::File(path) => (path.display().to_string(), read_file(&path)),
        };
        read.map_err(|source| RoleError::ReadBundle { from, source })
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    read_text(std::fs::File::open(path)?)
}

fn read_text(input: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    input.take(BUNDLE_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Gives this host the identity of a gateway.
pub(crate) async fn join(
    settings: GatewaySettings,
    source: BundleSource,
    clock: Clock,
) -> Result<(), RoleError> {
    let bundle = source.read()?;
    let paths = GatewayPaths {
        data_dir: settings.data_dir,
    };
    let joined = gateway::join_through(&bundle, &paths, settings.proxy.as_ref(), clock).await;
    let joined = joined.map_err(RoleError::part("join"))?;
    let said = format!(
        "This host is now gateway {} ({}). Start it: causeway gateway run\n",
        joined.gateway, joined.name
    );
    Ok(print(&said)?)
}

/// Serves until asked to stop.
pub(crate) async fn run(settings: GatewaySettings, clock: Clock) -> Result<(), RoleError> {
    let stop_signal = StopSignal::listen().map_err(RoleError::Signals)?;
    if let Some(path) = &settings.ready_file {
        ReadyFile::remove_stale(path)?;
    }
    ports::check_free(&[Port {
        what: "NFS",
        address: settings.nfs,
        flag: "nfs-address",
    }])?;
    let config = GatewayConfig {
        advertised_host: settings.host.clone(),
        proxy: settings.proxy,
        keep_alive: settings.keep_alive,
        status_interval: settings.status_interval,
        reconnect_pause_max: settings.reconnect_pause_max,
        ..GatewayConfig::new(settings.data_dir, settings.cache_dir, settings.nfs)
    };
    let gateway = Gateway::start(config, clock.clone())
        .await
        .map_err(RoleError::part("start the gateway"))?;
    let ready = Ready {
        pid: std::process::id(),
        nfs_address: gateway.nfs_address(),
    };
    tracing::info!(nfs = %ready.nfs_address, "gateway is ready");
    let ready_file = settings.ready_file.as_deref();
    let ready_file = ready_file
        .map(|path| ReadyFile::write(path, &ready))
        .transpose()?;
    stop_signal.asked().await;
    drop(ready_file);
    stop(&clock, "gateway", gateway.shutdown()).await;
    Ok(())
}
