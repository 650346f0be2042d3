//! Configuration of a role: one TOML file, environment variables and flags.
//!
//! Flags beat the environment, which beats the file, which beats the defaults. Each role has two
//! types: the raw one is exactly what file, environment and flags can say (clap and serde read
//! the same struct, so they cannot drift apart); the checked one has units and no options that
//! are decided by defaults.

mod broker;
mod console;
mod gateway;
mod listener;
mod up;

use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
};

use model::Secret;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

pub(crate) use broker::{BrokerSettings, INSTANCE, RawBroker, group_of_region, processors};
pub(crate) use console::{ConsoleSettings, ConsoleTls, RawConsole};
pub(crate) use gateway::{GatewaySettings, RawGateway};
pub(crate) use listener::{ListenerSettings, TlsFiles};
pub(crate) use up::{RawUp, UpSettings};

/// Why a configuration is refused. Ends the program with the exit code of wrong usage.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration file {} is wrong", path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("cannot combine the configuration file with flags")]
    Combine(#[from] toml::ser::Error),
    #[error("`{key}` is missing: give --{flag}, or `{key}` in the configuration file")]
    Missing {
        key: &'static str,
        flag: &'static str,
    },
    #[error("`{key}`: {reason}")]
    Invalid { key: &'static str, reason: String },
}

impl ConfigError {
    fn invalid(key: &'static str, reason: &(impl ToString + ?Sized)) -> Self {
        Self::Invalid {
            key,
            reason: reason.to_string(),
        }
    }
}

/// What the file says, overlaid with what flags and environment say (clap has already put
/// flags before the environment).
pub(crate) fn layered<R>(flags: &R, file: Option<&Path>) -> Result<R, ConfigError>
where
    R: Serialize + DeserializeOwned,
{
    let text = match file {
        None => String::new(),
        Some(path) => fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?,
    };
    let parse_error = |source| ConfigError::Parse {
        path: file.unwrap_or(Path::new("-")).to_owned(),
        source: Box::new(source),
    };
    // Parsed as its own type first, so that an unknown key is reported with its line.
    let from_file: R = toml::from_str(&text).map_err(parse_error)?;
    let mut merged = toml::Table::try_from(&from_file)?;
    merged.extend(toml::Table::try_from(flags)?);
    merged.try_into().map_err(parse_error)
}

/// For URLs that may hold a password: `Debug` of the raw settings must not show it.
fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests;
