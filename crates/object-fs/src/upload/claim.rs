//! Claims: who may write an object key, and what is expected to be there.

use std::sync::Arc;

use cache::{Batch, Table, Ticket};
use object_store::{CopyOptions, CopySource, ETag, Precondition};
use vfs::{Inode, VfsResult};

use super::{Outcome, Work, put::is_unexpected};
use crate::{
    engine::Engine,
    fault,
    keys::{self, KeyState},
    node::{Node, NodeState},
    record::Remote,
};

/// The answer to who wants to write a key.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Write, if the key still has this (nothing, if `None`), once the claim is durable.
    Granted {
        expected: Option<ETag>,
        noted: Option<Ticket>,
    },
    /// The path has changed meanwhile.
    Moved,
    /// It holds bytes of this inode, which must leave first.
    Blocked(Inode),
}

/// Steps followed to see whether inodes wait for each other's keys in a circle.
const CYCLE_MAX: usize = 64;

impl Engine {
    /// Notes that `key` may be written for this inode: if the answer gets lost, the object is
    /// found and brought in order all the same.
    pub(super) fn claim(&self, node: &Arc<Node>, key: &str) -> VfsResult<Claim> {
        let _names = self.namespace.lock();
        if self.desired_key(node.inode)?.as_deref() != Some(key) {
            return Ok(Claim::Moved);
        }
        let mut state = node.lock()?;
        let expected = match self.key_state(key)? {
            Some(KeyState::Held { inode } | KeyState::Claimed { inode, .. })
                if inode != node.inode =>
            {
                return Ok(Claim::Blocked(inode));
            }
            Some(KeyState::Held { .. }) => {
                let etag = state.record.remote.as_ref().and_then(|r| r.etag.clone());
                return Ok(Claim::Granted {
                    expected: etag,
                    noted: None,
                });
            }
            Some(KeyState::Claimed { expected, .. }) => expected,
            Some(KeyState::Tomb { etag, .. } | KeyState::Kept { etag }) => etag,
            Some(KeyState::Gone) | None => None,
        };
        let mut batch = Batch::default();
        batch.remove(Table::Tombstones, key);
        self.queue.cancel(&Work::Tombstone(key.into()));
        let claimed = KeyState::Claimed {
            inode: node.inode,
            expected: expected.clone(),
        };
        batch.put(Table::Keys, key, claimed.encode());
        state.record.claim = Some(key.into());
        self.save(&state, &mut batch);
        Ok(Claim::Granted {
            expected,
            noted: Some(self.index.submit(batch)),
        })
    }

    /// A claim on a key that is not the inode's any more: what may be there is to be deleted.
    pub(super) fn bury_stale_claim(
        &self,
        state: &mut NodeState,
        key: &str,
        batch: &mut Batch,
    ) -> VfsResult<()> {
        if state
            .record
            .claim
            .as_deref()
            .is_some_and(|claim| claim != key)
            && let Some(claim) = state.record.claim.take()
        {
            self.bury_claim(&claim, state.record.remote.as_ref(), batch)?;
        }
        Ok(())
    }

    /// Somebody else's bytes are where this inode's should go: they go first.
    pub(super) async fn make_way(
        self: &Arc<Self>,
        node: &Arc<Node>,
        other: Inode,
    ) -> VfsResult<Outcome> {
        let work = Work::Inode(other);
        if self.queue.has(&work) {
            self.queue.expedite(&work, self.clock.now());
        } else {
            self.queue
                .touch(work, 0, self.clock.wall(), self.clock.now());
        }
        if self.waits_for(other, node.inode)? {
            self.step_aside(node).await?;
        }
        Ok(Outcome::Again)
    }

    /// Whether `at` waits, through others, for a key that `me` holds.
    fn waits_for(&self, mut at: Inode, me: Inode) -> VfsResult<bool> {
        for _ in 0..CYCLE_MAX {
            let Some(key) = self.desired_key(at)? else {
                return Ok(false);
            };
            match self.key_state(&key)? {
                Some(KeyState::Held { inode } | KeyState::Claimed { inode, .. }) => {
                    if inode == me {
                        return Ok(true);
                    }
                    if inode == at {
                        return Ok(false);
                    }
                    at = inode;
                }
                Some(KeyState::Tomb { .. } | KeyState::Kept { .. } | KeyState::Gone) | None => {
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// Two files that swapped names hold each other's keys: one moves to a key of its own
    /// for a while, so that the other can go on.
    async fn step_aside(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<()> {
        let Some(old) = node.lock()?.record.remote.clone() else {
            return Ok(());
        };
        let aside = format!(
            "{}moving/{:016x}-{}",
            keys::RESERVED_PREFIX,
            self.identity.share,
            node.inode.0
        );
        if *old.key == *aside {
            return Ok(());
        }
        let Some(_lock) = self.lock_keys([&*old.key, aside.as_str()]) else {
            return Ok(());
        };
        let source = CopySource {
            key: &old.key,
            if_match: old.etag.as_ref().filter(|_| old.has_tag()),
        };
        let plain = CopyOptions {
            attributes: None,
            // Nobody else has such a key.
            precondition: Precondition::None,
        };
        let etag = match self.paced(0, self.store.copy(source, &aside, &plain)).await {
            Ok(etag) => etag,
            Err(e) if is_unexpected(&e) => return self.refresh_changed(node).await,
            Err(e) => return Err(fault::of_store(e)),
        };
        let ticket = {
            let _names = self.namespace.lock();
            let mut state = node.lock()?;
            if state.record.remote.as_ref() != Some(&old) {
                return Ok(());
            }
            let mut batch = Batch::default();
            self.take_remote(
                &mut state,
                Remote {
                    key: aside.into(),
                    etag: Some(etag),
                    size: old.size,
                },
                &mut batch,
            );
            self.save(&state, &mut batch);
            self.index.submit(batch)
        };
        self.durable(ticket).await
    }

    /// An inode's bytes are in another object now; the one before is to be deleted.
    pub(super) fn take_remote(&self, state: &mut NodeState, remote: Remote, batch: &mut Batch) {
        let inode = state.record.attributes.inode;
        batch.put(Table::Keys, &*remote.key, KeyState::Held { inode }.encode());
        batch.remove(Table::Tombstones, &*remote.key);
        self.recent.mark(&remote.key, self.clock.now());
        if state.record.claim.as_deref() == Some(&*remote.key) {
            state.record.claim = None;
        }
        if let Some(data) = state.data_mut() {
            data.base_epoch += 1;
        }
        let new_key = remote.key.clone();
        if let Some(old) = state.record.remote.replace(remote)
            && old.key != new_key
        {
            self.bury(&old, batch);
        }
    }
}
