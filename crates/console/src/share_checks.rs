//! The checks before a share is accepted, in the order in which they should be mended.

use std::str::FromStr as _;

use axum::http::Uri;
use database::Borrowed;
use ipnet::IpNet;
use model::{
    AssumedRole, BucketSettings, ErrorCode, Failure, GatewayId, Provider, ServerEncryption,
    ShareSettings,
};

use crate::{
    api::{Check, CheckName},
    app::App,
    error::{ApiError, ApiResult},
    features,
    fleet::intent::fits,
    key_borrower,
    limits::{ACCESS_RULES_MAX, CACHE_BYTES_MIN, CACHE_DISK_FREE_MIN, SHARES_MAX},
};

const KEY_LEN_MAX: usize = 1_024;
const BUCKET_NAME_LEN_MAX: usize = 63;
const ACCESS_KEY_LEN_MAX: usize = 256;
const SESSION_TOKEN_LEN_MAX: usize = 4_096;

/// Whether the share is new or takes the place of the one with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Create,
    Replace,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) checks: Vec<Check>,
    /// What the role has lent for the checks, if there is one: the share can begin with it.
    pub(crate) borrowed: Option<Borrowed>,
}

/// Runs all checks. Role and bucket are not asked while the settings alone are wrong.
pub(crate) async fn run(
    app: &App,
    gateway: &GatewayId,
    settings: &ShareSettings,
    purpose: Purpose,
) -> ApiResult<Found> {
    let mut checks = vec![
        check(
            CheckName::Name,
            "the name is free",
            name(app, gateway, settings, purpose).await?,
        ),
        check(
            CheckName::Prefix,
            "bucket and prefix are well formed",
            well_formed(&settings.bucket),
        ),
        check(
            CheckName::Access,
            "the access rules can be read",
            access(settings),
        ),
        check(
            CheckName::Engine,
            "its engine can work like that",
            engine(app, gateway, settings),
        ),
        check(
            CheckName::Cache,
            "the cache fits",
            cache(app, gateway, settings),
        ),
        check(
            CheckName::Overlap,
            "no other share fights for these objects",
            overlap(app, gateway, settings).await?,
        ),
    ];
    let borrowed = lent(app, gateway, settings, &mut checks).await;
    let bucket = if are_well(&checks) {
        bucket(app, settings, borrowed.as_ref()).await
    } else {
        not_tried(CheckName::Bucket)
    };
    checks.push(bucket);
    Ok(Found { checks, borrowed })
}

/// Tries the role, if there is one; what it has lent.
async fn lent(
    app: &App,
    gateway: &GatewayId,
    settings: &ShareSettings,
    checks: &mut Vec<Check>,
) -> Option<Borrowed> {
    let role = settings.bucket.role.as_ref()?;
    if !are_well(checks) {
        checks.push(not_tried(CheckName::Role));
        return None;
    }
    let of = (gateway, &settings.name);
    let (borrowed, found) = match key_borrower::borrow(app, of, &settings.bucket, role).await {
        Ok(borrowed) => (Some(borrowed), Ok(())),
        Err(failure) => (None, Err(failure)),
    };
    checks.push(check(CheckName::Role, "the role lends keys", found));
    borrowed
}

fn are_well(checks: &[Check]) -> bool {
    checks.iter().all(|c| c.ok == Some(true))
}

fn not_tried(name: CheckName) -> Check {
    Check {
        name,
        ok: None,
        message: "not tried: first mend the rest".to_owned(),
        code: None,
    }
}

/// Looks into the bucket with the keys that the gateway would have.
async fn bucket(app: &App, settings: &ShareSettings, borrowed: Option<&Borrowed>) -> Check {
    let well = match settings.bucket.provider {
        Provider::S3 | Provider::Oss => "the bucket can be used",
        Provider::Directory => "the gateway looks into the directory before it serves it",
    };
    let mut settings = settings.clone();
    let keys = borrowed.map(|borrowed| &borrowed.keys);
    settings.bucket = settings.bucket.for_gateway(keys);
    check(CheckName::Bucket, well, app.probe.check(&settings).await)
}

/// The first check that is not well, as an error.
pub(crate) fn first_failure(checks: &[Check]) -> ApiResult<()> {
    let failed = checks.iter().find(|c| c.ok == Some(false));
    failed.map_or(Ok(()), |c| {
        Err(ApiError::new(
            c.code.unwrap_or(ErrorCode::InvalidArgument),
            c.message.clone(),
        ))
    })
}

/// Mends what can only be meant in one way: a prefix is a directory.
pub(crate) fn tidy(settings: &mut ShareSettings) {
    let prefix = &mut settings.bucket.prefix;
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    let endpoint = settings.bucket.endpoint.trim().trim_end_matches('/');
    settings.bucket.endpoint = endpoint.to_owned();
    if let Some(role) = &mut settings.bucket.role {
        role.arn = role.arn.trim().to_owned();
        role.sts_endpoint = role.sts_endpoint.trim().trim_end_matches('/').to_owned();
        role.external_id = role.external_id.trim().to_owned();
    }
}

fn check(name: CheckName, well: &str, found: Result<(), Failure>) -> Check {
    match found {
        Ok(()) => Check {
            name,
            ok: Some(true),
            message: well.to_owned(),
            code: None,
        },
        Err(failure) => Check {
            name,
            ok: Some(false),
            message: failure.message,
            code: Some(failure.code),
        },
    }
}

fn invalid(message: impl Into<String>) -> Result<(), Failure> {
    Err(Failure::new(ErrorCode::InvalidArgument, message))
}

async fn name(
    app: &App,
    gateway: &GatewayId,
    settings: &ShareSettings,
    purpose: Purpose,
) -> ApiResult<Result<(), Failure>> {
    let shares = app.database.shares_of(gateway).await?;
    let stored = shares.iter().find(|s| s.settings.name == settings.name);
    let (name, count) = (&settings.name, shares.len());
    let conflict = |message| Err(Failure::new(ErrorCode::Conflict, message));
    Ok(match (purpose, stored) {
        (Purpose::Create, Some(stored)) if stored.retired_in.is_none() => conflict(format!(
            "this gateway already has a share `{name}`; choose another name"
        )),
        (Purpose::Create, Some(stored))
            if !is_same_place(&stored.settings.bucket, &settings.bucket)
                || stored.settings.key_id() != settings.key_id() =>
        {
            conflict(format!(
                "share `{name}` is being removed, and its gateway still uploads what it holds; wait \
                 until it is gone, choose another name, or give it the bucket, prefix and \
                 encryption key that it had"
            ))
        }
        (Purpose::Create, None) if count >= SHARES_MAX => Err(Failure::new(
            ErrorCode::Busy,
            format!("this gateway already has {count} shares, the most it may have"),
        )),
        (Purpose::Replace, None) => Err(Failure::new(
            ErrorCode::NotFound,
            format!("this gateway has no share `{name}`"),
        )),
        (Purpose::Create | Purpose::Replace, _) => fits(app, gateway, settings).await?,
    })
}

/// Whether the objects are the same.
pub(crate) fn is_same_place(one: &BucketSettings, other: &BucketSettings) -> bool {
    let place = |b: &BucketSettings| {
        let (endpoint, bucket) = (b.endpoint.clone(), b.bucket.clone());
        (b.provider, endpoint, bucket, b.prefix.clone())
    };
    place(one) == place(other)
}

fn engine(app: &App, gateway: &GatewayId, settings: &ShareSettings) -> Result<(), Failure> {
    let status = app.view.get(gateway).and_then(|live| live.status);
    if let Some(failure) = features::missing(settings, status.as_ref().map(|s| &s.status)) {
        return Err(failure);
    }
    let encryption = &settings.engine.encryption;
    if settings.bucket.provider == Provider::Directory
        && *encryption != ServerEncryption::BucketDefault
    {
        return invalid("a directory encrypts nothing by itself; leave encryption to the bucket");
    }
    let checked = settings.engine.check();
    checked.map_err(|error| Failure::new(ErrorCode::InvalidArgument, error.to_string()))
}

fn well_formed(bucket: &BucketSettings) -> Result<(), Failure> {
    if let Some(wanted) = &bucket.role {
        role(bucket, wanted)?;
    }
    match bucket.provider {
        Provider::S3 | Provider::Oss => reachable(bucket)?,
        Provider::Directory if bucket.directory().is_none() => {
            return invalid(format!(
                "the endpoint `{}` must read file:///path, the path of a directory of the \
                 gateway's machine that holds the bucket",
                bucket.endpoint
            ));
        }
        Provider::Directory => {}
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let name = bucket.bucket.as_bytes();
    if name.is_empty() || name.len() > BUCKET_NAME_LEN_MAX || !name.iter().all(|b| plain(*b)) {
        return invalid(format!("`{}` is not the name of a bucket", bucket.bucket));
    }
    prefix(&bucket.prefix)
}

/// Endpoint and keys of a store behind a network.
fn reachable(bucket: &BucketSettings) -> Result<(), Failure> {
    let uri = Uri::from_str(&bucket.endpoint).ok();
    let scheme = uri.as_ref().and_then(Uri::scheme_str);
    let has_host = uri
        .as_ref()
        .and_then(Uri::host)
        .is_some_and(|h| !h.is_empty());
    let bare = uri
        .as_ref()
        .is_some_and(|u| u.path() == "/" && u.query().is_none());
    if !matches!(scheme, Some("http" | "https")) || !has_host || !bare {
        return invalid(format!(
            "the endpoint `{}` must read https://host or https://host:port",
            bucket.endpoint
        ));
    }
    if bucket.access_key_id.is_empty() || bucket.secret_access_key.is_empty() {
        return invalid("give the access key id and its secret");
    }
    let has_control = |text: &str| text.chars().any(char::is_control);
    if has_control(bucket.secret_access_key.expose()) || has_control(bucket.session_token.expose())
    {
        return invalid("secret access key and session token cannot have line ends or the like");
    }
    if bucket.session_token.expose().len() > SESSION_TOKEN_LEN_MAX {
        return invalid("the session token is too long");
    }
    if bucket.access_key_id.len() > ACCESS_KEY_LEN_MAX
        || bucket.secret_access_key.expose().len() > ACCESS_KEY_LEN_MAX
    {
        return invalid(format!("keys have at most {ACCESS_KEY_LEN_MAX} characters"));
    }
    Ok(())
}

/// The role that lends the keys.
fn role(bucket: &BucketSettings, role: &AssumedRole) -> Result<(), Failure> {
    if let Err(error) = role.check(bucket.provider) {
        return invalid(error.to_string());
    }
    if !bucket.session_token.is_empty() {
        return invalid(
            "keys with a session token are lent themselves, and would be over soon: give those of \
             a user that may assume the role, without a session token",
        );
    }
    let region = bucket.signing_region().as_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    if role.sts_endpoint.is_empty() && (region.is_empty() || !region.iter().all(plain)) {
        return invalid(
            "the provider's STS is found by the region: give the region of the bucket, such as \
             eu-central-1 or cn-hangzhou, or the STS endpoint",
        );
    }
    Ok(())
}

/// Every part becomes a directory: what cannot be one is refused.
fn prefix(prefix: &str) -> Result<(), Failure> {
    if prefix.is_empty() {
        return Ok(());
    }
    let parts = prefix.strip_suffix('/').unwrap_or(prefix).split('/');
    let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
    if prefix.len() > KEY_LEN_MAX / 2
        || !parts.clone().all(is_name)
        || prefix.chars().any(char::is_control)
    {
        return invalid(format!(
            "the prefix `{}` must read like `path/to/`, without `.`, `..` or empty parts",
            prefix.escape_debug()
        ));
    }
    Ok(())
}

fn access(settings: &ShareSettings) -> Result<(), Failure> {
    if settings.access.len() > ACCESS_RULES_MAX {
        return invalid(format!(
            "at most {ACCESS_RULES_MAX} access rules are possible"
        ));
    }
    for rule in &settings.access {
        let cidr = rule.cidr.as_str();
        let readable = IpNet::from_str(cidr).is_ok() || std::net::IpAddr::from_str(cidr).is_ok();
        if !readable {
            return invalid(format!(
                "access rule `{}` must read like 10.0.0.0/8, 2001:db8::/32 or one address",
                cidr.escape_debug()
            ));
        }
    }
    Ok(())
}

/// Whether there is room, as far as the gateway has told.
fn cache(app: &App, gateway: &GatewayId, settings: &ShareSettings) -> Result<(), Failure> {
    let wanted = settings.cache_bytes_max;
    if wanted < CACHE_BYTES_MIN {
        return invalid(format!(
            "the cache must have at least {} MiB",
            CACHE_BYTES_MIN >> 20
        ));
    }
    let Some(status) = app.view.get(gateway).and_then(|live| live.status) else {
        return Ok(());
    };
    let disk = status.status.cache_disk;
    let served = status.status.shares.iter().any(|s| s.name == settings.name);
    let full = |message: String| Err(Failure::new(ErrorCode::CacheDiskFull, message));
    if disk.total_bytes > 0 && wanted > disk.total_bytes {
        return full(format!(
            "the cache disk has {} MiB in all; choose a smaller cache",
            disk.total_bytes >> 20
        ));
    }
    if disk.total_bytes > 0 && disk.free_bytes < CACHE_DISK_FREE_MIN && !served {
        return full(format!(
            "the cache disk has only {} MiB left; free some room or use a larger disk",
            disk.free_bytes >> 20
        ));
    }
    Ok(())
}

async fn overlap(
    app: &App,
    gateway: &GatewayId,
    settings: &ShareSettings,
) -> ApiResult<Result<(), Failure>> {
    let other = app.database.overlapping(gateway, settings).await?;
    Ok(other.map_or(Ok(()), |other| {
        let (name, prefix) = (&other.settings.name, &other.settings.bucket.prefix);
        let whose = format!("share `{name}` of gateway {}", other.gateway);
        let message = match other.retired_in {
            Some(_) => format!(
                "{whose} is being removed, and still uploads to the prefix `{prefix}` of this \
                 bucket; wait until it is gone, or choose another prefix"
            ),
            None => format!(
                "{whose} already has the prefix `{prefix}` of this bucket; choose another prefix or \
                 delete that share. Gateways can have objects in common if their shares all say \
                 that many write, or if all but one are read only, and if all have the same key, \
                 or none"
            ),
        };
        Err(Failure::new(ErrorCode::PrefixOverlap, message))
    }))
}

#[cfg(test)]
mod tests {
    use model::{OssSignature, Secret};

    use super::*;

    #[test]
    fn a_directory_needs_a_path_and_no_keys() {
        let mut bucket = BucketSettings {
            provider: Provider::Directory,
            endpoint: "file:///srv/data".into(),
            region: String::new(),
            bucket: "projects".into(),
            prefix: String::new(),
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            session_token: Secret::default(),
            signature: OssSignature::default(),
            role: None,
        };
        well_formed(&bucket).unwrap();
        for bad in ["/srv", "file://srv", "file:///a/../b", "https://a"] {
            bucket.endpoint = bad.into();
            assert!(well_formed(&bucket).is_err(), "{bad}");
        }
        bucket.endpoint = "file:///srv".into();
        bucket.provider = Provider::S3;
        assert!(well_formed(&bucket).is_err(), "only a directory has a path");
    }

    #[test]
    fn a_prefix_is_a_path_of_names() {
        for good in ["", "a/", "a/b c/", "ä/"] {
            assert!(prefix(good).is_ok(), "{good}");
        }
        for bad in ["/", "/a/", "a//b/", "../", "a/./", "a/..", "a\n/"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }
}
