//! `bench mqtt`: several brokers under the same load, by turns, in rounds.

mod contender;
mod figures;
mod phase;
mod plan;
mod report;
mod round;
mod saturation;
mod target;
mod turn;

use std::io::Write as _;

use clap::{Args, ValueEnum, builder::ArgPredicate};
use clock::Clock;

use self::{phase::Phase, plan::Plan, report::Report, round::Round};
use crate::{error::BenchError, in_memory, limits, process::SelfExec, subject::Subject};

/// `bench mqtt`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MqttArgs {
    /// What to measure, separated by commas: causeway, mosquitto, floor, HOST:PORT
    ///
    /// `floor` is a bare relay without sessions or rights: what the machine and the protocol
    /// cost. Brokers that are reached by HOST:PORT must let anybody in; their CPU time cannot
    /// be seen.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "floor,causeway,mosquitto",
        default_value_if("tls", ArgPredicate::IsPresent, "causeway,mosquitto")
    )]
    subjects: Vec<Subject>,
    /// Devices that are connected all the time
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    clients: u32,
    /// Client processes; more are used if the limit of open files demands it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=200))]
    processes: u32,
    /// Rounds; each starts all subjects anew and measures every part of each
    ///
    /// All are up at the same time, with their clients, and one is measured while the others
    /// are idle. Times, rates and memory are medians over the rounds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of each part of a round that is measured by time, for each subject, in milliseconds
    ///
    /// It is divided into turns; p50, p99 and so on are those of all turns of a round together.
    #[arg(long, value_name = "MS", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    part_ms: u64,
    /// Turns of each part, in which one subject after the other is measured; by default as many
    /// as there are 250 ms in a part
    ///
    /// A busy machine is slow or quick for seconds. Subjects that are measured a quarter of a
    /// second apart have the same of it, so CPU times are compared with the floor's in the same
    /// turn: × is the median over all turns of all rounds. More rounds or longer parts make it
    /// steadier. The 10 broadcasts of a part are dealt over at most 10 turns; a turn beside bulk
    /// and status takes a second at least. Connecting has one turn, as have all parts with
    /// --system-calls.
    #[arg(long, value_name = "N", conflicts_with = "system_calls", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    turns: Option<u32>,
    /// Parts of a round, separated by commas; all of them by default
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    parts: Vec<Phase>,
    /// Event loops of our broker; 0 for one per processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Clients come with TLS 1.3, each with a handshake of its own; the floor has none
    #[arg(
        long,
        value_name = "RECORDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "broker",
        value_enum
    )]
    tls: Option<TlsRecords>,
    /// Count the broker's system calls, by strace; times and CPU times mean nothing then
    #[arg(long)]
    system_calls: bool,
    /// Instead of all that: so many sessions of our broker without sockets, in this process
    #[arg(long, value_name = "N", conflicts_with_all = ["subjects", "clients", "processes", "rounds", "part_ms", "turns", "parts", "threads", "tls", "system_calls"], value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    in_memory: Option<u32>,
    /// Print the figures of every round as JSON, with CPU times of every turn, for machines
    #[arg(long)]
    json: bool,
}

/// Who makes and opens the TLS records of our broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TlsRecords {
    /// The broker itself
    Broker,
    /// The kernel, where it can
    Kernel,
}

pub(crate) fn run(args: &MqttArgs, exec: &SelfExec, clock: &Clock) -> Result<(), BenchError> {
    if let Some(sessions) = args.in_memory {
        return in_memory::run(sessions, args.json, clock);
    }
    // strace takes long to attach, and what it counts is the same on a slow machine.
    let turns = if args.system_calls {
        Some(1)
    } else {
        args.turns
    };
    let plan = Plan::of(args.part_ms, turns, args.clients)?;
    limits::raise_open_files()?;
    let mut report = Report::new(&args.subjects, args.tls.is_some());
    for number in 0..args.rounds {
        let mut round = Round::start(number, args, exec, clock)?;
        for phase in Phase::all().filter(|p| args.wants(*p)) {
            round.measure(phase, &plan, &mut report)?;
        }
    }
    let text = if args.json {
        report.json()?
    } else {
        report.table(args)
    };
    writeln!(std::io::stdout(), "{text}").map_err(BenchError::io("print the report"))?;
    report.check_nothing_lost()
}

impl MqttArgs {
    fn wants(&self, phase: Phase) -> bool {
        // Nothing works without connections, and a saturated broker is compared with an idle one.
        phase == Phase::Connect
            || self.parts.is_empty()
            || self.parts.contains(&phase)
            || (phase == Phase::RoundTrip1Paced && self.parts.contains(&Phase::Saturation))
    }
}
