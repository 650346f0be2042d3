//! Settings, checked.

use std::net::IpAddr;

use http::Uri;
use model::{BucketSettings, OssSignature, Provider, ServerEncryption};
use object_store::{StoreError, StoreErrorKind};

use crate::dialect::Dialect;

/// A bucket and how to reach it, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) dialect: Dialect,
    /// `scheme://host[:port]`, as the operator wrote it; for messages.
    pub(crate) endpoint: String,
    /// What comes before `/key` in a URL.
    pub(crate) base: String,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) signature: OssSignature,
    pub(crate) encryption: ServerEncryption,
}

impl Config {
    pub(crate) fn parse(
        settings: &BucketSettings,
        encryption: ServerEncryption,
    ) -> Result<Self, StoreError> {
        let bucket = settings.bucket.clone();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return Err(invalid(format!(
                "bucket name `{bucket}` cannot be one: letters, digits, `-`, `.`"
            )));
        }
        let prefix = settings.prefix.clone();
        if prefix.starts_with('/') || (!prefix.is_empty() && !prefix.ends_with('/')) {
            return Err(invalid(format!(
                "prefix `{prefix}` must be empty or like `path/`"
            )));
        }
        let (scheme, host) = endpoint(&settings.endpoint)?;
        let dialect = match settings.provider {
            Provider::S3 => Dialect::S3,
            Provider::Oss => Dialect::Oss,
            Provider::Directory => {
                let message = "a directory is not reached over a network".to_owned();
                return Err(invalid(message));
            }
        };
        let by_path = dialect == Dialect::S3 || is_ip(&host);
        let base = match by_path {
            true => format!("{scheme}://{host}/{bucket}"),
            false => format!("{scheme}://{bucket}.{host}"),
        };
        Ok(Self {
            dialect,
            region: settings.signing_region().to_owned(),
            endpoint: format!("{scheme}://{host}"),
            base,
            bucket,
            prefix,
            signature: settings.signature,
            encryption,
        })
    }
}

/// Scheme and `host[:port]`.
fn endpoint(text: &str) -> Result<(String, String), StoreError> {
    let trimmed = text.trim().trim_end_matches('/');
    let full = match trimmed.contains("://") {
        true => trimmed.to_owned(),
        false => format!("https://{trimmed}"),
    };
    let bad = |why: &str| {
        invalid(format!(
            "endpoint `{text}` {why}; write it like https://s3.example.com"
        ))
    };
    let uri: Uri = full.parse().or(Err(bad("is not an address")))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(bad("is not an address"));
    };
    if !matches!(scheme, "http" | "https") {
        return Err(bad("must begin with http:// or https://"));
    }
    if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some()
    {
        return Err(bad("must be scheme, host and port alone"));
    }
    Ok((scheme.to_owned(), authority.as_str().to_owned()))
}

fn is_ip(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn invalid(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Other, message)
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::*;

    fn parsed(settings: &BucketSettings) -> Result<Config, StoreError> {
        Config::parse(settings, ServerEncryption::BucketDefault)
    }

    fn settings(provider: Provider, endpoint: &str) -> BucketSettings {
        BucketSettings {
            provider,
            endpoint: endpoint.to_owned(),
            region: "us-east-1".to_owned(),
            bucket: "b".to_owned(),
            prefix: String::new(),
            access_key_id: "id".to_owned(),
            secret_access_key: Secret::new("s"),
            session_token: Secret::default(),
            signature: OssSignature::default(),
            role: None,
        }
    }

    #[test]
    fn s3_names_the_bucket_in_the_path_and_oss_in_the_host() {
        for (provider, endpoint, base, region) in [
            (
                Provider::S3,
                "http://127.0.0.1:9000/",
                "http://127.0.0.1:9000/b",
                "us-east-1",
            ),
            (
                Provider::S3,
                "s3.example.com",
                "https://s3.example.com/b",
                "us-east-1",
            ),
            (
                Provider::Oss,
                "https://oss-cn-hangzhou-internal.aliyuncs.com",
                "https://b.oss-cn-hangzhou-internal.aliyuncs.com",
                "cn-hangzhou",
            ),
            (
                Provider::Oss,
                "http://[::1]:80",
                "http://[::1]:80/b",
                "us-east-1",
            ),
        ] {
            let config = parsed(&settings(provider, endpoint)).unwrap();
            assert_eq!(
                (config.base.as_str(), config.region.as_str()),
                (base, region)
            );
        }
    }

    #[test]
    fn wrong_settings_are_refused_with_what_to_write() {
        for endpoint in [
            "",
            "ftp://x",
            "http://a/b",
            "http://u:p@a",
            "http://a?x",
            "http:// a",
        ] {
            let error = parsed(&settings(Provider::S3, endpoint)).unwrap_err();
            assert!(
                error.to_string().contains("write it like"),
                "{endpoint}: {error}"
            );
        }
        let good = settings(Provider::S3, "http://a");
        for prefix in ["/a/", "a"] {
            let prefix = prefix.to_owned();
            assert!(
                parsed(&BucketSettings {
                    prefix,
                    ..good.clone()
                })
                .is_err()
            );
        }
        let bucket = "a/b".to_owned();
        assert!(parsed(&BucketSettings { bucket, ..good }).is_err());
    }
}
