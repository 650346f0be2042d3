//! Shares: what an operator wants served.

use std::{
    fmt,
    path::{Component, Path},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::{
    AssumedRole, ClientEncryption, ConflictPolicy, EngineSettings, LentKeys, Secret, Writers,
    client_id::text_type,
};

/// Longest share name.
pub const SHARE_NAME_LEN_MAX: usize = 32;

/// Why a share name is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "share name `{0}` must be 1 to 32 lower case letters, digits or `-`, beginning with a letter"
)]
pub struct ShareNameError(String);

/// Name of a share within its gateway; its export path is `/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "projects")]
pub struct ShareName(Box<str>);
text_type!(ShareName);

impl FromStr for ShareName {
    type Err = ShareNameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let head = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if head && text.len() <= SHARE_NAME_LEN_MAX && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(ShareNameError(text.to_owned()))
        }
    }
}

/// How clients reach a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareProtocol {
    /// NFS version 3.
    #[default]
    Nfs,
}

/// Whose object store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Amazon S3 or anything that speaks it.
    S3,
    /// Alibaba Cloud OSS.
    Oss,
    /// A directory of the gateway's machine: local, or mounted from elsewhere.
    Directory,
}

/// A bucket and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketSettings {
    /// Which dialect.
    pub provider: Provider,
    /// `https://host[:port]`; of a directory, `file:///path`.
    pub endpoint: String,
    /// Region, where the signature needs one.
    #[serde(default = "default_region")]
    pub region: String,
    /// The bucket; of a directory, the directory in it that has the objects.
    pub bucket: String,
    /// Keys of this share begin with it: empty, or `path/`.
    #[serde(default)]
    pub prefix: String,
    /// Access key id; a directory needs none.
    #[serde(default)]
    pub access_key_id: String,
    /// Its secret. Never leaves the console but towards the gateway.
    #[serde(default)]
    #[schema(value_type = String, write_only)]
    pub secret_access_key: Secret,
    /// Goes with keys that were lent for a while (STS). New ones can be given at any time.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    #[schema(value_type = String, write_only)]
    pub session_token: Secret,
    /// How requests to OSS are signed.
    #[serde(default)]
    pub signature: OssSignature,
    /// The role that lends the gateway its keys. The keys above are those that may assume it then,
    /// and never leave the console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AssumedRole>,
}

impl BucketSettings {
    /// The directory that holds the bucket; `None` if it is reached over a network, or the
    /// endpoint is no `file:///path`.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        let path = self.endpoint.strip_prefix("file://").map(Path::new)?;
        let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
        let is_path = path.is_absolute() && path.components().all(plain);
        (self.provider == Provider::Directory && is_path).then_some(path)
    }

    /// As its gateway gets it: with a role, what that has lent stands in place of the keys that
    /// may assume it. If it has lent nothing there are no keys, and the gateway waits for some.
    #[must_use]
    pub fn for_gateway(mut self, lent: Option<&LentKeys>) -> Self {
        if self.role.take().is_some() {
            let keys = lent.cloned();
            self.access_key_id.clear();
            self.secret_access_key = Secret::default();
            self.session_token = Secret::default();
            if let Some(keys) = keys {
                self.access_key_id = keys.access_key_id;
                self.secret_access_key = keys.secret_access_key;
                self.session_token = keys.session_token;
            }
        }
        self
    }

    /// The same with the keys of `other`.
    #[must_use]
    pub fn with_keys_of(mut self, other: &Self) -> Self {
        self.access_key_id.clone_from(&other.access_key_id);
        self.secret_access_key.clone_from(&other.secret_access_key);
        self.session_token.clone_from(&other.session_token);
        self
    }

    /// Whether a gateway that has it could not sign a request.
    #[must_use]
    pub fn lacks_keys(&self) -> bool {
        self.provider != Provider::Directory
            && (self.access_key_id.trim().is_empty() || self.secret_access_key.is_empty())
    }

    /// The region that a signature names. That of OSS is `cn-hangzhou`, which people write as
    /// `oss-cn-hangzhou` or leave to the endpoint, `oss-cn-hangzhou[-internal].aliyuncs.com`.
    #[must_use]
    pub fn signing_region(&self) -> &str {
        if self.provider != Provider::Oss {
            return &self.region;
        }
        let endpoint = self.endpoint.trim().trim_end_matches('/');
        let host = endpoint
            .split_once("://")
            .map_or(endpoint, |(_, host)| host);
        let of_host = host
            .strip_suffix(".aliyuncs.com")
            .and_then(|name| name.strip_prefix("oss-"))
            .map(|name| name.trim_end_matches("-internal"));
        of_host.unwrap_or_else(|| self.region.trim_start_matches("oss-"))
    }
}

/// A version of OSS's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OssSignature {
    /// With region and scope.
    #[default]
    V4,
    /// That of old endpoints.
    V1,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteAccess {
    /// Read and write.
    ReadWrite,
    /// Read only.
    ReadOnly,
}

/// Which clients may do what; the first rule that holds the client's address decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessRule {
    /// `10.0.0.0/8`, `2001:db8::/32`, or one address.
    pub cidr: String,
    /// What it may do.
    pub access: WriteAccess,
}

/// Whose rights a client's user gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Squash {
    /// Users are who they say.
    None,
    /// User 0 becomes nobody.
    #[default]
    Root,
    /// All become nobody.
    All,
}

/// One share, as the operator wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareSettings {
    /// Its name.
    pub name: ShareName,
    /// How clients reach it.
    #[serde(default)]
    pub protocol: ShareProtocol,
    /// Where its files live as objects.
    pub bucket: BucketSettings,
    /// Room on the cache disk for data of this share, in bytes.
    #[serde(default = "default_cache_bytes")]
    pub cache_bytes_max: u64,
    /// How long a file rests after its last write before it is uploaded, in milliseconds.
    #[serde(default = "default_upload_delay_ms")]
    pub upload_delay_ms: u64,
    /// Time between two looks for changes made in the bucket by others, in seconds; 0 = never.
    #[serde(default = "default_rescan_interval_s")]
    pub rescan_interval_s: u64,
    /// Whether it tells other gateways over the same objects at once what it changed, and hears
    /// of their changes.
    #[serde(default = "default_express_sync")]
    pub express_sync: bool,
    /// Who may reach it; nobody if empty (deny unless allowed).
    #[serde(default)]
    pub access: Vec<AccessRule>,
    /// Whose rights users get.
    #[serde(default)]
    pub squash: Squash,
    /// Which gateways may write to the bucket below the prefix.
    #[serde(default)]
    pub writers: Writers,
    /// What becomes of a file that was changed on both sides.
    #[serde(default)]
    pub conflicts: ConflictPolicy,
    /// Whether its gateway encrypts what it uploads, and with which key. Said once, when the share
    /// is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_encryption: Option<ClientEncryption>,
    /// How its engine works.
    #[serde(default)]
    pub engine: EngineSettings,
}

impl ShareSettings {
    /// A share with all else as it is by default: nobody may reach it yet.
    #[must_use]
    pub fn new(name: ShareName, bucket: BucketSettings) -> Self {
        Self {
            name,
            protocol: ShareProtocol::default(),
            bucket,
            cache_bytes_max: default_cache_bytes(),
            upload_delay_ms: default_upload_delay_ms(),
            rescan_interval_s: default_rescan_interval_s(),
            express_sync: default_express_sync(),
            access: Vec::new(),
            squash: Squash::default(),
            writers: Writers::default(),
            conflicts: ConflictPolicy::default(),
            client_encryption: None,
            engine: EngineSettings::default(),
        }
    }

    /// What the key is called with which its gateway encrypts, if it does.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.client_encryption.as_ref().map(|e| e.key_id.as_str())
    }

    /// Whether this share and one of another gateway may hold some of the same objects: only if
    /// it is clear who of them writes, and each can read what the other wrote.
    #[must_use]
    pub fn gets_on_with(&self, other: &Self) -> bool {
        if self.key_id() != other.key_id() {
            return false;
        }
        match (self.writers, other.writers) {
            (Writers::None, _) | (_, Writers::None) | (Writers::Many, Writers::Many) => true,
            // The lease lies below the prefix, so there is one for both.
            (Writers::One, Writers::One) => self.bucket.prefix == other.bucket.prefix,
            (Writers::One, Writers::Many) | (Writers::Many, Writers::One) => false,
        }
    }

    /// The path NFS clients mount.
    #[must_use]
    pub fn export_path(&self) -> String {
        format!("/{}", self.name)
    }
}

fn default_cache_bytes() -> u64 {
    20 << 30
}

fn default_upload_delay_ms() -> u64 {
    5_000
}

fn default_rescan_interval_s() -> u64 {
    300
}

fn default_express_sync() -> bool {
    true
}
