//! Log lines, on standard error: standard output belongs to what a command prints.

use clap::{Args, ValueEnum};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// How to log.
#[derive(Args, Clone, Debug)]
pub(crate) struct LogArgs {
    /// What to log: a level, or targets with levels such as `info,mqtt_broker=debug`
    #[arg(long, value_name = "FILTER", env = "CAUSEWAY_LOG", global = true)]
    log: Option<String>,
    /// How log lines look
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "CAUSEWAY_LOG_FORMAT",
        global = true
    )]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// The filter cannot be read.
#[derive(Debug, Error)]
#[error("--log `{filter}` is not a filter such as `info` or `info,mqtt_broker=debug`")]
pub(crate) struct LogFilterError {
    filter: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Begins to log; `default` is the filter where none is given.
pub(crate) fn start(args: &LogArgs, default: &str) -> Result<(), LogFilterError> {
    let filter = args.log.as_deref().unwrap_or(default);
    let parsed = EnvFilter::try_new(filter).map_err(|source| LogFilterError {
        filter: filter.to_owned(),
        source,
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
