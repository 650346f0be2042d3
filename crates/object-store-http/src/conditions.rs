//! Preconditions: by a header where the store checks them, and by a look ahead of the request
//! where it does not. A look narrows the gap, no more.
//!
//! Stores of the S3 kind differ in what they check besides puts, and those that do not check
//! ignore the header silently. So each is tried out once, before the first copy or delete with a
//! condition.

use std::sync::Arc;

use http::Method;
use object_store::{ETag, Precondition, StoreError, StoreErrorKind, StoreResult};

use crate::{
    dialect::{Dialect, quoted},
    read,
    remote::{Remote, Wait},
    request::{Request, copy_source},
};

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Put, or complete an upload.
    Put,
    CopyTo,
    Delete,
}

/// What a store of the S3 kind checks by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    copies: bool,
    deletes: bool,
}

/// A header, if there is one to send.
pub(crate) type Header = Option<(&'static str, String)>;

/// The header that makes a precondition hold, or a look that it does.
///
/// # Errors
/// [`StoreErrorKind::PreconditionFailed`] if the look shows that it does not.
pub(crate) async fn guard(
    remote: &Arc<Remote>,
    key: &str,
    deed: Deed,
    precondition: &Precondition,
) -> StoreResult<Header> {
    let dialect = remote.config.dialect;
    let is_checked = match (precondition, dialect, deed) {
        (Precondition::None, _, _) => return Ok(None),
        (Precondition::Absent, Dialect::Oss, _) | (_, Dialect::S3, Deed::Put) => true,
        // OSS has no conditional replace and no conditional delete.
        (Precondition::Matches(_), Dialect::Oss, _) => false,
        (_, Dialect::S3, Deed::CopyTo) => checks_of(remote).await?.copies,
        (_, Dialect::S3, Deed::Delete) => checks_of(remote).await?.deletes,
    };
    if is_checked {
        return Ok(header(dialect, precondition));
    }
    let found = etag_of(remote, key).await?;
    let holds = match precondition {
        Precondition::None => true,
        Precondition::Absent => found.is_none(),
        Precondition::Matches(etag) => found.as_ref() == Some(etag),
    };
    // What is not there is deleted already.
    let is_gone = deed == Deed::Delete && found.is_none();
    (holds || is_gone)
        .then_some(None)
        .ok_or_else(|| changed(key))
}

fn header(dialect: Dialect, precondition: &Precondition) -> Header {
    match (dialect, precondition) {
        (_, Precondition::None) => None,
        (Dialect::S3, Precondition::Absent) => Some(("if-none-match", "*".to_owned())),
        (Dialect::Oss, Precondition::Absent) => Some(("x-oss-forbid-overwrite", "true".to_owned())),
        (_, Precondition::Matches(etag)) => Some(("if-match", quoted(etag))),
    }
}

/// S3 answers 404 where `If-Match` meets no object at all; to the caller the condition failed.
pub(crate) fn refuse_missing(
    result: StoreResult<ETag>,
    key: &str,
    precondition: &Precondition,
) -> StoreResult<ETag> {
    let is_conditional = matches!(precondition, Precondition::Matches(_));
    match result {
        Err(error) if is_conditional && error.kind() == StoreErrorKind::NotFound => {
            Err(changed(key))
        }
        result => result,
    }
}

fn changed(key: &str) -> StoreError {
    let message = format!("`{key}` is not what was expected there");
    StoreError::new(StoreErrorKind::PreconditionFailed, message)
}

/// The etag of an object, if there is one.
pub(crate) async fn etag_of(remote: &Remote, key: &str) -> StoreResult<Option<ETag>> {
    match read::head(remote, key).await {
        Ok(head) => Ok(head.meta.etag),
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn checks_of(remote: &Arc<Remote>) -> StoreResult<Checks> {
    let checks = remote.checks.get_or_try_init(|| try_out(remote)).await?;
    Ok(*checks)
}

/// Where no file is ever seen.
const PROBE_KEY: &str = ".causeway/conditions";

/// Asks for what must be refused, of an object of our own.
async fn try_out(remote: &Arc<Remote>) -> StoreResult<Checks> {
    let config = &remote.config;
    let put = Request::object(config, ("put", Method::PUT), PROBE_KEY, &[])?;
    match remote.call(&put, Wait::Answer).await {
        Ok(_) => {}
        Err(error) if error.kind().is_transient() => return Err(error),
        // No right to find out: looks will do.
        Err(_) => {
            return Ok(Checks {
                copies: false,
                deletes: false,
            });
        }
    }
    let source = copy_source(config, PROBE_KEY)?;
    let copy = Request::object(config, ("copy to", Method::PUT), PROBE_KEY, &[])?
        .header(config.dialect.copy_source(), source)
        .header(config.dialect.metadata_directive(), "REPLACE")
        .header("if-none-match", "*");
    let copies = is_refused(remote, &copy).await;
    let delete = Request::object(config, ("delete", Method::DELETE), PROBE_KEY, &[])?;
    let other = ETag("0".repeat(32));
    let conditional = delete.clone().header("if-match", quoted(&other));
    let deletes = is_refused(remote, &conditional).await;
    // Whatever came of it, the probe goes.
    let gone = remote.call(&delete, Wait::Answer).await;
    let checks = Checks {
        copies: copies?,
        deletes: deletes?,
    };
    if let Err(error) = gone {
        tracing::debug!(%error, "a probe stays behind");
    }
    tracing::debug!(
        endpoint = config.endpoint,
        ?checks,
        "what the store checks by itself"
    );
    Ok(checks)
}

async fn is_refused(remote: &Remote, request: &Request) -> StoreResult<bool> {
    match remote.call(request, Wait::Answer).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind().is_transient() => Err(error),
        Err(error) => Ok(error.kind() == StoreErrorKind::PreconditionFailed),
    }
}
