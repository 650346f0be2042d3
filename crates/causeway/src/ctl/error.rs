//! Why a subcommand of `ctl` failed.

use serde_json::Value;
use thiserror::Error;

use crate::private_file::FileError;

#[derive(Debug, Error)]
pub(crate) enum CtlError {
    /// The arguments cannot be meant.
    #[error("{0}")]
    Usage(String),
    #[error("{code}: {message}")]
    Api {
        /// As in `model::ErrorCode`, or the HTTP status of an answer that is not the API's.
        code: String,
        message: String,
        /// The whole answer.
        body: Value,
    },
    #[error("cannot reach the console at {url}; is it running, and is --url right?")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("not logged in to {url}; run `causeway ctl login` first, or set CAUSEWAY_TOKEN")]
    NotLoggedIn { url: String },
    #[error("the console answered with something that is not its API: {0}")]
    BadAnswer(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot read or write the terminal")]
    Terminal(#[from] std::io::Error),
    /// Said no, or could not be asked.
    #[error("{0}")]
    NotConfirmed(String),
    /// A command was issued and has another outcome than finished.
    #[error("{code}: {message}")]
    Outcome { code: String, message: String },
    #[error("{failed} of the checks failed; nothing was changed")]
    Checks { failed: usize },
}

impl CtlError {
    /// Whether it is the caller who has to change something on the command line.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }

    /// Whether the API said so with this code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Api { code, .. } if code == wanted)
    }
}
