//! One subject in one round, with its clients.

use clock::Clock;

use super::{
    MqttArgs, TlsRecords,
    phase::Phase,
    plan::{Share, share},
    saturation::{self, Saturators},
    turn::Turn,
};
use crate::{
    error::BenchError,
    limits,
    orders::{Answer, Done, Order},
    others,
    packet::Level,
    process::{self, CpuTime, Process, SelfExec},
    subject::{Running, Setting, Subject},
    system_calls::Counting,
};

const PINGS_PER_SECOND: u32 = 5_000;
const COMMANDS_PER_SECOND: u32 = 1_000;
/// Messages on their way in a fan-in, and of each pair.
const FAN_IN_WINDOW: u32 = 1_000;
const PAIR_WINDOW: u32 = 64;

#[derive(Debug)]
pub(super) struct Contender {
    subject: Subject,
    running: Running,
    /// The first of them has the console.
    agents: Vec<Process>,
    /// While there is a part beside them.
    saturators: Option<Saturators>,
    exec: SelfExec,
    clients: u32,
    counts_calls: bool,
    has_all: bool,
}

/// What a process had used at the beginning of a turn.
#[derive(Debug)]
struct Before {
    /// Where its clients connect.
    resident: Option<u64>,
    cpu: Option<CpuTime>,
    calls: Option<Counting>,
}

impl Contender {
    pub(super) fn start(
        subject: &Subject,
        args: &MqttArgs,
        exec: &SelfExec,
        clock: &Clock,
    ) -> Result<Self, BenchError> {
        let of_one = limits::clients_of_a_process()?;
        let processes = args.clients.div_ceil(of_one).max(args.processes);
        // Each has a device at least.
        let processes = processes.min(args.clients);
        let setting = Setting {
            clients: args.clients + saturation::DEVICES,
            processes: processes + saturation::PROCESSES,
            threads: args.threads,
            tls: args.tls.is_some(),
            kernel_tls: args.tls == Some(TlsRecords::Kernel),
        };
        let running = subject.start(exec, setting, clock)?;
        let agents: Result<Vec<_>, _> = (0..processes)
            .map(|_| Process::part(exec, &["agent"]))
            .collect();
        let agents = agents?;
        Ok(Self {
            subject: subject.clone(),
            running,
            agents,
            saturators: None,
            exec: exec.clone(),
            clients: args.clients,
            counts_calls: args.system_calls,
            has_all: false,
        })
    }

    pub(super) const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the turns of a part need and none of them is to pay for.
    pub(super) fn prepare(&mut self, phase: Phase) -> Result<(), BenchError> {
        match phase {
            Phase::FanOut0 | Phase::FanOut1 => self.subscribe_all()?,
            Phase::Saturation => self.connect_saturators()?,
            _ => {}
        }
        self.rest();
        Ok(())
    }

    /// Does its share of a part, while the others wait. It ends when the broker is at rest, so
    /// that nothing of it runs into the turn of the next one.
    pub(super) fn turn(&mut self, phase: Phase, share: Share) -> Result<Turn, BenchError> {
        let before = self.before(phase)?;
        let done = match phase {
            Phase::FanOut0 | Phase::FanOut1 => self.broadcasts(phase.level(), share.broadcasts)?,
            Phase::Saturation => self.saturated(share.run_ms)?,
            _ => self.all_at_once(phase, share.run_ms)?,
        };
        let after = self.rest();
        let Before {
            cpu,
            calls,
            resident,
        } = before;
        Ok(Turn {
            done,
            cpu: cpu.zip(after).map(|(before, after)| after.since(&before)),
            calls: calls.map(Counting::finish).transpose()?,
            grown_bytes: resident
                .zip(self.resident())
                .map(|(before, after)| after.saturating_sub(before)),
        })
    }

    /// What is to be done after all turns of a part.
    pub(super) fn finish(&mut self, phase: Phase) -> Result<(), BenchError> {
        if phase == Phase::Connect {
            self.connect_others()?;
        }
        self.saturators = None;
        Ok(())
    }

    /// Waits until the broker has little more to do; what it has used until then.
    fn rest(&self) -> Option<CpuTime> {
        self.running.pid().and_then(process::cpu_at_rest)
    }

    fn connect_saturators(&mut self) -> Result<(), BenchError> {
        let of_run = (self.clients, self.processes());
        if let Some(commander) = self.agents.first() {
            commander.come_first();
        }
        let target = &self.running.target;
        self.saturators = Some(Saturators::connect(&self.exec, target, of_run)?);
        Ok(())
    }

    fn saturated(&mut self, run_ms: u64) -> Result<Done, BenchError> {
        if let Some(saturators) = &mut self.saturators {
            saturators.start(run_ms)?;
        }
        let mut done = self.all_at_once(Phase::Saturation, run_ms)?;
        if let Some(saturators) = &mut self.saturators {
            done.merge(saturators.finish()?);
        }
        Ok(done)
    }

    fn resident(&self) -> Option<u64> {
        process::resident_bytes(self.running.pid()?)
    }

    fn before(&self, phase: Phase) -> Result<Before, BenchError> {
        let pid = self.running.pid();
        let counted = pid.filter(|_| self.counts_calls);
        let grows = phase == Phase::Connect;
        Ok(Before {
            resident: self.resident().filter(|_| grows),
            calls: counted.map(Counting::start).transpose()?,
            cpu: pid.and_then(CpuTime::of),
        })
    }

    fn processes(&self) -> u32 {
        u32::try_from(self.agents.len()).unwrap_or(u32::MAX)
    }

    /// A turn in which each process does its share.
    fn all_at_once(&mut self, phase: Phase, run_ms: u64) -> Result<Done, BenchError> {
        let orders: Vec<_> = (0..self.processes())
            .map(|n| self.order(phase, run_ms, n))
            .collect();
        for (agent, order) in self.agents.iter_mut().zip(&orders) {
            if let Some(order) = order {
                agent.tell(order)?;
            }
        }
        let mut all = Done::default();
        for (agent, order) in self.agents.iter_mut().zip(&orders) {
            if order.is_some() {
                all.merge(hear(agent)?);
            }
        }
        Ok(all)
    }

    /// What process `n` does, if it takes part.
    fn order(&self, phase: Phase, run_ms: u64, n: u32) -> Option<Order> {
        let (level, processes) = (phase.level(), self.processes());
        let commands = |per_second| Order::RoundTrips {
            level,
            devices: self.clients,
            per_second,
            run_ms,
        };
        match phase {
            Phase::Connect => {
                let (first, count) = share(self.clients, n, processes);
                Some(Order::Open {
                    target: self.running.target.clone(),
                    first,
                    count,
                })
            }
            Phase::Ping => {
                let (_, per_second) = share(PINGS_PER_SECOND, n, processes);
                Some(Order::Ping { per_second, run_ms })
            }
            Phase::RoundTrip0 | Phase::RoundTrip1 => (n == 0).then(|| commands(None)),
            Phase::RoundTrip1Paced | Phase::Saturation => {
                (n == 0).then(|| commands(Some(COMMANDS_PER_SECOND)))
            }
            Phase::FanOut0 | Phase::FanOut1 => None,
            Phase::FanIn0 | Phase::FanIn1 => Some(Order::FanIn {
                level,
                window: share(FAN_IN_WINDOW, n, processes).1.max(1),
                burst: 1,
                run_ms,
            }),
            Phase::Pairs0 | Phase::Pairs1 => Some(Order::Pairs {
                level,
                window: PAIR_WINDOW,
                run_ms,
            }),
        }
    }

    fn connect_others(&mut self) -> Result<(), BenchError> {
        let processes = self.processes();
        for (agent, process) in self.agents.iter_mut().zip(0..) {
            let (first_pair, pairs) = share(others::PAIRS, process, processes);
            let target = self.running.target.clone();
            let order = Order::OpenOthers {
                target,
                process,
                first_pair,
                pairs,
            };
            agent.tell(&order)?;
            hear(agent)?;
        }
        Ok(())
    }

    fn subscribe_all(&mut self) -> Result<(), BenchError> {
        if !std::mem::replace(&mut self.has_all, true) {
            for agent in &mut self.agents {
                agent.tell(&Order::SubscribeAll)?;
                hear(agent)?;
            }
        }
        Ok(())
    }

    fn broadcasts(&mut self, level: Level, count: u32) -> Result<Done, BenchError> {
        let mut all = Done::default();
        for _ in 0..count {
            all.append(self.broadcast(level)?);
        }
        Ok(all)
    }

    /// One, which takes as long as the last delivery.
    fn broadcast(&mut self, level: Level) -> Result<Done, BenchError> {
        // The others first, so that they are ready when it comes.
        for (n, agent) in self.agents.iter_mut().enumerate().rev() {
            let order = if n == 0 {
                Order::Broadcast { level }
            } else {
                Order::AwaitBroadcast
            };
            agent.tell(&order)?;
        }
        let mut all = Done::default();
        for agent in &mut self.agents {
            all.merge(hear(agent)?);
        }
        let slowest_us = all.times_us.iter().copied().max().unwrap_or(0);
        all.elapsed_ns = u64::from(slowest_us) * 1_000;
        Ok(all)
    }
}

pub(super) fn hear(agent: &mut Process) -> Result<Done, BenchError> {
    match agent.hear()? {
        Answer::Done(done) => Ok(done),
        Answer::Failed(text) => Err(BenchError::Agent(text)),
    }
}
