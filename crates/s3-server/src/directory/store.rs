//! The port, over one bucket.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
    ops::Range,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, Metadata, ObjectAttributes, ObjectMeta,
    ObjectStore, PartOf, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind,
    StoreResult, Upload, UploadPage, UploadUnderWay,
};
use s3s::dto::{ETag as Tag, ETagCondition};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::{OpenBucket, failure};
use crate::{
    bucket::Bucket,
    condition::WriteCondition,
    entry::{Attributes, Entry},
    error::{BucketError, BucketResult, Doing as _},
    incoming::{Arrived, Expected, blocking, receive},
    limits::{KEY_BYTES_MAX, LIST_KEYS_MAX, READ_CHUNK_BYTES},
    listing::{Query, after_key},
    uploads::{ChosenPart, Head},
};

/// Read of a source at once.
const SOURCE_CHUNK_BYTES: u64 = 1 << 20;
/// Where no file is ever seen.
const PROBE_KEY: &str = ".causeway/check";

/// A bucket, or what is under a prefix of it.
#[derive(Debug)]
pub(super) struct DirectoryStore {
    open: Arc<OpenBucket>,
    prefix: String,
    clock: Clock,
}

impl DirectoryStore {
    pub(super) const fn new(open: Arc<OpenBucket>, prefix: String, clock: Clock) -> Self {
        Self {
            open,
            prefix,
            clock,
        }
    }

    fn key(&self, key: &str) -> StoreResult<String> {
        let whole = format!("{}{key}", self.prefix);
        if key.is_empty() || whole.len() > KEY_BYTES_MAX {
            let message = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", whole.len());
            return Err(StoreError::new(StoreErrorKind::Other, message));
        }
        Ok(whole)
    }

    /// Does what waits for the disk, on a thread for that.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Bucket) -> BucketResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let open = Arc::clone(&self.open);
        blocking(move || work(&open.bucket)).await.map_err(failure)
    }

    /// An object that has the tag, if one is given, and its file.
    async fn read(&self, from: CopySource<'_>) -> StoreResult<(Entry, File)> {
        let (key, if_match) = (self.key(from.key)?, from.if_match.cloned());
        self.on_disk(move |bucket| {
            let (entry, file) = bucket.read(&key)?;
            require(&entry, if_match.as_ref())?;
            Ok((entry, file))
        })
        .await
    }

    async fn receive<S, E>(&self, body: S, length: u64) -> StoreResult<Arrived>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let expected = Expected {
            length: Some(length),
            ..Expected::default()
        };
        let received = receive(self.open.bucket.temp_dir(), body, expected).await;
        Ok(received.map_err(failure)?.0)
    }

    fn meta(&self, key: &str, entry: &Entry, metadata: Option<Metadata>) -> ObjectMeta {
        ObjectMeta {
            key: key.strip_prefix(&self.prefix).unwrap_or(key).to_owned(),
            size: entry.stamp.size,
            etag: Some(ETag(entry.etag.clone())),
            last_modified: Some(entry.modified),
            metadata,
        }
    }
}

#[async_trait]
impl ObjectStore for DirectoryStore {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        let key = self.key(key)?;
        let len = source.len();
        let arrived = self.receive(body_of(source, 0..len), len).await?;
        let attributes = attributes_of(&options.content_type, &options.metadata);
        let condition = condition_of(&options.precondition);
        let put = self.on_disk(move |bucket| bucket.put(&key, arrived, attributes, &condition));
        put.await.map(tag_of)
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        let (entry, file) = self.read(CopySource { key, if_match }).await?;
        let end = offset.saturating_add(len).min(entry.stamp.size);
        let body = part_of_file(file, offset.min(end)..end).map_err(failure)?;
        let body = body.map_err(|error| {
            let message = "an object of the directory cannot be read";
            StoreError::caused_by(StoreErrorKind::Unavailable, message, error)
        });
        Ok(body.boxed())
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        let key = self.key(key)?;
        let entry = self.open.bucket.head(&key).map_err(failure)?;
        let metadata = entry.attributes.metadata.clone();
        Ok(self.meta(&key, &entry, Some(metadata)))
    }

    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()> {
        let key = self.key(key)?;
        let condition = if_match.map_or_else(WriteCondition::default, matches);
        self.on_disk(move |bucket| match bucket.delete(&key, &condition) {
            // What is not there need not go.
            Err(BucketError::PreconditionFailed { .. }) if bucket.head(&key).is_err() => Ok(()),
            answer => answer,
        })
        .await
    }

    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag> {
        let to = self.key(to)?;
        let source = self.read(from).await?;
        let attributes = match &options.attributes {
            Some(given) => attributes_of(&given.content_type, &given.metadata),
            None => (*source.0.attributes).clone(),
        };
        let condition = condition_of(&options.precondition);
        let copy = self.on_disk(move |bucket| bucket.copy(&to, source, attributes, &condition));
        copy.await.map(tag_of)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage> {
        let prefix = format!("{}{prefix}", self.prefix);
        let from = after.map(|key| after_key(&format!("{}{key}", self.prefix)));
        let page = self.open.bucket.list(&Query {
            prefix: &prefix,
            delimiter: "",
            from: from.unwrap_or_default(),
            keys_max: LIST_KEYS_MAX,
        });
        let listed = page.objects.iter();
        Ok(ListPage {
            objects: listed
                .map(|(key, entry)| self.meta(key, entry, None))
                .collect(),
            more: page.next.is_some(),
        })
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        let head = Head {
            key: self.key(key)?,
            initiated: self.clock.wall(),
            attributes: attributes_of(&attributes.content_type, &attributes.metadata),
        };
        let id = self.on_disk(|bucket| bucket.uploads.create(head)).await?;
        let key = key.to_owned();
        Ok(Upload { key, id })
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        let len = part.range.end.saturating_sub(part.range.start);
        let body = body_of(source, part.range.clone());
        self.take_part(&part, body, len).await
    }

    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag> {
        let (entry, file) = self.read(from).await?;
        if part.range.end > entry.stamp.size {
            return Err(failure(BucketError::Range));
        }
        let len = part.range.end.saturating_sub(part.range.start);
        let body = part_of_file(file, part.range.clone()).map_err(failure)?;
        self.take_part(&part, body, len).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        let (key, id) = (self.key(&upload.key)?, upload.id.clone());
        let chosen = parts.iter().map(|(number, etag)| {
            Ok(ChosenPart {
                number: number_of(*number)?,
                etag: Some(etag.0.clone()),
            })
        });
        let chosen: Vec<ChosenPart> = chosen.collect::<StoreResult<_>>()?;
        let condition = condition_of(precondition);
        let done = self.on_disk(move |bucket| bucket.complete(&key, &id, &chosen, &condition));
        done.await.map(tag_of)
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        let (key, id) = (self.key(&upload.key)?, upload.id.clone());
        self.on_disk(move |bucket| match bucket.uploads.remove(&key, &id) {
            Err(BucketError::NoSuchUpload(_)) => Ok(()),
            answer => answer,
        })
        .await
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        let listed = self
            .open
            .bucket
            .uploads
            .list(&format!("{}{prefix}", self.prefix));
        let uploads = listed.into_iter().map(|(id, head)| UploadUnderWay {
            upload: Upload {
                key: head
                    .key
                    .strip_prefix(&self.prefix)
                    .unwrap_or(&head.key)
                    .to_owned(),
                id,
            },
            since: Some(head.initiated),
        });
        let rest = uploads.filter(|one| after.is_none_or(|after| one.upload > *after));
        let mut uploads: Vec<UploadUnderWay> = rest.take(LIST_KEYS_MAX + 1).collect();
        let more = uploads.len() > LIST_KEYS_MAX;
        uploads.truncate(LIST_KEYS_MAX);
        Ok(UploadPage { uploads, more })
    }

    fn key_bytes_max(&self) -> usize {
        KEY_BYTES_MAX.saturating_sub(self.prefix.len())
    }

    async fn check(&self) -> StoreResult<()> {
        self.list("", None).await?;
        let options = PutOptions {
            content_type: "application/octet-stream".to_owned(),
            metadata: Metadata::new(),
            precondition: Precondition::None,
        };
        self.put(PROBE_KEY, &Nothing, &options).await?;
        self.delete(PROBE_KEY, None).await
    }
}

impl DirectoryStore {
    async fn take_part<S, E>(&self, part: &PartOf<'_>, body: S, len: u64) -> StoreResult<ETag>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (key, id) = (self.key(&part.upload.key)?, part.upload.id.clone());
        let number = number_of(part.number)?;
        // Before the body, which may be long.
        self.open.bucket.uploads.get(&key, &id).map_err(failure)?;
        let arrived = self.receive(body, len).await?;
        let put = self.on_disk(move |bucket| bucket.uploads.put_part(&key, &id, number, arrived));
        Ok(ETag(put.await?.etag))
    }
}

/// An empty body.
struct Nothing;

#[async_trait]
impl PartSource for Nothing {
    fn len(&self) -> u64 {
        0
    }

    async fn read(&self, _offset: u64, _len: u64) -> std::io::Result<Bytes> {
        Ok(Bytes::new())
    }
}

/// The bytes of a source, as they are needed.
fn body_of(
    source: &dyn PartSource,
    range: Range<u64>,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::try_unfold(range.start, move |at| async move {
        let len = SOURCE_CHUNK_BYTES.min(range.end.saturating_sub(at));
        if len == 0 {
            return Ok(None);
        }
        let bytes = source.read(at, len).await?;
        Ok(Some((bytes, at + len)))
    })
}

/// The bytes of a file, as they are needed.
fn part_of_file(
    mut file: File,
    range: Range<u64>,
) -> BucketResult<ReaderStream<impl tokio::io::AsyncRead + Send>> {
    file.seek(SeekFrom::Start(range.start))
        .doing(|| "seek in an object".to_owned())?;
    let bytes = tokio::fs::File::from_std(file).take(range.end - range.start);
    Ok(ReaderStream::with_capacity(bytes, READ_CHUNK_BYTES))
}

fn require(entry: &Entry, if_match: Option<&ETag>) -> BucketResult<()> {
    if if_match.is_some_and(|etag| etag.0 != entry.etag) {
        let now = entry.etag.clone();
        return Err(BucketError::PreconditionFailed { now });
    }
    Ok(())
}

fn number_of(number: u32) -> StoreResult<u16> {
    let out_of_range = || failure(BucketError::Invalid(format!("there is no part {number}")));
    u16::try_from(number).or(Err(out_of_range()))
}

fn attributes_of(content_type: &str, metadata: &Metadata) -> Attributes {
    Attributes {
        content_type: Some(content_type.to_owned()),
        metadata: metadata.clone(),
        ..Attributes::default()
    }
}

fn matches(etag: &ETag) -> WriteCondition {
    WriteCondition {
        if_match: Some(ETagCondition::ETag(Tag::Strong(etag.0.clone()))),
        if_none_match: None,
    }
}

fn condition_of(precondition: &Precondition) -> WriteCondition {
    match precondition {
        Precondition::None => WriteCondition::default(),
        Precondition::Absent => WriteCondition {
            if_match: None,
            if_none_match: Some(ETagCondition::Any),
        },
        Precondition::Matches(etag) => matches(etag),
    }
}

fn tag_of(entry: Entry) -> ETag {
    ETag(entry.etag)
}
