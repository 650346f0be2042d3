//! Why a role did not start or did not do its work.

use std::{error::Error, path::PathBuf};

use thiserror::Error;

use crate::{
    authority::AuthorityError, config::ConfigError, ctl::CtlError, data_dir::DataDirError,
    ports::PortError, private_file::FileError,
};

#[derive(Debug, Error)]
pub(crate) enum RoleError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// A part of the system refuses, and says why.
    #[error("cannot {what}")]
    Part {
        what: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("cannot understand {}: {advice}", path.display())]
    Broken {
        path: PathBuf,
        advice: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// The console's API refuses, or standard output is gone.
    #[error(transparent)]
    Ctl(#[from] CtlError),
    #[error("{what} within {seconds} s{hint}")]
    TooSlow {
        what: &'static str,
        seconds: u64,
        hint: String,
    },
    #[error(
        "the share `demo` has its objects in the object store on {before}, which is now on {now}; \
         start with --s3-address {before} (or, to give the share up, do that once and \
         `causeway ctl share delete demo demo`)"
    )]
    StoreMoved { before: String, now: String },
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    #[error("cannot read the activation bundle from {from}")]
    ReadBundle {
        from: String,
        #[source]
        source: std::io::Error,
    },
}

impl RoleError {
    /// For `map_err`: which part could not do what.
    pub(crate) fn part<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        move |source| Self::Part {
            what,
            source: source.into(),
        }
    }

    /// Whether it is the caller who has to change something on the command line or in the file.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}
