//! One address where clients connect: what is above its sockets, whom it lets in, what it counts.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use parking_lot::Mutex;

use crate::{
    bucket::Bucket,
    config::{ListenerConfig, ListenerLimits},
    tls::TlsSlot,
    transport::Layers,
};

/// What all event loops know of a listener.
#[derive(Debug)]
pub(crate) struct ListenerState {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsSlot>,
    pub(crate) counters: ListenerCounters,
    kernel_tls: bool,
    web_path: Option<Arc<str>>,
    balancers: Vec<IpNet>,
    limits: ListenerLimits,
    bucket: Option<Mutex<Bucket>>,
    connections: AtomicUsize,
}

/// What a listener counts; several event loops write it.
#[derive(Debug, Default)]
pub(crate) struct ListenerCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) connected: AtomicU64,
    pub(crate) refused: [AtomicU64; NotServed::ALL.len()],
}

/// Why a listener does not serve a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// There are as many as there may be.
    Full,
    /// They come too fast.
    Rate,
    /// No CONNECT in time, or what came was not TLS, WebSocket or MQTT.
    Handshake,
    /// CONNECT broke a rule, or the credential is not good.
    NotAuthorized,
    /// The group has as many as it may have.
    GroupFull,
}

impl NotServed {
    pub(crate) const ALL: [Self; 5] = [
        Self::Full,
        Self::Rate,
        Self::Handshake,
        Self::NotAuthorized,
        Self::GroupFull,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Rate => "rate",
            Self::Handshake => "handshake",
            Self::NotAuthorized => "not_authorized",
            Self::GroupFull => "group_full",
        }
    }
}

impl ListenerCounters {
    pub(crate) fn refuse(&self, why: NotServed) {
        let index = NotServed::ALL.iter().position(|&other| other == why);
        let counter = index.and_then(|i| self.refused.get(i));
        counter
            .expect("each reason has its counter")
            .fetch_add(1, Ordering::Relaxed);
    }
}

impl ListenerState {
    pub(crate) fn new(
        config: ListenerConfig,
        address: SocketAddr,
        now: Instant,
    ) -> Result<Self, rustls::Error> {
        let ListenerConfig {
            name,
            tls,
            web_socket_path,
            balancers,
            limits,
            ..
        } = config;
        let bucket = limits.connect_rate.map(|rate| Bucket::new(rate, now));
        Ok(Self {
            name,
            address,
            kernel_tls: tls.as_ref().is_some_and(|tls| tls.kernel),
            tls: tls.map(TlsSlot::new).transpose()?,
            counters: ListenerCounters::default(),
            web_path: web_socket_path.map(Arc::from),
            balancers,
            limits,
            bucket: bucket.map(Mutex::new),
            connections: AtomicUsize::new(0),
        })
    }

    /// How long a connection may take to its CONNECT.
    pub(crate) const fn handshake_timeout(&self) -> Duration {
        self.limits.handshake_timeout
    }

    /// Counts a connection in; says why it gets no more than an answer, if that is so.
    pub(crate) fn enter(&self, now: Instant) -> Option<NotServed> {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let open = self.connections.fetch_add(1, Ordering::Relaxed);
        if open >= self.limits.connections_max {
            return Some(NotServed::Full);
        }
        let bucket = self.bucket.as_ref();
        let late = bucket.is_some_and(|bucket| !bucket.lock().take(now));
        late.then_some(NotServed::Rate)
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) const fn connections_max(&self) -> usize {
        self.limits.connections_max
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What is above the socket of a connection from `peer`; `None` if nobody may come now.
    pub(crate) fn layers(&self, peer: IpAddr) -> Option<Layers> {
        let tls = match &self.tls {
            None => None,
            Some(slot) => Some(slot.current()?),
        };
        let peer = peer.to_canonical();
        Some(Layers {
            balancer: self.balancers.iter().any(|net| net.contains(&peer)),
            tls,
            kernel_tls: self.kernel_tls,
            web_path: self.web_path.clone(),
        })
    }

    /// `tcp`, `tls`, `ws` or `wss`.
    pub(crate) const fn protocol(&self) -> &'static str {
        match (&self.tls, &self.web_path) {
            (None, None) => "tcp",
            (Some(_), None) => "tls",
            (None, Some(_)) => "ws",
            (Some(_), Some(_)) => "wss",
        }
    }
}
