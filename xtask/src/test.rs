//! `cargo xtask test`: everything that must hold before a change lands.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::{packages, shell, tidy};

/// What to test.
#[derive(Args)]
pub(crate) struct TestArgs {
    /// Only the steps whose names contain this.
    #[arg(long)]
    only: Option<String>,
}

type Step = (&'static str, fn() -> Result<()>);

/// Cheap steps first, so that a slip is told soon. The pages come before the Rust build,
/// which embeds them. Tests run the optimized build: it is what users run, and one build
/// serves all tests.
const STEPS: &[Step] = &[
    ("packages", packages::install),
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
    ("build", || cargo_test(&["--workspace", "--no-run"])),
    ("clippy", clippy),
    // All of the workspace in one go, as it was built: another selection of packages would be
    // another build. Cargo runs one test program after the other, so the end-to-end tests, one
    // to a program, have the machine for themselves. One run tells all that fails.
    ("test", || cargo_test(&["--workspace", "--no-fail-fast"])),
];

/// Runs the steps in order, and ends at the first that fails.
pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let wanted = |name: &str| {
        args.only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    };
    for (name, step) in STEPS.iter().filter(|(name, _)| wanted(name)) {
        let began = now();
        println!("=== {name}");
        step()?;
        println!(
            "=== {name}: passed in {} s",
            now().duration_since(began).as_secs()
        );
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "times the steps for whoever watches"
)]
fn now() -> Instant {
    Instant::now()
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

fn cargo_test(args: &[&str]) -> Result<()> {
    shell::run(
        "cargo",
        &[&["test", "--release", "--locked", "--quiet"], args].concat(),
    )
}
