//! Shares and the checks before one is accepted.

use database::{Borrowed, KeysRecord};
use model::{
    AccessRule, AssumedRole, BucketSettings, ConflictPolicy, EngineSettings, ErrorCode, Failure,
    OssSignature, Provider, Secret, ShareName, ShareProtocol, ShareSettings, ShareStatus, Squash,
    Timestamp, Writers,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Rates;

/// A bucket without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OpenBucket {
    /// Which dialect.
    pub(crate) provider: Provider,
    /// `https://host[:port]`.
    pub(crate) endpoint: String,
    /// Region.
    pub(crate) region: String,
    /// The bucket.
    pub(crate) bucket: String,
    /// Keys of this share begin with it.
    pub(crate) prefix: String,
    /// Access key id.
    pub(crate) access_key_id: String,
    /// How requests to OSS are signed.
    pub(crate) signature: OssSignature,
    /// The role that lends the gateway its keys; the access key id is that of who may assume it.
    pub(crate) role: Option<AssumedRole>,
}

impl From<BucketSettings> for OpenBucket {
    fn from(bucket: BucketSettings) -> Self {
        Self {
            provider: bucket.provider,
            endpoint: bucket.endpoint,
            region: bucket.region,
            bucket: bucket.bucket,
            prefix: bucket.prefix,
            access_key_id: bucket.access_key_id,
            signature: bucket.signature,
            role: bucket.role,
        }
    }
}

/// Encryption at the gateway, without the key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OpenEncryption {
    /// What the key is called.
    pub(crate) key_id: String,
}

/// The key of a share's objects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportedKey {
    /// What it is called.
    pub(crate) key_id: String,
    /// The key: 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub(crate) key: Secret,
}

/// What is wanted of a share, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct OpenShare {
    /// Its name.
    pub(crate) name: ShareName,
    /// How clients reach it.
    pub(crate) protocol: ShareProtocol,
    /// Where its files live as objects.
    pub(crate) bucket: OpenBucket,
    /// Room on the cache disk, in bytes.
    pub(crate) cache_bytes_max: u64,
    /// How long a file rests before it is uploaded, in milliseconds.
    pub(crate) upload_delay_ms: u64,
    /// Time between two looks into the bucket, in seconds; 0 = never.
    pub(crate) rescan_interval_s: u64,
    /// Whether it tells other gateways at once what it changed, and hears of their changes.
    pub(crate) express_sync: bool,
    /// Who may reach it.
    pub(crate) access: Vec<AccessRule>,
    /// Whose rights users get.
    pub(crate) squash: Squash,
    /// Which gateways may write to the bucket below the prefix.
    pub(crate) writers: Writers,
    /// What becomes of a file that was changed on both sides.
    pub(crate) conflicts: ConflictPolicy,
    /// Which key its gateway encrypts with what it uploads, if it does.
    pub(crate) client_encryption: Option<OpenEncryption>,
    /// How its engine works.
    pub(crate) engine: EngineSettings,
}

impl From<ShareSettings> for OpenShare {
    fn from(settings: ShareSettings) -> Self {
        Self {
            name: settings.name,
            protocol: settings.protocol,
            bucket: settings.bucket.into(),
            cache_bytes_max: settings.cache_bytes_max,
            upload_delay_ms: settings.upload_delay_ms,
            rescan_interval_s: settings.rescan_interval_s,
            express_sync: settings.express_sync,
            access: settings.access,
            squash: settings.squash,
            writers: settings.writers,
            conflicts: settings.conflicts,
            client_encryption: settings
                .client_encryption
                .map(|e| OpenEncryption { key_id: e.key_id }),
            engine: settings.engine,
        }
    }
}

/// How a share stands with the keys that its role lends.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ShareKeys {
    /// What the provider's logs call the keys that the gateway has; nothing if it has none.
    pub(crate) access_key_id: Option<String>,
    /// When they are over.
    pub(crate) expires_at: Option<u64>,
    /// Whether they are good now.
    pub(crate) good: bool,
    /// When the next are borrowed.
    pub(crate) due_at: u64,
    /// Why the last attempt to borrow failed; nothing if it went well.
    pub(crate) error: Option<Failure>,
}

impl ShareKeys {
    pub(crate) fn of(record: &KeysRecord, now: Timestamp) -> Self {
        let keys = record.keys.as_ref();
        Self {
            access_key_id: keys.map(|keys| keys.access_key_id.clone()),
            expires_at: keys.map(|keys| keys.expires_at.as_millis()),
            good: record.good_keys(now).is_some(),
            due_at: record.due_at.as_millis(),
            error: record.error.clone(),
        }
    }
}

impl From<&Borrowed> for ShareKeys {
    fn from(borrowed: &Borrowed) -> Self {
        Self {
            access_key_id: Some(borrowed.keys.access_key_id.clone()),
            expires_at: Some(borrowed.keys.expires_at.as_millis()),
            good: true,
            due_at: borrowed.due_at.as_millis(),
            error: None,
        }
    }
}

/// A share.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Share {
    /// What is wanted.
    pub(crate) settings: OpenShare,
    /// Whether it was deleted, and is kept until its gateway has uploaded what it still holds: with
    /// it would go the role that lends the keys for that.
    pub(crate) removing: bool,
    /// What its gateway reports.
    pub(crate) status: Option<ShareStatus>,
    /// When that came.
    pub(crate) status_at: Option<u64>,
    /// Why it is not as wanted.
    pub(crate) error: Option<Failure>,
    /// Whether the gateway has reached what is wanted.
    pub(crate) in_sync: bool,
    /// What a client runs to mount it; nothing until the gateway has said its address.
    pub(crate) mount_command: Option<String>,
    /// Nothing until two reports are there.
    pub(crate) rates: Option<Rates>,
    /// How it stands with its keys, if a role lends them.
    pub(crate) keys: Option<ShareKeys>,
}

/// On the stream: a share and whose it is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlacedShare {
    pub(crate) gateway_id: String,
    #[serde(flatten)]
    pub(crate) share: Share,
}

/// On the stream: a share was deleted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShareGone {
    pub(crate) gateway_id: String,
    pub(crate) name: String,
    pub(crate) deleted: bool,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckName {
    /// Its name is free.
    Name,
    /// Its prefix is well formed.
    Prefix,
    /// Its access rules can be read.
    Access,
    /// Its engine can work like that.
    Engine,
    /// Its cache fits the cache disk.
    Cache,
    /// No other share owns the same objects.
    Overlap,
    /// Its role lends keys; only of a share that has one.
    Role,
    /// Its bucket is there, and the keys have the rights.
    Bucket,
}

/// One check.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// What was checked.
    pub(crate) name: CheckName,
    /// Whether it is well; nothing if that could not be found out.
    pub(crate) ok: Option<bool>,
    /// What was found.
    pub(crate) message: String,
    /// The error code, if it is not well.
    pub(crate) code: Option<ErrorCode>,
}

/// All checks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// In the order in which they should be mended.
    pub(crate) checks: Vec<Check>,
}
