//! The project's own chores: `cargo xtask test`, `cargo xtask tidy`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on standard output"
)]

mod packages;
mod programs;
mod shell;
mod test;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Chores of the Causeway project.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what tests need, then check and test everything.
    Test(test::TestArgs),
    /// Check what clippy cannot: layers, file lengths, module docs, licences, links.
    Tidy,
    /// Install the Debian and npm packages that tests need, where they are missing.
    Packages,
}

fn main() -> Result<()> {
    std::env::set_current_dir(shell::root())?;
    match Args::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Tidy => tidy::run(),
        Chore::Packages => packages::install(),
    }
}
