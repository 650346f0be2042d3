//! `causeway ctl`: the console's HTTP API for people and scripts.
//!
//! Standard output has what was asked for: a table, or with `--json` exactly what the API
//! answered, errors included. Standard error has the sentence that says what to do.

mod api;
mod args;
mod ask;
mod audit;
mod command;
mod engine_args;
mod error;
mod event;
mod gateway;
mod login;
mod metrics;
mod mq;
mod output;
mod overview;
mod role_args;
mod secret_input;
mod settings;
mod share;
mod share_cache;
mod table;
mod units;
mod user;
mod verbs;
mod watch;

use clock::Clock;

pub(crate) use api::Api;
pub(crate) use args::CtlArgs;
pub(crate) use error::CtlError;
pub(crate) use login::{Login, LoginFile, session};
pub(crate) use output::print;
pub(crate) use secret_input::SecretInput;
pub(crate) use verbs::with_examples;

use crate::environment::Environment;
use args::Noun;
use output::Output;

/// What every subcommand works with.
#[derive(Debug)]
struct Context<'a> {
    api: Api,
    output: Output,
    environment: &'a Environment,
    clock: Clock,
}

/// Runs one subcommand.
pub(crate) async fn run(
    args: CtlArgs,
    environment: &Environment,
    clock: Clock,
) -> Result<(), CtlError> {
    let output = Output::new(args.json);
    let result = dispatch(args, environment, clock, output).await;
    if let Err(CtlError::Api { body, .. }) = &result {
        output.error_body(body)?;
    }
    result
}

async fn dispatch(
    args: CtlArgs,
    environment: &Environment,
    clock: Clock,
    output: Output,
) -> Result<(), CtlError> {
    let file = LoginFile::locate(args.data.as_deref(), environment)?;
    if let Noun::Login(login) = &args.noun {
        return login::log_in(login, &args.connection, &file, environment, output).await;
    }
    let api = file.connect(&args.connection, environment)?;
    let context = Context {
        api,
        output,
        environment,
        clock,
    };
    match args.noun {
        Noun::Login(_) => Ok(()), // above: it is what makes the others possible
        Noun::Logout => login::log_out(&context, &file).await,
        Noun::Whoami => user::whoami(&context).await,
        Noun::Overview => overview::show(&context).await,
        Noun::Gateway(verb) => gateway::run(&context, verb).await,
        Noun::Share(verb) => share::run(&context, verb).await,
        Noun::Command(verb) => command::run(&context, verb).await,
        Noun::Event(verb) => event::run(&context, verb).await,
        Noun::Audit(verb) => audit::run(&context, verb).await,
        Noun::User(verb) => user::run(&context, verb).await,
        Noun::Mq(args) => mq::run(&context, args).await,
        Noun::Watch => watch::run(&context).await,
    }
}
