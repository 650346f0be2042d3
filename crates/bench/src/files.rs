//! `bench files`: the file engine and the file system under it, the same operations on both, in
//! rounds.

mod engine;
mod load;
mod mount;
mod phase;
mod plain;
mod report;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use clock::Clock;

use self::{
    engine::OwnEngine,
    load::Load,
    phase::{Figures, Phase},
    plain::Plain,
    report::Report,
};
use crate::{
    error::BenchError,
    process::{self, progress},
};

/// `bench files`.
#[derive(Args, Clone, Debug)]
pub(crate) struct FilesArgs {
    /// A directory of the disk to measure; all that is made in it is removed at the end
    ///
    /// It must be on a real disk: what is promised durable is written there with fsync.
    /// [default: the directory for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Small files in the directory; an eighth as many where they are made one at a time
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    files: u32,
    /// Length of the large file, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    data_mib: u32,
    /// Reads and writes of 4 KiB at random places of it: 20 times as many reads, a tenth as many
    /// writes where each is durable
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    random: u32,
    /// Rounds; each measures both once, and figures are medians over them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Parts of a round, separated by commas; all of them by default
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    parts: Vec<Phase>,
    /// Print the figures of every round as JSON, for machines
    #[arg(long)]
    json: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Engine,
    Disk,
}

pub(crate) fn run(args: &FilesArgs, clock: &Clock) -> Result<(), BenchError> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let file_system = mount::file_system_of(&dir)?;
    let load = Load {
        files: args.files,
        data_mib: args.data_mib,
        random: args.random,
    };
    let mut report = Report::new(&file_system);
    for number in 0..args.rounds {
        // Whoever is first has the emptier disk: not always the same.
        let sides = match number % 2 {
            0 => [Side::Engine, Side::Disk],
            _ => [Side::Disk, Side::Engine],
        };
        for side in sides {
            let name = report.name_of(side).to_owned();
            progress(&format!("round {} of {}: {name}", number + 1, args.rounds));
            let round = Round {
                side,
                number,
                load,
                clock,
            };
            round.measure(&dir, args, &mut report)?;
        }
    }
    let text = if args.json {
        report.json()?
    } else {
        report.table(args)
    };
    writeln!(io::stdout(), "{text}").map_err(BenchError::io("print the report"))
}

/// One side in one round.
struct Round<'a> {
    side: Side,
    number: u32,
    load: Load,
    clock: &'a Clock,
}

impl Round<'_> {
    fn measure(&self, dir: &Path, args: &FilesArgs, report: &mut Report) -> Result<(), BenchError> {
        let place = tempfile::Builder::new()
            .prefix("causeway-bench-")
            .tempdir_in(dir)
            .map_err(BenchError::io("make a directory to measure in"))?;
        let subject = Subject::start(self.side, place.path(), self.clock)?;
        for phase in Phase::all().filter(|phase| args.wants(*phase)) {
            if phase == Phase::ColdRead {
                forget(place.path()).map_err(BenchError::io("clear the page cache"))?;
            }
            let figures = self.measure_phase(&subject, phase)?;
            report.add(self.number, self.side, phase, figures);
        }
        subject.stop();
        place
            .close()
            .map_err(BenchError::io("remove what was measured"))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures far below 2^52")]
    fn measure_phase(&self, subject: &Subject, phase: Phase) -> Result<Figures, BenchError> {
        let cpu = || {
            let used = process::cpu_ns_by_ticks(std::process::id());
            used.ok_or_else(|| BenchError::Broken("the kernel does not tell CPU time".into()))
        };
        let (cpu_before, began) = (cpu()?, self.clock.now());
        let count = match subject {
            Subject::Engine(engine) => engine.run(phase, self.load)?,
            Subject::Plain(plain) => plain.run(phase, self.load)?,
        };
        let took = self.clock.now().saturating_duration_since(began);
        let cpu_ns = cpu()?.saturating_sub(cpu_before);
        let each = |ns: f64| ns / 1_000.0 / count.max(1) as f64;
        Ok(Figures {
            count,
            time_us: each(took.as_nanos() as f64),
            cpu_us: each(cpu_ns as f64),
        })
    }
}

/// Who is measured.
enum Subject {
    Engine(OwnEngine),
    Plain(Plain),
}

impl Subject {
    fn start(side: Side, dir: &Path, clock: &Clock) -> Result<Self, BenchError> {
        match side {
            Side::Engine => Ok(Self::Engine(OwnEngine::start(dir, clock)?)),
            Side::Disk => Ok(Self::Plain(Plain::new(dir)?)),
        }
    }

    fn stop(self) {
        match self {
            Self::Engine(engine) => engine.stop(),
            Self::Plain(plain) => drop(plain),
        }
    }
}

/// Takes the content of all files of a tree out of memory, so that it comes from the disk next.
fn forget(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            file.sync_data()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}

impl FilesArgs {
    fn wants(&self, phase: Phase) -> bool {
        let is_needed = |wanted: &Phase| *wanted == phase || wanted.needs() == Some(phase);
        self.parts.is_empty() || self.parts.iter().any(is_needed)
    }
}
