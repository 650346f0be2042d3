//! Puts: an object in one request.

use std::sync::Arc;

use http::Method;
use object_store::{ETag, PART_BYTES_MAX, PartSource, PutOptions, StoreErrorKind, StoreResult};

use crate::{
    checksum::Sums,
    conditions::{Deed, etag_of, guard, refuse_missing},
    limits::PART_IN_MEMORY_BYTES_MAX,
    part::{self, Part},
    remote::{Outcome, Remote, Wait},
    request::Request,
};

/// Stores an object.
pub(crate) async fn put(
    remote: &Arc<Remote>,
    key: &str,
    source: &dyn PartSource,
    options: &PutOptions,
) -> StoreResult<ETag> {
    let len = source.len();
    if len > PART_BYTES_MAX {
        return Err(part::too_large(key, len));
    }
    let config = &remote.config;
    let condition = guard(remote, key, Deed::Put, &options.precondition).await?;
    let content_type = Some(options.content_type.as_str()).filter(|text| !text.is_empty());
    let mut request = Request::object(config, ("put", Method::PUT), key, &[])?.attributes(
        config.dialect.metadata_prefix(),
        content_type,
        &options.metadata,
    );
    request = request.encrypted(config);
    if let Some((name, value)) = condition {
        request = request.header(name, value);
    }
    let stored = if len > PART_IN_MEMORY_BYTES_MAX {
        let whole = Part {
            number: 1,
            offset: 0,
            len,
        };
        part::send(remote, request, source, whole).await
    } else {
        put_at_once(remote, request, source).await
    };
    refuse_missing(stored, key, &options.precondition)
}

async fn put_at_once(
    remote: &Arc<Remote>,
    request: Request,
    source: &dyn PartSource,
) -> StoreResult<ETag> {
    let bytes = part::read(source, 0, source.len()).await?;
    let sums = Sums::of(remote.config.dialect, bytes.clone()).await;
    let request = sums.of_whole(request).body(bytes);
    let mut retries = remote.retries();
    loop {
        let error = match remote.attempt(&request, Wait::Answer, None).await {
            Ok(Outcome::Done(response)) => {
                sums.verify(remote, &request, response.headers())?;
                return part::etag_of(&request, response.headers());
            }
            Ok(Outcome::Refused(refusal)) => {
                let unheard =
                    retries.is_repeat() && refusal.kind() == StoreErrorKind::PreconditionFailed;
                let own = ETag(hex::encode(sums.md5));
                // An earlier attempt may have worked with its answer lost.
                if unheard && etag_of(remote, &request.key).await?.as_ref() == Some(&own) {
                    return Ok(own);
                }
                refusal.into_error(&remote.config, &request)
            }
            Err(error) => error,
        };
        retries.again(error).await?;
    }
}
