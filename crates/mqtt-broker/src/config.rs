//! What a broker is told at its start.

use std::{fmt::Debug, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ipnet::IpNet;
use model::GroupId;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{
    bucket::Rate,
    limits::{
        CONNECT_TIMEOUT, CONNECTIONS_MAX, OFFLINE_BYTES_MAX, OFFLINE_CLIENT_BYTES_MAX,
        OFFLINE_CLIENT_MESSAGES_MAX, OFFLINE_MESSAGE_AGE_MAX, OFFLINE_MESSAGES_MAX,
        PERSISTENT_SESSIONS_MAX, RETAINED_BYTES_MAX, RETAINED_MAX, SEGMENT_LEN,
        STORE_COMPACT_LEN_MIN,
    },
};

/// Settings of one broker.
#[derive(Debug)]
pub struct BrokerConfig {
    /// Where groups, grants and credentials are kept; made if it is not there.
    pub data_dir: PathBuf,
    /// MQTT instance id, the last part of user names.
    pub instance: String,
    /// Listener with TLS and one certificate, called `tls`; short for one of `listeners`.
    pub tls: Option<TlsListener>,
    /// Listener without TLS, called `tcp`: for loopback and private networks. Same
    /// authentication. Short for one of `listeners`.
    pub tcp: Option<SocketAddr>,
    /// All others.
    pub listeners: Vec<ListenerConfig>,
    /// Groups that exist, with the parent topics of the fleet and the rights of gateways.
    pub groups: Vec<GroupId>,
    /// Event loops; 0 for one per processor.
    pub threads: usize,
    /// Connections of all listeners; those beyond are told so, or closed as soon as they come.
    pub connections_max: usize,
    /// What is kept for clients that are away.
    pub offline: OfflineLimits,
    /// Clients of one group; those beyond are told so.
    pub group_clients_max: Option<usize>,
    /// Messages of one client; one that sends faster is not read for a while.
    pub publish_rate: Option<Rate>,
    /// From where certificates of listeners are read again.
    pub certificates: Option<Arc<dyn CertificateSource>>,
}

/// Where certificates of listeners come from, so that they can be read again.
pub trait CertificateSource: Debug + Send + Sync {
    /// Those of a listener now; nothing if they never change. Or why they cannot be read.
    ///
    /// # Errors
    /// A file is not there or holds something else: the text says which, and what to do.
    fn load(&self, listener: &str) -> Result<Option<ListenerCertificates>, String>;
}

/// What a TLS listener shows, and whom it takes.
#[derive(Debug)]
pub struct ListenerCertificates {
    /// See [`TlsSettings::certificates`].
    pub certificates: Vec<ServerCertificate>,
    /// See [`TlsSettings::client_authorities`].
    pub client_authorities: Vec<CertificateDer<'static>>,
}

impl BrokerConfig {
    /// No listener, no group, an event loop per processor.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, instance: impl Into<String>) -> Self {
        Self {
            data_dir: data_dir.into(),
            instance: instance.into(),
            tls: None,
            tcp: None,
            listeners: Vec::new(),
            groups: Vec::new(),
            threads: 0,
            connections_max: CONNECTIONS_MAX,
            offline: OfflineLimits::default(),
            group_clients_max: None,
            publish_rate: None,
            certificates: None,
        }
    }

    /// All listeners, the short ones first.
    pub(crate) fn take_listeners(&mut self) -> Vec<ListenerConfig> {
        let tcp = self.tcp.take();
        let tcp = tcp.map(|address| ListenerConfig::new("tcp", address));
        let tls = self.tls.take().map(|tls| {
            let certificate = ServerCertificate {
                chain: tls.cert_chain,
                key: tls.key,
            };
            let settings = TlsSettings {
                // Only once an authority is registered is anybody asked.
                client_authentication: ClientAuthentication::Optional,
                ..TlsSettings::new(vec![certificate])
            };
            ListenerConfig {
                tls: Some(settings),
                ..ListenerConfig::new("tls", tls.address)
            }
        });
        let more = std::mem::take(&mut self.listeners);
        tcp.into_iter().chain(tls).chain(more).collect()
    }
}

/// Bounds of the offline store. When one is reached, the oldest messages go first.
#[derive(Clone, Debug)]
pub struct OfflineLimits {
    /// How long a message waits for a client that is away.
    pub message_age: Duration,
    /// Messages that wait; one that waits for two clients counts twice.
    pub messages_max: usize,
    /// Bytes of them.
    pub bytes_max: usize,
    /// Messages that wait for one client.
    pub client_messages_max: usize,
    /// Bytes of them.
    pub client_bytes_max: usize,
    /// Persistent sessions.
    pub sessions_max: usize,
    /// Retained messages.
    pub retained_max: usize,
    /// Bytes of them.
    pub retained_bytes_max: usize,
    /// Length of a segment of the log.
    pub segment_len: u64,
    /// A log shorter than this is not compacted.
    pub compact_len_min: u64,
}

impl Default for OfflineLimits {
    fn default() -> Self {
        Self {
            message_age: OFFLINE_MESSAGE_AGE_MAX,
            messages_max: OFFLINE_MESSAGES_MAX,
            bytes_max: OFFLINE_BYTES_MAX,
            client_messages_max: OFFLINE_CLIENT_MESSAGES_MAX,
            client_bytes_max: OFFLINE_CLIENT_BYTES_MAX,
            sessions_max: PERSISTENT_SESSIONS_MAX,
            retained_max: RETAINED_MAX,
            retained_bytes_max: RETAINED_BYTES_MAX,
            segment_len: SEGMENT_LEN,
            compact_len_min: STORE_COMPACT_LEN_MIN,
        }
    }
}

/// A listener with TLS.
#[derive(Debug)]
pub struct TlsListener {
    /// Where to listen; port 0 for any.
    pub address: SocketAddr,
    /// The broker's certificate and those that lead to its authority.
    pub cert_chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

/// One address where clients connect.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Its name, for metrics and for changes of its certificates.
    pub name: String,
    /// Where to listen; port 0 for any.
    pub address: SocketAddr,
    /// TLS, if there is any.
    pub tls: Option<TlsSettings>,
    /// The path of the WebSocket that carries MQTT here, if it is one.
    pub web_socket_path: Option<String>,
    /// Balancers: each connection from them begins with a header of PROXY protocol 2, and its
    /// address is believed. Others are clients themselves.
    pub balancers: Vec<IpNet>,
    /// Its limits.
    pub limits: ListenerLimits,
}

impl ListenerConfig {
    /// Plain TCP, with the limits of a listener that has none of its own.
    #[must_use]
    pub fn new(name: impl Into<String>, address: SocketAddr) -> Self {
        Self {
            name: name.into(),
            address,
            tls: None,
            web_socket_path: None,
            balancers: Vec::new(),
            limits: ListenerLimits::default(),
        }
    }
}

/// What bounds one listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections beyond this are told so, or closed as soon as they come.
    pub connections_max: usize,
    /// How fast they may come; those beyond are told to come back.
    pub connect_rate: Option<Rate>,
    /// How long a connection may take to its CONNECT, TLS and WebSocket included.
    pub handshake_timeout: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connect_rate: None,
            handshake_timeout: CONNECT_TIMEOUT,
        }
    }
}

/// TLS of one listener.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// One at least. A client gets the first that has the name it asks for, else the first.
    pub certificates: Vec<ServerCertificate>,
    /// Whether clients show certificates.
    pub client_authentication: ClientAuthentication,
    /// Who may have made those.
    pub client_authorities: Vec<CertificateDer<'static>>,
    /// The kernel makes and opens records after the handshake, where it can (TLS 1.3).
    pub kernel: bool,
}

impl TlsSettings {
    /// Without certificates of clients.
    #[must_use]
    pub const fn new(certificates: Vec<ServerCertificate>) -> Self {
        Self {
            certificates,
            client_authentication: ClientAuthentication::None,
            client_authorities: Vec::new(),
            kernel: false,
        }
    }
}

/// A certificate of the broker.
#[derive(Debug)]
pub struct ServerCertificate {
    /// It, and those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for ServerCertificate {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Whether clients of a listener show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// They are not asked.
    None,
    /// They may. One that cannot be verified is refused.
    Optional,
    /// They must.
    Required,
}
