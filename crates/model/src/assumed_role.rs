//! Roles that lend keys for a while: the console assumes one (STS), and its gateway never has more.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::{Provider, Secret, Timestamp};

/// Shortest and longest life that can be asked for, in seconds (AWS and Alibaba Cloud).
const LIFETIME_S: std::ops::RangeInclusive<u32> = 900..=43_200;
/// Longest name of a role, its path included: AWS has 512 characters of path, and few are used.
const ARN_LEN_MAX: usize = 640;
/// Digits of an account: AWS has 12, Alibaba Cloud 16.
const ACCOUNT_LEN_MAX: usize = 20;
/// As long as AWS takes.
const EXTERNAL_ID_LEN_MAX: usize = 1_224;
/// Longest address of a service; a host name has 253 characters.
const ENDPOINT_LEN_MAX: usize = 300;

/// A role that the keys of a bucket may assume. They stay in the console then, and the gateway has
/// keys that were lent and are over soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssumedRole {
    /// `acs:ram::<account>:role/<name>` of OSS, `arn:aws:iam::<account>:role/<name>` of S3.
    pub arn: String,
    /// Who lends, `https://host[:port]`; the provider's own service if it is empty.
    #[serde(default)]
    pub sts_endpoint: String,
    /// For how long keys are asked for, in seconds: 900 to 43,200. They may be good for less.
    #[serde(default = "default_lifetime_s")]
    pub lifetime_s: u32,
    /// What the role's trust policy wants to hear, if it wants something.
    #[serde(default)]
    pub external_id: String,
}

fn default_lifetime_s() -> u32 {
    3_600
}

/// Keys that a role has lent.
#[derive(Clone, PartialEq, Eq)]
pub struct LentKeys {
    /// Access key id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// Goes with each request.
    pub session_token: Secret,
    /// When they are over.
    pub expires_at: Timestamp,
}

impl fmt::Debug for LentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentKeys")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why a role cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssumedRoleError {
    /// Nobody lends keys for it.
    #[error("a directory needs no keys, and so no role; leave the role out")]
    Provider,
    /// It is not the name of a role of this provider.
    #[error("the role `{arn}` must read like `{wanted}`; copy it from the role's page")]
    Arn {
        /// What was given.
        arn: String,
        /// How it would be right.
        wanted: &'static str,
    },
    /// It is not the address of a service.
    #[error(
        "the STS endpoint `{0}` must read https://host or https://host:port; leave it empty for \
         the provider's own"
    )]
    Endpoint(String),
    /// Nobody lends for so short or long.
    #[error("keys can be lent for 900 to 43200 s, not {0}; the role itself may allow less")]
    Lifetime(u32),
    /// No service takes it.
    #[error("the external id has at most 1224 letters, digits and `+=,.@:/-_`")]
    ExternalId,
}

impl AssumedRole {
    /// Whether a provider can have such a role.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn check(&self, provider: Provider) -> Result<(), AssumedRoleError> {
        let wanted = match provider {
            Provider::S3 => "arn:aws:iam::123456789012:role/name",
            Provider::Oss => "acs:ram::1234567890123456:role/name",
            Provider::Directory => return Err(AssumedRoleError::Provider),
        };
        if !is_role(&self.arn, provider) {
            return Err(AssumedRoleError::Arn {
                arn: self.arn.clone(),
                wanted,
            });
        }
        if !self.sts_endpoint.is_empty() && !is_endpoint(&self.sts_endpoint) {
            return Err(AssumedRoleError::Endpoint(self.sts_endpoint.clone()));
        }
        if !LIFETIME_S.contains(&self.lifetime_s) {
            return Err(AssumedRoleError::Lifetime(self.lifetime_s));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&b);
        let external = self.external_id.as_bytes();
        if external.len() > EXTERNAL_ID_LEN_MAX || !external.iter().all(|b| plain(*b)) {
            return Err(AssumedRoleError::ExternalId);
        }
        Ok(())
    }
}

fn is_role(arn: &str, provider: Provider) -> bool {
    let heads: &[&str] = match provider {
        Provider::S3 => &["arn:aws:iam::", "arn:aws-cn:iam::", "arn:aws-us-gov:iam::"],
        Provider::Oss => &["acs:ram::"],
        Provider::Directory => &[],
    };
    let tail = heads.iter().find_map(|head| arn.strip_prefix(head));
    let Some((account, name)) = tail.and_then(|tail| tail.split_once(":role/")) else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@/-_".contains(&b);
    (1..=ACCOUNT_LEN_MAX).contains(&account.len())
        && account.bytes().all(|b| b.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(plain)
        && arn.len() <= ARN_LEN_MAX
}

fn is_endpoint(text: &str) -> bool {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    text.len() <= ENDPOINT_LEN_MAX && host.is_some_and(|h| !h.is_empty() && h.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(arn: &str) -> AssumedRole {
        serde_json::from_value(serde_json::json!({"arn": arn})).unwrap()
    }

    #[test]
    fn each_provider_has_roles_of_its_own() {
        let (s3, oss) = (
            "arn:aws:iam::123456789012:role/team/gateway",
            "acs:ram::1234567890123456:role/gateway",
        );
        assert_eq!(role(s3).check(Provider::S3), Ok(()));
        assert_eq!(role("arn:aws-cn:iam::1:role/a").check(Provider::S3), Ok(()));
        assert_eq!(role(oss).check(Provider::Oss), Ok(()));
        for (arn, provider) in [
            (s3, Provider::Oss),
            (oss, Provider::S3),
            ("", Provider::S3),
            ("arn:aws:iam::123456789012:user/a", Provider::S3),
            ("arn:aws:iam::123456789012:role/", Provider::S3),
            ("arn:aws:iam::12a:role/a", Provider::S3),
            ("arn:aws:iam:eu:1:role/a", Provider::S3),
            ("acs:ram::1:role/a b", Provider::Oss),
            ("acs:ram::1:role/a:b", Provider::Oss),
        ] {
            let error = role(arn).check(provider).unwrap_err();
            assert!(error.to_string().contains("must read like"), "{error}");
        }
        let none = role(s3).check(Provider::Directory);
        assert_eq!(none, Err(AssumedRoleError::Provider));
    }

    #[test]
    fn what_no_service_takes_is_refused() {
        let good = role("arn:aws:iam::1:role/a");
        let check = |change: &dyn Fn(&mut AssumedRole)| {
            let mut role = good.clone();
            change(&mut role);
            role.check(Provider::S3)
        };
        for endpoint in [
            "http://127.0.0.1:9",
            "https://sts.example",
            "https://[::1]:1",
        ] {
            assert_eq!(check(&|r| r.sts_endpoint = endpoint.into()), Ok(()));
        }
        for endpoint in [
            "sts.example",
            "https://",
            "https://a/b",
            "https://u@a",
            "ftp://a",
        ] {
            let found = check(&|r| r.sts_endpoint = endpoint.into());
            assert_eq!(found, Err(AssumedRoleError::Endpoint(endpoint.into())));
        }
        assert_eq!(
            check(&|r| r.lifetime_s = 899),
            Err(AssumedRoleError::Lifetime(899))
        );
        assert!(check(&|r| r.lifetime_s = 43_201).is_err());
        assert_eq!(
            check(&|r| r.external_id = "a b".into()),
            Err(AssumedRoleError::ExternalId)
        );
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = LentKeys {
            access_key_id: "STS.1".into(),
            secret_access_key: Secret::new("hush"),
            session_token: Secret::new("token"),
            expires_at: Timestamp::default(),
        };
        let shown = format!("{keys:?}");
        assert!(shown.contains("STS.1") && !shown.contains("hush") && !shown.contains("token:"));
    }
}
