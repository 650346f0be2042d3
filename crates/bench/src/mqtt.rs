//! `bench mqtt`: several brokers under the same load, one after the other, in rounds.

mod phase;
mod report;
mod round;
mod saturation;
mod target;

use std::io::Write as _;

use clap::{Args, ValueEnum, builder::ArgPredicate};
use clock::Clock;

use self::{phase::Phase, report::Report, round::Round};
use crate::{
    error::BenchError,
    in_memory, limits,
    process::{SelfExec, progress},
    subject::Subject,
};

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
    /// Rounds; each measures every subject once, and figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of each part of a round that is measured by time, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    part_ms: u64,
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
    #[arg(long, value_name = "N", conflicts_with_all = ["subjects", "clients", "processes", "rounds", "part_ms", "parts", "threads", "tls", "system_calls"], value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    in_memory: Option<u32>,
    /// Print the figures of every round as JSON, for machines
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
    limits::raise_open_files()?;
    let mut report = Report::new(&args.subjects, args.tls.is_some());
    for number in 0..args.rounds {
        for turn in 0..args.subjects.len() {
            // Whoever is first has the coolest machine: not always the same.
            let at = (turn + usize::try_from(number).unwrap_or(0)) % args.subjects.len();
            let Some(subject) = args.subjects.get(at) else {
                continue;
            };
            progress(&format!(
                "round {} of {}: {subject}",
                number + 1,
                args.rounds
            ));
            let mut round = Round::start(subject, args, exec, clock)?;
            for phase in Phase::all().filter(|p| args.wants(*p)) {
                let figures = round.measure(phase)?;
                report.add(number, subject, phase, figures);
            }
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
