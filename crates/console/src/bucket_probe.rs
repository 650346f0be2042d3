//! Looking into a bucket before a share is accepted.

use async_trait::async_trait;
use model::{BucketSettings, ErrorCode, Failure, Provider, ShareSettings};
use object_store::{StoreError, StoreErrorKind};
use object_store_http::OpenOptions;

use crate::limits::BUCKET_CHECK_TIMEOUT;

/// Whether a share's bucket can be used with its keys, and encrypts as the share says.
#[async_trait]
pub trait BucketProbe: Send + Sync + 'static {
    /// Lists, writes, reads and deletes in it.
    ///
    /// # Errors
    /// The bucket or the keys are wrong, or the store does not answer: which, and what to do.
    async fn check(&self, settings: &ShareSettings) -> Result<(), Failure>;
}

/// Asks the object store itself.
#[derive(Debug)]
pub struct StoreProbe;

#[async_trait]
impl BucketProbe for StoreProbe {
    async fn check(&self, settings: &ShareSettings) -> Result<(), Failure> {
        let bucket = &settings.bucket;
        if bucket.provider == Provider::Directory {
            // It is on the gateway's machine: the gateway looks into it before it serves it.
            return Ok(());
        }
        let options = OpenOptions {
            encryption: settings.engine.encryption.clone(),
            ..OpenOptions::default()
        };
        let store = object_store_http::open_as(bucket, options).map_err(|e| failure(bucket, &e))?;
        match tokio::time::timeout(BUCKET_CHECK_TIMEOUT, store.check()).await {
            Ok(checked) => checked.map_err(|e| failure(bucket, &e)),
            Err(_elapsed) => Err(Failure::new(
                ErrorCode::BucketUnreachable,
                format!(
                    "{} did not answer within {} s; check the endpoint and the way to it",
                    bucket.endpoint,
                    BUCKET_CHECK_TIMEOUT.as_secs()
                ),
            )),
        }
    }
}

fn failure(settings: &BucketSettings, error: &StoreError) -> Failure {
    let (bucket, endpoint) = (&settings.bucket, &settings.endpoint);
    match error.kind() {
        StoreErrorKind::BucketNotFound | StoreErrorKind::NotFound => Failure::new(
            ErrorCode::BucketNotFound,
            format!("there is no bucket `{bucket}` at {endpoint}; make it, or check its name"),
        ),
        StoreErrorKind::AccessDenied => Failure::new(
            ErrorCode::BucketAccessDenied,
            format!(
                "{endpoint} refuses the keys for bucket `{bucket}`; they need the rights to list, \
                 read, write and delete ({error})"
            ),
        ),
        StoreErrorKind::Unavailable | StoreErrorKind::Throttled => Failure::new(
            ErrorCode::BucketUnreachable,
            format!("{endpoint} cannot be reached; check the endpoint and the way to it ({error})"),
        ),
        StoreErrorKind::PreconditionFailed
        | StoreErrorKind::UploadLost
        | StoreErrorKind::Damaged
        | StoreErrorKind::Undecipherable
        | StoreErrorKind::Source
        | StoreErrorKind::Other => Failure::new(
            ErrorCode::BucketUnreachable,
            format!("bucket `{bucket}` at {endpoint} cannot be used: {error}"),
        ),
    }
}
