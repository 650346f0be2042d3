//! A broker from start to shutdown.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
};

use clock::Clock;
use message_bus::MessageBus;
use mio::Poll;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;

use crate::{
    bell::Bell,
    bus::EmbeddedBus,
    config::{BrokerConfig, ServerCertificate},
    drain::Drain,
    error::BrokerError,
    inbox::Inbox,
    limits::THREADS_MAX,
    listen::listen,
    memory::{MemoryLink, MemoryPeers},
    metrics::Metrics,
    offline::{Committer, Offline},
    registry::Registry,
    shard::{Listener, Shard, Shards, Ticker, WAKER},
    shared::Shared,
    slow::SlowConsumer,
    tls::TlsSlot,
    trace::Tracer,
};

/// Where the offline store is, below the data directory.
const TRACES_DIR: &str = "traces";
const OFFLINE_DIR: &str = "offline";

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Ends last: sessions have something to say when they end.
    store: Mutex<Option<JoinHandle<()>>>,
    /// Writes the traces.
    traces: Mutex<Option<JoinHandle<()>>>,
}

impl Broker {
    /// Opens the registry, listens, and starts the event loops.
    ///
    /// # Errors
    /// The registry is damaged or in use, an address is taken, or the certificate is unusable.
    pub fn start(mut config: BrokerConfig, clock: Clock) -> Result<Self, BrokerError> {
        let registry = Arc::new(Registry::open(&config.data_dir, clock.clone())?);
        for group in &config.groups {
            registry.ensure_fleet_group(group)?;
        }
        let count = thread_count(config.threads);
        let listening = listen(config.take_listeners(), count, clock.now())?;

        let tracer = Tracer::open(&config.data_dir.join(TRACES_DIR), count);
        let tracer = Arc::new(tracer.map_err(BrokerError::Traces)?);
        let traces = tracer.start(Arc::clone(&registry));
        let traces = traces.map_err(BrokerError::EventLoop)?;
        let poll = Poll::new().map_err(BrokerError::EventLoop)?;
        let bell = Bell::new(poll.registry(), WAKER).map_err(BrokerError::EventLoop)?;
        let bell = Arc::new(bell);
        let ticker = Ticker::start(poll.registry()).map_err(BrokerError::EventLoop)?;
        let inboxes = (0..count).map(|_| Inbox::new(Arc::clone(&bell))).collect();
        let dir = config.data_dir.join(OFFLINE_DIR);
        let (offline, committer) = Offline::open(&dir, config.offline.clone(), clock.wall())
            .map_err(BrokerError::Offline)?;
        let kept = (registry, offline, tracer);
        let shared = Shared::new(clock, &config, kept, inboxes, listening.states);
        shared.trust_authorities();
        let broker = Self {
            shared: Arc::new(shared),
            threads: Mutex::default(),
            store: Mutex::default(),
            traces: Mutex::new(Some(traces)),
        };
        broker
            .start_store(committer)
            .map_err(BrokerError::EventLoop)?;
        let mut sockets = listening.sockets;
        let mut shards = Vec::with_capacity(count);
        for index in (0..).take(count) {
            let own = sockets.iter_mut().zip(0..);
            let own = own.filter_map(|(left, n)| Some(Listener::new(n, left.pop()?)));
            let shared = Arc::clone(&broker.shared);
            let shard = Shard::new(index, shared, poll.registry(), own.collect());
            shards.push(shard.map_err(BrokerError::EventLoop)?);
        }
        // If one thread fails, those before it end when `broker` is dropped.
        broker
            .serve(&Shards::new(shards, bell), poll, ticker)
            .map_err(BrokerError::EventLoop)?;
        Ok(broker)
    }

    fn start_store(&self, mut committer: Committer) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let store = move || {
            while let Some(committed) = committer.commit(&shared.offline) {
                shared.tell(committed);
            }
        };
        let thread = thread::Builder::new().name("mqtt-store".into());
        *self.store.lock() = Some(thread.spawn(store)?);
        Ok(())
    }

    fn serve(&self, shards: &Arc<Shards>, poll: Poll, ticker: Ticker) -> io::Result<()> {
        // First, as it is the one that ends the others.
        let poller = thread::Builder::new().name("mqtt-0".into());
        let all = Arc::clone(shards);
        self.threads
            .lock()
            .push(poller.spawn(move || all.serve(poll, &ticker))?);
        for index in 1..self.shared.inboxes.len() {
            let helper = thread::Builder::new().name(format!("mqtt-{index}"));
            let all = Arc::clone(shards);
            self.threads
                .lock()
                .push(helper.spawn(move || all.help(index))?);
        }
        Ok(())
    }

    /// The way for a console in this process.
    #[must_use]
    pub fn bus(&self) -> Arc<dyn MessageBus> {
        Arc::new(EmbeddedBus(Arc::clone(&self.shared)))
    }

    /// Connections of `clients` clients in this process, which need no sockets.
    #[must_use]
    pub fn memory_link(&self, clients: u32, peers: Arc<dyn MemoryPeers>) -> MemoryLink {
        MemoryLink::new(Arc::clone(&self.shared), clients, peers)
    }

    /// Groups, parent topics, grants and credentials.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.shared.registry)
    }

    /// Where the listener called `tls` is.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.listener_address("tls")
    }

    /// Where the listener called `tcp` is.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.listener_address("tcp")
    }

    /// Where a listener is.
    #[must_use]
    pub fn listener_address(&self, name: &str) -> Option<SocketAddr> {
        let listener = self.shared.listeners.iter().find(|l| l.name == name);
        listener.map(|listener| listener.address)
    }

    /// Shows new connections of a listener these certificates. Connections that are there stay.
    ///
    /// # Errors
    /// There is no such listener with TLS, or a certificate and its key do not work together;
    /// then all stays as it is.
    pub fn replace_certificates(
        &self,
        listener: &str,
        certificates: Vec<ServerCertificate>,
    ) -> Result<(), BrokerError> {
        self.change_tls(listener, |slot| slot.replace_certificates(certificates))
    }

    /// Takes certificates of clients from these authorities, on new connections of a listener.
    ///
    /// # Errors
    /// There is no such listener with TLS, or an authority cannot be used; then all stays as it
    /// is.
    pub fn replace_client_authorities(
        &self,
        listener: &str,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<(), BrokerError> {
        self.change_tls(listener, |slot| slot.replace_authorities(authorities))
    }

    /// Reads the certificates of all listeners again. Connections that are there stay.
    ///
    /// # Errors
    /// One cannot be read or used; then all stay as they are.
    pub fn reload_certificates(&self) -> Result<(), BrokerError> {
        self.shared.reload_certificates()
    }

    fn change_tls(
        &self,
        listener: &str,
        change: impl FnOnce(&TlsSlot) -> Result<(), rustls::Error>,
    ) -> Result<(), BrokerError> {
        let named = self.shared.listeners.iter().find(|l| l.name == listener);
        let slot = named.and_then(|l| l.tls.as_ref());
        let slot = slot.ok_or_else(|| BrokerError::NoTls {
            listener: listener.to_owned(),
        })?;
        change(slot).map_err(|source| BrokerError::Tls {
            listener: listener.to_owned(),
            source,
        })
    }

    /// What was counted since the start.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// The same and more, as Prometheus reads it.
    #[must_use]
    pub fn exposition(&self) -> String {
        self.shared.exposition()
    }

    /// Whether clients can connect here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Stops listening and sends all clients elsewhere; they are gone after the drain's window.
    pub fn drain(&self, drain: Drain) {
        self.shared.drain(drain);
    }

    /// The `n` clients that are furthest behind in taking their messages.
    pub async fn slow_consumers(&self, n: usize) -> Vec<SlowConsumer> {
        self.shared.slow_consumers(n).await
    }

    /// Says goodbye to all clients and stops; returns when all is closed.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.inboxes.iter().for_each(Inbox::wake);
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("an event loop of the broker has panicked");
            }
        }
        self.shared.offline.stop();
        if self.store.lock().take().is_some_and(|s| s.join().is_err()) {
            tracing::error!("the thread of the offline store has panicked");
        }
        self.shared.tracer.stop();
        if self.traces.lock().take().is_some_and(|t| t.join().is_err()) {
            tracing::error!("the thread that writes traces has panicked");
        }
        self.shared.hub.close();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn thread_count(asked: usize) -> usize {
    let wanted = match asked {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        n => n,
    };
    wanted.clamp(1, THREADS_MAX)
}
