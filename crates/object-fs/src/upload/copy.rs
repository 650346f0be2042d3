//! Copies: an object gets another key, or other metadata, and its bytes stay in the bucket.

use std::sync::Arc;

use cache::{Batch, Table, Ticket};
use object_store::{
    CopyOptions, CopySource, ETag, ObjectAttributes, ObjectMeta, Precondition, StoreError,
    StoreErrorKind,
};
use vfs::{Attributes, VfsResult};

use super::{
    Outcome,
    claim::Claim,
    put::{TRIES, content_type, is_unexpected, metadata_of},
};
use crate::{
    engine::Engine,
    extents::blocks_of,
    fault,
    node::{Node, NodeState},
    record::{Knowledge, Remote},
};

/// How a copy ended.
enum Copied {
    Done(ETag),
    /// An object that is not ours is where it should go.
    Conflict(ObjectMeta),
    /// Others have put something else where it should come from.
    SourceChanged,
    SourceGone,
}

/// What a copy is to be.
struct Copying<'a> {
    from: &'a Remote,
    key: &'a str,
    /// Metadata that it gets, if it is not to have what its source has.
    attributes: Option<ObjectAttributes>,
    /// Of the inode when that was taken.
    attributes_version: u64,
    /// What its metadata then says, if we know.
    known: Option<Attributes>,
}

impl Engine {
    pub(super) async fn copy_object(
        self: &Arc<Self>,
        node: &Arc<Node>,
        key: &str,
        from: &Remote,
    ) -> VfsResult<Outcome> {
        let Some(lock) = self.lock_keys([key, &*from.key]) else {
            return Ok(Outcome::Again);
        };
        let expected = match self.claim(node, key)? {
            Claim::Granted { expected, noted } => {
                if let Some(noted) = noted {
                    self.durable(noted).await?;
                }
                expected
            }
            Claim::Moved => return Ok(Outcome::Again),
            Claim::Blocked(other) => {
                drop(lock);
                return self.make_way(node, other).await;
            }
        };
        let copying = self.what_to_copy(node, key, from)?;
        match self.try_copy(&copying, expected).await {
            Ok(Copied::Done(etag)) => self.finish_copy(node, &copying, etag).await,
            Ok(Copied::Conflict(meta)) => {
                self.resolve_conflict(node, &meta).await?;
                Ok(Outcome::Again)
            }
            Ok(Copied::SourceChanged) => {
                self.refresh_changed(node).await?;
                Ok(Outcome::Again)
            }
            Ok(Copied::SourceGone) => self.source_vanished(node, from).await,
            Err(e) => Err(fault::of_store(e)),
        }
    }

    fn what_to_copy<'a>(
        &self,
        node: &Node,
        key: &'a str,
        from: &'a Remote,
    ) -> VfsResult<Copying<'a>> {
        let state = node.lock()?;
        let record = &state.record;
        let attributes_version = record.attributes_version;
        let attributes = record.is_attributes_dirty().then(|| {
            let version = self.version_of(node, (record.clean_generation, attributes_version));
            let attributes = record.attributes();
            ObjectAttributes {
                content_type: content_type(attributes.file_type, key).into(),
                metadata: metadata_of(&attributes, &version),
            }
        });
        let is_known = attributes.is_some() || record.knowledge == Knowledge::Known;
        Ok(Copying {
            from,
            key,
            attributes,
            attributes_version,
            known: is_known.then(|| record.attributes()),
        })
    }

    async fn try_copy(
        &self,
        copying: &Copying<'_>,
        mut expected: Option<ETag>,
    ) -> Result<Copied, StoreError> {
        let (from, key) = (copying.from, copying.key);
        let source = CopySource {
            key: &from.key,
            if_match: from.etag.as_ref().filter(|_| from.has_tag()),
        };
        for _ in 0..TRIES {
            let options = CopyOptions {
                attributes: copying.attributes.clone(),
                precondition: match &expected {
                    // Its source is guarded already.
                    _ if *from.key == *key => Precondition::None,
                    Some(etag) => Precondition::Matches(etag.clone()),
                    None => Precondition::Absent,
                },
            };
            match self.paced(0, self.store.copy(source, key, &options)).await {
                Ok(etag) => return Ok(Copied::Done(etag)),
                Err(e) if is_unexpected(&e) => {}
                Err(e) => return Err(e),
            }
            match self.store.head(&from.key).await {
                Err(e) if e.kind() == StoreErrorKind::NotFound => return Ok(Copied::SourceGone),
                Err(e) => return Err(e),
                Ok(meta) if from.has_tag() && meta.etag != from.etag => {
                    return Ok(Copied::SourceChanged);
                }
                Ok(_) => {}
            }
            expected = match self.store.head(key).await {
                Err(e) if e.kind() == StoreErrorKind::NotFound => None,
                Err(e) => return Err(e),
                // From a try whose answer got lost; or it has the same content as ours.
                Ok(meta) if self.is_ours(&meta) || is_same(&meta, from) => meta.etag,
                Ok(meta) => return Ok(Copied::Conflict(meta)),
            };
        }
        let message = format!("object `{key}` changes faster than it can be copied to");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    async fn finish_copy(
        &self,
        node: &Arc<Node>,
        copying: &Copying<'_>,
        etag: ETag,
    ) -> VfsResult<Outcome> {
        self.tell_put(
            copying.key,
            &etag,
            copying.from.size,
            copying.known.as_ref(),
        );
        let (ticket, outcome) = {
            let _names = self.namespace.lock();
            let place = self.place_of(node, copying.key)?;
            let mut state = node.lock()?;
            if state.record.remote.as_ref() != Some(copying.from) {
                return Ok(Outcome::Again);
            }
            if copying.attributes.is_some() {
                state.record.clean_attributes_version = copying.attributes_version;
            }
            let mut batch = Batch::default();
            let remote = Remote {
                key: copying.key.into(),
                etag: Some(etag),
                size: copying.from.size,
            };
            self.take_remote(&mut state, remote, &mut batch);
            let outcome = self.settle_in(&mut state, &place, &mut batch);
            (self.index.submit(batch), outcome)
        };
        self.durable(ticket).await?;
        Ok(outcome)
    }

    /// The object that was to be copied is not there: somebody else deleted it. What is in the
    /// cache whole is put again; the rest is gone.
    async fn source_vanished(
        self: &Arc<Self>,
        node: &Arc<Node>,
        from: &Remote,
    ) -> VfsResult<Outcome> {
        let ticket = {
            // Both until it is submitted: what leaves the cache meanwhile would be zeros.
            let _names = self.namespace.lock();
            let mut state = node.lock()?;
            if state.record.remote.as_ref() != Some(from) || state.record.is_content_dirty() {
                return Ok(Outcome::Again);
            }
            let is_whole = self.is_whole(&mut state)?;
            is_whole.then(|| self.part_from_object(&mut state, &from.key))
        };
        let Some(ticket) = ticket else {
            self.forget_vanished(node, &from.key).await?;
            return Ok(Outcome::Done);
        };
        self.durable(ticket).await?;
        Ok(Outcome::Again)
    }

    /// Whether the cache has all that the object of a file had of it.
    fn is_whole(&self, state: &mut NodeState) -> VfsResult<bool> {
        self.load_data(state)?;
        let base = 0..state.record.content.base_len;
        let pieces = state.loaded()?.extents.pieces(blocks_of(&base));
        Ok(pieces.iter().all(|piece| piece.extent.is_some()))
    }

    /// The object of a file is not there any more: all of it is to be put. Under the lock of names.
    fn part_from_object(&self, state: &mut NodeState, key: &str) -> Ticket {
        let mut batch = Batch::default();
        batch.remove(Table::Keys, key);
        state.record.remote = None;
        state.lose_base();
        self.mark_dirty(state, &mut batch);
        self.save(state, &mut batch);
        self.index.submit(batch)
    }
}

fn is_same(meta: &ObjectMeta, from: &Remote) -> bool {
    from.has_tag() && meta.etag == from.etag && meta.size == from.size
}

#[cfg(test)]
mod tests;
