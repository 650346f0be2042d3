//! From nothing to clients that are connected and subscribed.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    fleet::{Fleet, Greeting, topic},
    wire::{Trust, Wire},
};
use crate::{
    error::BenchError,
    orders::{Done, Target},
    others, packet,
};

/// Connections on their way at a time; fewer than a listener holds.
const OPENING_MAX: usize = 256;
/// A kernel has 28,000 ports for each, and takes long to find a free one when half are taken.
const CLIENTS_OF_AN_ADDRESS: u32 = 10_000;
/// Without any progress for so long, it is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(100);

/// Clients beside the devices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// Of the first process.
    pub(super) console: Option<usize>,
    pub(super) process: u32,
    pub(super) first_pair: u32,
    pub(super) first_publisher: usize,
    pub(super) first_subscriber: usize,
    pub(super) pairs: usize,
}

/// One client to be.
struct Newcomer {
    client_id: String,
    filters: Vec<String>,
    /// Which of this machine's addresses it comes from.
    address: u32,
}

impl Fleet {
    pub(super) fn open_devices(
        &mut self,
        target: &Target,
        first: u32,
        count: u32,
    ) -> Result<Done, BenchError> {
        let newcomers = (first..first + count).map(|number| {
            let client_id = packet::device(number);
            let own = format!("{}{client_id}", topic::P2P);
            let filters = if target.p2p_by_subscription {
                vec![own]
            } else {
                Vec::new()
            };
            Newcomer {
                client_id,
                filters,
                address: number / CLIENTS_OF_AN_ADDRESS + 1,
            }
        });
        let done = self.open_all(target, newcomers)?;
        self.devices = count;
        Ok(done)
    }

    pub(super) fn open_others(
        &mut self,
        target: &Target,
        process: u32,
        first_pair: u32,
        pairs: u32,
    ) -> Result<Done, BenchError> {
        let first = self.clients.len();
        let has_console = process == 0;
        let newcomer = |client_id: String, filter: Option<&str>| Newcomer {
            client_id,
            filters: filter.map(str::to_owned).into_iter().collect(),
            address: 0,
        };
        let console = has_console.then(|| newcomer(others::console(), Some(topic::REPLY)));
        let status = format!("{}/#", topic::status(process));
        let collector = newcomer(others::collector(process), Some(&status));
        let numbers = first_pair..first_pair + pairs;
        let publishers = numbers
            .clone()
            .map(|n| newcomer(others::publisher(n), None));
        let subscribers = numbers.map(|n| {
            let filter = format!("{}{n}", topic::PAIR);
            newcomer(others::subscriber(n), Some(&filter))
        });
        let all: Vec<Newcomer> = publishers
            .chain(subscribers)
            .chain([collector])
            .chain(console)
            .collect();
        let done = self.open_all(target, all.into_iter())?;
        let pairs = usize::try_from(pairs).unwrap_or(0);
        self.seen.paired = vec![0; pairs];
        self.others = Some(Others {
            console: has_console.then_some(first + 2 * pairs + 1),
            process,
            first_pair,
            first_publisher: first,
            first_subscriber: first + pairs,
            pairs,
        });
        Ok(done)
    }

    fn open_all(
        &mut self,
        target: &Target,
        newcomers: impl Iterator<Item = Newcomer>,
    ) -> Result<Done, BenchError> {
        let start = self.now();
        let certificate = target.certificate.as_deref();
        let trust = certificate.map(|file| Trust::of(file, target.address.ip()));
        let trust = trust.transpose()?;
        let mut left = newcomers.peekable();
        let mut waiting: Vec<(usize, Newcomer)> = Vec::new();
        let mut opened = 0_u64;
        let (connected, subscribed) = (self.seen.connected, self.seen.subscribed);
        let mut subscriptions = 0;
        let mut progress = (start, 0);
        while left.peek().is_some()
            || !waiting.is_empty()
            || self.seen.subscribed - subscribed < subscriptions
        {
            while waiting.len() < OPENING_MAX
                && let Some(newcomer) = left.next()
            {
                let socket =
                    connect(target.address, newcomer.address).map_err(BenchError::io("connect"))?;
                let wire = Wire::new(socket, trust.as_ref())?;
                let index = self.add(wire).map_err(BenchError::io("connect"))?;
                waiting.push((index, newcomer));
            }
            self.turn(Some(TURN)).map_err(BenchError::io("connect"))?;
            opened += self.greet(target, &mut waiting, &mut subscriptions)?;
            let now = self.now();
            let step = opened + self.seen.connected - connected + self.seen.subscribed;
            if step != progress.1 {
                progress = (now, step);
            } else if now.saturating_duration_since(progress.0) > PATIENCE || self.seen.refused > 0
            {
                return Err(BenchError::Stuck {
                    what: "connecting",
                    done: opened,
                });
            }
        }
        Ok(Done {
            count: opened,
            elapsed_ns: nanos(self.now().saturating_duration_since(start)),
            ..Done::default()
        })
    }

    /// The next step of each who can take one; returns how many have arrived.
    fn greet(
        &mut self,
        target: &Target,
        waiting: &mut Vec<(usize, Newcomer)>,
        subscriptions: &mut u64,
    ) -> Result<u64, BenchError> {
        let mut arrived = 0;
        let mut at = 0;
        while let Some((index, newcomer)) = waiting.get(at) {
            let index = *index;
            let Some(client) = self.clients.get_mut(index) else {
                break;
            };
            match client.greeting {
                Greeting::Connecting if self.writable.contains(&index) => {
                    client.greeting = Greeting::AwaitConnAck;
                    let hello = packet::connect(&newcomer.client_id, target.proof);
                    self.send(index, &hello)
                        .map_err(BenchError::io("connect"))?;
                    at += 1;
                }
                Greeting::Connecting | Greeting::AwaitConnAck => at += 1,
                Greeting::Ready => {
                    if !newcomer.filters.is_empty() {
                        let subscribe = packet::subscribe(&newcomer.filters);
                        self.send(index, &subscribe)
                            .map_err(BenchError::io("subscribe"))?;
                        *subscriptions += 1;
                    }
                    waiting.swap_remove(at);
                    arrived += 1;
                }
                Greeting::Gone => {
                    return Err(BenchError::Stuck {
                        what: "connecting: the broker closed a connection",
                        done: arrived,
                    });
                }
            }
        }
        self.writable.clear();
        Ok(arrived)
    }

    pub(super) fn subscribe_all(&mut self) -> Result<Done, BenchError> {
        let subscribe = packet::subscribe(&[topic::ALL.to_owned()]);
        let before = self.seen.subscribed;
        let count = u64::from(self.devices);
        for (index, sent) in (0..usize::try_from(self.devices).unwrap_or(0)).zip(1_u64..) {
            self.send(index, &subscribe)
                .map_err(BenchError::io("subscribe"))?;
            // Not too far ahead of the answers.
            while sent.saturating_sub(self.seen.subscribed - before) > 1_000 {
                self.turn(Some(TURN)).map_err(BenchError::io("subscribe"))?;
            }
        }
        self.until("subscribing", count, |seen| seen.subscribed - before)?;
        Ok(Done {
            count,
            ..Done::default()
        })
    }
}

/// Address `number` of this machine for a broker on it. No other broker gets clients from there:
/// several that are up at once would run out of an address's ports.
fn source(to: SocketAddr, number: u32) -> IpAddr {
    let own = u32::from(to.port()) << 8;
    let first = Ipv4Addr::LOCALHOST.to_bits() | own;
    IpAddr::V4(Ipv4Addr::from_bits(first.wrapping_add(number)))
}

/// A connection on its way, from one of many addresses, so that ports do not run out.
fn connect(to: SocketAddr, address: u32) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(to),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    if to.ip().is_loopback() && to.is_ipv4() {
        socket.bind(&SocketAddr::new(source(to, address), 0).into())?;
    }
    match socket.connect(&to.into()) {
        Err(e) if e.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(e),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
