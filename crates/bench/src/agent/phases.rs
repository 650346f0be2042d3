//! What a client process does in each part of a run.

use std::time::{Duration, Instant};

use super::{
    fleet::{Fleet, stamp, topic},
    open::nanos,
    seen::Seen,
};
use crate::{
    error::BenchError,
    orders::{Done, Order},
    packet::{self, Level},
};

/// Bytes of a command and of its answer.
const COMMAND_LEN: usize = 128;
/// Bytes of a message to all and of a status.
const STATUS_LEN: usize = 256;
/// What is not there so long after the last that was, is lost.
const PATIENCE: Duration = Duration::from_secs(60);
const PING_TURN: Duration = Duration::from_millis(1);

/// What a console does.
#[derive(Clone, Copy, Debug)]
struct Commands {
    level: Level,
    devices: u32,
    run: Duration,
}

impl Fleet {
    pub(super) fn obey(&mut self, order: Order) -> Result<Done, BenchError> {
        match order {
            Order::Open {
                target,
                first,
                count,
            } => self.open_devices(&target, first, count),
            Order::OpenOthers {
                target,
                process,
                first_pair,
                pairs,
            } => self.open_others(&target, process, first_pair, pairs),
            Order::SubscribeAll => self.subscribe_all(),
            Order::Ping { per_second, run_ms } => self.ping(per_second, ms(run_ms)),
            Order::RoundTrips {
                level,
                devices,
                per_second,
                run_ms,
            } => {
                let commands = Commands {
                    level,
                    devices,
                    run: ms(run_ms),
                };
                match per_second {
                    None => self.round_trips(commands),
                    Some(per_second) => self.paced_trips(commands, per_second),
                }
            }
            Order::Broadcast { level } => self.broadcast(level),
            Order::AwaitBroadcast => self.await_broadcast(),
            Order::FanIn {
                level,
                window,
                burst,
                run_ms,
            } => self.fan_in(level, (window, burst), ms(run_ms)),
            Order::Pairs {
                level,
                window,
                run_ms,
            } => self.pairs(level, window, ms(run_ms)),
        }
    }

    /// Turns until `count` of what `seen` says are there, or nothing more comes.
    pub(super) fn until(
        &mut self,
        what: &'static str,
        count: u64,
        seen: impl Fn(&Seen) -> u64,
    ) -> Result<(), BenchError> {
        let missing = self.wait_for(count, seen)?;
        if missing == 0 {
            return Ok(());
        }
        Err(BenchError::Stuck {
            what,
            done: count - missing,
        })
    }

    /// The same; how many never came.
    fn wait_for(&mut self, count: u64, seen: impl Fn(&Seen) -> u64) -> Result<u64, BenchError> {
        let mut progress = (self.now(), seen(&self.seen));
        loop {
            let there = seen(&self.seen);
            if there >= count {
                return Ok(0);
            }
            let now = self.now();
            if there != progress.1 {
                progress = (now, there);
            } else if now.saturating_duration_since(progress.0) > PATIENCE {
                return Ok(count - there);
            }
            self.step(Some(PATIENCE))?;
        }
    }

    fn step(&mut self, at_most: Option<Duration>) -> Result<(), BenchError> {
        self.turn(at_most)
            .map_err(BenchError::io("wait for events"))
    }

    fn say(&mut self, index: usize, bytes: &[u8]) -> Result<(), BenchError> {
        self.send(index, bytes)
            .map_err(BenchError::io("write to a socket"))
    }

    fn others(&self) -> Result<super::open::Others, BenchError> {
        self.others.ok_or(BenchError::Stuck {
            what: "an order that needs the console before it is connected",
            done: 0,
        })
    }

    fn ping(&mut self, per_second: u32, run: Duration) -> Result<Done, BenchError> {
        let (start, before) = (self.now(), self.seen.pongs);
        let mut sent = 0_u64;
        loop {
            let gone = self.now().saturating_duration_since(start);
            if gone >= run {
                break;
            }
            let due = u64::from(per_second) * nanos(gone) / 1_000_000_000;
            while sent < due {
                let device = self.next_device();
                self.say(index(device), &packet::PING)?;
                sent += 1;
            }
            self.step(Some(PING_TURN))?;
        }
        let lost = self.wait_for(sent, |seen| seen.pongs - before)?;
        Ok(self.done(sent - lost, lost, start))
    }

    fn done(&self, count: u64, lost: u64, start: Instant) -> Done {
        Done {
            count,
            lost,
            elapsed_ns: nanos(self.now().saturating_duration_since(start)),
            times_us: Vec::new(),
        }
    }

    fn round_trips(&mut self, commands: Commands) -> Result<Done, BenchError> {
        let start = self.now();
        let mut sent = 0_u64;
        while self.now().saturating_duration_since(start) < commands.run {
            self.command(commands, sent)?;
            sent += 1;
            if self.wait_for(sent, Seen::replies)? > 0 {
                break;
            }
        }
        self.answered(sent, start)
    }

    /// Whether or not those before were answered.
    fn paced_trips(&mut self, commands: Commands, per_second: u32) -> Result<Done, BenchError> {
        let start = self.now();
        let mut sent = 0_u64;
        loop {
            let gone = self.now().saturating_duration_since(start);
            if gone >= commands.run {
                break;
            }
            let due = u64::from(per_second) * nanos(gone) / 1_000_000_000;
            while sent < due {
                self.command(commands, sent)?;
                sent += 1;
            }
            let next = Duration::from_nanos((due + 1) * 1_000_000_000 / u64::from(per_second));
            self.step(Some(next.saturating_sub(gone)))?;
        }
        self.answered(sent, start)
    }

    fn command(&mut self, commands: Commands, number: u64) -> Result<(), BenchError> {
        let console = self.others()?.console;
        let console = console.ok_or_else(|| BenchError::Broken("no console here".into()))?;
        let device = packet::device(self.random_below(commands.devices));
        let mut payload = [0; COMMAND_LEN];
        stamp(&mut payload, self.now_ns());
        let id = u16::try_from(number % u64::from(u16::MAX)).unwrap_or(0) + 1;
        let to = format!("{}{device}", topic::P2P);
        let mut command = Vec::new();
        packet::publish(&to, commands.level, id, &payload, &mut command);
        self.say(console, &command)
    }

    fn answered(&mut self, sent: u64, start: Instant) -> Result<Done, BenchError> {
        let lost = self.wait_for(sent, Seen::replies)?;
        let times_us = std::mem::take(&mut self.seen.reply_us);
        let done = self.done(sent - lost, lost, start);
        Ok(Done { times_us, ..done })
    }

    fn broadcast(&mut self, level: Level) -> Result<Done, BenchError> {
        let console = self.others()?.console;
        let console = console.ok_or_else(|| BenchError::Broken("no console here".into()))?;
        let mut payload = [0; STATUS_LEN];
        stamp(&mut payload, self.now_ns());
        let mut message = Vec::new();
        packet::publish(topic::ALL, level, 1, &payload, &mut message);
        self.say(console, &message)?;
        self.await_broadcast()
    }

    fn await_broadcast(&mut self) -> Result<Done, BenchError> {
        let start = self.now();
        let expected = u64::from(self.devices);
        let there = |seen: &Seen| u64::try_from(seen.broadcast_us.len()).unwrap_or(0);
        let lost = self.wait_for(expected, there)?;
        let times_us = std::mem::take(&mut self.seen.broadcast_us);
        let done = self.done(expected - lost, lost, start);
        Ok(Done { times_us, ..done })
    }

    fn fan_in(
        &mut self,
        level: Level,
        (window, burst): (u32, u16),
        run: Duration,
    ) -> Result<Done, BenchError> {
        let (start, before) = (self.now(), self.seen.collected);
        let mut payload = [0; STATUS_LEN];
        let mut status = Vec::new();
        let parent = topic::status(self.others()?.process);
        let mut sent = 0_u64;
        while self.now().saturating_duration_since(start) < run {
            while sent - (self.seen.collected - before) < u64::from(window) {
                status.clear();
                let device = self.next_device();
                let on = format!("{parent}/d/{device}");
                for id in 1..=burst {
                    stamp(&mut payload, sent);
                    packet::publish(&on, level, id, &payload, &mut status);
                    sent += 1;
                }
                self.say(index(device), &status)?;
            }
            let collected = self.seen.collected;
            if self.wait_for(collected - before + 1, |seen| seen.collected - before)? > 0 {
                break;
            }
        }
        let lost = self.wait_for(sent, |seen| seen.collected - before)?;
        Ok(self.done(sent - lost, lost, start))
    }

    fn pairs(&mut self, level: Level, window: u32, run: Duration) -> Result<Done, BenchError> {
        let others = self.others()?;
        let start = self.now();
        let mut ids = vec![0_u16; others.pairs];
        let (mut sent, mut got) = (0_u64, 0_u64);
        for pair in 0..others.pairs {
            self.publish_pair(pair, level, window, &mut ids)?;
            sent += u64::from(window);
        }
        let mut fresh = Vec::new();
        let mut last = start;
        while got < sent {
            self.step(Some(PING_TURN * 100))?;
            let now = self.now();
            let going_on = now.saturating_duration_since(start) < run;
            std::mem::swap(&mut fresh, &mut self.seen.fresh_pairs);
            if fresh.is_empty() && now.saturating_duration_since(last) > PATIENCE {
                break;
            }
            for pair in fresh.drain(..) {
                last = now;
                let count = self.seen.paired.get_mut(pair).map_or(0, std::mem::take);
                got += u64::from(count);
                if going_on {
                    self.publish_pair(pair, level, count, &mut ids)?;
                    sent += u64::from(count);
                }
            }
        }
        Ok(self.done(got, sent - got, start))
    }

    /// `count` messages of one pair in one write.
    fn publish_pair(
        &mut self,
        pair: usize,
        level: Level,
        count: u32,
        ids: &mut [u16],
    ) -> Result<(), BenchError> {
        let others = self.others()?;
        let first = others.first_publisher;
        let number = usize::try_from(others.first_pair).unwrap_or(0) + pair;
        let topic = format!("{}{number}", topic::PAIR);
        let payload = [0; STATUS_LEN];
        let mut messages = Vec::new();
        let Some(id) = ids.get_mut(pair) else {
            return Ok(());
        };
        for _ in 0..count {
            *id = id.checked_add(1).unwrap_or(1);
            packet::publish(&topic, level, *id, &payload, &mut messages);
        }
        self.say(first + pair, &messages)
    }
}

fn index(device: u32) -> usize {
    usize::try_from(device).unwrap_or(0)
}

fn ms(run_ms: u64) -> Duration {
    Duration::from_millis(run_ms)
}
