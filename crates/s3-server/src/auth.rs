//! The one key pair. Signatures are checked by `s3s`, in constant time.

use async_trait::async_trait;
use model::Secret;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    auth::{S3Auth, SecretKey},
};
use tracing::debug;

/// Knows one access key id and its secret.
pub(crate) struct OneKeyPair {
    access_key_id: String,
    secret: SecretKey,
}

impl OneKeyPair {
    pub(crate) fn new(access_key_id: String, secret: &Secret) -> Self {
        let secret = SecretKey::from(secret.expose());
        Self {
            access_key_id,
            secret,
        }
    }
}

#[async_trait]
impl S3Auth for OneKeyPair {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        if access_key_id == self.access_key_id {
            return Ok(self.secret.clone());
        }
        debug!(access_key_id, "unknown access key id");
        Err(S3Error::with_message(
            S3ErrorCode::InvalidAccessKeyId,
            "the access key id is not known here",
        ))
    }
}
