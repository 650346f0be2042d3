//! `cargo xtask test`: everything that must hold before a change lands.

use std::{panic::resume_unwind, thread};

use anyhow::Result;
use clap::Args;

use crate::{
    packages, programs,
    shell::{self, now},
    tidy,
};

/// What to test.
#[derive(Args)]
pub(crate) struct TestArgs {
    /// Only the steps whose names contain this.
    #[arg(long)]
    only: Option<String>,
}

type Step = (&'static str, fn() -> Result<()>);

/// Mostly waits for the network, so it goes on beside all that comes before the tests.
const PACKAGES: Step = ("packages", packages::install);

/// Cheap steps first, so that a slip is told soon. The pages come before the Rust build,
/// which embeds them. Tests run the optimized build: it is what users run, and one build
/// serves all tests.
const STEPS: &[Step] = &[
    ("format", || {
        shell::run("cargo", &["fmt", "--all", "--check"])
    }),
    ("tidy", tidy::run),
    ("web-install", || {
        shell::run_in("web", "npm", &["ci", "--no-audit", "--no-fund"])
    }),
    ("web-types", || {
        shell::run_in("web", "npm", &["run", "typecheck"])
    }),
    ("web-lint", || shell::run_in("web", "npm", &["run", "lint"])),
    ("web-test", || shell::run_in("web", "npm", &["test"])),
    ("web-build", || {
        shell::run_in("web", "npm", &["run", "build"])
    }),
    ("build", programs::build),
    ("clippy", clippy),
];

const TEST: Step = ("test", programs::run);

/// Runs the steps in order, and ends at the first that fails.
pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let only = args.only.as_deref().unwrap_or_default();
    thread::scope(|scope| {
        let packages = scope.spawn(|| run_step(&PACKAGES, only));
        STEPS.iter().try_for_each(|step| run_step(step, only))?;
        packages
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))?;
        run_step(&TEST, only)
    })
}

fn run_step((name, step): &Step, only: &str) -> Result<()> {
    if !name.contains(only) {
        return Ok(());
    }
    let began = now();
    println!("=== {name}");
    step()?;
    let took = now().duration_since(began).as_secs();
    println!("=== {name}: passed in {took} s");
    Ok(())
}

/// With the profile of the build, whose build scripts and macros it shares.
fn clippy() -> Result<()> {
    let args = [
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ];
    shell::run("cargo", &[&args[..], &["--", "-D", "warnings"]].concat())
}
