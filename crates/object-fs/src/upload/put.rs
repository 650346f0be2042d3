//! Puts: content and metadata in one request.

use std::sync::Arc;

use cache::Batch;
use object_store::{
    ETag, Metadata, ObjectMeta, Precondition, PutOptions, StoreError, StoreErrorKind,
};
use vfs::{Attributes, ErrorKind, FileType, VfsError, VfsResult};

use super::{Outcome, claim::Claim, source::Frozen};
use crate::{
    engine::Engine,
    event::said,
    fault,
    metadata::{self, VERSION_KEY},
    node::Node,
    record::Remote,
};

/// How often a put is tried with what turned out to be there.
pub(super) const TRIES: usize = 4;

/// How a put ended.
pub(super) enum Put {
    Done(ETag),
    /// An object that is not ours is there.
    Conflict(ObjectMeta),
}

impl Engine {
    pub(super) async fn put_object(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
    ) -> VfsResult<Outcome> {
        let old_key = node.lock()?.record.remote.as_ref().map(|r| r.key.clone());
        let Some(lock) = self.lock_keys([key].into_iter().chain(old_key.as_deref())) else {
            return Ok(Outcome::Again);
        };
        self.known_node(node.inode).await?;
        let (expected, noted) = match self.claim(node, key)? {
            Claim::Granted { expected, noted } => (expected, noted),
            Claim::Moved => return Ok(Outcome::Again),
            Claim::Blocked(other) => {
                drop(lock);
                return self.make_way(node, other).await;
            }
        };
        let frozen = self.freeze(node).await?;
        if let Some(noted) = noted {
            // The commit of the picture came later, and took it along.
            self.durable(noted).await?;
        }
        let is_in_parts = frozen.size > self.config.uploads.part_bytes;
        let put = if is_in_parts {
            Box::pin(self.put_in_parts(node, key, &frozen, expected)).await
        } else {
            self.try_put(node, key, &frozen, expected).await
        };
        match put {
            Ok(Put::Done(etag)) => self.finish_put(node, key, &frozen, etag).await,
            Ok(Put::Conflict(meta)) => {
                self.resolve_conflict(node, &meta).await?;
                Ok(Outcome::Again)
            }
            Err(e) if e.kind() == StoreErrorKind::Source => {
                self.mend_source(node, &frozen).await?;
                Err(fault::of_store(e))
            }
            // (A part alone is no object yet, and is overwritten.)
            Err(e) if e.kind() == StoreErrorKind::Damaged && !is_in_parts => {
                self.distrust_put(node)?;
                Err(fault::of_store(e))
            }
            Err(e) => Err(fault::of_store(e)),
        }
    }

    /// The bytes of a picture could not be had: from the cache disk, or from the object before.
    async fn mend_source(self: &Arc<Self>, node: &Arc<Node>, frozen: &Frozen) -> VfsResult<()> {
        let unreadable = frozen.unreadable.lock().take();
        let Some(blocks) = unreadable else {
            return self.refresh_changed(node).await;
        };
        // What the object before has is taken from there with the next try.
        self.heal(node, &blocks).await?;
        let lost = self.lost_ranges(node)?;
        if lost.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} are lost: the cache disk cannot read them; write them anew, or delete the file",
            said(&lost)
        );
        Err(VfsError::new(ErrorKind::Io, message))
    }

    /// What is in the bucket is not the picture that was sent, and has its version all the same:
    /// the next put has another one, so that nobody takes the one for the other.
    fn distrust_put(&self, node: &Node) -> VfsResult<()> {
        let mut state = node.lock()?;
        state.record.attributes_version += 1;
        let mut batch = Batch::default();
        self.mark_dirty(&mut state, &mut batch);
        self.save(&state, &mut batch);
        // Nobody waits for it: after a restart versions are others anyway.
        let _unawaited = self.index.submit(batch);
        Ok(())
    }

    async fn try_put(
        &self,
        node: &Arc<Node>,
        key: &str,
        frozen: &Frozen,
        mut expected: Option<ETag>,
    ) -> Result<Put, StoreError> {
        let version = self.version_of(node, (frozen.generation, frozen.attributes_version));
        let mut options = PutOptions {
            content_type: content_type(frozen.attributes.file_type, key).into(),
            metadata: metadata_of(&frozen.attributes, &version),
            precondition: Precondition::None,
        };
        for _ in 0..TRIES {
            options.precondition = match &expected {
                Some(etag) => Precondition::Matches(etag.clone()),
                None => Precondition::Absent,
            };
            let putting = self.store.put(key, frozen, &options);
            match self.paced(frozen.size, putting).await {
                Ok(etag) => {
                    self.counters.uploaded_bytes.add(frozen.size);
                    return Ok(Put::Done(etag));
                }
                Err(e) if is_unexpected(&e) => {}
                Err(e) => return Err(e),
            }
            // Something else is there than we thought: perhaps our own, from a try whose
            // answer got lost.
            expected = match self.store.head(key).await {
                Err(e) if e.kind() == StoreErrorKind::NotFound => None,
                Err(e) => return Err(e),
                Ok(meta) => match self.whose(&meta, &version) {
                    Whose::This => return Ok(Put::Done(meta.etag.unwrap_or_else(no_etag))),
                    Whose::Ours => meta.etag,
                    Whose::Foreign if frozen.attributes.file_type == FileType::Directory => {
                        meta.etag
                    }
                    Whose::Foreign => return Ok(Put::Conflict(meta)),
                },
            };
        }
        let message = format!("object `{key}` changes faster than it can be put");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    /// Unique for each picture that is uploaded, by its generations of content and attributes.
    pub(super) fn version_of(&self, node: &Node, (content, attributes): (u64, u64)) -> String {
        format!(
            "{:016x}/{}/{}-{content}-{attributes}",
            self.identity.share, node.inode.0, self.identity.start,
        )
    }

    /// Whether an object was put for this inode, now or in an earlier life.
    pub(crate) fn is_of(&self, node: &Node, meta: &ObjectMeta) -> bool {
        self.picture_in(node, meta).is_some()
    }

    /// The generation of the content in an object that was put for this inode.
    pub(super) fn content_put(&self, node: &Node, meta: &ObjectMeta) -> Option<u64> {
        let mut numbers = self.picture_in(node, meta)?.split('-').skip(1);
        numbers.next()?.parse().ok()
    }

    /// What a version says after share and inode, if they are ours and this.
    fn picture_in<'a>(&self, node: &Node, meta: &'a ObjectMeta) -> Option<&'a str> {
        let found = meta.metadata.as_ref().and_then(|m| m.get(VERSION_KEY))?;
        let prefix = format!("{:016x}/{}/", self.identity.share, node.inode.0);
        found.strip_prefix(&prefix)
    }

    pub(super) fn whose(&self, meta: &ObjectMeta, version: &str) -> Whose {
        let found = meta.metadata.as_ref().and_then(|m| m.get(VERSION_KEY));
        match found {
            Some(found) if found == version => Whose::This,
            _ if self.is_ours(meta) => Whose::Ours,
            Some(_) | None => Whose::Foreign,
        }
    }

    /// Whether an object was put by this share, now or in an earlier life.
    pub(crate) fn is_ours(&self, meta: &ObjectMeta) -> bool {
        let found = meta.metadata.as_ref().and_then(|m| m.get(VERSION_KEY));
        let prefix = format!("{:016x}/", self.identity.share);
        found.is_some_and(|found| found.starts_with(&prefix))
    }

    async fn finish_put(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
        frozen: &Frozen,
        etag: ETag,
    ) -> VfsResult<Outcome> {
        let (ticket, outcome) = {
            let _names = self.namespace.lock();
            let place = self.place_of(node, key)?;
            let mut state = node.lock()?;
            let mut batch = Batch::default();
            if frozen.size > self.config.uploads.part_bytes {
                self.forget_upload(node.inode, &mut batch)?;
            }
            let record = &mut state.record;
            record.clean_attributes_version = frozen.attributes_version;
            if record.attributes.file_type == FileType::Directory
                || record.attributes.file_type == FileType::Symlink
            {
                record.clean_generation = record.content.changed;
            } else {
                record.clean_generation = frozen.generation;
                state.contents().for_each(take_base);
            }
            let remote = Remote {
                key: key.into(),
                etag: Some(etag.clone()),
                size: frozen.size,
            };
            self.take_remote(&mut state, remote, &mut batch);
            let outcome = self.settle_in(&mut state, &place, &mut batch);
            (self.index.submit(batch), outcome)
        };
        self.tell_put(key, &etag, frozen.size, Some(&frozen.attributes));
        self.durable(ticket).await?;
        Ok(outcome)
    }
}

/// The object is the picture now; what was cut since stays cut.
fn take_base(content: &mut crate::record::Content) {
    if let Some(len) = content.next_base_len.take() {
        content.base_len = len;
    }
}

/// Whose an object is.
pub(super) enum Whose {
    /// The one we were just putting.
    This,
    /// An earlier one of this share.
    Ours,
    Foreign,
}

pub(super) fn is_unexpected(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::PreconditionFailed | StoreErrorKind::NotFound
    )
}

/// A store without tags: every later comparison fails on the safe side.
pub(super) fn no_etag() -> ETag {
    ETag(String::new())
}

pub(super) fn content_type(file_type: FileType, key: &str) -> &'static str {
    match file_type {
        FileType::Regular => metadata::content_type(key),
        FileType::Directory => "application/x-directory",
        FileType::Symlink => "application/octet-stream",
    }
}

pub(super) fn metadata_of(attributes: &Attributes, version: &str) -> Metadata {
    let mut metadata = metadata::of_attributes(attributes);
    metadata.insert(VERSION_KEY.into(), version.into());
    metadata
}
