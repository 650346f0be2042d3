//! `kill -9` of a broker, again and again, while messages of QoS 1 and 2 pass through it from one
//! persistent session to another.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use clock::Clock;
use mqtt_codec::{
    Ack, Delivery, FilterList, Packet, PacketId, Properties, Publish, QoS, Subscribe,
    SubscribeOptions,
};

use crate::peer::{Gone, Peer, admit};

const ANY: &str = "127.0.0.1:0";
const TOPIC: &str = "lab/updates";
/// On their way at once.
const WINDOW: usize = 16;

/// The process that is killed: says where it listens, and waits.
pub(crate) fn broker(dir: &str) {
    let broker = crate::peer::broker(Path::new(dir), ANY.parse().unwrap());
    println!("{}", broker.tcp_address().unwrap());
    std::io::stdout().flush().unwrap();
    // Until the end of the test, if nobody kills it.
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .unwrap();
}

pub(crate) fn spawn(dir: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("broker").arg(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (
        child,
        line.trim()
            .parse()
            .expect("the broker says where it listens"),
    )
}

/// What a publisher must remember of a message that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Published,
    /// PUBREC came.
    Released,
}

#[derive(Default)]
struct Publisher {
    number: u32,
    on_their_way: BTreeMap<PacketId, (u32, Stage)>,
    /// Those that it was told are safe.
    safe: BTreeSet<u32>,
}

/// Odd ones have QoS 1, even ones 2.
fn delivery(number: u32, packet_id: PacketId, dup: bool) -> Delivery {
    if number % 2 == 1 {
        Delivery::AtLeastOnce { packet_id, dup }
    } else {
        Delivery::ExactlyOnce { packet_id, dup }
    }
}

impl Publisher {
    /// Publishes until the broker is gone, or `stop` says so and all is answered.
    fn run(&mut self, address: SocketAddr, stop: &mpsc::Receiver<()>) -> Result<(), Gone> {
        let (mut peer, _) = Peer::connect(address, "pub")?;
        for (id, (number, stage)) in &self.on_their_way {
            match stage {
                Stage::Published => publish(&mut peer, *number, delivery(*number, *id, true))?,
                Stage::Released => peer.send(&Packet::PubRel(Ack::success(*id)))?,
            }
        }
        let mut stopping = false;
        loop {
            stopping = stopping || stop.try_recv().is_ok();
            while !stopping && self.on_their_way.len() < WINDOW {
                self.number += 1;
                let id = self.free_id();
                self.on_their_way
                    .insert(id, (self.number, Stage::Published));
                publish(&mut peer, self.number, delivery(self.number, id, false))?;
            }
            if stopping && self.on_their_way.is_empty() {
                return Ok(());
            }
            let answered = peer.recv(|packet| match packet {
                Packet::PubAck(ack) | Packet::PubComp(ack) => (ack.packet_id, true),
                Packet::PubRec(ack) => (ack.packet_id, false),
                other => panic!("not for a publisher: {other:?}"),
            })?;
            if let Some((id, done)) = answered {
                self.answered(&mut peer, id, done)?;
            }
        }
    }

    fn answered(&mut self, peer: &mut Peer, id: PacketId, done: bool) -> Result<(), Gone> {
        let Some((number, stage)) = self.on_their_way.get_mut(&id) else {
            return Ok(());
        };
        self.safe.insert(*number);
        if done {
            self.on_their_way.remove(&id);
            return Ok(());
        }
        *stage = Stage::Released;
        peer.send(&Packet::PubRel(Ack::success(id)))
    }

    /// Few are used, so that one which the broker has forgotten to release is found out.
    fn free_id(&self) -> PacketId {
        let mut ids = (1..).map_while(PacketId::new);
        ids.find(|id| !self.on_their_way.contains_key(id)).unwrap()
    }
}

fn publish(peer: &mut Peer, number: u32, delivery: Delivery) -> Result<(), Gone> {
    peer.send(&Packet::Publish(Publish {
        delivery,
        retain: false,
        topic: TOPIC,
        properties: Properties::NONE,
        payload: number.to_string().as_bytes(),
    }))
}

#[derive(Default)]
struct Subscriber {
    got: BTreeMap<u32, u32>,
    /// Of QoS 2, and not released.
    seen: BTreeSet<PacketId>,
}

enum Said {
    Message(u32, Delivery),
    Release(PacketId),
    Other,
}

impl Subscriber {
    /// Takes what comes until the broker is gone, or nothing has come for a while after `stop`.
    fn run(&mut self, address: SocketAddr, stop: &mpsc::Receiver<()>) -> Result<(), Gone> {
        let (mut peer, present) = Peer::connect(address, "sub")?;
        if !present {
            assert!(self.got.is_empty(), "the session is lost");
            let mut list = FilterList::new();
            let options = SubscribeOptions::qos(QoS::ExactlyOnce);
            let version = mqtt_codec::ProtocolVersion::V311;
            list.push_with(TOPIC, options, version).unwrap();
            peer.send(&Packet::Subscribe(Subscribe {
                packet_id: PacketId::MIN,
                properties: Properties::NONE,
                filters: list.for_subscribe(version),
            }))?;
        }
        let mut stopping = false;
        loop {
            stopping = stopping || stop.try_recv().is_ok();
            let said = peer.recv(|packet| match packet {
                Packet::Publish(publish) => {
                    let text = std::str::from_utf8(publish.payload).unwrap();
                    Said::Message(text.parse().unwrap(), publish.delivery)
                }
                Packet::PubRel(ack) => Said::Release(ack.packet_id),
                _ => Said::Other,
            })?;
            match said {
                Some(Said::Message(number, delivery)) => self.take(&mut peer, number, delivery)?,
                Some(Said::Release(id)) => {
                    self.seen.remove(&id);
                    peer.send(&Packet::PubComp(Ack::success(id)))?;
                }
                Some(Said::Other) => {}
                None if stopping => return Ok(()),
                None => {}
            }
        }
    }

    fn take(&mut self, peer: &mut Peer, number: u32, delivery: Delivery) -> Result<(), Gone> {
        match delivery {
            Delivery::AtMostOnce => panic!("QoS 0 was not asked for"),
            Delivery::AtLeastOnce { packet_id, .. } => {
                *self.got.entry(number).or_default() += 1;
                peer.send(&Packet::PubAck(Ack::success(packet_id)))
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if self.seen.insert(packet_id) {
                    *self.got.entry(number).or_default() += 1;
                }
                peer.send(&Packet::PubRec(Ack::success(packet_id)))
            }
        }
    }
}

/// One life of the broker; `killed_after` or until all is done.
fn live(
    dir: &Path,
    (publisher, subscriber): (&mut Publisher, &mut Subscriber),
    killed_after: Option<Duration>,
) {
    let (mut child, address) = spawn(dir);
    let (stop_publisher, publisher_stops) = mpsc::channel();
    let (stop_subscriber, subscriber_stops) = mpsc::channel();
    thread::scope(|scope| {
        let publishing = scope.spawn(move || publisher.run(address, &publisher_stops));
        let subscribing = scope.spawn(move || subscriber.run(address, &subscriber_stops));
        if let Some(after) = killed_after {
            // What is under test happens at any instant; this chooses one.
            let (_never, elapsed) = mpsc::channel::<()>();
            elapsed.recv_timeout(after).unwrap_err();
            child.kill().unwrap();
        } else {
            stop_publisher.send(()).unwrap();
        }
        publishing.join().unwrap().ok();
        stop_subscriber.send(()).ok();
        subscribing.join().unwrap().ok();
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn run() {
    let rounds = crate::number("CAUSEWAY_KILL_ROUNDS", 12);
    let dir = tempfile::tempdir().unwrap();
    let broker = crate::peer::broker(dir.path(), ANY.parse().unwrap());
    admit(&broker, &["pub".into(), "sub".into()]);
    drop(broker);
    let (mut publisher, mut subscriber) = (Publisher::default(), Subscriber::default());
    // The session must be there before the first message.
    live(
        dir.path(),
        (&mut Publisher::default(), &mut subscriber),
        None,
    );
    let mut seed = u64::try_from(Clock::system().wall_nanos() & 0xffff).unwrap();
    println!("seed {seed}");
    for _ in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let after = Duration::from_millis(30 + (seed >> 40) % 150);
        live(dir.path(), (&mut publisher, &mut subscriber), Some(after));
    }
    live(dir.path(), (&mut publisher, &mut subscriber), None);
    let got = |number: &u32| subscriber.got.get(number).copied().unwrap_or_default();
    let lost: Vec<_> = publisher.safe.iter().filter(|n| got(n) == 0).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let twice: Vec<_> = (2..=publisher.number)
        .step_by(2)
        .filter(|n| got(n) > 1)
        .collect();
    assert!(twice.is_empty(), "of QoS 2 and received twice: {twice:?}");
    let safe = publisher.safe.len();
    assert!(safe > rounds * 5, "only {safe} messages passed");
    println!("{rounds} kills, {safe} acknowledged messages, none lost, none of QoS 2 twice");
}
