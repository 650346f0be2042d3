//! What can go wrong, by what the caller should do.

use thiserror::Error;

/// Result of a call.
pub type StoreResult<T> = Result<T, StoreError>;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// No such object.
    NotFound,
    /// No such bucket.
    BucketNotFound,
    /// The keys are wrong or lack rights.
    AccessDenied,
    /// The precondition did not hold.
    PreconditionFailed,
    /// Try again later: time-out, 5xx, no connection.
    Unavailable,
    /// Try again later, and ask less often: 429, `SlowDown`.
    Throttled,
    /// The upload in parts, or a part of it, is not there any more.
    UploadLost,
    /// The bytes that arrived are not those that were sent: they are to be sent again, over
    /// whatever is there now.
    Damaged,
    /// The object is there and cannot be opened: it has another key, was tampered with, or was
    /// never encrypted.
    Undecipherable,
    /// The source of the bytes failed.
    Source,
    /// Anything else.
    Other,
}

impl StoreErrorKind {
    /// Whether the same call may succeed later with nobody's help.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Throttled)
    }
}

/// A failure: its kind and a sentence.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// Without a cause below.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// With its cause.
    pub fn caused_by(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// What the caller should do.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
