//! Deletes.

use std::sync::Arc;

use cache::{Batch, Table, Ticket};
use model::ConflictPolicy;
use object_store::{ETag, ObjectMeta, StoreError, StoreErrorKind};
use vfs::VfsResult;

use super::{Outcome, put::TRIES};
use crate::{
    engine::Engine,
    event::FsEvent,
    fault,
    keys::{Gone, KeyState, Owner},
};

/// What is to be deleted.
struct Tomb {
    etag: Option<ETag>,
    owner: Owner,
}

/// What becomes of a tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The object is not there any more; it stays until a later listing has passed.
    Gone,
    /// The object is somebody else's.
    GivenUp,
}

/// How a delete ended.
enum Deleted {
    Done,
    /// What is there is not what was to be deleted, and it stays.
    TheirsStays(ObjectMeta),
}

impl Engine {
    /// Deletes the object of a tombstone.
    pub(super) async fn delete_object(self: &Arc<Self>, key: &str) -> VfsResult<Outcome> {
        let Some(_lock) = self.lock_keys([key]) else {
            return Ok(Outcome::Again);
        };
        let Some(tomb) = self.buried_now(key)? else {
            return Ok(Outcome::Done);
        };
        // Whoever was moved away from this key must be found at the new one after a crash.
        self.index.all_durable().await.map_err(fault::of_cache)?;
        match self.try_delete(key, tomb).await.map_err(fault::of_store)? {
            Deleted::Done => self.tell_delete(key),
            Deleted::TheirsStays(meta) => return self.give_key_up(key, &meta).await,
        }
        if let Some(ticket) = self.end_tomb(key, Ending::Gone)? {
            self.durable(ticket).await?;
        }
        Ok(Outcome::Done)
    }

    /// Deletes what was to be deleted, and what we put there since; nothing of others unless
    /// the gateway wins.
    async fn try_delete(&self, key: &str, tomb: Tomb) -> Result<Deleted, StoreError> {
        let gateway_wins = self.config.conflicts == ConflictPolicy::GatewayWins;
        let mut expected = tomb.etag.filter(|etag| !etag.0.is_empty());
        // A store without tags: nothing tells ours from others'.
        let is_blind = expected.is_none() && tomb.owner == Owner::Us;
        for _ in 0..TRIES {
            if let Some(etag) = expected {
                match self.paced(0, self.store.delete(key, Some(&etag))).await {
                    Ok(()) => return Ok(Deleted::Done),
                    Err(e) if e.kind() == StoreErrorKind::PreconditionFailed => {}
                    Err(e) => return Err(e),
                }
            }
            let meta = match self.store.head(key).await {
                Err(e) if e.kind() == StoreErrorKind::NotFound => return Ok(Deleted::Done),
                Err(e) => return Err(e),
                Ok(meta) => meta,
            };
            if !self.is_ours(&meta) && !is_blind {
                if tomb.owner == Owner::Unknown || !gateway_wins {
                    return Ok(Deleted::TheirsStays(meta));
                }
                self.tell_of_overruling(key);
            }
            if meta.etag.is_none() {
                // A store without tags: it has just been looked at, more cannot be had.
                self.paced(0, self.store.delete(key, None)).await?;
                return Ok(Deleted::Done);
            }
            expected = meta.etag;
        }
        let message = format!("object `{key}` changes faster than it can be deleted");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    fn tell_of_overruling(&self, key: &str) {
        self.counters.conflicts.add(1);
        self.events.push(FsEvent::Conflict {
            path: key.to_owned(),
            policy: ConflictPolicy::GatewayWins,
            kept_as: None,
        });
    }

    /// Others have put something there since: it is a file of its own now.
    async fn give_key_up(self: &Arc<Self>, key: &str, meta: &ObjectMeta) -> VfsResult<Outcome> {
        tracing::warn!(share = %self.config.name, key, "deleted here, changed in the bucket");
        let Some(ticket) = self.end_tomb(key, Ending::GivenUp)? else {
            return Ok(Outcome::Done);
        };
        self.durable(ticket).await?;
        self.counters.conflicts.add(1);
        self.events.push(FsEvent::Conflict {
            path: key.to_owned(),
            policy: ConflictPolicy::BucketWins,
            kept_as: None,
        });
        self.take_in(meta).await?;
        Ok(Outcome::Done)
    }

    fn end_tomb(&self, key: &str, ending: Ending) -> VfsResult<Option<Ticket>> {
        let _names = self.namespace.lock();
        if self.buried(key)?.is_none() {
            return Ok(None);
        }
        // A page of a listing that was asked for earlier may still have it.
        self.recent.mark(key, self.clock.now());
        let mut batch = Batch::default();
        match ending {
            Ending::Gone => {
                let gone = Gone {
                    listing: self.recent.listing(),
                    at_ms: self.clock.wall().as_millis(),
                };
                batch.put(Table::Keys, key, KeyState::Gone.encode());
                batch.put(Table::Tombstones, key, gone.encode());
            }
            Ending::GivenUp => {
                batch.remove(Table::Keys, key);
                batch.remove(Table::Tombstones, key);
            }
        }
        Ok(Some(self.index.submit(batch)))
    }

    /// Forgets a deletion that was carried out, if it is over.
    pub(crate) fn forget_deletion(
        &self,
        key: &[u8],
        is_over: impl FnOnce(Gone) -> bool,
    ) -> VfsResult<()> {
        let _names = self.namespace.lock();
        let tomb = self.index.get(Table::Tombstones, key);
        let Some(tomb) = tomb.map_err(fault::of_cache)? else {
            return Ok(());
        };
        if Gone::decode(&tomb)?.is_some_and(is_over) {
            let mut batch = Batch::default();
            batch.remove(Table::Keys, key);
            batch.remove(Table::Tombstones, key);
            // Nobody waits for it: after a crash it is found again.
            let _unawaited = self.index.submit(batch);
        }
        Ok(())
    }

    /// Forgets an object that stayed when its file was deleted: it is not there any more.
    pub(crate) fn forget_kept(&self, key: &str) -> VfsResult<()> {
        let _names = self.namespace.lock();
        if matches!(self.key_state(key)?, Some(KeyState::Kept { .. })) {
            let mut batch = Batch::default();
            batch.remove(Table::Keys, key);
            // Nobody waits for it: after a crash it is found again.
            let _unawaited = self.index.submit(batch);
        }
        Ok(())
    }

    /// Who buries a key queues its deletion before the index has it, but lets go of the names
    /// only after.
    fn buried_now(&self, key: &str) -> VfsResult<Option<Tomb>> {
        let _names = self.namespace.lock();
        self.buried(key)
    }

    fn buried(&self, key: &str) -> VfsResult<Option<Tomb>> {
        Ok(match self.key_state(key)? {
            Some(KeyState::Tomb { etag, owner }) => Some(Tomb { etag, owner }),
            Some(
                KeyState::Claimed { .. }
                | KeyState::Held { .. }
                | KeyState::Kept { .. }
                | KeyState::Gone,
            )
            | None => None,
        })
    }
}
