//! `bench mqtt --in-memory N`: N sessions without sockets, in this process.
//!
//! They pass through the same sessions, codec, routing and event loops as those behind sockets.
//! So this shows what a million cost apart from the kernel, on a machine whose processes may not
//! open a million files.

mod peers;

use std::{io::Write as _, sync::Arc};

use clock::Clock;
use mqtt_broker::{MemoryFull, MemoryLink};
use serde::Serialize;

use self::peers::{Count, Peers};
use crate::{
    agent::topic,
    error::BenchError,
    others,
    own_broker::OwnBroker,
    packet::{self, Level, Proof},
    process,
    samples::Times,
};

/// Commands to random devices, one at a time.
const COMMANDS: u32 = 20_000;
const COMMAND_LEN: usize = 128;
const BROADCAST_LEN: usize = 256;

/// Resident memory up to a million sessions, the process and its credentials included.
const RESIDENT_BYTES_MAX: u64 = 2 << 30;
const MILLION: u64 = 1_000_000;
const COMMAND_P99_US_MAX: f64 = 1_000.0;

/// What a run gave.
#[derive(Debug, Serialize)]
struct Figures {
    sessions: u32,
    /// The broker with its credentials, before anybody has connected.
    resident_before_bytes: u64,
    /// With all sessions, each with a subscription.
    resident_bytes: u64,
    bytes_per_session: u64,
    connect_per_second: u64,
    command: Option<Times>,
    broadcast: Option<Times>,
}

/// Measures, prints, and fails if anything got lost.
pub(crate) fn run(sessions: u32, json: bool, clock: &Clock) -> Result<(), BenchError> {
    let dir = tempfile::tempdir().map_err(BenchError::io("make a directory"))?;
    let own = OwnBroker::start(dir.path(), sessions, 1, |_| {})?;
    let peers = Arc::new(Peers::new(clock.clone()));
    let far_ends = Arc::<Peers>::clone(&peers);
    let link = own.broker.memory_link(sessions + 1, far_ends);
    let run = Run {
        link,
        peers,
        clock: clock.clone(),
        sessions,
    };
    let figures = run.measure()?;
    let text = if json {
        serde_json::to_string_pretty(&figures).map_err(BenchError::Line)?
    } else {
        figures.text()
    };
    writeln!(std::io::stdout(), "{text}").map_err(BenchError::io("print the report"))?;
    figures.check()
}

struct Run {
    link: MemoryLink,
    peers: Arc<Peers>,
    clock: Clock,
    sessions: u32,
}

impl Run {
    fn measure(&self) -> Result<Figures, BenchError> {
        let resident_before_bytes = resident()?;
        let start = self.clock.now();
        for number in 0..self.sessions {
            self.say(
                number,
                packet::connect(&packet::device(number), Proof::Credential),
            );
        }
        let console = packet::connect(&others::console(), Proof::Credential);
        self.say(self.sessions, console);
        self.peers
            .wait(Count::Connected, u64::from(self.sessions) + 1)?;
        let connect_ms = self
            .clock
            .now()
            .saturating_duration_since(start)
            .as_millis();
        let subscribe = packet::subscribe(&[topic::ALL.to_owned()]);
        for number in 0..self.sessions {
            self.say(number, subscribe.clone());
        }
        self.peers
            .wait(Count::Subscribed, u64::from(self.sessions))?;
        let resident_bytes = resident()?;
        let command = Times::of(self.commands()?);
        let broadcast = Times::of(self.broadcast()?);
        let rate = u128::from(self.sessions) * 1_000 / connect_ms.max(1);
        Ok(Figures {
            sessions: self.sessions,
            resident_before_bytes,
            resident_bytes,
            bytes_per_session: resident_bytes.saturating_sub(resident_before_bytes)
                / u64::from(self.sessions),
            connect_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
            command,
            broadcast,
        })
    }

    /// Waits for the event loop where it is behind.
    fn say(&self, number: u32, bytes: Vec<u8>) {
        let mut bytes = bytes.into_boxed_slice();
        while let Err(MemoryFull(back)) = self.link.send(number, bytes) {
            bytes = back;
            std::thread::yield_now();
        }
    }

    fn publish(&self, to: &str, len: usize) {
        let mut payload = vec![0; len];
        peers::stamp(&mut payload, &self.clock);
        let mut message = Vec::new();
        packet::publish(to, Level::Zero, 1, &payload, &mut message);
        self.say(self.sessions, message);
    }

    fn commands(&self) -> Result<Vec<u32>, BenchError> {
        let mut number = 1_u64;
        for sent in 1..=u64::from(COMMANDS) {
            // A step that shares no factor with most counts: all over the place.
            number = (number + 7_919_317) % u64::from(self.sessions);
            let device = packet::device(u32::try_from(number).unwrap_or(0));
            self.publish(&format!("{}{device}", topic::P2P), COMMAND_LEN);
            self.peers.wait(Count::Delivered, sent)?;
        }
        Ok(self.peers.take_times())
    }

    fn broadcast(&self) -> Result<Vec<u32>, BenchError> {
        let before = self.peers.count(Count::Delivered);
        self.publish(topic::ALL, BROADCAST_LEN);
        self.peers
            .wait(Count::Delivered, before + u64::from(self.sessions))?;
        Ok(self.peers.take_times())
    }
}

fn resident() -> Result<u64, BenchError> {
    let none = || BenchError::Broken("the kernel does not tell of this process's memory".into());
    process::resident_bytes(std::process::id()).ok_or_else(none)
}

impl Figures {
    /// What must hold of a million sessions, and so of fewer; more may take more.
    fn check(&self) -> Result<(), BenchError> {
        let millions = u64::from(self.sessions).div_ceil(MILLION);
        let bytes_max = RESIDENT_BYTES_MAX.saturating_mul(millions);
        if self.resident_bytes > bytes_max {
            let text = format!(
                "{} bytes are resident, not {bytes_max}",
                self.resident_bytes
            );
            return Err(BenchError::Broken(text));
        }
        let p99_us = self.command.map_or(0.0, |times| times.p99_us);
        if p99_us > COMMAND_P99_US_MAX {
            let text = format!("one in a hundred commands takes {p99_us} microseconds");
            return Err(BenchError::Broken(text));
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mib = |bytes: u64| bytes / (1 << 20);
        let mut lines = vec![
            format!(
                "{} sessions, {} a second; {} MiB resident, {} of them before: {} bytes a session",
                self.sessions,
                self.connect_per_second,
                mib(self.resident_bytes),
                mib(self.resident_before_bytes),
                self.bytes_per_session
            ),
            "microseconds: first / p50 / p99 / p99.9 / last".to_owned(),
        ];
        for (what, times) in [
            ("P2P to a random one", self.command),
            ("one message to all", self.broadcast),
        ] {
            if let Some(times) = times {
                let Times {
                    first_us,
                    p50_us,
                    p99_us,
                    p999_us,
                    last_us,
                } = times;
                lines.push(format!(
                    "{what}: {first_us} / {p50_us} / {p99_us} / {p999_us} / {last_us}"
                ));
            }
        }
        lines.join("\n")
    }
}
