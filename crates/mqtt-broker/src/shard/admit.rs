//! New connections: counted, given their layers, and a slot.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mio::net::TcpStream;
use socket2::SockRef;

use super::{
    Shard,
    connection::{Arrival, Connection},
    to_slot,
};
use crate::{
    limits::{CONNECT_TIMEOUT, TURNED_AWAY_MAX},
    listener::{ListenerState, NotServed},
    memory::{FromMemory, Memory},
    session::End,
    transport::Transport,
    wheel::{Occupant, Tick},
};

impl Shard {
    /// A connection too many gets an answer all the same, as long as those are few.
    pub(super) fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        number: u16,
    ) -> io::Result<()> {
        let now = self.shared.clock.now();
        let refused = self.shared.listener(number).enter(now);
        let Some(arrival) = self.count_in(Some(number), refused) else {
            return Ok(());
        };
        let transport = open(self.shared.listener(number), stream, peer);
        let inserted = transport.and_then(|transport| self.insert(transport, arrival));
        if inserted.is_err() {
            self.count_out(arrival.listener, arrival.refused);
        }
        inserted.map(drop)
    }

    /// Nothing if there is no room even for an answer.
    fn count_in(&self, listener: Option<u16>, refused: Option<NotServed>) -> Option<Arrival> {
        self.counters().accepted.one();
        let open = self.shared.connections.fetch_add(1, Ordering::Relaxed);
        let full = (open >= self.shared.connections_max).then_some(NotServed::Full);
        let refused = refused.or(full);
        let state = listener.map(|number| self.shared.listener(number));
        if let Some(why) = refused {
            if why == NotServed::Full {
                self.counters().refused_full.one();
            }
            if let Some(state) = state {
                state.counters.refuse(why);
            }
            let away = self.shared.turned_away.fetch_add(1, Ordering::Relaxed);
            if away >= TURNED_AWAY_MAX {
                self.count_out(listener, refused);
                return None;
            }
        }
        let patience = state.map_or(CONNECT_TIMEOUT, ListenerState::handshake_timeout);
        Some(Arrival {
            at: self.now,
            came_us: self.since_start_us(),
            listener,
            refused,
            patience_ticks: ticks(patience),
        })
    }

    /// Forgets a connection in all that counts connections.
    pub(super) fn count_out(&self, listener: Option<u16>, refused: Option<NotServed>) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(number) = listener {
            self.shared.listener(number).leave();
        }
        if refused.is_some() {
            self.shared.turned_away.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Bytes of a client in this process; the first make its connection.
    pub(super) fn take_memory(&mut self, from: FromMemory) {
        let FromMemory {
            wires,
            number,
            bytes,
        } = from;
        let slot = wires.slot(number).or_else(|| {
            let memory = Memory::new(Arc::clone(&wires), number);
            let transport = Transport::Memory(Box::new(memory));
            let arrival = self.count_in(None, None)?;
            let slot = self.insert(transport, arrival).ok()?;
            wires.sit(number, slot);
            Some(slot)
        });
        let Some(slot) = slot else { return };
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if let Transport::Memory(memory) = &mut connection.transport
            && let Err(error) = memory.arrive(bytes)
        {
            return self.doom(slot, End::Socket(error.kind()));
        }
        self.mark_ready(slot);
    }

    fn insert(&mut self, mut transport: Transport, arrival: Arrival) -> io::Result<u32> {
        let slot = to_slot(self.connections.vacant_key());
        transport.register(&self.registry, self.token(slot))?;
        self.generation = self.generation.wrapping_add(1);
        let connection = Connection::new(transport, arrival, self.generation);
        if let Some((at, _)) = connection.deadline(self.now) {
            self.wheel.insert(
                at,
                Occupant {
                    slot,
                    generation: self.generation,
                },
            );
        }
        self.connections.insert(connection);
        Ok(slot)
    }
}

fn open(listener: &ListenerState, stream: TcpStream, peer: SocketAddr) -> io::Result<Transport> {
    stream.set_nodelay(true)?;
    // For MQTT 3.1.1 clients without keep alive: the kernel finds out that they are gone.
    SockRef::from(&stream).set_keepalive(true)?;
    let Some(layers) = listener.layers(peer.ip()) else {
        let text = "client certificates are required, and no authority for them is known";
        return Err(io::Error::other(text));
    };
    Transport::new(stream, &layers)
}

/// At least one.
fn ticks(patience: Duration) -> u16 {
    let ticks = patience.as_millis() * u128::from(Tick::PER_SECOND) / 1_000;
    u16::try_from(ticks).unwrap_or(u16::MAX).max(1)
}
