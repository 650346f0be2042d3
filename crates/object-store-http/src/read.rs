//! Get and head.

use futures::{StreamExt as _, stream};
use http::{HeaderMap, Method, StatusCode};
use object_store::{
    ByteStream, ETag, Metadata, ObjectMeta, StoreError, StoreErrorKind, StoreResult,
};
use reqwest::Response;

use crate::{
    answer::Refusal,
    dialect::{quoted, unquoted},
    remote::{Outcome, Remote, Wait, text},
    request::Request,
    time,
};

/// What a head tells, with what a copy in parts has to carry along.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) meta: ObjectMeta,
    pub(crate) content_type: Option<String>,
}

/// What is known of an object.
pub(crate) async fn head(remote: &Remote, key: &str) -> StoreResult<Head> {
    let request = Request::object(&remote.config, ("head", Method::HEAD), key, &[])?;
    let mut retries = remote.retries();
    let response = loop {
        let error = match remote.attempt(&request, Wait::Answer, None).await {
            Ok(Outcome::Done(response)) => break response,
            Ok(Outcome::Refused(refusal)) if refusal.is_unexplained() => {
                match explained(remote, key).await {
                    Ok(refusal) => refusal.into_error(&remote.config, &request),
                    Err(error) => error,
                }
            }
            Ok(Outcome::Refused(refusal)) => refusal.into_error(&remote.config, &request),
            Err(error) => error,
        };
        retries.again(error).await?;
    };
    let headers = response.headers();
    let size = text(headers, "content-length").and_then(|text| text.parse().ok());
    let Some(size) = size else {
        let message = format!("cannot head `{key}`: the answer has no length");
        return Err(StoreError::new(StoreErrorKind::Other, message));
    };
    Ok(Head {
        meta: ObjectMeta {
            key: key.to_owned(),
            size,
            etag: text(headers, "etag").as_deref().map(unquoted),
            last_modified: text(headers, "last-modified")
                .as_deref()
                .and_then(time::from_http),
            metadata: Some(metadata(headers, remote.config.dialect.metadata_prefix())),
        },
        content_type: text(headers, "content-type"),
    })
}

/// Why a head is refused: the answer to a get says it.
async fn explained(remote: &Remote, key: &str) -> StoreResult<Refusal> {
    let request = Request::object(&remote.config, ("head", Method::GET), key, &[])?
        .header("range", "bytes=0-0");
    match remote.attempt(&request, Wait::Answer, None).await? {
        // An empty object has no first byte.
        Outcome::Refused(refusal) if refusal.status != StatusCode::RANGE_NOT_SATISFIABLE => {
            Ok(refusal)
        }
        // It has come since, or other keys have.
        Outcome::Done(_) | Outcome::Refused(_) => {
            let message = format!("cannot head `{key}`: it was refused, but a get is not");
            Err(StoreError::new(StoreErrorKind::Unavailable, message))
        }
    }
}

fn metadata(headers: &HeaderMap, prefix: &str) -> Metadata {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(prefix)?;
            Some((
                name.to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            ))
        })
        .collect()
}

/// A range of an object, as it arrives; shorter where the object ends.
pub(crate) async fn get(
    remote: &std::sync::Arc<Remote>,
    key: &str,
    (offset, len): (u64, u64),
    if_match: Option<&ETag>,
) -> StoreResult<ByteStream> {
    let Some(last) = offset
        .saturating_add(len)
        .checked_sub(1)
        .filter(|_| len > 0)
    else {
        return Ok(stream::empty().boxed());
    };
    let mut request = Request::object(&remote.config, ("get", Method::GET), key, &[])?
        .header("range", format!("bytes={offset}-{last}"));
    if let Some(etag) = if_match {
        request = request.header("if-match", quoted(etag));
    }
    let mut retries = remote.retries();
    let response = loop {
        let error = match remote.attempt(&request, Wait::Answer, None).await {
            Ok(Outcome::Done(response)) => break response,
            // Nothing lies at or after the end.
            Ok(Outcome::Refused(refusal))
                if refusal.status == StatusCode::RANGE_NOT_SATISFIABLE =>
            {
                return Ok(stream::empty().boxed());
            }
            Ok(Outcome::Refused(refusal)) => refusal.into_error(&remote.config, &request),
            Err(error) => error,
        };
        retries.again(error).await?;
    };
    if response.status() != StatusCode::PARTIAL_CONTENT && offset > 0 {
        let message = format!("cannot get `{key}`: the store does not serve ranges");
        return Err(StoreError::new(StoreErrorKind::Other, message));
    }
    Ok(body(std::sync::Arc::clone(remote), request, response, len))
}

/// At most `len` bytes of a body, each read with a time-out.
fn body(
    remote: std::sync::Arc<Remote>,
    request: Request,
    response: Response,
    len: u64,
) -> ByteStream {
    let state = (remote, request, response, len);
    stream::try_unfold(state, |(remote, request, mut response, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let limit = remote.patience.answer_timeout;
        let mut chunk = match tokio::time::timeout(limit, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => return Err(remote.unreachable(&request, error)),
            Err(_elapsed) => return Err(remote.silent(&request, limit)),
        };
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let left = left - chunk.len() as u64;
        Ok(Some((chunk, (remote, request, response, left))))
    })
    .boxed()
}
