//! The listener and its connections.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clock::{Clock, Task, spawn_named};
use file_lock::FileLockError;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use model::Secret;
use s3s::service::S3ServiceBuilder;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::OneKeyPair, buckets::Buckets, closing::Closing, error::BucketError,
    limits::CONNECTIONS_MAX, service::Service,
};

/// How long requests under way may take to end after [`S3Server::shutdown`].
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// A client that opens a connection says what it wants within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen and what to serve.
#[derive(Clone, Debug)]
pub struct S3ServerConfig {
    /// Loopback: there is no TLS. Port 0 takes a free one.
    pub address: SocketAddr,
    /// Holds the buckets, a directory each.
    pub directory: PathBuf,
    /// Made at start if they are not there.
    pub buckets: Vec<String>,
    /// The one key pair.
    pub access_key_id: String,
    /// Its secret.
    pub secret: Secret,
}

/// Why the server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another server has the directory.
    #[error("{} is in use by another object store", directory.display())]
    InUse {
        /// Which directory.
        directory: PathBuf,
    },
    /// The directory cannot be read or made.
    #[error("cannot open the buckets in {}", directory.display())]
    Directory {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A bucket cannot be made.
    #[error("cannot make bucket `{name}`: {reason}")]
    Bucket {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// The running server. Dropping it ends every connection at once.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    stop: CancellationToken,
    kill: CancellationToken,
    listener: Option<Task>,
}

impl S3Server {
    /// Opens the directory and begins to listen.
    ///
    /// # Errors
    /// The address is taken, or the directory cannot be used.
    pub async fn start(config: S3ServerConfig, clock: Clock) -> Result<Self, StartError> {
        let address = config.address;
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let (access_key_id, secret) = (config.access_key_id.clone(), config.secret.clone());
        let opening = {
            let clock = clock.clone();
            tokio::task::spawn_blocking(move || open(&config, &clock))
        };
        let buckets = opening.await.expect("opening buckets does not panic")?;
        let mut builder = S3ServiceBuilder::new(Service::new(buckets, clock.clone()));
        builder.set_auth(OneKeyPair::new(access_key_id, &secret));
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let accepting = Accepting {
            listener,
            service: Closing(builder.build()),
            clock,
            stop: stop.clone(),
            kill: kill.clone(),
        };
        tracing::info!(%address, "object store listens");
        let listener = Some(spawn_named("s3-listener", accepting.run()));
        Ok(Self {
            address,
            stop,
            kill,
            listener,
        })
    }

    /// Where it listens, with its real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, lets requests under way end for a moment, then ends what is left.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(listener) = self.listener.take() {
            listener.join().await;
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

fn open(config: &S3ServerConfig, clock: &Clock) -> Result<Arc<Buckets>, StartError> {
    let directory = config.directory.clone();
    let buckets = Buckets::open(&directory, clock).map_err(|error| match error {
        FileLockError::Held => StartError::InUse { directory },
        FileLockError::Io(source) => StartError::Directory { directory, source },
    })?;
    for name in &config.buckets {
        match buckets.create(name) {
            Ok(()) | Err(BucketError::BucketExists(_)) => {}
            Err(error) => {
                let (name, reason) = (name.clone(), error.to_string());
                return Err(StartError::Bucket { name, reason });
            }
        }
    }
    Ok(Arc::new(buckets))
}

struct Accepting {
    listener: TcpListener,
    service: Closing,
    clock: Clock,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Accepting {
    async fn run(self) {
        let (graceful, room) = (
            GracefulShutdown::new(),
            Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        );
        while let Some(accepted) = self.stop.run_until_cancelled(self.accept(&room)).await {
            match accepted {
                Ok((stream, permit)) => self.serve(stream, permit, &graceful),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = self.clock.sleep(SHUTDOWN_GRACE) => tracing::warn!("requests under way are cut off"),
        }
        self.kill.cancel();
        // Then nobody uses the directory any more.
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        room.acquire_many(all).await.ok();
    }

    async fn accept(&self, room: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(room)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, permit))
    }

    fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit, graceful: &GracefulShutdown) {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT);
        let connection = builder.serve_connection(TokioIo::new(stream), self.service.clone());
        let connection = graceful.watch(connection.into_owned());
        let kill = self.kill.clone();
        spawn_named("s3-connection", async move {
            if let Some(Err(error)) = kill.run_until_cancelled(connection).await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        })
        .detach();
    }
}
