//! Multipart uploads.

use std::{
    io::{Seek as _, SeekFrom},
    sync::Arc,
};

use clock::Timestamp;
use s3s::{
    S3Request, S3Result,
    dto::{
        Checksum, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart,
        CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput,
        UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
    },
};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::objects::{
    arrive, copy_range, expected, metadata_of, refuse_unkept, refuse_unkept_of, source_of, tag,
};
use crate::{
    bucket::Bucket,
    condition::{ReadCondition, WriteCondition, time_of},
    entry::Attributes,
    error::{BucketError, BucketResult, Doing as _},
    incoming::{Expected, blocking, receive},
    limits::READ_CHUNK_BYTES,
    uploads::{ChosenPart, Head, check_number},
};

pub(super) async fn create(
    bucket: Arc<Bucket>,
    input: CreateMultipartUploadInput,
    now: Timestamp,
) -> S3Result<CreateMultipartUploadOutput> {
    refuse_unkept!(input);
    let head = Head {
        key: input.key.clone(),
        initiated: now,
        attributes: Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            content_disposition: input.content_disposition,
            cache_control: input.cache_control,
            metadata: metadata_of(input.metadata)?,
        },
    };
    let upload_id = blocking(move || bucket.uploads.create(head)).await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: input.checksum_algorithm,
        ..Default::default()
    })
}

pub(super) async fn upload_part(
    bucket: Arc<Bucket>,
    req: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let expected = expected!(req);
    let input = req.input;
    let number = part_number(input.part_number)?;
    // Before the body, which may be long.
    bucket.uploads.get(&input.key, &input.upload_id)?;
    let (arrived, sums) = arrive(&bucket, input.body, expected).await?;
    let part = blocking(move || {
        bucket
            .uploads
            .put_part(&input.key, &input.upload_id, number, arrived)
    })
    .await?;
    Ok(UploadPartOutput {
        e_tag: tag(&part.etag),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        ..Default::default()
    })
}

pub(super) async fn upload_part_copy(
    from: Arc<Bucket>,
    to: Arc<Bucket>,
    input: UploadPartCopyInput,
) -> S3Result<UploadPartCopyOutput> {
    let number = part_number(input.part_number)?;
    to.uploads.get(&input.key, &input.upload_id)?;
    let condition = ReadCondition {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let from_key = source_of(&input.copy_source)?.1.to_owned();
    let (source, mut file) = blocking(move || from.read(&from_key)).await?;
    condition.check(&source)?;
    let range = copy_range(input.copy_source_range.as_deref(), source.stamp.size)?;
    file.seek(SeekFrom::Start(range.start))
        .doing(|| "seek".to_owned())?;
    let length = range.end - range.start;
    let bytes = tokio::fs::File::from_std(file).take(length);
    let body = ReaderStream::with_capacity(bytes, READ_CHUNK_BYTES);
    let expected = Expected {
        length: Some(length),
        ..Default::default()
    };
    let (arrived, _) = receive(to.temp_dir(), body, expected).await?;
    let part = blocking(move || {
        to.uploads
            .put_part(&input.key, &input.upload_id, number, arrived)
    })
    .await?;
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: tag(&part.etag),
            last_modified: Some(time_of(part.stamp.modified())),
            ..Default::default()
        }),
        ..Default::default()
    })
}

pub(super) async fn complete(
    bucket: Arc<Bucket>,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let listed = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let parts: Vec<ChosenPart> = listed
        .into_iter()
        .map(chosen)
        .collect::<BucketResult<_>>()?;
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let (key, upload_id) = (input.key.clone(), input.upload_id);
    let entry = blocking(move || bucket.complete(&key, &upload_id, &parts, &condition)).await?;
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: tag(&entry.etag),
        ..Default::default()
    })
}

fn chosen(part: CompletedPart) -> BucketResult<ChosenPart> {
    let number = part_number(part.part_number.unwrap_or_default())?;
    let etag = part.e_tag.map(|etag| etag.value().to_owned());
    Ok(ChosenPart { number, etag })
}

fn part_number(given: i32) -> BucketResult<u16> {
    let number = u16::try_from(given);
    let number = number.or(Err(BucketError::Invalid(format!(
        "part number {given} is out of range"
    ))))?;
    check_number(number)?;
    Ok(number)
}
