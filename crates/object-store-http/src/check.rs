//! Whether settings and rights are right, tried out.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use object_store::{
    Metadata, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind, StoreResult,
};

use crate::{
    dialect::Dialect,
    list,
    put::put,
    read,
    remote::{Remote, Wait},
    request::Request,
};

/// Where no file is ever seen. Always the same: a check that is cut off leaves one object behind
/// at most, which the next one takes away.
const PROBE_KEY: &str = ".causeway/check";

struct Probe;

#[async_trait::async_trait]
impl PartSource for Probe {
    fn len(&self) -> u64 {
        0
    }

    async fn read(&self, _offset: u64, _len: u64) -> std::io::Result<Bytes> {
        Ok(Bytes::new())
    }
}

/// Lists, puts, heads and deletes a probe; the first failure says what to do.
pub(crate) async fn check(remote: &Arc<Remote>) -> StoreResult<()> {
    let config = &remote.config;
    let listed = list::list(remote, "", None, Some(1)).await;
    listed.map_err(|error| explain(remote, error, Right::List))?;
    let options = PutOptions {
        content_type: "application/octet-stream".to_owned(),
        metadata: Metadata::new(),
        precondition: Precondition::None,
    };
    let stored = put(remote, PROBE_KEY, &Probe, &options).await;
    stored.map_err(|error| explain(remote, error, Right::Put))?;
    let head = read::head(remote, PROBE_KEY).await;
    // Whatever the head says, the probe goes.
    let request = Request::object(config, ("delete", Method::DELETE), PROBE_KEY, &[])?;
    let deleted = remote.call(&request, Wait::Answer).await;
    match head {
        Ok(_) => {}
        // Another gateway, which checks too, has removed it: so it could be put and asked for.
        Err(error) if error.kind() == StoreErrorKind::NotFound => {}
        Err(error) => return Err(explain(remote, error, Right::Get)),
    }
    deleted.map_err(|error| explain(remote, error, Right::Delete))?;
    Ok(())
}

/// What a key pair must be allowed to do.
#[derive(Clone, Copy, Debug)]
enum Right {
    List,
    Put,
    Get,
    Delete,
}

impl Right {
    const fn name(self, dialect: Dialect) -> &'static str {
        match (dialect, self) {
            (Dialect::S3, Self::List) => "s3:ListBucket",
            (Dialect::S3, Self::Put) => "s3:PutObject",
            (Dialect::S3, Self::Get) => "s3:GetObject",
            (Dialect::S3, Self::Delete) => "s3:DeleteObject",
            (Dialect::Oss, Self::List) => "oss:ListObjects",
            (Dialect::Oss, Self::Put) => "oss:PutObject",
            (Dialect::Oss, Self::Get) => "oss:GetObject",
            (Dialect::Oss, Self::Delete) => "oss:DeleteObject",
        }
    }
}

/// Wrong keys explain themselves (`answer.rs`); keys that lack a right do not.
fn explain(remote: &Remote, error: StoreError, right: Right) -> StoreError {
    let (config, key_id) = (&remote.config, remote.key_id());
    let known = ["access key id", "the clock of this machine"];
    let explained = known.iter().any(|text| error.to_string().contains(text));
    if error.kind() != StoreErrorKind::AccessDenied || explained {
        return error;
    }
    let (name, prefix) = (right.name(config.dialect), &config.prefix);
    let message = format!(
        "access key id `{key_id}` lacks the right {name} on `{}/{prefix}*`; grant it: {error}",
        config.bucket
    );
    StoreError::new(StoreErrorKind::AccessDenied, message)
}
