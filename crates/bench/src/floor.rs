//! The floor: a bare relay, one thread, that is no broker.
//!
//! It parses MQTT, finds subscribers by hash (the exact topic, and its parent with `#`), and
//! writes once to each socket and batch of events: no rights, no sessions, no unacknowledged
//! messages kept. So it is what the machine and the protocol cost, and every broker is measured
//! as a ratio to it.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};

use crate::packet::{self, Frame, kind};

const LISTENER: Token = Token(usize::MAX - 1);
const EVENTS_LEN: usize = 1_024;
const READ_BUF_LEN: usize = 256 * 1_024;
const BACKLOG: i32 = 4_096;

struct Peer {
    socket: TcpStream,
    partial: Vec<u8>,
    out: Vec<u8>,
    last_id: u16,
    dirty: bool,
}

pub(crate) struct Floor {
    poll: Poll,
    listener: TcpListener,
    peers: Slab<Peer>,
    subscribers: HashMap<Box<[u8]>, Vec<usize>>,
    dirty: Vec<usize>,
    found: Vec<usize>,
    buf: Vec<u8>,
}

impl Floor {
    pub(crate) fn bind() -> io::Result<Self> {
        let socket = Socket::new(
            Domain::IPV4,
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            peers: Slab::new(),
            subscribers: HashMap::new(),
            dirty: Vec::new(),
            found: Vec::new(),
            buf: vec![0; READ_BUF_LEN],
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// For ever: who started the process ends it.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_LEN);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let Token(index) = event.token();
                if event.is_writable() && self.peers.get(index).is_some_and(|p| !p.out.is_empty()) {
                    self.mark(index);
                }
                if event.is_readable() || event.is_read_closed() {
                    self.read(index);
                }
            }
            let mut dirty = std::mem::take(&mut self.dirty);
            for index in dirty.drain(..) {
                self.flush(index);
            }
            self.dirty = dirty;
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
                Ok((mut socket, _)) => {
                    socket.set_nodelay(true)?;
                    let entry = self.peers.vacant_entry();
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll
                        .registry()
                        .register(&mut socket, Token(entry.key()), both)?;
                    entry.insert(Peer {
                        socket,
                        partial: Vec::new(),
                        out: Vec::new(),
                        last_id: 0,
                        dirty: false,
                    });
                }
            }
        }
    }

    fn mark(&mut self, index: usize) {
        if let Some(peer) = self.peers.get_mut(index)
            && !std::mem::replace(&mut peer.dirty, true)
        {
            self.dirty.push(index);
        }
    }

    fn read(&mut self, index: usize) {
        let mut buf = std::mem::take(&mut self.buf);
        while let Some(peer) = self.peers.get_mut(index) {
            match peer.socket.read(&mut buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => {
                    self.peers.remove(index);
                    break;
                }
                Ok(len) => {
                    self.take(index, buf.get(..len).unwrap_or_default());
                    if len < buf.len() {
                        break;
                    }
                }
            }
        }
        self.buf = buf;
    }

    fn take(&mut self, index: usize, bytes: &[u8]) {
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        let mut joined = std::mem::take(&mut peer.partial);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        while let Some(frame) = packet::frame(rest) {
            self.handle(index, frame);
            rest = rest.get(frame.len..).unwrap_or_default();
        }
        let rest = rest.to_vec();
        if let Some(peer) = self.peers.get_mut(index) {
            peer.partial = rest;
        }
    }

    fn handle(&mut self, index: usize, frame: Frame<'_>) {
        match frame.kind() {
            kind::CONNECT => self.answer(index, &[0x20, 2, 0, 0]),
            kind::PINGREQ => self.answer(index, &[0xd0, 0]),
            kind::SUBSCRIBE => self.subscribe(index, frame.body),
            kind::PUBLISH => self.publish(index, frame),
            _ => {}
        }
    }

    fn answer(&mut self, index: usize, bytes: &[u8]) {
        if let Some(peer) = self.peers.get_mut(index) {
            peer.out.extend_from_slice(bytes);
        }
        self.mark(index);
    }

    fn subscribe(&mut self, index: usize, body: &[u8]) {
        let Some((id, mut rest)) = body.split_first_chunk::<2>() else {
            return;
        };
        let [high, low] = *id;
        let mut answer = vec![0x90, 2, high, low];
        while let Some((len, after)) = rest.split_first_chunk::<2>()
            && let Some((filter, after)) =
                after.split_at_checked(usize::from(u16::from_be_bytes(*len)))
            && let Some((qos, after)) = after.split_first()
        {
            let places = self.subscribers.entry(filter.into()).or_default();
            places.push(index);
            answer.push(*qos & 1);
            rest = after;
        }
        if let (Ok(len), Some(place)) = (u8::try_from(answer.len() - 2), answer.get_mut(1)) {
            *place = len;
        }
        self.answer(index, &answer);
    }

    fn publish(&mut self, index: usize, frame: Frame<'_>) {
        let Some(message) = frame.message() else {
            return;
        };
        let mut found = std::mem::take(&mut self.found);
        if let Some(exact) = self.subscribers.get(message.topic) {
            found.extend_from_slice(exact);
        }
        if let Some(end) = message.topic.iter().position(|b| *b == b'/') {
            let parent = message.topic.get(..=end).unwrap_or_default();
            if let Some(wide) = self.subscribers.get([parent, b"#"].concat().as_slice()) {
                found.extend_from_slice(wide);
            }
        }
        for to in found.drain(..) {
            let Some(peer) = self.peers.get_mut(to) else {
                continue;
            };
            peer.out.push(frame.first & 0x06 | 0x30);
            put_len(frame.body.len(), &mut peer.out);
            if message.id.is_some() {
                peer.last_id = peer.last_id.checked_add(1).unwrap_or(1);
                let topic_end = 2 + message.topic.len();
                peer.out
                    .extend_from_slice(frame.body.get(..topic_end).unwrap_or_default());
                peer.out.extend_from_slice(&peer.last_id.to_be_bytes());
                peer.out.extend_from_slice(message.payload);
            } else {
                peer.out.extend_from_slice(frame.body);
            }
            self.mark(to);
        }
        self.found = found;
        if let Some(id) = message.id {
            let mut ack = Vec::with_capacity(4);
            packet::acknowledge(id, &mut ack);
            self.answer(index, &ack);
        }
    }

    fn flush(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index) else {
            return;
        };
        peer.dirty = false;
        let mut sent = 0;
        while let Some(rest) = peer.out.get(sent..).filter(|rest| !rest.is_empty()) {
            match peer.socket.write(rest) {
                Ok(len) => sent += len,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if sent == peer.out.len() {
            // An idle peer keeps no memory.
            peer.out = Vec::new();
        } else {
            peer.out.drain(..sent);
        }
    }
}

fn put_len(len: usize, out: &mut Vec<u8>) {
    let mut left = len;
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or(0x7f);
        left >>= 7;
        if left == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
