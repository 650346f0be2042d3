//! The server as its owner sees it.

use std::{io, net::SocketAddr, sync::Arc};

use clock::{Clock, Task, spawn_named};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tracing::warn;
use vfs::Vfs;

use crate::{
    change_window::ChangeWindows,
    duplicates::DuplicateCache,
    exports::{Awaited, ExportError, ExportOptions, ExportStatus, ExportTable},
    file_handle::{HandleKey, HandleSealer},
    limits::{CONNECTIONS_MAX, SHUTDOWN_GRACE},
    listener::listen,
    service::{Mounts, Peers, Service},
};

/// Settings of the server.
#[derive(Clone, Debug)]
pub struct NfsConfig {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Seals file handles. Keep it over restarts, or all clients must mount again.
    pub handle_key: HandleKey,
    /// What will be exported soon: clients of it, from before a restart, are told to wait.
    pub awaited: Vec<Awaited>,
}

/// The server cannot start.
#[derive(Debug, Error)]
#[error("cannot listen for NFS on {address}")]
pub struct StartError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// An NFS server. Dropping it closes all connections; [`NfsServer::shutdown`] lets requests
/// that are under way end first.
#[derive(Debug)]
pub struct NfsServer {
    service: Arc<Service>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    slots: Arc<Semaphore>,
    /// Gone after shutdown.
    listener: Mutex<Option<Task>>,
}

impl NfsServer {
    /// Listens, with no exports yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(config: NfsConfig, clock: Clock) -> Result<Self, StartError> {
        let NfsConfig {
            address,
            handle_key,
            awaited,
        } = config;
        let failed = |source| StartError { address, source };
        let (listener, address) = bind(address).map_err(failed)?;
        let service = Arc::new(Service {
            clock,
            port: address.port(),
            exports: ExportTable::awaiting(awaited),
            handles: HandleSealer::new(&handle_key),
            duplicates: DuplicateCache::default(),
            windows: ChangeWindows::default(),
            mounts: Mounts::default(),
            peers: Peers::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let slots = usize::try_from(CONNECTIONS_MAX).unwrap_or(0);
        let slots = Arc::new(Semaphore::new(slots));
        let listening = listen(listener, Arc::clone(&service), Arc::clone(&slots), stopped);
        Ok(Self {
            service,
            address,
            stop,
            slots,
            listener: Mutex::new(Some(spawn_named("nfs listener", listening))),
        })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Exports a file system as `path` (`/name`). An export of that path gets the new file
    /// system and options; its counters go on.
    ///
    /// # Errors
    /// The path, a rule, or the file system number is not acceptable.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers build the options for this call"
    )]
    pub fn export(
        &self,
        path: &str,
        fs: Arc<dyn Vfs>,
        options: ExportOptions,
    ) -> Result<(), ExportError> {
        self.service.exports.insert(path, fs, &options)
    }

    /// Ends the export of this path and file system number: its handles are stale from now on.
    /// Requests that run already end by themselves. False if there was none.
    pub fn unexport(&self, path: &str, fs_id: u64) -> bool {
        self.service.exports.remove(path, fs_id)
    }

    /// Nothing will be exported as this path after all: clients that wait for it are not told to
    /// wait any longer. What is exported stays.
    pub fn give_up(&self, path: &str) {
        self.service.exports.give_up(path);
    }

    /// Ends that export for a while: clients are told to wait until it is exported again, or
    /// ended by [`NfsServer::unexport`]. False if there was none.
    pub fn suspend(&self, path: &str, fs_id: u64) -> bool {
        self.service.exports.suspend(path, fs_id)
    }

    /// What an export has done and for whom; `None` if there is none.
    #[must_use]
    pub fn export_status(&self, path: &str) -> Option<ExportStatus> {
        let peers = &self.service.peers;
        let is_connected = |address| peers.is_connected(address);
        self.service.exports.status(path, is_connected)
    }

    /// Takes no more requests, waits for those under way (a few seconds at most), and closes.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let listener = self.listener.lock().take();
        if let Some(listener) = listener {
            listener.join().await;
        }
        tokio::select! {
            _all_closed = self.slots.acquire_many(CONNECTIONS_MAX) => {}
            () = self.service.clock.sleep(SHUTDOWN_GRACE) => {
                warn!("NFS requests are still under way at shutdown");
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
