//! Error codes shared by RPC, HTTP and the command line.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// What went wrong, as a word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The gateway is not connected.
    Offline,
    /// The deadline passed before the command was started.
    Expired,
    /// A newer generation of the same command or document is known.
    StaleGeneration,
    /// This gateway's software does not know the method.
    UnknownMethod,
    /// A parameter is missing or wrong.
    InvalidArgument,
    /// The thing named does not exist.
    NotFound,
    /// The thing exists already, or was changed meanwhile.
    Conflict,
    /// No or wrong credentials.
    Unauthenticated,
    /// Not allowed to this user.
    Forbidden,
    /// The bucket does not exist.
    BucketNotFound,
    /// The object store refuses the keys.
    BucketAccessDenied,
    /// The object store does not answer.
    BucketUnreachable,
    /// Another share already owns this bucket and prefix, or a part of it.
    PrefixOverlap,
    /// The cache disk has no room.
    CacheDiskFull,
    /// The activation bundle was used before.
    BundleUsed,
    /// The activation bundle is too old.
    BundleExpired,
    /// The activation bundle was changed or is not one.
    BundleInvalid,
    /// The gateway stopped while it ran the command; nobody knows whether it took effect.
    Interrupted,
    /// A limit is reached; try later.
    Busy,
    /// A fault of ours.
    Internal,
}

/// An error as it travels: a word for programs and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error, ToSchema)]
#[error("{message}")]
pub struct Failure {
    /// The word.
    pub code: ErrorCode,
    /// The sentence.
    pub message: String,
}

impl Failure {
    /// From its parts.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
