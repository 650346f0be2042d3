//! Files that were changed on both sides.

use std::sync::Arc;

use cache::{Batch, Run, Table, Ticket};
use model::ConflictPolicy;
use object_store::{ObjectMeta, StoreErrorKind};
use vfs::{Attributes, ErrorKind, FileType, Inode, VfsError, VfsResult};

use crate::{
    engine::{DIR_SIZE, Engine, ROOT, touch_dir},
    event::FsEvent,
    fault,
    keys::{self, KeyState},
    node::{Locked, Node},
    record::{Content, Knowledge, Record, Remote},
    scan::{Place, remote_of},
    upload::Work,
};

impl Engine {
    /// Does what the share's policy says, and tells people.
    pub(crate) async fn resolve_conflict(
        self: &Arc<Self>,
        node: &Arc<Node>,
        theirs: &ObjectMeta,
    ) -> VfsResult<()> {
        if !is_unresolved(&node.lock()?.record, theirs) {
            return Ok(());
        }
        tracing::warn!(share = %self.config.name, key = theirs.key, "changed on both sides");
        let policy = self.config.conflicts;
        let resolved = match policy {
            ConflictPolicy::KeepBoth => self.keep_both(node, theirs).await?.map(Some),
            ConflictPolicy::BucketWins => self.yield_to(node, theirs).await?.then_some(None),
            ConflictPolicy::GatewayWins => self.overrule(node, theirs).await?.then_some(None),
        };
        let Some(kept_as) = resolved else {
            return Ok(());
        };
        self.counters.conflicts.add(1);
        self.events.push(FsEvent::Conflict {
            path: theirs.key.clone(),
            policy,
            kept_as,
        });
        Ok(())
    }

    /// The local copy moves to `.conflicts/`, the bucket's takes its place; where it is now. (None
    /// if there is no conflict any more.)
    async fn keep_both(
        self: &Arc<Self>,
        node: &Arc<Node>,
        theirs: &ObjectMeta,
    ) -> VfsResult<Option<String>> {
        let conflicts = self.conflicts_dir().await?;
        let Some(ticket) = self.move_aside(node, &conflicts, theirs)? else {
            return Ok(None);
        };
        self.durable(ticket).await?;
        self.path_of(node.inode).map(Some)
    }

    /// The local change is dropped; the bucket's content takes its place. Whether there still was
    /// a conflict.
    async fn yield_to(self: &Arc<Self>, node: &Arc<Node>, theirs: &ObjectMeta) -> VfsResult<bool> {
        // Nobody writes to, or commits, what is about to be replaced.
        let _writing = node.writing.lock().await;
        let _committing = node.committing.lock().await;
        let (ticket, runs) = {
            let _names = self.namespace.lock();
            let mut state = node.lock()?;
            if !is_unresolved(&state.record, theirs) {
                return Ok(false);
            }
            let mut batch = Batch::default();
            let runs = self.take_content(&mut state, theirs, &mut batch)?;
            state.record.clean_attributes_version = state.record.attributes_version;
            state.record.knowledge = Knowledge::ListedOnly;
            self.take_remote(&mut state, remote_of(theirs), &mut batch);
            self.save(&state, &mut batch);
            (self.index.submit(batch), runs)
        };
        self.durable(ticket).await?;
        self.release(node, runs);
        Ok(true)
    }

    /// The local content is put over the bucket's with the next try. Whether there still was a
    /// conflict.
    async fn overrule(self: &Arc<Self>, node: &Arc<Node>, theirs: &ObjectMeta) -> VfsResult<bool> {
        let ticket = {
            let _names = self.namespace.lock();
            let mut state = node.lock()?;
            if !is_unresolved(&state.record, theirs) {
                return Ok(false);
            }
            let mut batch = Batch::default();
            let remote = state.record.remote.as_ref();
            if remote.is_some_and(|remote| *remote.key == *theirs.key) {
                // The object that was ours is not there any more.
                state.lose_base();
                self.take_remote(&mut state, remote_of(theirs), &mut batch);
            } else {
                let claimed = KeyState::Claimed {
                    inode: node.inode,
                    expected: theirs.etag.clone(),
                };
                batch.put(Table::Keys, &*theirs.key, claimed.encode());
                state.record.claim = Some(theirs.key.as_str().into());
            }
            self.mark_dirty(&mut state, &mut batch);
            self.save(&state, &mut batch);
            self.index.submit(batch)
        };
        self.durable(ticket).await?;
        Ok(true)
    }

    fn move_aside(
        &self,
        node: &Arc<Node>,
        conflicts: &Arc<Node>,
        theirs: &ObjectMeta,
    ) -> VfsResult<Option<Ticket>> {
        let mut namespace = self.namespace.lock();
        let parent = node.lock()?.record.parent;
        let parent = self.node(parent)?;
        let mut locked = Locked::new(&[node, conflicts, &parent])?;
        let now = self.now();
        let mut batch = Batch::default();
        let state = locked.get(node)?;
        if !is_unresolved(&state.record, theirs) {
            return Ok(None);
        }
        let old_name = keys::of_name(state.record.parent, &state.record.name);
        batch.remove(Table::Names, old_name);
        let old_listing = keys::of_listing(state.record.parent, node.inode);
        batch.remove(Table::Listing, old_listing);
        let name = self.free_aside_name(conflicts.inode, &state.record.name)?;
        let was = std::mem::replace(&mut state.record.name, name.into());
        state.record.parent = conflicts.inode;
        if state.record.claim.as_deref() == Some(&*theirs.key) {
            state.record.claim = None;
        }
        let remote = state.record.remote.as_ref();
        if remote.is_none_or(|remote| *remote.key == *theirs.key) {
            // Its object is not there any more: what is not in the cache is lost.
            state.record.remote = None;
            state.lose_base();
        }
        batch.remove(Table::Keys, &*theirs.key);
        self.put_name(&state.record, &mut batch);
        self.mark_dirty(state, &mut batch);
        self.save(state, &mut batch);
        touch_dir(locked.get(&parent)?, now, 0);
        touch_dir(locked.get(conflicts)?, now, 0);
        self.save(locked.get(&parent)?, &mut batch);
        self.save(locked.get(conflicts)?, &mut batch);
        let place = Place {
            dir: parent.inode,
            name: &was,
        };
        self.import_file(&mut namespace, place, theirs, &mut batch);
        namespace.save(&mut batch);
        // While all are locked: what somebody else saves of them next must come after.
        Ok(Some(self.index.submit(batch)))
    }

    /// A name for a local copy that no other one has, of the same moment perhaps.
    fn free_aside_name(&self, conflicts: Inode, name: &str) -> VfsResult<String> {
        let mut wall_ms = self.clock.wall().as_millis();
        loop {
            let aside = aside_name(name, wall_ms);
            if self.find(conflicts, &aside)?.is_none() {
                return Ok(aside);
            }
            wall_ms += 1;
        }
    }

    /// The directory for local copies, made when first needed.
    async fn conflicts_dir(&self) -> VfsResult<Arc<Node>> {
        let (node, ticket) = {
            let mut namespace = self.namespace.lock();
            let mut taken = 0;
            let name = loop {
                let name = keys::conflicts_dir(taken);
                let Some(found) = self.find(ROOT, &name)? else {
                    break name;
                };
                let node = self.node(found)?;
                if node.lock()?.record.attributes.file_type == FileType::Directory {
                    return Ok(node);
                }
                taken += 1;
            };
            let root = self.node(ROOT)?;
            let mut locked = Locked::new(&[&root])?;
            let now = self.now();
            let attributes = Attributes {
                inode: namespace.new_inode(),
                file_type: FileType::Directory,
                mode: 0o755,
                link_count: 2,
                uid: 0,
                gid: 0,
                size: DIR_SIZE,
                used_bytes: 0,
                atime: now,
                mtime: now,
                ctime: now,
            };
            let record = Record::new(attributes, ROOT, &name);
            let mut batch = Batch::default();
            self.put_name(&record, &mut batch);
            let node = Arc::new(Node::new(record));
            self.save(&node.state.lock(), &mut batch);
            touch_dir(locked.get(&root)?, now, 1);
            self.save(locked.get(&root)?, &mut batch);
            namespace.save(&mut batch);
            self.nodes.insert(Arc::clone(&node));
            (node, self.index.submit(batch))
        };
        self.durable(ticket).await?;
        Ok(node)
    }

    /// The object of a file is not what it was when an upload asked for its bytes. What both
    /// sides have changed is sorted out at once: the caller does not hold the gate of writes.
    pub(crate) async fn refresh_changed(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<()> {
        match self.take_changed(node).await? {
            Some(theirs) => self.resolve_conflict(node, &theirs).await,
            None => Ok(()),
        }
    }

    /// The same for who reads, perhaps in the middle of a write: then the gate that a conflict is
    /// resolved behind is closed until he lets go. So the upload does that, and he asks again.
    pub(crate) async fn refresh_for_reader(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<()> {
        if self.take_changed(node).await?.is_none() {
            return Ok(());
        }
        let work = Work::Inode(node.inode);
        self.queue.expedite(&work, self.clock.now());
        let message = "the file was changed on both sides: its upload sees to that first";
        Err(VfsError::new(ErrorKind::Unavailable, message))
    }

    /// What the object is now takes the place of what it was, unless the file was changed here
    /// too: then the object.
    async fn take_changed(self: &Arc<Self>, node: &Arc<Node>) -> VfsResult<Option<ObjectMeta>> {
        let remote = node.lock()?.record.remote.clone();
        let Some(remote) = remote else {
            return Ok(None);
        };
        let meta = match self.store.head(&remote.key).await {
            Ok(meta) => meta,
            Err(e) if e.kind() == StoreErrorKind::NotFound => {
                self.forget_vanished(node, &remote.key).await?;
                return Ok(None);
            }
            Err(e) => return Err(fault::of_store(e)),
        };
        if remote.has_tag() && meta.etag == remote.etag {
            // It cannot be read, and nobody has changed it: there is no other side.
            return Ok(None);
        }
        let clean_generation = node.lock()?.record.clean_generation;
        let picture = self.content_put(node, &meta);
        if picture.is_some_and(|generation| generation >= clean_generation) {
            self.adopt_own(node, &remote, &meta).await?;
            return Ok(None);
        }
        if node.lock()?.record.is_content_dirty() {
            return Ok(Some(meta));
        }
        let (ticket, runs) = {
            let mut state = node.lock()?;
            let is_same = state.record.remote.as_ref() == Some(&remote);
            if !is_same || meta.etag == remote.etag || state.record.is_content_dirty() {
                return Ok(None);
            }
            let mut batch = Batch::default();
            let runs = self.take_content(&mut state, &meta, &mut batch)?;
            self.save(&state, &mut batch);
            (self.index.submit(batch), runs)
        };
        self.durable(ticket).await?;
        self.release(node, runs);
        Ok(None)
    }

    /// The object is a picture of this very file whose upload was never answered. Blocks that
    /// are not in the cache were not written since the object before, so the new one has them
    /// too; the upload is going to be repeated and finish the matter. (A picture from before the
    /// object before was brought back by others, and is theirs.)
    async fn adopt_own(&self, node: &Node, was: &Remote, meta: &ObjectMeta) -> VfsResult<()> {
        let ticket = {
            let mut state = node.lock()?;
            if state.record.remote.as_ref() != Some(was) {
                return Ok(());
            }
            if let Some(remote) = &mut state.record.remote {
                remote.etag.clone_from(&meta.etag);
                remote.size = meta.size;
            }
            if let Some(data) = state.data_mut() {
                data.base_epoch += 1;
            }
            let mut batch = Batch::default();
            self.save(&state, &mut batch);
            self.index.submit(batch)
        };
        self.durable(ticket).await
    }

    /// The bucket's content takes the place of a file's; the blocks it had.
    pub(crate) fn take_content(
        &self,
        state: &mut crate::node::NodeState,
        meta: &ObjectMeta,
        batch: &mut Batch,
    ) -> VfsResult<Vec<Run>> {
        if state.record.attributes.file_type == FileType::Regular {
            self.load_data(state)?;
        }
        let runs = self.drop_blocks(state, batch)?;
        let record = &mut state.record;
        record.content = Content::of_object(meta.size, record.content.generation);
        record.clean_generation = record.content.changed;
        state.synced = record.content;
        if let Some(remote) = &mut record.remote {
            remote.etag.clone_from(&meta.etag);
            remote.size = meta.size;
        }
        let now = self.now();
        record.attributes.ctime = vfs::posix::next_ctime(record.attributes.ctime, now);
        record.attributes.mtime = crate::scan::mtime_of(meta).unwrap_or(now);
        if let Some(data) = state.data_mut() {
            data.base_epoch += 1;
        }
        Ok(runs)
    }
}

/// Whether an object is still what stands in the way of a file: somebody else may have seen to it
/// since it was found there, or it was taken in as what it is.
fn is_unresolved(record: &Record, theirs: &ObjectMeta) -> bool {
    let is_claimed = record.claim.as_deref() == Some(&*theirs.key);
    let is_replaced = |remote: &Remote| {
        // Without a tag nobody can tell.
        *remote.key == *theirs.key && (!remote.has_tag() || remote.etag != theirs.etag)
    };
    is_claimed || record.is_dirty() && record.remote.as_ref().is_some_and(is_replaced)
}

/// `name~<milliseconds>`, within the length of a name.
fn aside_name(name: &str, wall_ms: u64) -> String {
    let suffix = format!("~{wall_ms}");
    let mut end = name.len().min(vfs::NAME_LEN_MAX - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}
