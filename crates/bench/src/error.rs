//! Why a measurement did not come to its end.

use std::io;

use thiserror::Error;

/// Why a measurement did not come to its end.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The system refuses.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A process of the run said something that is not JSON.
    #[error("cannot understand a line of a process of this run")]
    Line(#[source] serde_json::Error),
    /// Nothing moves any more.
    #[error("{what}: nothing more came after {done}")]
    Stuck {
        /// What was being done.
        what: &'static str,
        /// How far it went.
        done: u64,
    },
    /// A client process could not do what it was told.
    #[error("a client process failed: {0}")]
    Agent(String),
    /// A process of the run ended before its time.
    #[error("the process of {0} ended before its time")]
    Ended(String),
    /// A broker of ours does not start.
    #[error("cannot start the broker")]
    Broker(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file engine does not do as it should.
    #[error("the file engine failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Keys or certificates of the run cannot be used.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The command line asks for what is not there.
    #[error("{0}")]
    Usage(String),
    /// Something that must hold did not.
    #[error("{0}")]
    Broken(String),
}

impl BenchError {
    /// For `map_err`: what was tried.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// For `map_err`: a broker of ours does not do as it should.
    pub(crate) fn broker<E>(source: E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::Broker(source.into())
    }

    /// For `map_err`: the file engine refuses or fails.
    pub(crate) fn engine<E>(source: E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::Engine(source.into())
    }

    /// For `map_err`: what is needed for TLS.
    pub(crate) fn tls<E>(source: E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::Tls(source.into())
    }

    /// Whether it is the caller who has to change something on the command line.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }
}
