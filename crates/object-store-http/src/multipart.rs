//! Multipart uploads: begun, filled, completed, aborted, listed.

use std::sync::Arc;

use http::Method;
use md5::{Digest as _, Md5};
use object_store::{
    CopySource, ETag, ObjectAttributes, PartOf, PartSource, Precondition, StoreErrorKind,
    StoreResult, Upload, UploadPage,
};

use crate::{
    conditions::{Deed, etag_of, guard, refuse_missing},
    copy::source_of,
    limits::LIST_KEYS_MAX,
    part::{self, Part},
    remote::{Remote, Wait},
    request::Request,
    xml,
};

/// Begins an upload; attributes are given now, not at its end.
pub(crate) async fn begin(
    remote: &Remote,
    key: &str,
    attributes: &ObjectAttributes,
) -> StoreResult<Upload> {
    let config = &remote.config;
    let what = ("begin the upload of", Method::POST);
    let request = Request::object(config, what, key, &[("uploads", "")])?.attributes(
        config.dialect.metadata_prefix(),
        Some(&*attributes.content_type).filter(|text| !text.is_empty()),
        &attributes.metadata,
    );
    let request = request.encrypted(config);
    let answer = remote.call(&request, Wait::Answer).await?;
    Ok(Upload {
        key: key.to_owned(),
        id: xml::upload_id(&answer)?,
    })
}

/// The request for one part.
fn part_request(remote: &Remote, part: &PartOf<'_>) -> StoreResult<Request> {
    let number = part.number.to_string();
    let query = [("partNumber", &*number), ("uploadId", &part.upload.id)];
    let what = ("upload a part of", Method::PUT);
    Request::object(&remote.config, what, &part.upload.key, &query)
}

/// Sends a part.
pub(crate) async fn put_part(
    remote: &Remote,
    part: PartOf<'_>,
    source: &dyn PartSource,
) -> StoreResult<ETag> {
    let request = part_request(remote, &part)?;
    let part = Part {
        number: part.number,
        offset: part.range.start,
        len: part.range.end - part.range.start,
    };
    part::send(remote, request, source, part).await
}

/// Makes a part of a range of an object.
pub(crate) async fn copy_part(
    remote: &Remote,
    part: PartOf<'_>,
    from: CopySource<'_>,
) -> StoreResult<ETag> {
    let range = &part.range;
    let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
    let request = source_of(remote, part_request(remote, &part)?, from)?
        .header(remote.config.dialect.copy_source_range(), range);
    let answer = remote.call(&request, Wait::Work).await?;
    xml::etag(&answer)
}

/// Makes the parts one object.
pub(crate) async fn complete(
    remote: &Arc<Remote>,
    upload: &Upload,
    parts: &[(u32, ETag)],
    precondition: &Precondition,
) -> StoreResult<ETag> {
    let condition = guard(remote, &upload.key, Deed::Put, precondition).await?;
    let query = [("uploadId", upload.id.as_str())];
    let what = ("complete the upload of", Method::POST);
    let mut request = Request::object(&remote.config, what, &upload.key, &query)?
        .header("content-type", "application/xml")
        .body(xml::parts(parts));
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
            // An earlier attempt may have worked with its answer lost: then the upload is
            // gone, or the object is there.
            Ok(Err(refusal)) => {
                let may_be_done = matches!(
                    refusal.kind(),
                    StoreErrorKind::UploadLost | StoreErrorKind::PreconditionFailed
                );
                let own = joined_etag(parts).filter(|_| may_be_done && retries.is_repeat());
                if let Some(own) = own
                    && etag_of(remote, &upload.key).await?.as_ref() == Some(&own)
                {
                    return Ok(own);
                }
                refusal.into_error(&remote.config, &request)
            }
            Err(error) => error,
        };
        if let Err(error) = retries.again(error).await {
            return refuse_missing(Err(error), &upload.key, precondition);
        }
    }
}

/// Forgets an upload.
pub(crate) async fn abort(remote: &Remote, upload: &Upload) -> StoreResult<()> {
    let query = [("uploadId", upload.id.as_str())];
    let what = ("abort the upload of", Method::DELETE);
    let request = Request::object(&remote.config, what, &upload.key, &query)?;
    match remote.call(&request, Wait::Answer).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == StoreErrorKind::UploadLost => Ok(()),
        Err(error) => Err(error),
    }
}

/// Uploads under way.
pub(crate) async fn list(
    remote: &Remote,
    prefix: &str,
    after: Option<&Upload>,
) -> StoreResult<UploadPage> {
    let own = &remote.config.prefix;
    let prefix = format!("{own}{prefix}");
    let keys_max = LIST_KEYS_MAX.to_string();
    let marker = after.map(|after| (format!("{own}{}", after.key), after.id.as_str()));
    let mut query = vec![("encoding-type", "url")];
    if let Some((key, _)) = &marker {
        query.push(("key-marker", key));
    }
    query.push(("max-uploads", &keys_max));
    if !prefix.is_empty() {
        query.push(("prefix", &prefix));
    }
    if let Some((_, id)) = &marker {
        query.push(("upload-id-marker", id));
    }
    query.push(("uploads", ""));
    let request = Request::bucket(&remote.config, "list the uploads of", &query);
    let mut retries = remote.retries();
    loop {
        let answer = remote.call(&request, Wait::Answer).await?;
        match xml::uploads(&answer, own) {
            Ok(page) => return Ok(page),
            Err(error) => retries.again(error).await?,
        }
    }
}

/// The etag of a multipart object where etags are MD5s: the MD5 of those of its parts.
fn joined_etag(parts: &[(u32, ETag)]) -> Option<ETag> {
    let mut digest = Md5::new();
    for (_, etag) in parts {
        digest.update(hex::decode(&etag.0).ok()?);
    }
    Some(ETag(format!(
        "{}-{}",
        hex::encode(digest.finalize()),
        parts.len()
    )))
}
