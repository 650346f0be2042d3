//! The clients, their event loop, and how they react to what comes.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use clock::Clock;
use mio::{Events, Interest, Poll, Token, Waker};

use super::{seen::Seen, wire::Wire};
use crate::packet::{self, Frame, Level, Message, kind};

const WAKER: Token = Token(usize::MAX);
const EVENTS_LEN: usize = 1_024;
const READ_BUF_LEN: usize = 256 * 1_024;
/// Topics of the run. Their first letters tell them apart.
pub(crate) mod topic {
    /// Commands to one device: `fleet/p2p/<client ID>`.
    pub(crate) const P2P: &str = "fleet/p2p/";
    /// Messages to all devices.
    pub(crate) const ALL: &str = "fleet/all";
    /// Answers of devices.
    pub(crate) const REPLY: &str = "control/reply/console";
    /// Messages of a pair: `pair/<number>`.
    pub(crate) const PAIR: &str = "pair/";
    /// Those of commands and their answers.
    pub(crate) const URGENT: [&str; 2] = ["fleet", "control"];
    /// Parent topics that a broker with such must know.
    const PARENTS: [&str; 3] = ["fleet", "control", "pair"];

    /// Parent topic of the status of the devices of one client process.
    pub(crate) fn status(process: u32) -> String {
        format!("status-{process}")
    }

    /// All parent topics of a run with so many client processes.
    pub(crate) fn parents(processes: u32) -> impl Iterator<Item = String> {
        let status = (0..processes).map(status);
        PARENTS.into_iter().map(str::to_owned).chain(status)
    }
}

/// A few bytes a client: a million of them fit into the memory of one machine.
#[derive(Debug)]
pub(super) struct Client {
    wire: Wire,
    /// The beginning of a packet.
    partial: Option<Box<[u8]>>,
    /// What the socket did not take.
    unsent: Option<Box<[u8]>>,
    pub(super) greeting: Greeting,
}

/// `Connecting` ── writable ──▶ `AwaitConnAck` ── CONNACK ──▶ `Ready`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    Connecting,
    AwaitConnAck,
    Ready,
    Gone,
}

#[derive(Debug)]
pub(crate) struct Fleet {
    pub(super) clock: Clock,
    pub(super) poll: Poll,
    events: Events,
    buf: Vec<u8>,
    out: Vec<u8>,
    pub(super) clients: Vec<Client>,
    /// Who became writable while connecting.
    pub(super) writable: Vec<usize>,
    pub(super) seen: Seen,
    /// How many of `clients`, the first ones, are devices.
    pub(super) devices: u32,
    /// Who of them is next where one does something after the other.
    next: u32,
    pub(super) others: Option<super::open::Others>,
    pub(super) random: u64,
}

impl Fleet {
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        Ok(Self {
            clock,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_LEN),
            buf: vec![0; READ_BUF_LEN],
            out: Vec::new(),
            clients: Vec::new(),
            writable: Vec::new(),
            seen: Seen::default(),
            devices: 0,
            next: 0,
            others: None,
            random: 0x9e37_79b9_7f4a_7c15,
        })
    }

    pub(super) fn waker(&self) -> io::Result<Arc<Waker>> {
        Ok(Arc::new(Waker::new(self.poll.registry(), WAKER)?))
    }

    /// Adds a client whose socket is on its way.
    pub(super) fn add(&mut self, mut wire: Wire) -> io::Result<usize> {
        let index = self.clients.len();
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(wire.socket(), Token(index), both)?;
        self.clients.push(Client {
            wire,
            partial: None,
            unsent: None,
            greeting: Greeting::Connecting,
        });
        Ok(index)
    }

    /// Waits for events and reacts to them.
    pub(super) fn turn(&mut self, at_most: Option<Duration>) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, at_most);
        let result = match polled {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
            Ok(()) => events
                .iter()
                .filter(|event| event.token() != WAKER)
                .try_for_each(|event| {
                    let Token(index) = event.token();
                    if event.is_writable() {
                        self.note_writable(index)?;
                    }
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.read(index)?;
                    }
                    Ok(())
                }),
        };
        self.events = events;
        result
    }

    fn note_writable(&mut self, index: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        if client.greeting == Greeting::Connecting {
            self.writable.push(index);
        }
        if client.wire.flush().is_err() {
            client.greeting = Greeting::Gone;
        }
        match client.unsent.take() {
            Some(unsent) => self.send(index, &unsent),
            None => Ok(()),
        }
    }

    /// Says `bytes` as `index`, now or when the socket takes them.
    pub(super) fn send(&mut self, index: usize, bytes: &[u8]) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(());
        };
        if let Some(before) = client.unsent.take() {
            client.unsent = Some([&before, bytes].concat().into());
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match client.wire.write(rest) {
                Ok(len) => rest = rest.get(len..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    client.unsent = Some(rest.into());
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    client.greeting = Greeting::Gone;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> io::Result<()> {
        let mut buf = std::mem::take(&mut self.buf);
        let mut out = std::mem::take(&mut self.out);
        let result = loop {
            let Some(client) = self.clients.get_mut(index) else {
                break Ok(());
            };
            let len = match client.wire.read(&mut buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => {
                    client.greeting = Greeting::Gone;
                    break Ok(());
                }
                Ok(len) => len,
            };
            // A short read has emptied the socket.
            let drained = client.wire.is_drained_by(len, READ_BUF_LEN);
            let bytes = buf.get(..len).unwrap_or_default();
            self.take(index, bytes, &mut out);
            let sent = self.send(index, &out);
            out.clear();
            if sent.is_err() || drained {
                break sent;
            }
        };
        self.buf = buf;
        self.out = out;
        result
    }

    /// All whole packets in what is left from before and in `bytes`.
    fn take(&mut self, index: usize, bytes: &[u8], out: &mut Vec<u8>) {
        let before = self.clients.get_mut(index).and_then(|c| c.partial.take());
        let joined = before.map(|before| [&before, bytes].concat());
        let mut rest = joined.as_deref().unwrap_or(bytes);
        // What is the same for all messages of one read is looked at once.
        let now_ns = self.now_ns();
        while let Some(frame) = packet::frame(rest) {
            self.react(index, frame, now_ns, out);
            rest = rest.get(frame.len..).unwrap_or_default();
        }
        if !rest.is_empty()
            && let Some(client) = self.clients.get_mut(index)
        {
            client.partial = Some(rest.into());
        }
    }

    fn react(&mut self, index: usize, frame: Frame<'_>, now_ns: u64, out: &mut Vec<u8>) {
        match frame.kind() {
            kind::PUBLISH => {
                if let Some(message) = frame.message() {
                    self.react_to_message(index, message, now_ns, out);
                }
            }
            kind::PUBACK => self.seen.acknowledged += 1,
            kind::PINGRESP => self.seen.pongs += 1,
            kind::SUBACK => self.seen.subscribed += 1,
            kind::CONNACK => {
                let accepted = frame.body.get(1) == Some(&0);
                if let Some(client) = self.clients.get_mut(index)
                    && accepted
                {
                    client.greeting = Greeting::Ready;
                    self.seen.connected += 1;
                } else {
                    self.seen.refused += 1;
                }
            }
            _ => {}
        }
    }

    fn react_to_message(
        &mut self,
        index: usize,
        message: Message<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
    ) {
        if let Some(id) = message.id {
            packet::acknowledge(id, out);
        }
        let sent_ns = stamp_of(message.payload);
        match message.topic {
            [b'f', .., b'/', b'a', b'l', b'l'] => {
                let gone_us = now_ns.saturating_sub(sent_ns) / 1_000;
                self.seen
                    .broadcast_us
                    .push(u32::try_from(gone_us).unwrap_or(u32::MAX));
            }
            [b'f', ..] => {
                let level = message.id.map_or(Level::Zero, |_| Level::One);
                packet::publish(topic::REPLY, level, 1, message.payload, out);
            }
            [b'c', ..] => {
                let gone_us = now_ns.saturating_sub(sent_ns) / 1_000;
                self.seen
                    .reply_us
                    .push(u32::try_from(gone_us).unwrap_or(u32::MAX));
            }
            [b's', ..] => self.seen.collected += 1,
            [b'p', ..] => {
                let first = self.others.as_ref().map_or(0, |o| o.first_subscriber);
                let pair = index.saturating_sub(first);
                if let Some(paired) = self.seen.paired.get_mut(pair) {
                    if *paired == 0 {
                        self.seen.fresh_pairs.push(pair);
                    }
                    *paired += 1;
                }
            }
            _ => {}
        }
    }

    /// The same clock for all processes of the machine.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.wall_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// One device after the other, from one order to the next: all take part, however short the
    /// orders are.
    pub(super) fn next_device(&mut self) -> u32 {
        let device = self.next % self.devices.max(1);
        self.next = device + 1;
        device
    }

    /// A number below `limit` (xorshift: what matters is that it is spread).
    pub(super) fn random_below(&mut self, limit: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::try_from(self.random % u64::from(limit.max(1))).unwrap_or(0)
    }
}

/// A payload begins with when it was sent.
pub(super) fn stamp(payload: &mut [u8], now_ns: u64) {
    if let Some(first) = payload.first_chunk_mut::<8>() {
        *first = now_ns.to_be_bytes();
    }
}

fn stamp_of(payload: &[u8]) -> u64 {
    payload
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_be_bytes(*first))
}
