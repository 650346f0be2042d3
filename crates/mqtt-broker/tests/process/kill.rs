//! `kill -9` of a broker, again and again, while messages of QoS 1 and 2 pass through it to
//! persistent sessions of both versions: to subscribers who are there and who are not, to one
//! client by its name, to shared subscriptions, and into retained messages.

mod publisher;
mod receiver;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use clock::Clock;
use mqtt_codec::ProtocolVersion::{V5, V311};

use crate::peer::admit;
use publisher::{Publisher, Way};
use receiver::{Receiver, retained};

const ANY: &str = "127.0.0.1:0";
/// The absent one is there in one life of so many.
const ABSENCE: usize = 4;
/// Messages that must have passed, for each life that was asked for.
const MESSAGES_MIN: usize = 5;
/// A machine that is busy may let few pass in one life: then there are more lives, so many times
/// as many at most.
const LIVES_MORE: usize = 4;

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

struct World {
    publisher: Publisher,
    /// Named by the publisher, and subscribed.
    here: Receiver,
    /// Subscribed, and mostly away.
    away: Receiver,
    /// Of one shared subscription.
    members: [Receiver; 2],
}

impl World {
    fn new() -> Self {
        let plain = Way::Subscribers.topic(0);
        let shared = format!("$share/g/{}", Way::Shared.topic(0));
        Self {
            publisher: Publisher::default(),
            here: Receiver::new("here", V311, &plain),
            away: Receiver::new("away", V5, &plain),
            members: [
                Receiver::new("member-1", V5, &shared),
                Receiver::new("member-2", V311, &shared),
            ],
        }
    }

    /// From now on what has not come is lost.
    fn be_patient(&mut self) {
        let all = [&mut self.here, &mut self.away];
        for receiver in all.into_iter().chain(&mut self.members) {
            receiver.quiet_reads = receiver::LAST_QUIET_READS;
        }
    }

    /// One life of the broker; `killed_after` or until all is done.
    fn live(&mut self, dir: &Path, with_away: bool, killed_after: Option<Duration>) {
        let (mut child, address) = spawn(dir);
        let (stop_publisher, publisher_stops) = mpsc::channel();
        let Self {
            publisher,
            here,
            away,
            members,
        } = self;
        let present = (std::iter::once(here).chain(members)).chain(with_away.then_some(away));
        thread::scope(|scope| {
            let (up, all_up) = mpsc::channel();
            let mut stop_receivers = Vec::new();
            let mut receiving = Vec::new();
            for receiver in present {
                let (stop, stops) = mpsc::channel();
                stop_receivers.push(stop);
                let up = up.clone();
                receiving.push(scope.spawn(move || receiver.run(address, up, &stops)));
            }
            drop(up);
            let receivers = receiving.len();
            let publishing = scope.spawn(move || {
                // A shared subscription is there as long as its members are.
                if all_up.iter().count() == receivers {
                    publisher.check_retained(|way| retained(address, way));
                    publisher.run(address, &publisher_stops).ok();
                }
            });
            if let Some(after) = killed_after {
                // What is under test happens at any instant; this chooses one.
                let (_never, elapsed) = mpsc::channel::<()>();
                elapsed.recv_timeout(after).unwrap_err();
                child.kill().unwrap();
            } else {
                stop_publisher.send(()).unwrap();
            }
            publishing.join().unwrap();
            drop(stop_receivers);
            for receiving in receiving {
                receiving.join().unwrap().ok();
            }
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What was acknowledged has come to all whom it was for; of QoS 2 never twice.
    fn check(&self) {
        for way in Way::ALL {
            let receivers: Vec<Vec<&Receiver>> = match way {
                Way::Subscribers => vec![vec![&self.here], vec![&self.away]],
                Way::Named => vec![vec![&self.here]],
                Way::Shared => vec![self.members.iter().collect()],
                Way::Retained => Vec::new(),
            };
            for of_one in receivers {
                let got = |number: u32| of_one.iter().map(|r| r.count(number)).sum::<u32>();
                let safe = self.publisher.safe.iter().filter(|n| Way::of(**n) == way);
                let lost: Vec<_> = safe.filter(|n| got(**n) == 0).collect();
                let who = &of_one[0].name;
                assert!(
                    lost.is_empty(),
                    "{way:?} to {who}: acknowledged and lost: {lost:?}"
                );
                let all = (1..=self.publisher.number).filter(|n| Way::of(*n) == way);
                let twice: Vec<_> = all.filter(|n| n % 2 == 0 && got(*n) > 1).collect();
                assert!(
                    twice.is_empty(),
                    "{way:?} to {who}: of QoS 2 and received twice: {twice:?}"
                );
            }
        }
    }
}

pub(crate) fn run() {
    let rounds = crate::number("CAUSEWAY_KILL_ROUNDS", 12);
    let dir = tempfile::tempdir().unwrap();
    let broker = crate::peer::broker(dir.path(), ANY.parse().unwrap());
    let names = ["pub", "here", "away", "member-1", "member-2", "late"];
    admit(&broker, &names.map(String::from));
    drop(broker);
    let mut world = World::new();
    // The sessions must be there before the first message.
    world.live(dir.path(), true, None);
    let mut seed = u64::try_from(Clock::system().wall_nanos() & 0xffff).unwrap();
    println!("seed {seed}");
    let mut kills = 0;
    let few = |world: &World| world.publisher.safe.len() <= rounds * MESSAGES_MIN;
    while kills < rounds || few(&world) && kills < rounds * LIVES_MORE {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let after = Duration::from_millis(60 + (seed >> 40) % 250);
        world.live(dir.path(), kills % ABSENCE == 0, Some(after));
        kills += 1;
    }
    world.be_patient();
    world.live(dir.path(), true, None);
    world.check();
    let safe = world.publisher.safe.len();
    assert!(!few(&world), "only {safe} messages passed");
    println!("{kills} kills, {safe} acknowledged messages, none lost, none of QoS 2 twice");
}
