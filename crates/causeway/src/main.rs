//! `causeway`: the one binary. Every role of the system is a subcommand of it.
//!
//! Not here: what the roles do (`console`, `mqtt-broker`, `gateway`); this crate reads their
//! configuration, starts them in order, and stops them in order.
//! Invariant: configuration is checked before anything is started or made.
//! Invariant: secrets come from files, the environment or a prompt, never from the command line
//! (an activation bundle is good for one use, which follows at once).
//! Start at [`args::Role`]. Tested by `tests/`, which run the program itself.

mod args;
mod authority;
mod config;
mod ctl;
mod data_dir;
mod environment;
mod error;
mod logging;
mod open_files;
mod ports;
mod private_file;
mod random;
mod ready_file;
mod roles;
mod signals;

use std::{io::Write as _, process::ExitCode};

use anyhow::Result;
use bench::{BenchArgs, BenchError, SelfExec};
use clap::{CommandFactory as _, FromArgMatches as _};
use clock::Clock;

use args::{Cli, ConsoleAction, ConsoleArgs, GatewayAction, GatewayArgs, Role, RoleArgs};
use config::{ConfigError, layered};
use ctl::CtlError;
use environment::Environment;
use error::RoleError;
use logging::LogFilterError;
use roles::{
    broker, console as console_role, decrypt, fsck as fsck_role, gateway as gateway_role,
    reset_password, up,
};

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let words = ctl::with_examples(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&words).unwrap_or_else(|error| error.exit());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    // What `up` has to say to people is on standard output; its parts only speak up when
    // something is wrong.
    let quiet = matches!(
        cli.role,
        Role::Up(_) | Role::Ctl(_) | Role::Bench(_) | Role::Decrypt(_) | Role::Openapi
    );
    logging::start(&cli.log, if quiet { "warn" } else { "info" })?;
    let clock = Clock::system();
    match cli.role {
        Role::Up(args) => wait_for(up::run(settings(&args)?, clock)),
        Role::Broker(args) => wait_for(broker::run(settings(&args)?, clock)),
        Role::Console(args) => wait_for(run_console(args, clock)),
        Role::Gateway(args) => wait_for(run_gateway(args, clock)),
        Role::Ctl(args) => wait_for(ctl::run(*args, &Environment::read(), clock)),
        Role::Decrypt(args) => Ok(decrypt::run(&args)?),
        Role::Openapi => Ok(ctl::print(&console::openapi_json())?),
        Role::Bench(args) => bench(args),
    }
}

/// Runs a role to its end.
fn wait_for<E: Into<anyhow::Error>>(role: impl Future<Output = Result<(), E>>) -> Result<()> {
    tokio::runtime::Runtime::new()?
        .block_on(role)
        .map_err(Into::into)
}

/// The other processes of a measurement are this program again.
fn bench(args: BenchArgs) -> Result<()> {
    let exec = SelfExec {
        program: std::env::current_exe()?,
        prefix: vec!["bench".into()],
    };
    Ok(bench::run(args, &exec, Clock::system())?)
}

/// The checked settings of a role.
fn settings<R, C>(args: &RoleArgs<R>) -> Result<C, ConfigError>
where
    R: clap::Args + serde::Serialize + serde::de::DeserializeOwned,
    C: TryFrom<R, Error = ConfigError>,
{
    layered(&args.raw, args.file.config.as_deref())?.try_into()
}

async fn run_console(args: ConsoleArgs, clock: Clock) -> Result<(), RoleError> {
    match args.action {
        None => console_role::run(settings(&args.settings)?, clock).await,
        Some(ConsoleAction::ResetPassword { user }) => {
            let RoleArgs { file, raw } = args.settings;
            let raw = layered(&raw, file.config.as_deref())?;
            reset_password::run(&raw.data_dir(), raw.database, &user, &clock).await
        }
    }
}

async fn run_gateway(args: GatewayArgs, clock: Clock) -> Result<(), RoleError> {
    let settings = settings(&args.settings)?;
    match args.action {
        GatewayAction::Run => gateway_role::run(settings, clock).await,
        GatewayAction::Fsck(args) => fsck_role::run(settings, args, clock).await,
        GatewayAction::Join { bundle, file } => {
            let source = gateway_role::BundleSource::of(bundle, file);
            gateway_role::join(settings, source, clock).await
        }
    }
}

/// One line for people: what failed, and the chain of its causes.
fn complain(error: &anyhow::Error) {
    // Where standard error is gone as well, the exit code still tells.
    drop(writeln!(std::io::stderr(), "causeway: {error:#}"));
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.is::<ConfigError>()
        || error.is::<LogFilterError>()
        || error.downcast_ref().is_some_and(RoleError::is_usage)
        || error.downcast_ref().is_some_and(CtlError::is_usage)
        || error.downcast_ref().is_some_and(BenchError::is_usage);
    if usage { EXIT_USAGE } else { EXIT_FAILED }
}
