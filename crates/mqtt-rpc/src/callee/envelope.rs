//! Commands as they come from the queue.

use model::{COMMAND_LEN_MAX, Command, WIRE_VERSION};
use serde::Deserialize;
use thiserror::Error;

/// Why a message is not a command for us. There is nobody to answer: log it.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    /// More than the queue allows.
    #[error("{len} bytes; at most {COMMAND_LEN_MAX} are allowed")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// The console is newer than this gateway.
    #[error("envelope version {version}; this gateway knows up to {WIRE_VERSION}: upgrade it")]
    Version {
        /// Its version.
        version: u32,
    },
    /// Not JSON, or not a command.
    #[error("not a command")]
    Malformed(#[source] serde_json::Error),
}

/// Reads a command.
///
/// # Errors
/// It is too long, too new, or malformed.
pub fn decode(payload: &[u8]) -> Result<Command, EnvelopeError> {
    // All that versions must have in common.
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let len = payload.len();
    if len > COMMAND_LEN_MAX {
        return Err(EnvelopeError::TooLong { len });
    }
    let Head { version } = serde_json::from_slice(payload).map_err(EnvelopeError::Malformed)?;
    if version > WIRE_VERSION {
        return Err(EnvelopeError::Version { version });
    }
    serde_json::from_slice(payload).map_err(EnvelopeError::Malformed)
}
