//! Signatures: S3's version 4, and OSS's versions 4 and 1, by the crates that opendal signs with.

use http::request::Parts;
use reqsign_core::{Context, SignRequest as _};

use model::OssSignature;

use crate::{config::Config, credentials::AccessKeys, dialect::Dialect};

/// Signs requests.
#[derive(Debug)]
pub(crate) enum Signer {
    S3(reqsign_aws_v4::RequestSigner),
    Oss(reqsign_aliyun_oss::RequestSigner),
}

impl Signer {
    pub(crate) fn new(config: &Config) -> Self {
        match config.dialect {
            Dialect::S3 => Self::S3(reqsign_aws_v4::RequestSigner::new("s3", &config.region)),
            Dialect::Oss => {
                let version = match config.signature {
                    OssSignature::V4 => reqsign_aliyun_oss::SigningVersion::V4,
                    OssSignature::V1 => reqsign_aliyun_oss::SigningVersion::V1,
                };
                let signer = reqsign_aliyun_oss::RequestSigner::new(&config.bucket)
                    .with_region(&config.region)
                    .with_signing_version(version);
                Self::Oss(signer)
            }
        }
    }

    /// Adds date and authorization.
    pub(crate) async fn sign(
        &self,
        keys: &AccessKeys,
        parts: &mut Parts,
    ) -> reqsign_core::Result<()> {
        let context = Context::new();
        let (id, secret) = (keys.id.clone(), keys.secret.expose().to_owned());
        let token = keys.session_token.as_ref();
        let token = token.map(|token| token.expose().to_owned());
        match self {
            Self::S3(signer) => {
                let credential = reqsign_aws_v4::Credential {
                    access_key_id: id,
                    secret_access_key: secret,
                    session_token: token,
                    expires_in: None,
                };
                signer
                    .sign_request(&context, parts, Some(&credential), None)
                    .await
            }
            Self::Oss(signer) => {
                let credential = reqsign_aliyun_oss::Credential {
                    access_key_id: id,
                    access_key_secret: secret,
                    security_token: token,
                    expires_in: None,
                };
                signer
                    .sign_request(&context, parts, Some(&credential), None)
                    .await
            }
        }
    }
}
