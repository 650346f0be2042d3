//! One inode against its object: what is missing?

use std::sync::Arc;

use cache::{Batch, Table};
use vfs::{FileType, Inode, VfsResult};

use super::Outcome;
use crate::{
    engine::{Engine, is_default_dir},
    keys,
    node::{Node, NodeState},
    record::{Record, Remote},
};

/// What an inode's object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// Its content is right; its key or its metadata is not.
    Copy {
        from: Remote,
    },
    /// Content and metadata, in one request.
    Put,
}

impl Engine {
    /// Does what an inode's object needs most.
    pub(super) async fn reconcile(self: &Arc<Self>, inode: Inode) -> VfsResult<Outcome> {
        let node = self.node(inode)?;
        let Some(key) = self.desired_key(inode)? else {
            // A way up that is looked at while it changes may end in what is no more.
            let _names = self.namespace.lock();
            return Ok(match self.desired_key(inode)? {
                Some(_) => Outcome::Again,
                None => Outcome::Done,
            });
        };
        self.leave_old_keys(&node, &key).await?;
        if key.len() > self.store.key_bytes_max() {
            return Err(self.key_too_long(&key));
        }
        let is_empty = self.is_empty_dir(inode)?;
        let need = need_of(&node.lock()?.record, &key, is_empty);
        match need {
            Need::Nothing => self.settle(&node, &key).await,
            Need::Copy { from } => self.copy_object(&node, &key, &from).await,
            Need::Put => self.put_object(&node, &key).await,
        }
    }

    /// Gives up claims that are void, and a directory's marker where the directory was.
    async fn leave_old_keys(&self, node: &Arc<Node>, key: &str) -> VfsResult<()> {
        let ticket = {
            let _names = self.namespace.lock();
            if self.desired_key(node.inode)?.as_deref() != Some(key) {
                return Ok(());
            }
            let mut state = node.lock()?;
            let mut batch = Batch::default();
            self.bury_stale_claim(&mut state, key, &mut batch)?;
            if state.record.attributes.file_type == FileType::Directory
                && state.record.remote.as_ref().is_some_and(|r| &*r.key != key)
                && let Some(marker) = state.record.remote.take()
            {
                self.bury(&marker, &mut batch);
            }
            if batch.is_empty() {
                return Ok(());
            }
            self.save(&state, &mut batch);
            self.index.submit(batch)
        };
        self.durable(ticket).await
    }

    /// Takes back the promise, if there is still nothing to do.
    async fn settle(&self, node: &Arc<Node>, key: &str) -> VfsResult<Outcome> {
        let (ticket, outcome) = {
            let _names = self.namespace.lock();
            let place = self.place_of(node, key)?;
            let mut state = node.lock()?;
            let mut batch = Batch::default();
            let outcome = self.settle_in(&mut state, &place, &mut batch);
            (self.index.submit(batch), outcome)
        };
        self.durable(ticket).await?;
        Ok(outcome)
    }

    /// Where an inode is, as far as its object goes. Under the lock of names.
    pub(super) fn place_of<'a>(&self, node: &Node, key: &'a str) -> VfsResult<PlaceNow<'a>> {
        Ok(PlaceNow {
            key,
            is_current: self.desired_key(node.inode)?.as_deref() == Some(key),
            is_empty: self.is_empty_dir(node.inode)?,
        })
    }

    /// Puts the record into a batch, and takes back the promise in the same one if nothing is
    /// left to do.
    pub(super) fn settle_in(
        &self,
        state: &mut NodeState,
        place: &PlaceNow<'_>,
        batch: &mut Batch,
    ) -> Outcome {
        let outcome = if !place.is_current {
            Outcome::Again
        } else if need_of(&state.record, place.key, place.is_empty) != Need::Nothing {
            Outcome::Rest
        } else {
            // A directory that needs no marker has its attributes by being there.
            state.record.clean_attributes_version = state.record.attributes_version;
            batch.remove(Table::Dirty, keys::of_inode(state.record.attributes.inode));
            Outcome::Done
        };
        self.save(state, batch);
        outcome
    }
}

/// A place that an object is made for.
pub(super) struct PlaceNow<'a> {
    key: &'a str,
    /// The inode's path still leads there.
    is_current: bool,
    /// It is a directory with nothing in it.
    is_empty: bool,
}

pub(crate) fn need_of(record: &Record, key: &str, is_empty: bool) -> Need {
    if record.attributes.file_type == FileType::Directory {
        return need_of_dir(record, is_empty);
    }
    match &record.remote {
        None => Need::Put,
        Some(_) if record.is_content_dirty() => Need::Put,
        // Without a tag nobody could tell what is copied.
        Some(remote) if record.is_attributes_dirty() && !remote.has_tag() => Need::Put,
        Some(remote) if record.is_attributes_dirty() || &*remote.key != key => Need::Copy {
            from: remote.clone(),
        },
        Some(_) => Need::Nothing,
    }
}

/// A marker that is there stays; a new one only where nothing else says what it would say.
fn need_of_dir(record: &Record, is_empty: bool) -> Need {
    let is_needed = is_empty || !is_default_dir(record);
    match &record.remote {
        None if is_needed => Need::Put,
        Some(_) if record.is_attributes_dirty() => Need::Put,
        None | Some(_) => Need::Nothing,
    }
}
