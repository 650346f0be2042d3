//! Finding, listing, and attributes.

use std::sync::Arc;

use cache::{Entry, KeyRange, Table};
use futures::{StreamExt as _, stream};
use vfs::{
    Attributes, Caller, Cookie, DirEntry, DirPage, ErrorKind, FileType, FsUsage, Inode, Name,
    VfsResult, posix,
};

use super::Engine;
use crate::{
    fault, keys,
    node::Node,
    record::{Knowledge, Record},
};

/// Objects whose metadata is asked for at a time while a directory is listed.
const HEADS_IN_FLIGHT: usize = 32;
/// Entries of one page of a listing; callers ask again.
const PAGE_LEN_MAX: usize = 4_096;
/// What we say a share can hold: the limit of its design.
const INODES_MAX: u64 = 500_000_000;

impl Engine {
    pub(crate) async fn attributes(self: &Arc<Self>, inode: Inode) -> VfsResult<Attributes> {
        let node = self.shown_node(inode).await?;
        let state = node.lock()?;
        Ok(state.record.attributes())
    }

    pub(crate) async fn lookup(
        self: &Arc<Self>,
        caller: &Caller,
        dir: Inode,
        name: &str,
    ) -> VfsResult<Attributes> {
        let parent = self.known_node(dir).await?;
        let (attributes, above) = {
            let state = parent.lock()?;
            (state.record.attributes(), state.record.parent)
        };
        posix::may_lookup(caller, &attributes)?;
        self.refresh(dir).await;
        match name {
            "." => return Ok(attributes),
            ".." => return self.attributes(above).await,
            _ => {}
        }
        let name = Name::from_bytes(name.as_bytes())?;
        let mut found = self.find(dir, name.as_str())?;
        if found.is_none() && self.import_on_demand(dir, name.as_str()).await? {
            found = self.find(dir, name.as_str())?;
        }
        let found = found.ok_or(ErrorKind::NotFound)?;
        match self.attributes(found).await {
            // Removed between the two looks.
            Err(e) if e.kind() == ErrorKind::Stale => Err(ErrorKind::NotFound.into()),
            answer => answer,
        }
    }

    pub(crate) async fn read_link(self: &Arc<Self>, inode: Inode) -> VfsResult<String> {
        let node = self.known_node(inode).await?;
        let state = node.lock()?;
        let target = state.record.target.as_deref().ok_or(ErrorKind::Invalid)?;
        Ok(target.to_owned())
    }

    pub(crate) async fn read_dir(
        self: &Arc<Self>,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        let node = self.known_node(dir).await?;
        posix::may_list(caller, &node.lock()?.record.attributes())?;
        if after == Cookie::default() {
            self.refresh(dir).await;
        }
        let count = count.min(PAGE_LEN_MAX);
        let range = KeyRange::prefix(&keys::of_inode(dir));
        let range = range.after(keys::of_listing(dir, Inode(after.0)));
        let listed = self
            .index
            .scan(Table::Listing, &range, count + 1)
            .map_err(fault::of_cache)?;
        let end = listed.len() <= count;
        let found: Vec<Option<DirEntry>> = stream::iter(listed.into_iter().take(count))
            .map(|entry| self.dir_entry(entry))
            .buffered(HEADS_IN_FLIGHT)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<VfsResult<_>>()?;
        Ok(DirPage {
            entries: found.into_iter().flatten().collect(),
            end,
        })
    }

    /// `None` if it was removed meanwhile.
    async fn dir_entry(self: &Arc<Self>, listed: Entry) -> VfsResult<Option<DirEntry>> {
        let (_, inode) = keys::pair(&listed.key)?;
        let attributes = match self.listed_attributes(Inode(inode)).await {
            Ok(attributes) => attributes,
            Err(e) if matches!(e.kind(), ErrorKind::Stale | ErrorKind::NotFound) => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        Ok(Some(DirEntry {
            name: Name::from_bytes(&listed.value)?,
            cookie: Cookie(inode),
            attributes,
        }))
    }

    /// Attributes without taking the inode into memory: a listing of a large directory must
    /// not push out the inodes in use.
    async fn listed_attributes(self: &Arc<Self>, inode: Inode) -> VfsResult<Attributes> {
        if self.nodes.get(inode).is_none() {
            let record = self.load_record(inode)?.ok_or(ErrorKind::Stale)?;
            if record.knowledge == Knowledge::Known {
                return Ok(record.attributes());
            }
        }
        self.attributes(inode).await
    }

    pub(crate) fn usage(&self) -> VfsResult<FsUsage> {
        let room = self.log.room().map_err(fault::of_cache)?;
        let inodes = self.namespace.lock().inodes;
        Ok(FsUsage {
            total_bytes: room.total_bytes,
            free_bytes: room.free_bytes,
            total_inodes: INODES_MAX,
            free_inodes: INODES_MAX.saturating_sub(inodes),
        })
    }

    /// Whether `above` is `inode`, or on its way up to the root. Under the namespace lock.
    pub(crate) fn is_ancestor(&self, above: Inode, inode: Inode) -> VfsResult<bool> {
        let mut at = inode;
        while at != above && at != super::ROOT {
            at = self.node(at)?.lock()?.record.parent;
        }
        Ok(at == above)
    }

    /// The node of a name that exists; its attributes are those that are shown.
    pub(crate) async fn shown_child(
        self: &Arc<Self>,
        dir: Inode,
        name: &Name,
    ) -> VfsResult<Option<Arc<Node>>> {
        if self.find(dir, name.as_str())?.is_none() {
            self.import_on_demand(dir, name.as_str()).await?;
        }
        match self.find(dir, name.as_str())? {
            Some(inode) => match self.shown_node(inode).await {
                Ok(node) => Ok(Some(node)),
                Err(e) if e.kind() == ErrorKind::Stale => Ok(None),
                Err(e) => Err(e),
            },
            None => Ok(None),
        }
    }
}

/// Whether a directory's attributes are those that a fresh import would give it, so that it
/// needs no marker to have them.
pub(crate) fn is_default_dir(record: &Record) -> bool {
    let a = &record.attributes;
    a.file_type == FileType::Directory && a.uid == 0 && a.gid == 0 && a.mode == 0o755
}
