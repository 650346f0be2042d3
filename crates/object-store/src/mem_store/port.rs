//! The port, in memory.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use super::{
    MemStore,
    content::{Content, joined},
    faults::Fate,
    state::{Object, Parts, no_upload, not_as_expected, not_found},
};
use crate::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, ObjectAttributes, ObjectMeta, ObjectStore,
    PartOf, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind, StoreResult, Upload,
    UploadPage, UploadUnderWay,
};

#[async_trait]
impl ObjectStore for MemStore {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        let fate = self.begin(|counts| counts.puts += 1).await?;
        let content = self.receive(source, 0..source.len()).await?;
        let (content, fate) = self.state.lock().received(content, fate);
        let attributes = ObjectAttributes {
            content_type: options.content_type.clone(),
            metadata: options.metadata.clone(),
        };
        let object = self.object_of(content, attributes);
        let etag = object.etag.clone();
        let mut state = self.state.lock();
        state.require(key, &options.precondition)?;
        state.set(key, Some(object), self.clock.now());
        fate.answer(etag)
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        let _fate = self.begin(|counts| counts.gets += 1).await?;
        let (body, cut) = {
            let mut state = self.state.lock();
            let object = state.source(CopySource { key, if_match })?;
            let body = object.content.slice(&(offset..offset.saturating_add(len)));
            state.counts.bytes_out += body.len();
            let permille = state.faults.cut_body_permille;
            (body, state.dice.chance(permille))
        };
        let sent = if cut { body.len() / 2 } else { body.len() };
        let mut chunks: Vec<StoreResult<Bytes>> = Vec::new();
        for piece in body.slice(&(0..sent)).pieces() {
            let starts = (0..piece.len()).step_by(CHUNK_LEN);
            chunks.extend(starts.map(|at| Ok(piece.slice(at..piece.len().min(at + CHUNK_LEN)))));
        }
        if cut {
            chunks.push(Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "connection closed in the body (injected)",
            )));
        }
        let (clock, state) = (self.clock.clone(), Arc::clone(&self.state));
        let paced = stream::iter(chunks).then(move |chunk| {
            let (clock, state) = (clock.clone(), Arc::clone(&state));
            async move {
                let len = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                let (per_chunk, end) = {
                    let mut state = state.lock();
                    let end = state.line.reserve(len, clock.now());
                    (state.latency.per_chunk, end)
                };
                let on_line = end.map(|end| end.saturating_duration_since(clock.now()));
                let wait = per_chunk + on_line.unwrap_or_default();
                if !wait.is_zero() {
                    clock.sleep(wait).await;
                }
                chunk
            }
        });
        Ok(paced.boxed())
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        let _fate = self.begin(|counts| counts.heads += 1).await?;
        let state = self.state.lock();
        let object = state.objects.get(key).ok_or_else(|| not_found(key))?;
        Ok(object.meta(key, Some(object.attributes.metadata.clone())))
    }

    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()> {
        let fate = self.begin(|counts| counts.deletes += 1).await?;
        let mut state = self.state.lock();
        let is_other = |object: &Object| if_match.is_some_and(|etag| *etag != object.etag);
        if state.objects.get(key).is_some_and(is_other) {
            return Err(not_as_expected(key));
        }
        state.set(key, None, self.clock.now());
        fate.answer(())
    }

    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag> {
        let fate = self.begin(|counts| counts.copies += 1).await?;
        let mut state = self.state.lock();
        let mut object = state.source(from)?.clone();
        state.require(to, &options.precondition)?;
        object.last_modified = self.clock.wall();
        if let Some(attributes) = &options.attributes {
            object.attributes.clone_from(attributes);
        }
        let etag = object.etag.clone();
        state.set(to, Some(object), self.clock.now());
        fate.answer(etag)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage> {
        let _fate = self.begin(|counts| counts.lists += 1).await?;
        let mut state = self.state.lock();
        let faults = state.faults;
        let is_stale = state.dice.chance(faults.stale_list_permille);
        let ago = is_stale.then(|| (faults.stale_by, self.clock.now()));
        let mut objects = state.list(prefix, after, (LIST_PAGE_LEN + 1, ago));
        let more = objects.len() > LIST_PAGE_LEN;
        objects.truncate(LIST_PAGE_LEN);
        Ok(ListPage { objects, more })
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        let fate = self.begin(|counts| counts.upload_calls += 1).await?;
        let mut state = self.state.lock();
        state.uploads_begun += 1;
        let id = format!("upload-{:08}", state.uploads_begun);
        let parts = Parts {
            attributes: attributes.clone(),
            since: self.clock.wall(),
            by_number: Default::default(),
        };
        let key = key.to_owned();
        state.uploads.insert((key.clone(), id.clone()), parts);
        fate.answer(Upload { key, id })
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        let fate = self.begin(|counts| counts.parts += 1).await?;
        let content = self.receive(source, part.range.clone()).await?;
        let (content, fate) = self.state.lock().received(content, fate);
        self.keep_part(&part, (content.etag(), content), fate)
    }

    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag> {
        let fate = self.begin(|counts| counts.part_copies += 1).await?;
        let made = {
            let state = self.state.lock();
            let object = state.source(from)?;
            let tag = joined(&[&object.etag], &part.range);
            (tag, object.content.slice(&part.range))
        };
        self.keep_part(&part, made, fate)
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        let fate = self.begin(|counts| counts.upload_calls += 1).await?;
        let mut state = self.state.lock();
        let id = (upload.key.clone(), upload.id.clone());
        let permille = state.faults.torn_upload_permille;
        let is_torn = state.dice.chance(permille);
        let held = state.uploads.get_mut(&id);
        let held = held.ok_or_else(|| no_upload(&upload.id))?;
        if is_torn {
            held.by_number.pop_last();
            let message = "500 the parts could not be joined (injected)";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        let (mut content, mut tags) = (Content::default(), Vec::new());
        for (number, etag) in parts {
            let part = held.by_number.get(number).filter(|part| part.0 == *etag);
            let part = part.ok_or_else(|| no_upload(&upload.id))?;
            content.append(part.1.clone());
            tags.push(etag);
        }
        let object = Object {
            etag: joined(&tags, &(0..content.len())),
            content,
            last_modified: self.clock.wall(),
            attributes: held.attributes.clone(),
        };
        let etag = object.etag.clone();
        state.require(&upload.key, precondition)?;
        state.uploads.remove(&id);
        state.set(&upload.key, Some(object), self.clock.now());
        fate.answer(etag)
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        let fate = self.begin(|counts| counts.upload_calls += 1).await?;
        let id = (upload.key.clone(), upload.id.clone());
        self.state.lock().uploads.remove(&id);
        fate.answer(())
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        let _fate = self.begin(|counts| counts.upload_calls += 1).await?;
        let state = self.state.lock();
        let is_later = |(key, id): &(String, String)| {
            after.is_none_or(|after| (key, id) > (&after.key, &after.id))
        };
        let all = state.uploads.iter().filter(|(id, _)| is_later(id));
        let asked = all.filter(|((key, _), _)| key.starts_with(prefix));
        let mut uploads: Vec<UploadUnderWay> = asked
            .take(LIST_PAGE_LEN + 1)
            .map(|((key, id), parts)| UploadUnderWay {
                upload: Upload {
                    key: key.clone(),
                    id: id.clone(),
                },
                since: Some(parts.since),
            })
            .collect();
        let more = uploads.len() > LIST_PAGE_LEN;
        uploads.truncate(LIST_PAGE_LEN);
        Ok(UploadPage { uploads, more })
    }

    async fn check(&self) -> StoreResult<()> {
        self.begin(|_| ()).await.map(|_| ())
    }
}

impl MemStore {
    fn keep_part(&self, part: &PartOf<'_>, made: (ETag, Content), fate: Fate) -> StoreResult<ETag> {
        let mut state = self.state.lock();
        let id = (part.upload.key.clone(), part.upload.id.clone());
        let upload = state.uploads.get_mut(&id);
        let upload = upload.ok_or_else(|| no_upload(&part.upload.id))?;
        let etag = made.0.clone();
        upload.by_number.insert(part.number, made);
        fate.answer(etag)
    }

    /// The bytes of a range, as fast as the line is.
    async fn receive(&self, source: &dyn PartSource, range: Range<u64>) -> StoreResult<Content> {
        let (mut content, mut at) = (Content::default(), range.start);
        while at < range.end {
            let len = READ_LEN.min(range.end - at);
            let bytes = source.read(at, len).await.map_err(|e| {
                StoreError::caused_by(StoreErrorKind::Source, "cannot read the parts", e)
            })?;
            if bytes.len() as u64 != len {
                let message = format!("{} bytes came, not {len}", bytes.len());
                return Err(StoreError::new(StoreErrorKind::Source, message));
            }
            let end = {
                let mut state = self.state.lock();
                state.counts.bytes_in += len;
                state.line.reserve(len, self.clock.now())
            };
            if let Some(end) = end {
                let wait = end.saturating_duration_since(self.clock.now());
                self.clock.sleep(wait).await;
            }
            content.push(bytes);
            at += len;
        }
        // One piece where that is cheap: objects are compared often, and are mostly small.
        if content.len() <= READ_LEN * 4 {
            content = content.whole().into();
        }
        Ok(content)
    }
}

/// Bytes a body brings at a time.
const CHUNK_LEN: usize = 64 << 10;
/// Bytes asked of a source at a time: small, so that several reads are the normal case.
const READ_LEN: u64 = 1 << 20;
/// Objects in a page of a listing, as with S3.
const LIST_PAGE_LEN: usize = 1_000;
