//! Clients that never read, in a broker of their own process: what they cost, and that others do
//! not notice them.
//!
//! Memory is asserted; latency depends on the machine and is printed.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use clock::Clock;
use mqtt_broker::limits::{OUT_BYTES_MAX, QUEUE_BYTES_MAX};
use mqtt_codec::{
    Delivery, FilterList, Limits, Packet, PacketId, Properties, ProtocolVersion, Publish, QoS,
    Subscribe, SubscribeOptions, decode, encode,
};

use crate::{
    kill::spawn,
    peer::{admit, broker, connect_bytes},
};

const V: ProtocolVersion = ProtocolVersion::V311;
/// Of each `QoS`.
const DEAF: usize = 16;
/// To each of them: more than may wait.
const MESSAGES: usize = 2_000;
const PAYLOAD_LEN: usize = 1_000;
/// What the broker itself may grow by meanwhile: buffers of its event loops, traces.
const SLACK_BYTES: usize = 8 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with a clean session.
struct Client {
    socket: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr, name: &str) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(&connect_bytes(name, true)).unwrap();
        let input = Vec::new();
        let mut client = Self { socket, input };
        assert!(
            client
                .recv(|packet| matches!(packet, Packet::ConnAck(_)))
                .unwrap()
        );
        client
    }

    fn subscriber(address: SocketAddr, name: &str, qos: QoS) -> Self {
        let mut client = Self::connect(address, name);
        let mut filters = FilterList::new();
        let options = SubscribeOptions::qos(qos);
        filters.push_with(&topic(name), options, V).unwrap();
        client.send(&Packet::Subscribe(Subscribe {
            packet_id: PacketId::MIN,
            properties: Properties::NONE,
            filters: filters.for_subscribe(V),
        }));
        assert!(
            client
                .recv(|packet| matches!(packet, Packet::SubAck(_)))
                .unwrap()
        );
        client
    }

    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        encode(packet, V, &mut bytes).unwrap();
        self.socket.write_all(&bytes).unwrap();
    }

    fn publish(&mut self, to: &str, payload: &[u8], qos: QoS) {
        let (packet_id, dup) = (PacketId::MIN, false);
        self.send(&Packet::Publish(Publish {
            delivery: match qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                _ => Delivery::AtLeastOnce { packet_id, dup },
            },
            retain: false,
            topic: &topic(to),
            properties: Properties::NONE,
            payload,
        }));
        if qos != QoS::AtMostOnce {
            assert!(
                self.recv(|packet| matches!(packet, Packet::PubAck(_)))
                    .unwrap()
            );
        }
    }

    /// The next packet; nothing if the connection is closed.
    fn recv<T>(&mut self, take: impl FnOnce(Packet<'_>) -> T) -> Option<T> {
        let limits = Limits {
            version: V,
            packet_len_max: u32::MAX,
        };
        loop {
            if let Some((packet, len)) = decode(&self.input, limits).unwrap() {
                let taken = take(packet);
                self.input.drain(..len);
                return Some(taken);
            }
            let mut buf = [0; 16_384];
            match self.socket.read(&mut buf) {
                Ok(0) => return None,
                Ok(len) => self.input.extend_from_slice(&buf[..len]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("nothing comes: {e}"),
            }
        }
    }
}

fn topic(name: &str) -> String {
    format!("lab/{name}")
}

/// A line of what the kernel says of a process, in bytes.
fn memory(pid: u32, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    let kib = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kib.parse::<usize>().unwrap() * 1024
}

/// Sends from one client to another until `done`, each message when the one before has come.
fn exchange(
    from: &mut Client,
    to: &mut Client,
    mut done: impl FnMut(usize) -> bool,
) -> Vec<Duration> {
    let clock = Clock::system();
    let mut took = Vec::new();
    while !done(took.len()) {
        let start = clock.now();
        let number = took.len().to_string();
        from.publish("healthy", number.as_bytes(), QoS::AtMostOnce);
        let came = to.recv(|packet| match packet {
            Packet::Publish(publish) => publish.payload == number.as_bytes(),
            other => panic!("not a message: {other:?}"),
        });
        assert_eq!(came, Some(true), "each message comes, in order");
        took.push(clock.now() - start);
    }
    took.sort_unstable();
    took
}

fn quantile(sorted: &[Duration], per_thousand: usize) -> Duration {
    sorted[(sorted.len() - 1) * per_thousand / 1_000]
}

/// All that a client was sent; whether the broker closed it before nothing came for so long.
fn drain(mut client: Client, silence: Duration) -> bool {
    client.socket.set_read_timeout(Some(silence)).unwrap();
    let mut buf = vec![0; 65_536];
    loop {
        match client.socket.read(&mut buf) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return true,
            Err(_) => return false,
        }
    }
}

pub(crate) fn run() {
    let dir = tempfile::tempdir().unwrap();
    let of = |qos: &str| (0..DEAF).map(|n| format!("{qos}-{n}")).collect::<Vec<_>>();
    let (zero, one) = (of("zero"), of("one"));
    let others = ["healthy", "pinger", "flooder"].map(str::to_owned);
    let first = broker(dir.path(), "127.0.0.1:0".parse().unwrap());
    admit(&first, &[&zero[..], &one[..], &others[..]].concat());
    drop(first);
    let (mut child, address) = spawn(dir.path());
    let subscribe = |names: &[String], qos| -> Vec<Client> {
        let open = |name: &String| Client::subscriber(address, name, qos);
        names.iter().map(open).collect()
    };
    let deaf_zero = subscribe(&zero, QoS::AtMostOnce);
    let deaf_one = subscribe(&one, QoS::AtLeastOnce);
    let mut healthy = Client::subscriber(address, "healthy", QoS::AtMostOnce);
    let mut pinger = Client::connect(address, "pinger");
    let mut flooder = Client::connect(address, "flooder");
    let idle = exchange(&mut pinger, &mut healthy, |n| n == 500);
    let before = memory(child.id(), "VmRSS");

    let flood = thread::spawn(move || {
        let payload = vec![7; PAYLOAD_LEN];
        for _ in 0..MESSAGES {
            for name in &zero {
                flooder.publish(name, &payload, QoS::AtMostOnce);
            }
            for name in &one {
                flooder.publish(name, &payload, QoS::AtLeastOnce);
            }
        }
    });
    let busy = exchange(&mut pinger, &mut healthy, |n| {
        n >= 500 && flood.is_finished()
    });
    flood.join().unwrap();
    let grown = memory(child.id(), "VmHWM").saturating_sub(before);
    let bound = DEAF * (QUEUE_BYTES_MAX + 2 * OUT_BYTES_MAX) + SLACK_BYTES;
    assert!(grown <= bound, "{grown} bytes for {} clients", 2 * DEAF);
    // Who is promised every message hears that it has missed some; the others stay.
    assert!(deaf_one.into_iter().all(|client| drain(client, PATIENCE)));
    let moment = Duration::from_millis(300);
    assert!(!deaf_zero.into_iter().any(|client| drain(client, moment)));
    println!(
        "{} clients that never read: {grown} bytes at most, of {bound}; others' messages took \
         {:?} (p50), {:?} (p99) before and {:?}, {:?} meanwhile ({} messages)",
        2 * DEAF,
        quantile(&idle, 500),
        quantile(&idle, 990),
        quantile(&busy, 500),
        quantile(&busy, 990),
        busy.len(),
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
