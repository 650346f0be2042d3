//! Starting and stopping a gateway.

#[cfg(test)]
mod cloud;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use clock::{Clock, Task, spawn_named};
use model::{Secret, ShareSettings, Timestamp};
use mqtt_rpc::callee::{Callee, FjallStore, Limits, Recovered, StoreError};
use nfs_server::{Awaited, HandleKey, NfsConfig, NfsServer};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use thiserror::Error;
use tokio::sync::watch;

use crate::{
    DataDirError, GatewayConfig,
    agent::{Agent, Outbox},
    cache_disk::CacheDisk,
    commands::{Commands, is_repeatable},
    data_dir::DataDir,
    files,
    identity::Identity,
    limits::CACHE_FREE_BYTES_MIN,
    methods::Methods,
    shares::{
        NfsShares, Place, Reconciler, ReconcilerConfig, ShareFactory, SharesHandle, WantedFile,
        plan,
    },
    status::StatusSource,
};

/// Why a gateway does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// It has not joined.
    #[error(
        "`{}` holds no gateway; run `causeway gateway join BUNDLE` with a bundle from the console first",
        data_dir.display()
    )]
    NotJoined {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// Its data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A file of it cannot be read.
    #[error("cannot read {what} in `{}`", data_dir.display())]
    Unreadable {
        /// Which file.
        what: &'static str,
        /// The data directory.
        data_dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The memory of commands does not open.
    #[error(transparent)]
    Commands(#[from] StoreError),
    /// NFS cannot be served.
    #[error(transparent)]
    Nfs(#[from] nfs_server::StartError),
}

/// A gateway that runs. Dropping it ends it as a crash would: nothing acknowledged is lost.
#[derive(Debug)]
pub struct Gateway {
    nfs: Option<Arc<NfsServer>>,
    nfs_address: SocketAddr,
    shares: SharesHandle,
    stop: watch::Sender<bool>,
    agent: Task,
    commands: Task,
    reconciler: Task,
    _dir: Arc<DataDir>,
}

impl Gateway {
    /// Starts a gateway that has joined. It serves its shares at once and connects to the
    /// message queue when it can.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: GatewayConfig, clock: Clock) -> Result<Self, StartError> {
        let opened = OpenDir::open(&config, clock.wall()).await?;
        let nfs = NfsConfig {
            address: config.nfs_listen,
            handle_key: opened.handle_key(&config)?,
            awaited: opened.awaited(&config)?,
        };
        let server = Arc::new(NfsServer::start(nfs, clock.clone())?);
        let nfs_address = server.address();
        let holder = opened.identity.client_id.device().to_owned();
        let outbox = Arc::clone(&opened.outbox);
        let ledgers = opened.ledgers_dir(&config)?;
        let factory = NfsShares::new(Arc::clone(&server), holder, outbox, ledgers, clock.clone());
        let mut gateway = Self::start_with(opened, config, Arc::new(factory), nfs_address, clock)?;
        gateway.nfs = Some(server);
        Ok(gateway)
    }

    /// Starts a gateway whose shares come from `factory`.
    pub(crate) fn start_with(
        opened: OpenDir,
        config: GatewayConfig,
        factory: Arc<dyn ShareFactory>,
        nfs_address: SocketAddr,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let OpenDir {
            dir,
            identity,
            memory,
            outbox,
        } = opened;
        let unreadable = |source| unreadable(&config.data_dir, "wanted.json", source);
        let cache = CacheDisk::new(config.cache_dir.clone(), dir.cache_disk_file());
        let taken_up = cache.take_up();
        taken_up.map_err(|e| self::unreadable(&config.data_dir, "cache-disk.json", e))?;
        let (shares, reconciler) = Reconciler::start(ReconcilerConfig {
            cache,
            cache_free_bytes_min: CACHE_FREE_BYTES_MIN,
            wanted: WantedFile(dir.wanted_file()),
            factory,
            outbox: Arc::clone(&outbox),
            clock: clock.clone(),
        })
        .map_err(unreadable)?;
        let status = Arc::new(StatusSource::new(
            identity.gateway.clone(),
            config.cache_dir.clone(),
            nfs_address,
            config.advertised_host.clone(),
            clock.clone(),
        ));
        let methods = Methods {
            shares: shares.clone(),
            status: Arc::clone(&status),
        };
        let (stop, stopping) = watch::channel(false);
        let (commands, runner) = Commands::start(
            memory,
            Arc::new(methods),
            Arc::clone(&outbox),
            stopping.clone(),
            clock.clone(),
        );
        let agent = Agent {
            dir: Arc::clone(&dir),
            identity,
            proxy: config.proxy,
            keep_alive: config.keep_alive,
            status_interval: config.status_interval,
            reconnect_pause_max: config.reconnect_pause_max,
            outbox,
            commands,
            shares: shares.clone(),
            status,
            stop: stopping,
            random: StdRng::from_os_rng(),
            clock,
        };
        Ok(Self {
            nfs: None,
            nfs_address,
            shares,
            stop,
            agent: spawn_named("agent", agent.run()),
            commands: runner,
            reconciler,
            _dir: dir,
        })
    }

    /// Where NFS clients connect.
    #[must_use]
    pub fn nfs_address(&self) -> SocketAddr {
        self.nfs_address
    }

    /// Says goodbye to the message queue, lets no client in any more, makes everything
    /// durable.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        self.agent.join().await;
        self.commands.join().await;
        self.shares.shutdown().await;
        self.reconciler.join().await;
        // The reconciler and its shares, which had a part in it, are gone.
        if let Some(nfs) = self.nfs.and_then(Arc::into_inner) {
            nfs.shutdown().await;
        }
    }
}

/// A data directory that is ours, who we are, and what we were doing.
#[derive(Debug)]
pub(crate) struct OpenDir {
    dir: Arc<DataDir>,
    identity: Identity,
    memory: (Callee<FjallStore>, Recovered),
    /// What is to be sent up.
    outbox: Arc<Outbox>,
}

impl OpenDir {
    pub(crate) async fn open(config: &GatewayConfig, now: Timestamp) -> Result<Self, StartError> {
        let data_dir = config.data_dir.clone();
        let opening = tokio::task::spawn_blocking(move || Self::open_blocking(data_dir, now));
        opening.await.unwrap_or_else(|error| {
            let source = io::Error::other(error);
            Err(unreadable(&config.data_dir, "the data directory", source))
        })
    }

    fn open_blocking(data_dir: PathBuf, now: Timestamp) -> Result<Self, StartError> {
        let dir = Arc::new(DataDir::lock(&data_dir)?);
        let identity = Identity::load(&dir);
        let identity = identity.map_err(|e| unreadable(&data_dir, "identity.json", e))?;
        let identity = identity.ok_or(StartError::NotJoined { data_dir })?;
        let store = FjallStore::open(&dir.commands_dir())?;
        let memory = Callee::open(store, Limits::default(), is_repeatable, now)?;
        let outbox = Arc::new(Outbox::new(identity.gateway.clone()));
        Ok(Self {
            dir,
            identity,
            memory,
            outbox,
        })
    }

    /// The shares of the last intent that have been open: their clients wait until each is open
    /// again, and do not take their files for gone.
    fn awaited(&self, config: &GatewayConfig) -> Result<Vec<Awaited>, StartError> {
        let wanted = WantedFile(self.dir.wanted_file()).load();
        let wanted = wanted.map_err(|e| unreadable(&config.data_dir, "wanted.json", e))?;
        // One that never was has no clients; awaited, it would keep those of removed shares waiting.
        let has_cache = |share: &&ShareSettings| {
            let dir = config.cache_dir.join(Place::of(share).as_str());
            dir.try_exists().unwrap_or(true)
        };
        let planned = plan(&wanted.intent).shares.into_iter();
        let awaited = planned.filter(has_cache).map(|share| Awaited {
            path: share.export_path(),
            // Its cache has a part in it, and is not open yet.
            fs_id: None,
        });
        Ok(awaited.collect())
    }

    /// Where it is noted what is in caches alone.
    fn ledgers_dir(&self, config: &GatewayConfig) -> Result<PathBuf, StartError> {
        let dir = self.dir.ledgers_dir();
        let made = std::fs::create_dir_all(&dir);
        made.map_err(|e| unreadable(&config.data_dir, "ledgers", e))?;
        Ok(dir)
    }

    /// The key of file handles: made at the first start, the same from then on.
    fn handle_key(&self, config: &GatewayConfig) -> Result<HandleKey, StartError> {
        let path = self.dir.handle_key_file();
        let failed = |source| unreadable(&config.data_dir, "handle-key.json", source);
        if let Some(key) = files::read_json(&path).map_err(failed)? {
            return Ok(HandleKey::new(key));
        }
        let random: [u128; 2] = StdRng::from_os_rng().random();
        let key = Secret::new(random.map(|half| format!("{half:032x}")).concat());
        files::write_json(&path, &key).map_err(failed)?;
        Ok(HandleKey::new(key))
    }
}

fn unreadable(data_dir: &std::path::Path, what: &'static str, source: io::Error) -> StartError {
    StartError::Unreadable {
        what,
        data_dir: data_dir.to_owned(),
        source,
    }
}
