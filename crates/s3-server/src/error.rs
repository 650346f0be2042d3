//! What can go wrong, and what S3 calls it.

use std::io;

use s3s::{S3Error, S3ErrorCode};
use thiserror::Error;

/// A failure of a bucket.
#[derive(Debug, Error)]
pub(crate) enum BucketError {
    #[error("there is no bucket `{0}`")]
    NoSuchBucket(String),
    #[error("bucket `{0}` exists already")]
    BucketExists(String),
    #[error("bucket `{0}` is not empty")]
    BucketNotEmpty(String),
    #[error("there is no object `{0}`")]
    NoSuchKey(String),
    #[error("the condition does not hold: the object is {now}")]
    PreconditionFailed { now: String },
    #[error("the object has not changed")]
    NotModified,
    #[error("there is no multipart upload `{0}`")]
    NoSuchUpload(String),
    #[error("part {0} was not uploaded, or with another etag")]
    InvalidPart(u16),
    #[error("parts must be listed in ascending order")]
    PartOrder,
    #[error("part {0} is smaller than 5 MiB and not the last")]
    PartTooSmall(u16),
    #[error("{0}")]
    Invalid(String),
    #[error("the range lies outside the object")]
    Range,
    #[error("the body does not have the {0} that the request gives")]
    Digest(&'static str),
    #[error("the body ended early: {got} of {announced} bytes")]
    Incomplete { got: u64, announced: u64 },
    #[error("too many multipart uploads are under way; abort or complete some")]
    TooManyUploads,
    #[error("the body could not be received")]
    Receive(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the journal failed earlier; restart the object store")]
    JournalFailed,
    #[error("cannot {doing}")]
    Io {
        doing: String,
        #[source]
        source: io::Error,
    },
}

/// Result of a call to a bucket.
pub(crate) type BucketResult<T> = Result<T, BucketError>;

/// Adds what was being done to an I/O error.
pub(crate) trait Doing<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> BucketResult<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> BucketResult<T> {
        self.map_err(|source| BucketError::Io {
            doing: doing(),
            source,
        })
    }
}

/// The one place where failures get S3's words.
impl From<BucketError> for S3Error {
    fn from(error: BucketError) -> Self {
        let code = match &error {
            BucketError::NoSuchBucket(_) => S3ErrorCode::NoSuchBucket,
            BucketError::BucketExists(_) => S3ErrorCode::BucketAlreadyOwnedByYou,
            BucketError::BucketNotEmpty(_) => S3ErrorCode::BucketNotEmpty,
            BucketError::NoSuchKey(_) => S3ErrorCode::NoSuchKey,
            BucketError::PreconditionFailed { .. } => S3ErrorCode::PreconditionFailed,
            BucketError::NotModified => S3ErrorCode::NotModified,
            BucketError::NoSuchUpload(_) => S3ErrorCode::NoSuchUpload,
            BucketError::InvalidPart(_) => S3ErrorCode::InvalidPart,
            BucketError::PartOrder => S3ErrorCode::InvalidPartOrder,
            BucketError::PartTooSmall(_) => S3ErrorCode::EntityTooSmall,
            BucketError::Invalid(_) => S3ErrorCode::InvalidArgument,
            BucketError::Range => S3ErrorCode::InvalidRange,
            BucketError::Digest(_) => S3ErrorCode::BadDigest,
            BucketError::Incomplete { .. } => S3ErrorCode::IncompleteBody,
            BucketError::TooManyUploads => S3ErrorCode::SlowDown,
            BucketError::Receive(cause) => return receive_error(cause.as_ref(), &error),
            BucketError::JournalFailed | BucketError::Io { .. } => S3ErrorCode::InternalError,
        };
        if let BucketError::Io { source, .. } = &error {
            tracing::error!(error = %error, cause = %source, "object store failed");
        }
        let message = error.to_string();
        let mut answer = Self::with_message(code, message);
        answer.set_source(Box::new(error));
        answer
    }
}

/// A body can also fail because its signature or checksum is wrong: then that is the answer.
fn receive_error(
    cause: &(dyn std::error::Error + Send + Sync + 'static),
    error: &BucketError,
) -> S3Error {
    let text = cause.to_string();
    let code = if text.contains("Mismatch") || text.contains("hecksum") {
        S3ErrorCode::BadDigest
    } else {
        S3ErrorCode::IncompleteBody
    };
    S3Error::with_message(code, format!("{error}: {text}"))
}
