//! What all connections share.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use clock::Clock;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    change_window::ChangeWindows,
    duplicates::DuplicateCache,
    exports::ExportTable,
    file_handle::HandleSealer,
    limits::{
        ADDRESS_KIB_MAX, CONNECTIONS_PER_ADDRESS_MAX, IDLE_TIMEOUT, MOUNTS_MAX, STRANGER_TIMEOUT,
    },
    mount3::MountEntry,
};

/// The server without its sockets.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) clock: Clock,
    pub(crate) port: u16,
    pub(crate) exports: ExportTable,
    pub(crate) handles: HandleSealer,
    pub(crate) duplicates: DuplicateCache,
    pub(crate) windows: ChangeWindows,
    pub(crate) mounts: Mounts,
    pub(crate) peers: Peers,
}

/// What clients have mounted, as far as they say so: only DUMP shows it (RFC 1813, 5.0.1).
#[derive(Debug, Default)]
pub(crate) struct Mounts(Mutex<HashSet<MountEntry>>);

impl Mounts {
    pub(crate) fn add(&self, entry: MountEntry) {
        let mut mounts = self.0.lock();
        if mounts.len() < MOUNTS_MAX {
            mounts.insert(entry);
        }
    }

    pub(crate) fn remove(&self, entry: &MountEntry) {
        self.0.lock().remove(entry);
    }

    pub(crate) fn remove_host(&self, host: &str) {
        self.0.lock().retain(|entry| entry.host != host);
    }

    pub(crate) fn all(&self) -> Vec<MountEntry> {
        self.0.lock().iter().cloned().collect()
    }
}

/// Addresses that have connections.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<IpAddr, Connected>>);

/// What the connections of an address have together.
#[derive(Debug)]
struct Connected {
    connections: u32,
    room: Arc<Semaphore>,
}

impl Connected {
    fn new() -> Self {
        let kib = usize::try_from(ADDRESS_KIB_MAX).unwrap_or(0);
        Self {
            connections: 0,
            room: Arc::new(Semaphore::new(kib)),
        }
    }
}

/// A connection of an address, counted while it lives.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// Room of all its connections, in KiB.
    pub(crate) room: Arc<Semaphore>,
    service: Arc<Service>,
}

impl Peers {
    pub(crate) fn is_connected(&self, address: IpAddr) -> bool {
        self.0.lock().contains_key(&address)
    }
}

impl Peer {
    /// `None` if the address has as many connections as it may have.
    pub(crate) fn admit(service: &Arc<Service>, address: IpAddr) -> Option<Self> {
        let mut peers = service.peers.0.lock();
        let connected = peers.entry(address).or_insert_with(Connected::new);
        if connected.connections >= CONNECTIONS_PER_ADDRESS_MAX {
            return None;
        }
        connected.connections += 1;
        Some(Self {
            address,
            room: Arc::clone(&connected.room),
            service: Arc::clone(service),
        })
    }

    /// How long it may be silent.
    pub(crate) fn idle_timeout(&self) -> Duration {
        if self.service.exports.is_any_open_to(self.address) {
            IDLE_TIMEOUT
        } else {
            STRANGER_TIMEOUT
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut peers = self.service.peers.0.lock();
        if let Some(connected) = peers.get_mut(&self.address) {
            connected.connections -= 1;
            if connected.connections == 0 {
                peers.remove(&self.address);
            }
        }
    }
}
