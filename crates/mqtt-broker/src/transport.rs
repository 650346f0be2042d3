//! What carries the bytes of a connection: a socket, layers above a socket, or memory.
//!
//! None keeps a buffer while nothing moves.

mod kernel_tls;
mod layered;

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr},
    sync::Arc,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustix::net::{RecvFlags, SendFlags};
use rustls::ServerConfig;

pub(crate) use layered::Layered;

use crate::{client_certificate::ClientCertificate, memory::Memory};

#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    Layered(Box<Layered>),
    Memory(Box<Memory>),
}

/// What is above the socket of a new connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// A balancer's header comes first.
    pub(crate) balancer: bool,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The kernel may make its records.
    pub(crate) kernel_tls: bool,
    /// The path of the WebSocket.
    pub(crate) web_path: Option<Arc<str>>,
}

/// How a socket took what was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) len: usize,
    /// It takes no more now; an event will tell when it does.
    pub(crate) blocked: bool,
}

impl Transport {
    pub(crate) fn new(socket: TcpStream, layers: &Layers) -> io::Result<Self> {
        if layers.balancer || layers.tls.is_some() || layers.web_path.is_some() {
            let layered = Layered::new(socket, layers)?;
            return Ok(Self::Layered(Box::new(layered)));
        }
        Ok(Self::Plain(socket))
    }

    /// The client's address, or what a balancer says that it is.
    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(socket) => socket.peer_addr(),
            Self::Layered(layered) => layered.peer(),
            Self::Memory(_) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        }
    }

    /// The client's certificate, verified.
    pub(crate) fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Plain(_) | Self::Memory(_) => None,
            Self::Layered(layered) => layered.certificate(),
        }
    }

    /// It is known who the client is.
    pub(crate) fn forget_certificate(&mut self) {
        if let Self::Layered(layered) = self {
            layered.forget_certificate();
        }
    }

    /// Once and for all: edge-triggered, both ways.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Layered(layered) => &mut layered.socket,
            Self::Memory(_) => return Ok(()),
        };
        registry.register(socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Reads what is there; 0 at the end, `WouldBlock` if there is nothing, or if the peer must
    /// take its answers first.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => retry(|| socket_read(socket, buf)),
            Self::Layered(layered) => layered.read(buf),
            Self::Memory(memory) => memory.read(buf),
        }
    }

    /// Whether reading `len` of `wanted` bytes says that there is no more, so that the system
    /// call that would say so can be saved.
    pub(crate) fn is_drained_by(&self, len: usize, wanted: usize) -> bool {
        match self {
            Self::Plain(_) | Self::Memory(_) => len < wanted,
            Self::Layered(layered) => layered.is_drained(),
        }
    }

    /// Sends as much of `bytes` as goes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<Sent> {
        match self {
            Self::Plain(socket) => send_all(bytes, |rest| socket_write(socket, rest)),
            Self::Layered(layered) => layered.send(bytes),
            Self::Memory(memory) => Ok(memory.send(bytes)),
        }
    }

    /// Whether there is something to send that is not in an output buffer of ours.
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Memory(_) => false,
            Self::Layered(layered) => layered.wants_write(),
        }
    }

    /// Whether so much of that waits that the peer must not be read.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Memory(_) => false,
            Self::Layered(layered) => layered.is_full(),
        }
    }

    /// Says goodbye below MQTT. The peer may be gone, which is no news then.
    pub(crate) fn close(mut self) {
        let socket = match &mut self {
            Self::Plain(socket) => socket,
            Self::Layered(layered) => {
                layered.say_goodbye();
                &mut layered.socket
            }
            Self::Memory(memory) => return memory.close(),
        };
        socket.shutdown(Shutdown::Write).ok();
    }
}

fn send_all(bytes: &[u8], mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<Sent> {
    let mut len = 0;
    while let Some(rest) = bytes.get(len..).filter(|rest| !rest.is_empty()) {
        match retry(|| write(rest)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => len += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Sent { len, blocked: true });
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Sent {
        len,
        blocked: false,
    })
}

/// The system call itself: that of the C library is a cancellation point, which costs more than
/// the decoding of an acknowledgement.
fn socket_read(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (len, _) = rustix::net::recv(socket, buf, RecvFlags::empty())?;
    Ok(len)
}

/// As [`socket_read`]. A peer that is gone is an error, and no signal.
fn socket_write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

/// A signal is no reason to stop.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
