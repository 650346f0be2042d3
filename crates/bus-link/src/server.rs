//! The broker's end.

mod greeting;
mod session;

use std::{io, net::SocketAddr, sync::Arc};

use clock::{Clock, Task, spawn_named};
use message_bus::MessageBus;
use model::Secret;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    error::{BusLinkError, LinkFault},
    limits::{HANDSHAKE_TIMEOUT, LINKS_MAX},
    tls,
};

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Where to listen, and who may come.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where to listen; port 0 for any.
    pub address: SocketAddr,
    /// The broker's certificate and those that lead to its authority.
    pub cert_chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
    /// Known to brokers and consoles and nobody else.
    pub secret: Secret,
}

/// Serves a bus to consoles. Dropping it closes every link.
#[derive(Debug)]
pub struct BusLinkServer {
    address: SocketAddr,
    _listener: Task,
    /// Links end when this is dropped.
    _alive: watch::Sender<()>,
}

impl BusLinkServer {
    /// Begins to listen.
    ///
    /// # Errors
    /// The address is taken, the certificate does not fit, or the secret is empty.
    pub async fn start(
        config: ServerConfig,
        bus: Arc<dyn MessageBus>,
        clock: Clock,
    ) -> Result<Self, BusLinkError> {
        if config.secret.is_empty() {
            return Err(BusLinkError::NoSecret);
        }
        let tls = tls::server_config(config.cert_chain, config.key)?;
        let address = config.address;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| BusLinkError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let (_alive, alive) = watch::channel(());
        let host = Host {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            secret: config.secret,
            bus,
            clock,
            alive,
        };
        let _listener = spawn_named("bus-link-listener", accept(listener, Arc::new(host)));
        tracing::info!(%address, "bus link listens");
        Ok(Self {
            address,
            _listener,
            _alive,
        })
    }

    /// Where it listens, with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every link. Same as dropping it, said aloud.
    pub fn shutdown(self) {}
}

/// What every link shares.
struct Host {
    acceptor: TlsAcceptor,
    secret: Secret,
    bus: Arc<dyn MessageBus>,
    clock: Clock,
    alive: watch::Receiver<()>,
}

async fn accept(listener: TcpListener, host: Arc<Host>) {
    let room = Arc::new(Semaphore::new(LINKS_MAX));
    loop {
        match accept_one(&listener, &room).await {
            Ok((stream, peer, permit)) => {
                let host = Arc::clone(&host);
                spawn_named("bus-link", async move {
                    let mut alive = host.alive.clone();
                    tokio::select! {
                        fault = host.serve(stream) => tracing::info!(%peer, %fault, "a bus link ended"),
                        _ended = alive.changed() => {}
                    }
                    drop(permit);
                })
                .detach();
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a bus link");
                host.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept_one(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

impl Host {
    /// A link from its first byte to its last.
    async fn serve(&self, stream: TcpStream) -> LinkFault {
        let greeting = greeting::greet(&self.acceptor, stream, &self.secret);
        let greeted = tokio::select! {
            greeted = greeting => greeted,
            () = self.clock.sleep(HANDSHAKE_TIMEOUT) => Err(LinkFault::Handshake),
        };
        match greeted {
            Ok(wire) => {
                let session = session::Session::new(wire, Arc::clone(&self.bus), &self.clock);
                session.run().await
            }
            Err(fault) => fault,
        }
    }
}
