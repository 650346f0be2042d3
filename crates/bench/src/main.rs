//! `bench`: what `causeway bench` does, without the rest of the program, which takes long to
//! build: for measuring while the broker is being changed.

use std::{io::Write as _, process::ExitCode};

use bench::{BenchArgs, SelfExec};
use clap::Parser;
use clock::Clock;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    bench: BenchArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return complain(&error),
    };
    let exec = SelfExec {
        program,
        prefix: Vec::new(),
    };
    match bench::run(cli.bench, &exec, Clock::system()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let mut text = format!("bench: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    // Where standard error is gone, the exit code still tells.
    writeln!(std::io::stderr(), "{text}").ok();
    ExitCode::FAILURE
}
