//! Attributes of objects that were seen in a listing only.

use std::{error::Error as _, sync::Arc};

use cache::Batch;
use futures::TryStreamExt as _;
use object_store::{ObjectMeta, StoreError, StoreErrorKind, StoreResult};
use vfs::{ErrorKind, FileType, Inode, SYMLINK_LEN_MAX, VfsError, VfsResult};

use super::Engine;
use crate::{
    fault, metadata,
    node::Node,
    record::{Knowledge, Record, Remote},
};

impl Engine {
    /// The node of an inode with its real attributes.
    pub(crate) async fn known_node(self: &Arc<Self>, inode: Inode) -> VfsResult<Arc<Node>> {
        let node = self.node(inode)?;
        let remote = {
            let state = node.lock()?;
            match state.record.knowledge {
                Knowledge::Known => return Ok(Arc::clone(&node)),
                Knowledge::ListedOnly => state.record.remote.clone(),
            }
        };
        if let Some(remote) = remote {
            Box::pin(self.hydrate(&node, &remote)).await?;
        }
        Ok(node)
    }

    /// Asks for an object's metadata and takes it over.
    async fn hydrate(self: &Arc<Self>, node: &Arc<Node>, remote: &Remote) -> VfsResult<()> {
        let meta = match self.store.head(&remote.key).await {
            Ok(meta) => meta,
            Err(e) if e.kind() == StoreErrorKind::NotFound => {
                self.forget_vanished(node, &remote.key).await?;
                return Err(ErrorKind::Stale.into());
            }
            Err(e) => return Err(fault::of_store(e)),
        };
        let target = self.target_of(&remote.key, &meta).await?;
        let (ticket, runs) = {
            let mut state = node.lock()?;
            let is_same = state.record.remote.as_ref().map(|r| &r.key) == Some(&remote.key);
            if state.record.knowledge == Knowledge::Known || !is_same {
                return Ok(());
            }
            let (mut batch, mut runs) = (Batch::default(), Vec::new());
            let is_ours = state.record.is_dirty();
            if !is_ours && (meta.etag != remote.etag || meta.size != remote.size) {
                // Newer than the listing: the content is not what we thought either.
                runs = self.take_content(&mut state, &meta, &mut batch)?;
            }
            // What was changed here since it was listed is what is known: the upload sees to what
            // others have changed.
            if !is_ours {
                take_attributes(&mut state.record, &meta, target);
            }
            state.record.knowledge = Knowledge::Known;
            self.save(&state, &mut batch);
            (self.index.submit(batch), runs)
        };
        self.durable(ticket).await?;
        self.release(node, runs);
        Ok(())
    }

    /// The node of an inode, with the attributes of a listing if nobody may look at its object:
    /// enough to show it, and to put it away.
    pub(crate) async fn shown_node(self: &Arc<Self>, inode: Inode) -> VfsResult<Arc<Node>> {
        match self.known_node(inode).await {
            Err(e) if is_of_one_object(&e) => self.node(inode),
            answer => answer,
        }
    }

    /// Where a symbolic link leads, if the object is one. What only says that it is, is a file.
    async fn target_of(&self, key: &str, meta: &ObjectMeta) -> VfsResult<Option<Box<str>>> {
        let mut probe = probe_attributes();
        if let Some(found) = &meta.metadata {
            metadata::apply(found, &mut probe);
        }
        let is_link = probe.file_type == FileType::Symlink && !key.ends_with('/');
        if !is_link || meta.size == 0 || meta.size > SYMLINK_LEN_MAX as u64 {
            return Ok(None);
        }
        match self.link_text(key, meta).await {
            Ok(text) => Ok(String::from_utf8(text).ok().map(String::into_boxed_str)),
            // Whoever reads the file hears why.
            Err(e) if e.kind() == StoreErrorKind::Undecipherable => Ok(None),
            Err(e) => Err(fault::of_store(e)),
        }
    }

    async fn link_text(&self, key: &str, meta: &ObjectMeta) -> StoreResult<Vec<u8>> {
        let body = self.store.get(key, 0, meta.size, meta.etag.as_ref());
        let chunks: Vec<bytes::Bytes> = body.await?.try_collect().await?;
        Ok(chunks.concat())
    }
}

/// Whether one object cannot be had, as opposed to the store: waiting does not help, and others
/// may be had all the same.
pub(super) fn is_of_one_object(error: &VfsError) -> bool {
    let below = error.source().and_then(|e| e.downcast_ref::<StoreError>());
    below.is_some_and(|e| match e.kind() {
        StoreErrorKind::AccessDenied | StoreErrorKind::Undecipherable | StoreErrorKind::Other => {
            true
        }
        StoreErrorKind::NotFound
        | StoreErrorKind::Unavailable
        | StoreErrorKind::Throttled
        | StoreErrorKind::UploadLost
        | StoreErrorKind::Damaged
        | StoreErrorKind::BucketNotFound
        | StoreErrorKind::PreconditionFailed
        | StoreErrorKind::Source => false,
    })
}

fn take_attributes(record: &mut Record, meta: &ObjectMeta, target: Option<Box<str>>) {
    if let Some(found) = &meta.metadata {
        metadata::apply(found, &mut record.attributes);
    }
    if record.attributes.file_type == FileType::Symlink {
        if target.is_none() {
            record.attributes.file_type = FileType::Regular;
        }
        record.attributes.size = meta.size;
        record.target = target;
    }
}

fn probe_attributes() -> vfs::Attributes {
    let time = vfs::FileTime::default();
    vfs::Attributes {
        inode: Inode(0),
        file_type: FileType::Regular,
        mode: 0,
        link_count: 1,
        uid: 0,
        gid: 0,
        size: 0,
        used_bytes: 0,
        atime: time,
        mtime: time,
        ctime: time,
    }
}
