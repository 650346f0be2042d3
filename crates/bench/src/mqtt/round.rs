//! One subject in one round.

use clock::Clock;

use super::{
    MqttArgs, TlsRecords,
    phase::{Figures, Phase},
    saturation::{self, Saturators},
};
use crate::{
    error::BenchError,
    limits,
    orders::{Answer, Done, Order},
    others,
    process::{self, CpuTime, Process, SelfExec},
    samples::Times,
    subject::{Running, Setting, Subject},
    system_calls::Counting,
};

const PINGS_PER_SECOND: u32 = 5_000;
const COMMANDS_PER_SECOND: u32 = 1_000;
/// Messages on their way in a fan-in, and of each pair.
const FAN_IN_WINDOW: u32 = 1_000;
const PAIR_WINDOW: u32 = 64;
/// Broadcasts in a round; their times are put together.
const BROADCASTS: u32 = 10;
/// Of so many clients one is enough.
const MANY_CLIENTS: u32 = 100_000;

#[derive(Debug)]
pub(super) struct Round {
    running: Running,
    /// The first of them has the console.
    agents: Vec<Process>,
    exec: SelfExec,
    clients: u32,
    part_ms: u64,
    counts_calls: bool,
    has_all: bool,
}

/// What a process had used at the beginning of a part.
#[derive(Debug)]
struct Before {
    cpu: Option<CpuTime>,
    calls: Option<Counting>,
}

impl Round {
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
            running,
            agents,
            exec: exec.clone(),
            clients: args.clients,
            part_ms: args.part_ms,
            counts_calls: args.system_calls,
            has_all: false,
        })
    }

    pub(super) fn measure(&mut self, phase: Phase) -> Result<Figures, BenchError> {
        if matches!(phase, Phase::FanOut0 | Phase::FanOut1) {
            self.subscribe_all()?;
        }
        let resident = self.resident();
        let before = self.before()?;
        let done = match phase {
            Phase::FanOut0 | Phase::FanOut1 => {
                let level = phase.level();
                self.broadcasts(&Order::Broadcast { level })?
            }
            Phase::Saturation => self.saturated()?,
            _ => self.all_at_once(phase)?,
        };
        let mut figures = self.figures(done, before)?;
        if phase == Phase::Connect {
            let grown = used(resident, self.resident());
            figures.idle_bytes = grown.map(|bytes| per(bytes, figures.count));
            self.connect_others()?;
        }
        Ok(figures)
    }

    fn saturated(&mut self) -> Result<Done, BenchError> {
        let of_run = (self.clients, self.processes());
        if let Some(commander) = self.agents.first() {
            commander.come_first();
        }
        let target = &self.running.target;
        let mut saturators = Saturators::connect(&self.exec, target, of_run)?;
        saturators.beside(self.part_ms, || self.all_at_once(Phase::Saturation))
    }

    fn resident(&self) -> Option<u64> {
        process::resident_bytes(self.running.pid()?)
    }

    fn before(&self) -> Result<Before, BenchError> {
        let pid = self.running.pid();
        let counted = pid.filter(|_| self.counts_calls);
        Ok(Before {
            calls: counted.map(Counting::start).transpose()?,
            cpu: pid.and_then(CpuTime::of),
        })
    }

    fn figures(&self, done: Done, before: Before) -> Result<Figures, BenchError> {
        let Before { cpu, calls } = before;
        let after = self.running.pid().and_then(process::cpu_at_rest);
        let cpu = cpu.zip(after).map(|(before, after)| after.since(&before));
        let calls = calls.map(Counting::finish).transpose()?;
        let count = done.count;
        Ok(Figures {
            count,
            lost: done.lost,
            rate: per(count, done.elapsed_ns) * 1e9,
            cpu_us: cpu.as_ref().map(|cpu| per(cpu.total_ns(), count) / 1_000.0),
            busiest_thread: cpu.map(|cpu| per(cpu.busiest_ns(), cpu.total_ns())),
            system_calls: calls.map(|calls| {
                let each = calls.into_iter().map(|(name, n)| (name, per(n, count)));
                each.collect()
            }),
            idle_bytes: None,
            times: Times::of(done.times_us),
        })
    }

    fn processes(&self) -> u32 {
        u32::try_from(self.agents.len()).unwrap_or(u32::MAX)
    }

    /// A part in which each process does its share.
    fn all_at_once(&mut self, phase: Phase) -> Result<Done, BenchError> {
        let orders: Vec<_> = (0..self.processes())
            .map(|n| self.order(phase, n))
            .collect();
        for (agent, order) in self.agents.iter_mut().zip(&orders) {
            if let Some(order) = order {
                agent.tell(order)?;
            }
        }
        let mut all = Done::default();
        for (agent, order) in self.agents.iter_mut().zip(&orders) {
            if order.is_some() {
                let done = hear(agent)?;
                all.count += done.count;
                all.lost += done.lost;
                all.elapsed_ns = all.elapsed_ns.max(done.elapsed_ns);
                all.times_us.extend(done.times_us);
            }
        }
        Ok(all)
    }

    /// What process `n` does, if it takes part.
    fn order(&self, phase: Phase, n: u32) -> Option<Order> {
        let (level, run_ms) = (phase.level(), self.part_ms);
        let processes = self.processes();
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

    fn broadcasts(&mut self, order: &Order) -> Result<Done, BenchError> {
        let mut all = Done::default();
        let many = self.clients > MANY_CLIENTS;
        for _ in 0..if many { 1 } else { BROADCASTS } {
            let mut slowest = 0;
            // The others first, so that they are ready when it comes.
            for (n, agent) in self.agents.iter_mut().enumerate().rev() {
                let order = if n == 0 {
                    order
                } else {
                    &Order::AwaitBroadcast
                };
                agent.tell(order)?;
            }
            for agent in &mut self.agents {
                let done = hear(agent)?;
                all.count += done.count;
                all.lost += done.lost;
                let last = done.times_us.iter().copied().max().unwrap_or(0);
                slowest = slowest.max(u64::from(last) * 1_000);
                all.times_us.extend(done.times_us);
            }
            all.elapsed_ns += slowest;
        }
        Ok(all)
    }
}

/// What part `n` of `of` has of `whole`: where it begins, and how much it is.
fn share(whole: u32, n: u32, of: u32) -> (u32, u32) {
    let at = |n: u32| {
        let at = u64::from(whole) * u64::from(n) / u64::from(of.max(1));
        u32::try_from(at).unwrap_or(whole)
    };
    (at(n), at(n + 1) - at(n))
}

pub(super) fn hear(agent: &mut Process) -> Result<Done, BenchError> {
    match agent.hear()? {
        Answer::Done(done) => Ok(done),
        Answer::Failed(text) => Err(BenchError::Agent(text)),
    }
}

fn used(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    Some(after?.saturating_sub(before?))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people: 52 bits are more than enough"
)]
fn per(sum: u64, count: u64) -> f64 {
    sum as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_whole_without_gaps() {
        for (whole, of) in [(19_000, 3), (1_000_000, 300), (5, 5), (20, 7)] {
            let mut end = 0;
            for n in 0..of {
                let (first, count) = share(whole, n, of);
                assert_eq!(first, end, "{n} of {of}");
                end += count;
            }
            assert_eq!(end, whole);
        }
    }
}
