//! Large files: in parts, of which those that have not changed never leave the bucket.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cache::Batch;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    CopySource, ETag, ObjectAttributes, PartOf, Precondition, StoreError, StoreErrorKind, Upload,
};
use vfs::{FileType, VfsError};

use super::{
    journal::{Begun, Journalled, Part, Picture},
    plan::{Piece, PieceSource, Whole, plan},
    put::{Put, TRIES, Whose, content_type, is_unexpected, metadata_of, no_etag},
    queue::Sent,
    source::Frozen,
};
use crate::{engine::Engine, node::Node};

/// Parts of one file under way at a time.
const PARTS_AT_ONCE: usize = 8;
/// How far the clocks of store and gateway may be apart.
const CLOCKS_APART_MS: u64 = 15 * 60 * 1_000;

/// An upload that can be filled.
struct Open {
    upload: Upload,
    journalled: Journalled,
}

impl Engine {
    /// Puts a file in parts, going on where an earlier try of the same picture was.
    pub(super) async fn put_in_parts(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
        frozen: &Frozen,
        expected: Option<ETag>,
    ) -> Result<Put, StoreError> {
        let open = self.open_upload(node, key, frozen).await?;
        let filled = match self.fill_upload(node, frozen, &open).await {
            Ok(parts) => self.join_parts(key, &open, &parts, expected).await,
            Err(e) => Err(e),
        };
        if let Err(e) = &filled
            && e.kind() == StoreErrorKind::UploadLost
        {
            // The next try begins anew.
            self.abort_journalled(node, &open.journalled).await?;
        }
        filled
    }

    async fn open_upload(
        &self,
        node: &Node,
        key: &str,
        frozen: &Frozen,
    ) -> Result<Open, StoreError> {
        let picture = self.picture_of(key, frozen);
        let found = self.journalled_upload(node.inode).map_err(journal_failed)?;
        if let Some(journalled) = found {
            let is_same = journalled.begun.picture == picture;
            match journalled.begun.upload().filter(|_| is_same) {
                Some(upload) => return Ok(Open { upload, journalled }),
                None => self.abort_journalled(node, &journalled).await?,
            }
        }
        let numbers = (frozen.generation, frozen.attributes_version);
        let version = self.version_of(node, numbers);
        let mut begun = Begun {
            picture,
            version: version.into(),
            id: None,
            since_ms: self.clock.wall().as_millis(),
        };
        // On disk before anything is in the bucket: if the answer gets lost, it is looked for.
        let mut batch = Batch::default();
        self.journal_upload(node.inode, &begun, &mut batch);
        let durable = self.durable(self.index.submit(batch)).await;
        durable.map_err(journal_failed)?;
        let attributes = ObjectAttributes {
            content_type: content_type(FileType::Regular, key).into(),
            metadata: metadata_of(&frozen.attributes, &begun.version),
        };
        let upload = self
            .paced(0, self.store.begin_upload(key, &attributes))
            .await?;
        begun.id = Some(upload.id.as_str().into());
        let mut batch = Batch::default();
        self.journal_upload(node.inode, &begun, &mut batch);
        // Nobody waits for it: without its id, it is found by its key.
        let _unawaited = self.index.submit(batch);
        let parts = std::collections::BTreeMap::new();
        let journalled = Journalled { begun, parts };
        Ok(Open { upload, journalled })
    }

    fn picture_of(&self, key: &str, frozen: &Frozen) -> Picture {
        let base = frozen.base.as_ref();
        let base = base.filter(|(remote, len)| remote.has_tag() && remote.size >= *len);
        Picture {
            key: key.into(),
            size: frozen.size,
            generation: frozen.generation,
            attributes_version: frozen.attributes_version,
            base: base.and_then(|(remote, _)| remote.etag.clone()),
            base_len: base.map_or(0, |(_, len)| *len),
            part_bytes: self.config.uploads.part_bytes,
        }
    }

    /// Sends what has not arrived yet; all parts in order.
    async fn fill_upload(
        &self,
        node: &Node,
        frozen: &Frozen,
        open: &Open,
    ) -> Result<Vec<(u32, ETag)>, StoreError> {
        let picture = &open.journalled.begun.picture;
        let rules = self.store.part_rules();
        let whole = Whole {
            size: picture.size,
            base_len: if rules.can_copy { picture.base_len } else { 0 },
            part_bytes: picture.part_bytes,
            step: rules.step,
        };
        let pieces = plan(whole, |range| frozen.is_unchanged(range));
        let done = AtomicU64::new(0);
        let has_arrived = |piece: &Piece| {
            let len = piece.range.end - piece.range.start;
            let done = done.fetch_add(len, Ordering::Relaxed) + len;
            let whole = picture.size;
            self.queue.has_sent(node.inode, Sent { done, whole });
        };
        let has_arrived = &has_arrived;
        stream::iter((1..).zip(pieces))
            .map(|(number, piece)| async move {
                let arrived = open.journalled.parts.get(&number);
                if let Some(part) = arrived.filter(|part| part.range == piece.range) {
                    has_arrived(&piece);
                    return Ok((number, part.etag.clone()));
                }
                let etag = self.send_piece(frozen, open, (number, &piece)).await?;
                has_arrived(&piece);
                let part = Part {
                    range: piece.range,
                    etag: etag.clone(),
                };
                self.journal_part(node.inode, number, &part);
                Ok((number, etag))
            })
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn send_piece(
        &self,
        frozen: &Frozen,
        open: &Open,
        (number, piece): (u32, &Piece),
    ) -> Result<ETag, StoreError> {
        let part = PartOf {
            upload: &open.upload,
            number,
            range: piece.range.clone(),
        };
        let len = piece.range.end - piece.range.start;
        match (piece.source, &frozen.base) {
            (PieceSource::Object, Some((remote, _))) => {
                let from = CopySource {
                    key: &remote.key,
                    if_match: remote.etag.as_ref(),
                };
                let copied = self.paced(0, self.store.copy_part(part, from)).await;
                copied.map_err(|e| {
                    if is_unexpected(&e) {
                        let message = "the object before is not there any more";
                        return StoreError::caused_by(StoreErrorKind::Source, message, e);
                    }
                    e
                })
            }
            (PieceSource::Object | PieceSource::Cache, _) => {
                let sent = self.paced(len, self.store.put_part(part, frozen)).await?;
                self.counters.uploaded_bytes.add(len);
                Ok(sent)
            }
        }
    }

    /// Makes the parts an object; or finds out that an earlier try has.
    async fn join_parts(
        &self,
        key: &str,
        open: &Open,
        parts: &[(u32, ETag)],
        mut expected: Option<ETag>,
    ) -> Result<Put, StoreError> {
        let version = &open.journalled.begun.version;
        for _ in 0..TRIES {
            let precondition = match &expected {
                Some(etag) => Precondition::Matches(etag.clone()),
                None => Precondition::Absent,
            };
            let joining = self
                .store
                .complete_upload(&open.upload, parts, &precondition);
            let refused = match self.paced(0, joining).await {
                Ok(etag) => return Ok(Put::Done(etag)),
                Err(e) if is_unexpected(&e) || e.kind() == StoreErrorKind::UploadLost => e,
                Err(e) => return Err(e),
            };
            expected = match self.store.head(key).await {
                Err(e) if e.kind() == StoreErrorKind::NotFound => None,
                Err(e) => return Err(e),
                Ok(meta) => match self.whose(&meta, version) {
                    Whose::This => return Ok(Put::Done(meta.etag.unwrap_or_else(no_etag))),
                    Whose::Ours => meta.etag,
                    Whose::Foreign => return Ok(Put::Conflict(meta)),
                },
            };
            if refused.kind() == StoreErrorKind::UploadLost {
                return Err(refused);
            }
        }
        let message = format!("object `{key}` changes faster than it can be put");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    /// Gives an upload up, in the bucket and in the index.
    pub(super) async fn abort_journalled(
        &self,
        node: &Node,
        journalled: &Journalled,
    ) -> Result<(), StoreError> {
        self.abort_begun(&journalled.begun).await?;
        let mut batch = Batch::default();
        let forgotten = self.forget_upload(node.inode, &mut batch);
        forgotten.map_err(journal_failed)?;
        let _unawaited = self.index.submit(batch);
        Ok(())
    }

    /// Gives an upload up in the bucket. One whose beginning was never answered is found by its
    /// key, which nobody else may write.
    pub(super) async fn abort_begun(&self, begun: &Begun) -> Result<(), StoreError> {
        if let Some(upload) = begun.upload() {
            return self.paced(0, self.store.abort_upload(&upload)).await;
        }
        let key = &*begun.picture.key;
        let mut after: Option<Upload> = None;
        loop {
            let page = self.store.list_uploads(key, after.as_ref()).await?;
            for found in &page.uploads {
                let since = found.since.map(|at| at.as_millis() + CLOCKS_APART_MS);
                let is_later = since.is_none_or(|since| since >= begun.since_ms);
                if found.upload.key == key && is_later {
                    self.paced(0, self.store.abort_upload(&found.upload))
                        .await?;
                }
            }
            after = page.uploads.into_iter().last().map(|found| found.upload);
            if !page.more || after.as_ref().is_none_or(|after| after.key != key) {
                return Ok(());
            }
        }
    }
}

pub(super) fn journal_failed(error: VfsError) -> StoreError {
    StoreError::caused_by(StoreErrorKind::Other, "cannot note an upload", error)
}
