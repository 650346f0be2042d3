//! Listening sockets of a shard.

use std::{io, net::SocketAddr};

use mio::{
    Interest, Registry, Token,
    net::{TcpListener, TcpStream},
};

use super::Shard;
use crate::limits::ACCEPTS_PER_TURN;

/// A listening socket of one shard.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Which of the broker's listeners it belongs to.
    number: u16,
    /// None once its broker is drained.
    socket: Option<TcpListener>,
    state: Accepting,
}

/// Idle ── event ──▶ Ready ── none left ──▶ Idle; Ready ── no file descriptor ──▶ Paused ──▶ Ready
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    Idle,
    Ready,
    Paused,
}

impl Listener {
    pub(crate) const fn new(number: u16, socket: TcpListener) -> Self {
        Self {
            number,
            socket: Some(socket),
            state: Accepting::Idle,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => registry.register(socket, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    /// Nobody comes any more; another process may listen here.
    pub(super) fn close(&mut self, registry: &Registry) {
        if let Some(mut socket) = self.socket.take()
            && let Err(error) = registry.deregister(&mut socket)
        {
            tracing::warn!(%error, "cannot forget a listening socket");
        }
        self.state = Accepting::Idle;
    }

    pub(super) const fn note(&mut self) {
        // One that is closed has nobody any more.
        if self.socket.is_some() {
            self.state = Accepting::Ready;
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == Accepting::Ready
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state == Accepting::Paused
    }

    /// Some of those that wait.
    fn accept(&mut self) -> Vec<(TcpStream, SocketAddr)> {
        let mut streams = Vec::new();
        let Some(socket) = &self.socket else {
            return streams;
        };
        while streams.len() < ACCEPTS_PER_TURN {
            match socket.accept() {
                Ok(accepted) => streams.push(accepted),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.state = Accepting::Idle;
                    break;
                }
                // The peer went before it was accepted.
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                    self.state = Accepting::Paused;
                    break;
                }
            }
        }
        streams
    }
}

impl Shard {
    pub(super) fn accept_ready(&mut self) {
        for n in 0..self.listeners.len() {
            let Some(listener) = self.listeners.get_mut(n) else {
                continue;
            };
            if listener.state == Accepting::Idle {
                continue;
            }
            let (accepted, number) = (listener.accept(), listener.number);
            for (stream, peer) in accepted {
                if let Err(error) = self.admit(stream, peer, number) {
                    tracing::debug!(%error, "a connection was gone before it was served");
                }
            }
        }
    }
}
