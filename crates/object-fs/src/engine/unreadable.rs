//! Files whose objects are there and cannot be opened, and why: for those who look at their state.

use std::collections::BTreeMap;

use object_store::ETag;
use parking_lot::Mutex;
use vfs::{Inode, VfsResult};

use super::Engine;
use crate::{node::Node, record::Record};

/// Files of which it is remembered; others fail all the same.
const UNREADABLE_MAX: usize = 1_000;

/// By inode: the version that could not be opened, and why.
#[derive(Debug, Default)]
pub(crate) struct Unreadable(Mutex<BTreeMap<Inode, (Option<ETag>, String)>>);

impl Engine {
    /// Notes why a file's object cannot be read.
    pub(super) fn note_unreadable(&self, node: &Node, reason: &str) -> VfsResult<()> {
        let tag = {
            let state = node.lock()?;
            let remote = state.record.remote.as_ref();
            remote.and_then(|remote| remote.etag.clone())
        };
        let mut unreadable = self.unreadable.0.lock();
        let noted = (tag, reason.to_owned());
        if unreadable.get(&node.inode) == Some(&noted) {
            return Ok(());
        }
        tracing::warn!(share = %self.config.name, inode = node.inode.0, reason, "unreadable");
        if unreadable.len() < UNREADABLE_MAX || unreadable.contains_key(&node.inode) {
            unreadable.insert(node.inode, noted);
        }
        Ok(())
    }

    /// Why the object of a file cannot be read, if it is still the one that could not.
    pub(super) fn why_unreadable(&self, inode: Inode, record: &Record) -> Option<String> {
        let mut unreadable = self.unreadable.0.lock();
        let (tag, reason) = unreadable.get(&inode)?;
        let now = record.remote.as_ref().and_then(|r| r.etag.as_ref());
        if now == tag.as_ref() {
            return Some(reason.clone());
        }
        unreadable.remove(&inode);
        None
    }
}
