//! Copies within the bucket; the store moves the bytes.

use std::sync::Arc;

use clock::spawn_named;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use object_store::{
    CopyOptions, CopySource, ETag, ObjectAttributes, PartOf, StoreError, StoreErrorKind,
    StoreResult, Upload,
};

use crate::{
    conditions::{Deed, guard},
    dialect::quoted,
    limits::{COPY_PART_BYTES, COPY_PARTS_AT_ONCE, SINGLE_COPY_BYTES_MAX},
    multipart, part, read,
    remote::{Remote, Wait},
    request::{Request, copy_source},
    xml,
};

/// Copies an object.
pub(crate) async fn copy(
    remote: &Arc<Remote>,
    from: CopySource<'_>,
    to: &str,
    options: &CopyOptions,
) -> StoreResult<ETag> {
    let config = &remote.config;
    let condition = guard(remote, to, Deed::CopyTo, &options.precondition).await?;
    let request = Request::object(config, ("copy to", Method::PUT), to, &[])?;
    let mut request = source_of(remote, request, from)?.encrypted(config);
    if let Some(attributes) = &options.attributes {
        request = request
            .header(config.dialect.metadata_directive(), "REPLACE")
            .attributes(
                config.dialect.metadata_prefix(),
                Some(&*attributes.content_type).filter(|text| !text.is_empty()),
                &attributes.metadata,
            );
    }
    if let Some((name, value)) = condition {
        request = request.header(name, value);
    }
    let mut retries = remote.retries();
    loop {
        let error = match remote.call_once(&request, Wait::Work).await {
            Ok(Ok(answer)) => match xml::etag(&answer) {
                Ok(etag) => return Ok(etag),
                Err(error) => error,
            },
            // Too large for one request, most likely; asking first would double the requests
            // of every rename.
            Ok(Err(refusal)) if refusal.status.as_u16() == 400 => {
                let head = read::head(remote, from.key).await?;
                if head.meta.size > SINGLE_COPY_BYTES_MAX {
                    return copy_in_parts(remote, from, to, (options, COPY_PART_BYTES)).await;
                }
                refusal.into_error(config, &request)
            }
            Ok(Err(refusal)) => refusal.into_error(config, &request),
            Err(error) => error,
        };
        retries.again(error).await?;
    }
}

/// A request with the source of its bytes.
pub(crate) fn source_of(
    remote: &Remote,
    request: Request,
    from: CopySource<'_>,
) -> StoreResult<Request> {
    let (config, dialect) = (&remote.config, remote.config.dialect);
    let mut request = request.header(dialect.copy_source(), copy_source(config, from.key)?);
    if let Some(etag) = from.if_match {
        request = request.header(dialect.copy_source_if_match(), quoted(etag));
    }
    Ok(request)
}

/// Copies an object part by part, all from the version that is there now.
pub(crate) async fn copy_in_parts(
    remote: &Arc<Remote>,
    from: CopySource<'_>,
    to: &str,
    (options, part_bytes_min): (&CopyOptions, u64),
) -> StoreResult<ETag> {
    let head = read::head(remote, from.key).await?;
    let etag = head.meta.etag.as_ref();
    if from.if_match.is_some_and(|wanted| Some(wanted) != etag) {
        let message = format!("cannot copy `{}`: it has changed", from.key);
        return Err(StoreError::new(StoreErrorKind::PreconditionFailed, message));
    }
    let size = head.meta.size;
    let parts = part::plan(size, part_bytes_min).ok_or_else(|| part::too_large(to, size))?;
    let own = ObjectAttributes {
        content_type: head.content_type.unwrap_or_default(),
        metadata: head.meta.metadata.unwrap_or_default(),
    };
    let attributes = options.attributes.as_ref().unwrap_or(&own);
    let begun = Begun::begin(remote, to, attributes).await?;
    let source = CopySource {
        key: from.key,
        if_match: etag,
    };
    let copied = stream::iter(parts)
        .map(|part| {
            let upload = &begun.upload;
            async move {
                let of = PartOf {
                    upload,
                    number: part.number,
                    range: part.offset..part.offset + part.len,
                };
                let etag = multipart::copy_part(remote, of, source).await?;
                Ok::<_, StoreError>((part.number, etag))
            }
        })
        .buffered(COPY_PARTS_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    begun.complete(&copied, options).await
}

/// An upload of our own. Dropped before it is completed, it is aborted, so that no bytes stay
/// behind that somebody pays for.
struct Begun {
    remote: Arc<Remote>,
    upload: Upload,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Completed,
}

impl Begun {
    async fn begin(
        remote: &Arc<Remote>,
        key: &str,
        attributes: &ObjectAttributes,
    ) -> StoreResult<Self> {
        let upload = multipart::begin(remote, key, attributes).await?;
        Ok(Self {
            remote: Arc::clone(remote),
            upload,
            state: State::Open,
        })
    }

    async fn complete(mut self, parts: &[(u32, ETag)], options: &CopyOptions) -> StoreResult<ETag> {
        let precondition = &options.precondition;
        let done = multipart::complete(&self.remote, &self.upload, parts, precondition).await?;
        self.state = State::Completed;
        Ok(done)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // At the end of the process nobody can send any more; whoever looks for old uploads is
        // the net below.
        if self.state == State::Completed || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (remote, upload) = (Arc::clone(&self.remote), self.upload.clone());
        spawn_named("abort-upload", async move {
            if let Err(error) = multipart::abort(&remote, &upload).await {
                let key = upload.key;
                tracing::warn!(key, %error, "an incomplete upload stays in the bucket");
            }
        })
        .detach();
    }
}

#[cfg(test)]
mod tests;
