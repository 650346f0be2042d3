//! Objects: put, get, head, delete, copy.

use std::{
    io::{Seek as _, SeekFrom},
    sync::Arc,
};

use futures::{StreamExt as _, stream};
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        Checksum, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, Delete,
        DeleteObjectInput, DeleteObjectOutput, DeleteObjectsOutput, DeletedObject, ETag,
        ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        Metadata, MetadataDirective, ObjectIdentifier, PutObjectInput, PutObjectOutput, Range,
        StorageClass, StreamingBlob,
    },
};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::Answer;
use crate::{
    bucket::Bucket,
    condition::{ReadCondition, WriteCondition, time_of},
    entry::{Attributes, Entry},
    error::{BucketError, BucketResult, Doing as _},
    incoming::{Arrived, Expected, blocking, receive},
    limits::{DELETES_AT_ONCE, METADATA_BYTES_MAX, READ_CHUNK_BYTES},
};

pub(super) fn tag(etag: &str) -> Option<ETag> {
    Some(ETag::Strong(etag.to_owned()))
}

/// User metadata, if it is not too much.
pub(super) fn metadata_of(
    given: Option<Metadata>,
) -> BucketResult<std::collections::BTreeMap<String, String>> {
    let metadata = given.unwrap_or_default();
    let bytes: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > METADATA_BYTES_MAX {
        let why = format!("user metadata of {bytes} bytes is over {METADATA_BYTES_MAX}");
        return Err(BucketError::Invalid(why));
    }
    Ok(metadata.into_iter().collect())
}

/// What a request says of its body, from fields and headers that several inputs share.
macro_rules! expected {
    ($req:expr) => {{
        let (headers, input) = (&$req.headers, &$req.input);
        let trailer = headers
            .get("x-amz-trailer")
            .and_then(|value| value.to_str().ok());
        Expected {
            length: input
                .content_length
                .and_then(|length| u64::try_from(length).ok()),
            md5: input.content_md5.clone(),
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32.clone(),
                checksum_crc32c: input.checksum_crc32c.clone(),
                checksum_sha1: input.checksum_sha1.clone(),
                checksum_sha256: input.checksum_sha256.clone(),
                checksum_crc64nvme: input.checksum_crc64nvme.clone(),
                ..Default::default()
            },
            algorithm: input.checksum_algorithm.clone(),
            trailer: trailer.map(str::to_owned),
            trailing: $req.trailing_headers.clone(),
        }
    }};
}
pub(super) use expected;

/// Refuses what would otherwise be promised and not kept.
macro_rules! refuse_unkept {
    ($input:expr) => {{
        let input = &$input;
        let encrypted = input.server_side_encryption.is_some() || input.sse_customer_key.is_some();
        let unkept = [
            (encrypted, "objects are not encrypted here"),
            (input.tagging.is_some(), "objects have no tags here"),
        ];
        refuse_unkept_of(unkept, input.storage_class.as_ref())?;
    }};
}
pub(super) use refuse_unkept;

pub(super) fn refuse_unkept_of(
    unkept: [(bool, &'static str); 2],
    storage_class: Option<&StorageClass>,
) -> S3Result<()> {
    if let Some((_, why)) = unkept.into_iter().find(|(asked, _)| *asked) {
        return Err(S3Error::with_message(S3ErrorCode::NotImplemented, why));
    }
    if storage_class.is_some_and(|class| class.as_str() != StorageClass::STANDARD) {
        let why = "the only storage class is STANDARD";
        return Err(S3Error::with_message(S3ErrorCode::InvalidStorageClass, why));
    }
    Ok(())
}

/// The body of a request, in a file.
pub(super) async fn arrive(
    bucket: &Bucket,
    body: Option<StreamingBlob>,
    expected: Expected,
) -> BucketResult<(Arrived, Checksum)> {
    let body = body.map_or_else(|| stream::empty().boxed(), |body| body.boxed());
    receive(bucket.temp_dir(), body, expected).await
}

pub(super) async fn put(
    bucket: Arc<Bucket>,
    req: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    refuse_unkept!(req.input);
    let expected = expected!(req);
    let input = req.input;
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let attributes = Attributes {
        content_type: input.content_type,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: metadata_of(input.metadata)?,
    };
    let (arrived, sums) = arrive(&bucket, input.body, expected).await?;
    let key = input.key;
    let entry = blocking(move || bucket.put(&key, arrived, attributes, &condition)).await?;
    Ok(PutObjectOutput {
        e_tag: tag(&entry.etag),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        ..Default::default()
    })
}

pub(super) async fn get(bucket: Arc<Bucket>, input: GetObjectInput) -> Answer<GetObjectOutput> {
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let key = input.key;
    let (entry, mut file) = blocking(move || bucket.read(&key)).await?;
    condition.check(&entry)?;
    let size = entry.stamp.size;
    let range = match &input.range {
        Some(range) => range.check(size).or(Err(BucketError::Range))?,
        None => 0..size,
    };
    file.seek(SeekFrom::Start(range.start))
        .doing(|| "seek".to_owned())?;
    let length = range.end - range.start;
    let bytes = tokio::fs::File::from_std(file).take(length);
    let body = ReaderStream::with_capacity(bytes, READ_CHUNK_BYTES);
    let attributes = Arc::unwrap_or_clone(entry.attributes);
    let partial = input.range.is_some();
    let output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::wrap(body)),
        content_length: i64::try_from(length).ok(),
        content_range: partial.then(|| {
            format!(
                "bytes {}-{}/{size}",
                range.start,
                range.end.saturating_sub(1)
            )
        }),
        e_tag: tag(&entry.etag),
        last_modified: Some(time_of(entry.modified)),
        content_type: input.response_content_type.or(attributes.content_type),
        content_encoding: input
            .response_content_encoding
            .or(attributes.content_encoding),
        content_language: input
            .response_content_language
            .or(attributes.content_language),
        content_disposition: input
            .response_content_disposition
            .or(attributes.content_disposition),
        cache_control: input.response_cache_control.or(attributes.cache_control),
        metadata: Some(attributes.metadata.into_iter().collect()),
        ..Default::default()
    };
    let mut response = S3Response::new(output);
    if partial {
        response.status = Some(hyper::StatusCode::PARTIAL_CONTENT);
    }
    Ok(response)
}

pub(super) fn head(bucket: &Bucket, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let entry = bucket.head(&input.key)?;
    condition.check(&entry)?;
    let attributes = Arc::unwrap_or_clone(entry.attributes);
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(entry.stamp.size).ok(),
        e_tag: tag(&entry.etag),
        last_modified: Some(time_of(entry.modified)),
        content_type: attributes.content_type,
        content_encoding: attributes.content_encoding,
        content_language: attributes.content_language,
        content_disposition: attributes.content_disposition,
        cache_control: attributes.cache_control,
        metadata: Some(attributes.metadata.into_iter().collect()),
        ..Default::default()
    })
}

pub(super) async fn delete(
    bucket: Arc<Bucket>,
    input: DeleteObjectInput,
) -> S3Result<DeleteObjectOutput> {
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: None,
    };
    blocking(move || bucket.delete(&input.key, &condition)).await?;
    Ok(DeleteObjectOutput::default())
}

pub(super) async fn delete_many(bucket: &Arc<Bucket>, delete: Delete) -> DeleteObjectsOutput {
    let quiet = delete.quiet.unwrap_or(false);
    let one = |object: ObjectIdentifier| {
        let bucket = Arc::clone(bucket);
        async move {
            let key = object.key.clone();
            let done = blocking(move || bucket.delete(&object.key, &WriteCondition::default()));
            (key, done.await)
        }
    };
    let results: Vec<_> = stream::iter(delete.objects)
        .map(one)
        .buffered(DELETES_AT_ONCE)
        .collect()
        .await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, result) in results {
        match result {
            Ok(()) if quiet => {}
            Ok(()) => deleted.push(DeletedObject {
                key: Some(key),
                ..Default::default()
            }),
            Err(error) => {
                let error = S3Error::from(error);
                errors.push(s3s::dto::Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(key),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                });
            }
        }
    }
    DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        request_charged: None,
    }
}

/// Bucket and key of `x-amz-copy-source`.
pub(super) fn source_of(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id: None,
        } => Ok((bucket, key)),
        _ => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "a copy source is `bucket/key` here; there are no versions and no access points",
        )),
    }
}

pub(super) async fn copy(
    from: Arc<Bucket>,
    to: Arc<Bucket>,
    req: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let at_destination = destination_condition(&req.headers)?;
    let input = req.input;
    refuse_unkept!(input);
    let condition = ReadCondition {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let (_, from_key) = source_of(&input.copy_source)?;
    let from_key = from_key.to_owned();
    let replace = input
        .metadata_directive
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let given = Attributes {
        content_type: input.content_type,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        content_disposition: input.content_disposition,
        cache_control: input.cache_control,
        metadata: metadata_of(input.metadata)?,
    };
    let key = input.key;
    let entry = blocking(move || {
        let source = from.read(&from_key)?;
        match condition.check(&source.0) {
            // RFC 9110 has 304 for reads alone; S3 answers a copy with 412.
            Err(BucketError::NotModified) => {
                let now = source.0.etag;
                return Err(BucketError::PreconditionFailed { now });
            }
            checked => checked?,
        }
        let attributes = match replace {
            true => given,
            false => (*source.0.attributes).clone(),
        };
        to.copy(&key, source, attributes, &at_destination)
    })
    .await?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(copied(&entry)),
        ..Default::default()
    })
}

/// `If-Match` and `If-None-Match` of a copy are about its destination; `s3s` leaves them in the
/// headers.
fn destination_condition(headers: &hyper::HeaderMap) -> BucketResult<WriteCondition> {
    let read = |name: &str| -> BucketResult<Option<ETagCondition>> {
        let Some(value) = headers.get(name) else {
            return Ok(None);
        };
        let bad = || BucketError::Invalid(format!("{name} is not an entity tag"));
        let condition = ETagCondition::parse_http_header(value.as_bytes());
        condition.map(Some).or(Err(bad()))
    };
    Ok(WriteCondition {
        if_match: read("if-match")?,
        if_none_match: read("if-none-match")?,
    })
}

fn copied(entry: &Entry) -> CopyObjectResult {
    CopyObjectResult {
        e_tag: tag(&entry.etag),
        last_modified: Some(time_of(entry.modified)),
        ..Default::default()
    }
}

/// `bytes=first-last` of a part copy.
pub(super) fn copy_range(text: Option<&str>, size: u64) -> BucketResult<std::ops::Range<u64>> {
    let Some(text) = text else { return Ok(0..size) };
    let range = Range::parse(text).or(Err(BucketError::Range))?;
    range.check(size).or(Err(BucketError::Range))
}
