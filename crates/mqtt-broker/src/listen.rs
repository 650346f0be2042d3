//! Listening sockets, one for each event loop.

use std::{io, net::SocketAddr, time::Instant};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{config::ListenerConfig, error::BrokerError, listener::ListenerState};

/// Connections that the kernel holds while the event loop is busy; the kernel caps it.
const BACKLOG: i32 = 4_096;

/// All listeners of a broker.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) states: Vec<ListenerState>,
    /// For each listener a socket for each event loop.
    pub(crate) sockets: Vec<Vec<TcpListener>>,
}

/// Opens all of `listeners` for `count` event loops.
pub(crate) fn listen(
    listeners: Vec<ListenerConfig>,
    count: usize,
    now: Instant,
) -> Result<Listening, BrokerError> {
    let mut listening = Listening {
        states: Vec::new(),
        sockets: Vec::new(),
    };
    for config in listeners {
        let name = config.name.clone();
        if listening.states.iter().any(|other| other.name == name) {
            return Err(BrokerError::SameName { listener: name });
        }
        let address = config.address;
        let opened = open(address, count);
        let (address, sockets) = opened.map_err(|source| BrokerError::Listen {
            listener: name.clone(),
            address,
            source,
        })?;
        let state = ListenerState::new(config, address, now);
        let state = state.map_err(|source| BrokerError::Tls {
            listener: name,
            source,
        })?;
        listening.states.push(state);
        listening.sockets.push(sockets);
    }
    Ok(listening)
}

/// One listening socket for each event loop, all on one address: the kernel spreads
/// connections over them.
fn open(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if address.port() != 0 {
        // Sockets that share a port share it with any process of the same user, too. This
        // one does not, so it finds out whether somebody else is there.
        bind(address, false)?;
    }
    let first = bind(address, true)?;
    let bound = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(bind(bound, true)?);
    }
    Ok((bound, sockets))
}

fn bind(address: SocketAddr, share_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share_port)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}
