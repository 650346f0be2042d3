//! Signatures: S3's version 4 and OSS's version 4, by the crates that opendal signs with.

use http::request::Parts;
use reqsign_core::{Context, SignRequest as _};

use crate::{config::Config, dialect::Dialect};

/// Signs requests with one key pair.
#[derive(Debug)]
pub(crate) enum Signer {
    S3(reqsign_aws_v4::RequestSigner, reqsign_aws_v4::Credential),
    Oss(
        reqsign_aliyun_oss::RequestSigner,
        reqsign_aliyun_oss::Credential,
    ),
}

impl Signer {
    pub(crate) fn new(config: &Config) -> Self {
        let (access_key_id, secret) = (
            config.access_key_id.clone(),
            config.secret.expose().to_owned(),
        );
        match config.dialect {
            Dialect::S3 => Self::S3(
                reqsign_aws_v4::RequestSigner::new("s3", &config.region),
                reqsign_aws_v4::Credential {
                    access_key_id,
                    secret_access_key: secret,
                    session_token: None,
                    expires_in: None,
                },
            ),
            Dialect::Oss => Self::Oss(
                reqsign_aliyun_oss::RequestSigner::new(&config.bucket)
                    .with_region(&config.region)
                    .with_signing_version(reqsign_aliyun_oss::SigningVersion::V4),
                reqsign_aliyun_oss::Credential {
                    access_key_id,
                    access_key_secret: secret,
                    security_token: None,
                    expires_in: None,
                },
            ),
        }
    }

    /// Adds date and authorization.
    pub(crate) async fn sign(&self, parts: &mut Parts) -> reqsign_core::Result<()> {
        let context = Context::new();
        match self {
            Self::S3(signer, credential) => {
                signer
                    .sign_request(&context, parts, Some(credential), None)
                    .await
            }
            Self::Oss(signer, credential) => {
                signer
                    .sign_request(&context, parts, Some(credential), None)
                    .await
            }
        }
    }
}
