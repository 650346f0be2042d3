//! What can go wrong, by what the caller should do.

use std::fmt::Display;

use sea_orm::{DbErr, SqlErr, TransactionError};
use thiserror::Error;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseErrorKind {
    /// The thing named is not there.
    NotFound,
    /// It is there already, or was changed meanwhile.
    Conflict,
    /// Another share has the prefix or a part of it, and both would write.
    PrefixOverlap,
    /// The database or its contents are at fault.
    Internal,
}

/// A failure.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// No such row.
    #[error("there is no {0}")]
    NotFound(String),
    /// The row is there already.
    #[error("there is already a {0}")]
    Exists(String),
    /// The row is not any more what the caller took it for.
    #[error("{0} was changed meanwhile; look at it again")]
    Changed(String),
    /// Another share has the same objects, and both would write.
    #[error(
        "share `{share}` of gateway {gateway} already owns the prefix `{prefix}` of this bucket"
    )]
    PrefixOverlap {
        /// The gateway of the other share.
        gateway: String,
        /// The other share.
        share: String,
        /// Its prefix.
        prefix: String,
    },
    /// The key file cannot be used.
    #[error("cannot use the key file {path}")]
    KeyFile {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A sealed secret does not open with this key.
    #[error("a secret in the database cannot be opened with this console's key file")]
    Sealed,
    /// A row holds what this version cannot read.
    #[error("{what} in the database cannot be read: {reason}")]
    Corrupt {
        /// Which row or column.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The database itself.
    #[error("the database failed")]
    Failed(#[source] DbErr),
}

impl DatabaseError {
    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> DatabaseErrorKind {
        match self {
            Self::NotFound(_) => DatabaseErrorKind::NotFound,
            Self::Exists(_) | Self::Changed(_) => DatabaseErrorKind::Conflict,
            Self::PrefixOverlap { .. } => DatabaseErrorKind::PrefixOverlap,
            Self::KeyFile { .. } | Self::Sealed | Self::Corrupt { .. } | Self::Failed(_) => {
                DatabaseErrorKind::Internal
            }
        }
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl Display) -> Self {
        let reason = reason.to_string();
        Self::Corrupt { what, reason }
    }

    /// An insert that met its own key is a conflict, anything else a failure.
    pub(crate) fn on_insert(error: DbErr, what: impl FnOnce() -> String) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Exists(what()),
            Some(_) | None => Self::Failed(error),
        }
    }
}

impl From<DbErr> for DatabaseError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

impl From<TransactionError<Self>> for DatabaseError {
    fn from(error: TransactionError<Self>) -> Self {
        match error {
            TransactionError::Connection(error) => Self::Failed(error),
            TransactionError::Transaction(error) => error,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, DatabaseError>;
