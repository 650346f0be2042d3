//! Listings of buckets, objects, uploads and parts.

use std::{fmt::Write as _, sync::Arc};

use s3s::dto::{
    Bucket as BucketDto, CommonPrefix, EncodingType, ListBucketsOutput, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, ListPartsOutput, MultipartUpload, Object,
    ObjectStorageClass, Part,
};

use super::objects::tag;
use crate::{
    bucket::Bucket,
    condition::time_of,
    entry::Entry,
    error::{BucketError, BucketResult},
    limits::LIST_KEYS_MAX,
    listing::{Page, Query, after_key, after_prefix},
};

pub(super) fn buckets(all: &[Arc<Bucket>]) -> ListBucketsOutput {
    let one = |bucket: &Arc<Bucket>| BucketDto {
        bucket_region: None,
        creation_date: Some(time_of(bucket.created)),
        name: Some(bucket.name.clone()),
    };
    ListBucketsOutput {
        buckets: Some(all.iter().map(one).collect()),
        ..Default::default()
    }
}

pub(super) fn objects_v1(
    bucket: &Bucket,
    input: ListObjectsInput,
) -> BucketResult<ListObjectsOutput> {
    let names = Names(input.encoding_type.clone());
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let marker = input.marker.clone().unwrap_or_default();
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: &delimiter,
        // A marker that is a common prefix stands for all that it rolls up.
        from: match delimiter.as_str() {
            "" => after(&marker),
            delimiter if marker.ends_with(delimiter) => {
                after_prefix(&marker).unwrap_or(after(&marker))
            }
            _ => after(&marker),
        },
        keys_max: keys_max(input.max_keys)?,
    };
    let Page {
        objects,
        common_prefixes,
        last,
        next,
    } = bucket.list(&query);
    let truncated = next.is_some();
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: names.encode_some(input.prefix),
        marker: names.encode_some(input.marker),
        max_keys: input.max_keys.or(Some(1_000)),
        is_truncated: Some(truncated),
        contents: Some(names.objects(&objects)),
        common_prefixes: Some(names.prefixes(&common_prefixes)),
        delimiter: names.encode_some(input.delimiter),
        next_marker: last.filter(|_| truncated).map(|last| names.encode(&last)),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub(super) fn objects_v2(
    bucket: &Bucket,
    input: ListObjectsV2Input,
) -> BucketResult<ListObjectsV2Output> {
    let names = Names(input.encoding_type.clone());
    let from = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => read_token(token)?,
        (None, Some(start_after)) => after(start_after),
        (None, None) => String::new(),
    };
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        from,
        keys_max: keys_max(input.max_keys)?,
    };
    let page = bucket.list(&query);
    let count = page.objects.len() + page.common_prefixes.len();
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: names.encode_some(input.prefix),
        max_keys: input.max_keys.or(Some(1_000)),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(hex::encode),
        contents: Some(names.objects(&page.objects)),
        common_prefixes: Some(names.prefixes(&page.common_prefixes)),
        delimiter: names.encode_some(input.delimiter),
        start_after: names.encode_some(input.start_after),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub(super) fn uploads(
    bucket: &Bucket,
    input: ListMultipartUploadsInput,
) -> ListMultipartUploadsOutput {
    let names = Names(input.encoding_type.clone());
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.clone().unwrap_or_default();
    let max = clamp(input.max_uploads);
    let mut found = bucket.uploads.list(&prefix);
    found.retain(|(id, head)| {
        let same_key = !id_marker.is_empty() && head.key == key_marker && *id > id_marker;
        head.key > key_marker || same_key
    });
    let truncated = found.len() > max;
    found.truncate(max);
    let last = found.last().filter(|_| truncated).cloned();
    let one = |(id, head): (String, crate::uploads::Head)| MultipartUpload {
        key: Some(names.encode(&head.key)),
        upload_id: Some(id),
        initiated: Some(time_of(head.initiated)),
        ..Default::default()
    };
    ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: names.encode_some(input.prefix),
        key_marker: names.encode_some(input.key_marker),
        upload_id_marker: input.upload_id_marker,
        next_key_marker: last.as_ref().map(|(_, head)| names.encode(&head.key)),
        next_upload_id_marker: last.map(|(id, _)| id),
        max_uploads: i32::try_from(max).ok(),
        is_truncated: Some(truncated),
        uploads: Some(found.into_iter().map(one).collect()),
        encoding_type: input.encoding_type,
        ..Default::default()
    }
}

pub(super) fn parts(bucket: &Bucket, input: ListPartsInput) -> BucketResult<ListPartsOutput> {
    let upload = bucket.uploads.get(&input.key, &input.upload_id)?;
    let marker = u16::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(u16::MAX);
    let max = clamp(input.max_parts);
    let mut found = upload
        .parts
        .into_iter()
        .filter(|(number, _)| *number > marker);
    let one = |(number, part): (u16, crate::uploads::Part)| Part {
        e_tag: tag(&part.etag),
        last_modified: Some(time_of(part.stamp.modified())),
        part_number: Some(i32::from(number)),
        size: i64::try_from(part.stamp.size).ok(),
        ..Default::default()
    };
    let parts: Vec<Part> = found.by_ref().take(max).map(one).collect();
    let truncated = found.next().is_some();
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: input.part_number_marker,
        next_part_number_marker: parts.last().and_then(|part| part.part_number),
        max_parts: i32::try_from(max).ok(),
        is_truncated: Some(truncated),
        parts: Some(parts),
        ..Default::default()
    })
}

/// How names are written: in full, or percent-encoded for clients that ask, since XML cannot
/// hold every character that a key can.
struct Names(Option<EncodingType>);

impl Names {
    fn encode(&self, name: &str) -> String {
        if self.0.is_none() {
            return name.to_owned();
        }
        let mut text = String::with_capacity(name.len());
        for byte in name.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                    text.push(char::from(byte));
                }
                b' ' => text.push('+'),
                _ => write!(text, "%{byte:02X}").expect("a string takes every write"),
            }
        }
        text
    }

    fn encode_some(&self, name: Option<String>) -> Option<String> {
        name.map(|name| self.encode(&name))
    }

    fn objects(&self, objects: &[(String, Entry)]) -> Vec<Object> {
        let one = |(key, entry): &(String, Entry)| Object {
            key: Some(self.encode(key)),
            e_tag: tag(&entry.etag),
            last_modified: Some(time_of(entry.modified)),
            size: i64::try_from(entry.stamp.size).ok(),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            ..Default::default()
        };
        objects.iter().map(one).collect()
    }

    fn prefixes(&self, prefixes: &[String]) -> Vec<CommonPrefix> {
        let one = |prefix: &String| CommonPrefix {
            prefix: Some(self.encode(prefix)),
        };
        prefixes.iter().map(one).collect()
    }
}

fn after(key: &str) -> String {
    match key {
        "" => String::new(),
        key => after_key(key),
    }
}

/// A token is where the next page begins, in hexadecimal: any string survives XML and URL so.
fn read_token(token: &str) -> BucketResult<String> {
    let bytes = hex::decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| BucketError::Invalid("the continuation token is not one of ours".to_owned()))
}

fn keys_max(given: Option<i32>) -> BucketResult<usize> {
    match given {
        Some(given) if given < 0 => Err(BucketError::Invalid(format!(
            "max-keys of {given} is negative"
        ))),
        given => Ok(clamp(given)),
    }
}

fn clamp(given: Option<i32>) -> usize {
    let given = given.map_or(LIST_KEYS_MAX, |given| usize::try_from(given).unwrap_or(0));
    given.min(LIST_KEYS_MAX)
}
