//! Settings of a share, as flags.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::{
    AccessRule, ConflictPolicy, OssSignature, Provider, Secret, Squash, WriteAccess, Writers,
};
use serde_json::{Map, Value, json};

use super::{
    CtlError, engine_args::EngineArgs, role_args::RoleArgs, secret_input::SecretInput, units,
};
use crate::environment::Environment;

/// What can be said of a share. What is not given is the default (create) or stays (edit).
#[derive(Args, Debug)]
pub(super) struct SettingsArgs {
    /// Dialect of the object store [default: s3]
    #[arg(long, value_enum)]
    provider: Option<ProviderArg>,
    /// Address of the object store, `https://host[:port]`; of a directory, `file:///path`
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the bucket
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Only keys that begin with this, `path/`; all if it is empty
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Access key id for the bucket
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// File with the secret access key, `-` for standard input
    /// [default: `CAUSEWAY_SECRET_ACCESS_KEY`, else asks]
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Room on the cache disk, such as 20GiB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    cache_size: Option<u64>,
    /// How long a file rests after its last write before it is uploaded
    #[arg(long, value_name = "MILLISECONDS")]
    upload_delay_ms: Option<u64>,
    /// Time between two looks for changes made in the bucket by others; 0 is never
    #[arg(long, value_name = "SECONDS")]
    rescan_interval_s: Option<u64>,
    /// Whether other gateways over the same objects are told at once what was changed here, and
    /// are heard [default: true]
    #[arg(long, value_name = "BOOL")]
    express_sync: Option<bool>,
    /// Clients that may reach the share, `10.0.0.0/8`, or `10.0.0.0/8=ro` to read only; may be
    /// repeated, the first that holds a client decides
    #[arg(long, value_name = "CIDR[=ro]", value_parser = parse_rule)]
    allow: Vec<AccessRule>,
    /// Whose rights users of clients get [default: root]
    #[arg(long, value_enum)]
    squash: Option<SquashArg>,
    /// Which gateways may write to this part of the bucket [default: one]
    #[arg(long, value_enum)]
    writers: Option<WritersArg>,
    /// What becomes of a file that was changed here and in the bucket [default: keep-both]
    #[arg(long, value_enum)]
    conflicts: Option<ConflictsArg>,
    /// How requests to OSS are signed [default: v4]
    #[arg(long, value_enum)]
    signature: Option<SignatureArg>,
    /// File with the session token of keys that were lent for a while (STS)
    #[arg(long, value_name = "FILE")]
    session_token_file: Option<PathBuf>,
    /// The gateway encrypts what it uploads, with a new key (create only; see `share export-key`)
    #[arg(long)]
    encrypt: bool,
    /// The same, with the key in this file: 64 hexadecimal digits; `-` is standard input
    #[arg(long, value_name = "FILE")]
    encryption_key_file: Option<PathBuf>,
    /// The same, with the key of another share, which `share show` names
    #[arg(long, value_name = "ID", conflicts_with = "encryption_key_file")]
    encryption_key_id: Option<String>,
    #[command(flatten)]
    role: RoleArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SignatureArg {
    /// With region and scope
    V4,
    /// That of old endpoints
    V1,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WritersArg {
    /// The one that holds the lease; elsewhere the share is read only
    One,
    /// Several at a time
    Many,
    /// None: the share is read only
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConflictsArg {
    /// The local copy moves to `.conflicts/`
    KeepBoth,
    /// The bucket's content stays, the local change is dropped
    BucketWins,
    /// The local content overwrites the object
    GatewayWins,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProviderArg {
    /// Amazon S3 or anything that speaks it
    S3,
    /// Alibaba Cloud OSS
    Oss,
    /// A directory of the gateway's machine, local or mounted: `--endpoint=file:///path`; without
    /// keys
    Directory,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SquashArg {
    /// Users are who they say
    None,
    /// User 0 becomes nobody
    Root,
    /// All become nobody
    All,
}

/// Whether a secret is asked for when none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretRule {
    /// A new share needs one.
    Needed,
    /// The stored one may stay.
    MayStay,
}

impl SettingsArgs {
    /// Puts what was given over `settings`, which are in the API's form.
    pub(super) fn apply(
        &self,
        settings: &mut Value,
        rule: SecretRule,
        environment: &Environment,
    ) -> Result<(), CtlError> {
        if !settings.get("bucket").is_some_and(Value::is_object) {
            put(settings, "bucket", Some(Value::Object(Map::new())));
        }
        if let Some(bucket) = settings.get_mut("bucket") {
            self.apply_bucket(bucket, rule, environment)?;
        }
        put(
            settings,
            "cache_bytes_max",
            self.cache_size.map(Value::from),
        );
        put(
            settings,
            "upload_delay_ms",
            self.upload_delay_ms.map(Value::from),
        );
        put(
            settings,
            "rescan_interval_s",
            self.rescan_interval_s.map(Value::from),
        );
        let express_sync = self.express_sync.map(Value::from);
        put(settings, "express_sync", express_sync);
        let squash = self.squash.map(|squash| match squash {
            SquashArg::None => Squash::None,
            SquashArg::Root => Squash::Root,
            SquashArg::All => Squash::All,
        });
        put(settings, "squash", squash.map(|squash| json!(squash)));
        let writers = self.writers.map(|writers| match writers {
            WritersArg::One => Writers::One,
            WritersArg::Many => Writers::Many,
            WritersArg::None => Writers::None,
        });
        put(settings, "writers", writers.map(|writers| json!(writers)));
        let conflicts = self.conflicts.map(|policy| match policy {
            ConflictsArg::KeepBoth => ConflictPolicy::KeepBoth,
            ConflictsArg::BucketWins => ConflictPolicy::BucketWins,
            ConflictsArg::GatewayWins => ConflictPolicy::GatewayWins,
        });
        put(settings, "conflicts", conflicts.map(|policy| json!(policy)));
        let access = (!self.allow.is_empty()).then(|| json!(self.allow));
        put(settings, "access", access);
        put(settings, "client_encryption", self.client_encryption()?);
        self.engine.apply(settings);
        Ok(())
    }

    fn client_encryption(&self) -> Result<Option<Value>, CtlError> {
        if let Some(id) = &self.encryption_key_id {
            return Ok(Some(json!({"key_id": id})));
        }
        let Some(file) = &self.encryption_key_file else {
            return Ok(self.encrypt.then(|| json!({})));
        };
        let input = SecretInput {
            what: "Encryption key",
            file: Some(file),
            flag: "--encryption-key-file",
            variable: ("", None),
        };
        Ok(Some(json!({"key": input.read()?})))
    }

    fn apply_bucket(
        &self,
        bucket: &mut Value,
        rule: SecretRule,
        environment: &Environment,
    ) -> Result<(), CtlError> {
        let provider = self.provider.map(|provider| match provider {
            ProviderArg::S3 => Provider::S3,
            ProviderArg::Oss => Provider::Oss,
            ProviderArg::Directory => Provider::Directory,
        });
        if let SecretRule::Needed = rule {
            self.require()?;
            put(bucket, "provider", Some(json!(Provider::S3)));
        }
        let text = |value: &Option<String>| value.clone().map(Value::from);
        put(bucket, "provider", provider.map(|provider| json!(provider)));
        put(bucket, "endpoint", text(&self.endpoint));
        put(bucket, "region", text(&self.region));
        put(bucket, "bucket", text(&self.bucket));
        put(bucket, "prefix", text(&self.prefix));
        put(bucket, "access_key_id", text(&self.access_key_id));
        let secret = self.secret(rule, environment)?;
        put(
            bucket,
            "secret_access_key",
            secret.map(|secret| json!(secret)),
        );
        let signature = self.signature.map(|version| match version {
            SignatureArg::V4 => OssSignature::V4,
            SignatureArg::V1 => OssSignature::V1,
        });
        put(bucket, "signature", signature.map(|version| json!(version)));
        let token = self.session_token()?;
        put(bucket, "session_token", token.map(|token| json!(token)));
        self.role.apply(bucket)
    }

    const fn is_directory(&self) -> bool {
        matches!(self.provider, Some(ProviderArg::Directory))
    }

    fn require(&self) -> Result<(), CtlError> {
        for (flag, given) in [
            ("endpoint", self.endpoint.is_some()),
            ("bucket", self.bucket.is_some()),
            (
                "access-key-id",
                self.access_key_id.is_some() || self.is_directory(),
            ),
        ] {
            if !given {
                return Err(CtlError::Usage(format!("a new share needs --{flag}")));
            }
        }
        Ok(())
    }

    fn session_token(&self) -> Result<Option<Secret>, CtlError> {
        let Some(file) = &self.session_token_file else {
            return Ok(None);
        };
        let input = SecretInput {
            what: "Session token",
            file: Some(file),
            flag: "--session-token-file",
            variable: ("", None),
        };
        input.read().map(Some)
    }

    fn secret(
        &self,
        rule: SecretRule,
        environment: &Environment,
    ) -> Result<Option<Secret>, CtlError> {
        let given = self.secret_key_file.is_some() || environment.secret_access_key.is_some();
        let is_needed = rule == SecretRule::Needed && !self.is_directory();
        if !is_needed && (!given || self.is_directory()) {
            return Ok(None);
        }
        let input = SecretInput {
            what: "Secret access key",
            file: self.secret_key_file.as_deref(),
            flag: "--secret-key-file",
            variable: (
                "CAUSEWAY_SECRET_ACCESS_KEY",
                environment.secret_access_key.as_ref(),
            ),
        };
        input.read().map(Some)
    }
}

pub(super) fn put(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
}

fn parse_rule(text: &str) -> Result<AccessRule, String> {
    let (cidr, access) = match text.split_once('=') {
        None | Some((_, "rw")) => (text.trim_end_matches("=rw"), WriteAccess::ReadWrite),
        Some((cidr, "ro")) => (cidr, WriteAccess::ReadOnly),
        Some(_) => return Err("after `=` comes `ro` or `rw`".to_owned()),
    };
    let address = cidr.split('/').next().unwrap_or_default();
    if address.parse::<std::net::IpAddr>().is_err() {
        return Err(format!(
            "`{cidr}` is not an address or network such as 10.0.0.0/8"
        ));
    }
    Ok(AccessRule {
        cidr: cidr.to_owned(),
        access,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        settings: SettingsArgs,
    }

    fn apply(flags: &[&str], settings: &mut Value, rule: SecretRule) -> Result<(), CtlError> {
        let flags = Flags::try_parse_from(["ctl"].iter().chain(flags)).unwrap();
        let environment = match rule {
            SecretRule::Needed => Environment {
                secret_access_key: Some(Secret::new("s3cret")),
                ..Environment::default()
            },
            SecretRule::MayStay => Environment::default(),
        };
        flags.settings.apply(settings, rule, &environment)
    }

    #[test]
    fn flags_of_a_new_share_are_the_settings_of_the_api() {
        let mut settings = json!({"name": "projects"});
        let flags = [
            "--endpoint=https://s3.example.com",
            "--bucket=b",
            "--access-key-id=k",
            "--cache-size=1GiB",
            "--allow=10.0.0.0/8",
            "--allow=fd00::/8=ro",
            "--squash=none",
        ];
        apply(&flags, &mut settings, SecretRule::Needed).unwrap();
        let settings: model::ShareSettings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.bucket.provider, Provider::S3);
        assert_eq!(settings.bucket.secret_access_key.expose(), "s3cret");
        assert_eq!(settings.cache_bytes_max, 1 << 30);
        assert_eq!(settings.squash, Squash::None);
        let access: Vec<_> = settings
            .access
            .iter()
            .map(|rule| (&*rule.cidr, rule.access))
            .collect();
        let want = [
            ("10.0.0.0/8", WriteAccess::ReadWrite),
            ("fd00::/8", WriteAccess::ReadOnly),
        ];
        assert_eq!(access, want);
    }

    #[test]
    fn a_directory_needs_no_keys() {
        let mut settings = json!({"name": "projects"});
        let flags = [
            "--provider=directory",
            "--endpoint=file:///srv/data",
            "--bucket=projects",
        ];
        apply(&flags, &mut settings, SecretRule::Needed).unwrap();
        let settings: model::ShareSettings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.bucket.provider, Provider::Directory);
        assert!(settings.bucket.secret_access_key.is_empty());
        let directory = settings.bucket.directory().unwrap();
        assert_eq!(directory, std::path::Path::new("/srv/data"));
    }

    #[test]
    fn an_edit_changes_only_what_is_given() {
        let before =
            json!({"name": "p", "squash": "all", "bucket": {"bucket": "b", "region": "r"}});
        let mut after = before.clone();
        apply(&[], &mut after, SecretRule::MayStay).unwrap();
        assert_eq!(after, before);
        apply(&["--region=eu"], &mut after, SecretRule::MayStay).unwrap();
        assert_eq!(after["bucket"], json!({"bucket": "b", "region": "eu"}));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let error = apply(&["--bucket=b"], &mut json!({}), SecretRule::Needed).unwrap_err();
        assert!(error.to_string().contains("--endpoint"), "{error}");
        for bad in ["10.0.0.0/8=rx", "everybody", ""] {
            assert!(parse_rule(bad).is_err(), "{bad}");
        }
    }
}
