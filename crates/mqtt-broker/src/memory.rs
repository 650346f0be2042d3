//! Clients in this process, without sockets: a million sessions pass through the same sessions,
//! codec and routing as those behind sockets, on a machine that has no million file descriptors.
//!
//! Bytes to the broker travel as letters, so the inbox bounds them; bytes to the client go to
//! the owner of all clients at once.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    inbox::{InboxFull, Letter},
    limits::MEMORY_INPUT_LEN_MAX,
    shared::Shared,
    transport::Sent,
};

const NO_SLOT: u32 = u32::MAX;

/// The far end of all connections of a [`MemoryLink`].
pub trait MemoryPeers: fmt::Debug + Send + Sync {
    /// The broker says `bytes` to client `number`. Runs on an event loop, which it holds up.
    fn take(&self, number: u32, bytes: &[u8]);
    /// The broker has closed the connection of client `number`.
    fn closed(&self, number: u32);
}

/// The inbox of the event loop is full: try again shortly. The bytes come back.
#[derive(Debug)]
pub struct MemoryFull(pub Box<[u8]>);

/// Connections without sockets, numbered by their owner.
#[derive(Clone, Debug)]
pub struct MemoryLink {
    shared: Arc<Shared>,
    wires: Arc<Wires>,
}

/// What the connections of a link have in common.
#[derive(Debug)]
pub(crate) struct Wires {
    peers: Arc<dyn MemoryPeers>,
    /// Where each client sits in its shard.
    slots: Box<[AtomicU32]>,
}

/// Bytes of a client.
#[derive(Debug)]
pub(crate) struct FromMemory {
    pub(crate) wires: Arc<Wires>,
    pub(crate) number: u32,
    pub(crate) bytes: Box<[u8]>,
}

impl MemoryLink {
    pub(crate) fn new(shared: Arc<Shared>, clients: u32, peers: Arc<dyn MemoryPeers>) -> Self {
        let slots = (0..clients).map(|_| AtomicU32::new(NO_SLOT)).collect();
        let wires = Arc::new(Wires { peers, slots });
        Self { shared, wires }
    }

    /// Client `number` says `bytes`; the first of them open its connection.
    ///
    /// # Errors
    /// The event loop is behind.
    pub fn send(&self, number: u32, bytes: Box<[u8]>) -> Result<(), MemoryFull> {
        let inboxes = &self.shared.inboxes;
        let index = usize::try_from(number).unwrap_or(usize::MAX) % inboxes.len();
        let Some(inbox) = inboxes.get(index) else {
            return Err(MemoryFull(bytes));
        };
        let wires = Arc::clone(&self.wires);
        let letter = Letter::Memory(FromMemory {
            wires,
            number,
            bytes,
        });
        match inbox.push(letter) {
            Ok(()) => Ok(()),
            Err(InboxFull(Letter::Memory(FromMemory { bytes, .. }))) => Err(MemoryFull(bytes)),
            Err(InboxFull(_)) => Err(MemoryFull(Box::default())),
        }
    }
}

impl Wires {
    fn place(&self, number: u32) -> Option<&AtomicU32> {
        self.slots.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn slot(&self, number: u32) -> Option<u32> {
        let slot = self.place(number)?.load(Ordering::Relaxed);
        (slot != NO_SLOT).then_some(slot)
    }

    pub(crate) fn sit(&self, number: u32, slot: u32) {
        if let Some(place) = self.place(number) {
            place.store(slot, Ordering::Relaxed);
        }
    }
}

/// The broker's end of one connection.
#[derive(Debug)]
pub(crate) struct Memory {
    wires: Arc<Wires>,
    number: u32,
    #[expect(
        clippy::box_collection,
        reason = "an idle client has none: 8 bytes, not 24"
    )]
    arrived: Option<Box<Vec<u8>>>,
}

impl Memory {
    pub(crate) const fn new(wires: Arc<Wires>, number: u32) -> Self {
        Self {
            wires,
            number,
            arrived: None,
        }
    }

    /// Adds what came, unless too much waits already.
    pub(crate) fn arrive(&mut self, bytes: Box<[u8]>) -> io::Result<()> {
        match &mut self.arrived {
            None => self.arrived = Some(Box::new(bytes.into_vec())),
            Some(before) if before.len() + bytes.len() > MEMORY_INPUT_LEN_MAX => {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Some(before) => before.extend_from_slice(&bytes),
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(mut arrived) = self.arrived.take() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let len = arrived.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(arrived.drain(..len)) {
            *to = from;
        }
        if !arrived.is_empty() {
            self.arrived = Some(arrived);
        }
        Ok(len)
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> Sent {
        if !bytes.is_empty() {
            self.wires.peers.take(self.number, bytes);
        }
        Sent {
            len: bytes.len(),
            blocked: false,
        }
    }

    pub(crate) fn close(&self) {
        self.wires.sit(self.number, NO_SLOT);
        self.wires.peers.closed(self.number);
    }
}
