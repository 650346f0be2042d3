//! `causeway up`: everything in one process, on the same code paths as separate processes, TLS
//! and MQTT included.

mod banner;
mod demo;
mod local_login;
mod parts;
mod ready;
mod remembered;
mod store_keys;

use clock::Clock;

use self::{parts::Parts, ready::Ready, remembered::Remembered};
use crate::{
    config::UpSettings,
    ctl::print,
    data_dir::DataDir,
    error::RoleError,
    ports::{self, Port},
    ready_file::ReadyFile,
    signals::StopSignal,
};

/// Serves until asked to stop.
pub(crate) async fn run(settings: UpSettings, clock: Clock) -> Result<(), RoleError> {
    let stop_signal = StopSignal::listen().map_err(RoleError::Signals)?;
    let data = DataDir::open(&settings.data_dir)?;
    if let Some(path) = &settings.ready_file {
        ReadyFile::remove_stale(path)?;
    }
    let remembered = Remembered::load(data.path())?;
    let settings = remembered.choose_ports(settings);
    ports::check_free(&ports_of(&settings))?;

    let mut parts = Parts::start(&settings, &data, &clock).await?;
    let started = async {
        let demo = demo::start(&mut parts, &settings, &data, &clock).await?;
        parts.remember().store(data.path())?;
        let ready = Ready::new(&parts, demo, data.path());
        // Whoever waits for the ready file may read what was printed as well.
        print(&banner::text(&ready, &program()))?;
        let path = settings.ready_file.as_deref();
        let ready_file = path
            .map(|path| ReadyFile::write(path, &ready))
            .transpose()?;
        Ok::<_, RoleError>(ready_file)
    };
    let result = tokio::select! {
        started = started => Some(started),
        () = stop_signal.asked() => None,
    };
    // Whatever was started is stopped in order, after a failure as well.
    let result = match result {
        Some(Ok(ready_file)) => {
            stop_signal.asked().await;
            drop(ready_file);
            Ok(())
        }
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    parts.stop(&clock).await;
    result
}

/// The program as it was called, so that what is printed can be called as well.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    called
        .into_string()
        .unwrap_or_else(|_not_utf8| "causeway".to_owned())
}

fn ports_of(settings: &UpSettings) -> [Port; 5] {
    let port = |what, address, flag| Port {
        what,
        address,
        flag,
    };
    [
        port("console", settings.console, "console-address"),
        port("MQTT over TLS", settings.broker_tls, "broker-tls-address"),
        port("MQTT", settings.broker_tcp, "broker-address"),
        port("object store", settings.s3, "s3-address"),
        port("NFS", settings.nfs, "nfs-address"),
    ]
}
