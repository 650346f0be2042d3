//! Making files, directories and symbolic links.

use std::sync::Arc;

use cache::{Batch, Table, Ticket};
use vfs::{
    Attributes, Caller, CreateMode, ErrorKind, FileType, Inode, Name, SYMLINK_LEN_MAX,
    SetAttributes, VfsResult, posix,
};

use super::{Engine, Namespace};
use crate::{
    fault, keys,
    node::{Locked, Node, NodeState},
    record::Record,
};

/// What a directory says it takes; real ones say a block.
pub(crate) const DIR_SIZE: u64 = 4_096;

/// What is to be made, where and by whom.
pub(crate) struct Making<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) dir: Inode,
    pub(crate) name: &'a Name,
    pub(crate) kind: MakingKind<'a>,
    pub(crate) set: SetAttributes,
}

/// What kind of thing.
#[derive(Clone, Copy)]
pub(crate) enum MakingKind<'a> {
    File(CreateMode),
    Dir,
    Symlink(&'a str),
}

impl MakingKind<'_> {
    const fn file_type(self) -> FileType {
        match self {
            Self::File(_) => FileType::Regular,
            Self::Dir => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
        }
    }
}

/// How making something ended.
enum Made {
    New(Attributes, Ticket),
    Existing(Attributes),
}

impl Engine {
    pub(crate) async fn make(self: &Arc<Self>, making: Making<'_>) -> VfsResult<Attributes> {
        self.require_writable()?;
        if let MakingKind::Symlink(target) = making.kind {
            check_target(target)?;
        }
        let dir = self.known_node(making.dir).await?;
        self.require_searchable(&making, &dir)?;
        let existing = self.shown_child(making.dir, making.name).await?;
        self.require_index_room()?;
        match self.make_now(&making, &dir, existing.as_ref())? {
            Made::New(attributes, ticket) => {
                self.durable(ticket).await?;
                Ok(attributes)
            }
            Made::Existing(attributes) => {
                // Perhaps by an earlier try of the same client, which is still under way.
                self.index.all_durable().await.map_err(fault::of_cache)?;
                self.cut_existing(&making, attributes).await
            }
        }
    }

    fn require_searchable(&self, making: &Making<'_>, dir: &Node) -> VfsResult<()> {
        let attributes = dir.lock()?.record.attributes();
        posix::may_lookup(making.caller, &attributes)?;
        self.check_key(making.dir, making.name.as_str())
    }

    fn make_now(
        &self,
        making: &Making<'_>,
        dir: &Arc<Node>,
        existing: Option<&Arc<Node>>,
    ) -> VfsResult<Made> {
        let mut namespace = self.namespace.lock();
        if let Some(found) = self.find(making.dir, making.name.as_str())? {
            // Somebody else was faster than we after all: the client asks again.
            let existing = existing.filter(|node| node.inode == found);
            let existing = existing.ok_or(ErrorKind::Unavailable)?;
            return existing_answer(making, existing);
        }
        let mut locked = Locked::new(&[dir])?;
        let parent = locked.get(dir)?;
        posix::may_create(making.caller, &parent.record.attributes())?;
        let now = self.now();
        let mut batch = Batch::default();
        let record = self.new_record(making, &parent.record, &mut namespace)?;
        let attributes = record.attributes();
        let subdirs = i32::from(attributes.file_type == FileType::Directory);
        touch_dir(parent, now, subdirs);
        self.save(parent, &mut batch);
        self.put_name(&record, &mut batch);
        let node = Arc::new(Node::new(record));
        // Before it is queued: an upload that comes at once must find it.
        self.nodes.insert(Arc::clone(&node));
        let mut state = node.state.lock();
        self.save(&state, &mut batch);
        self.mark_dirty(&mut state, &mut batch);
        namespace.save(&mut batch);
        Ok(Made::New(attributes, self.index.submit(batch)))
    }

    fn new_record(
        &self,
        making: &Making<'_>,
        parent: &Record,
        namespace: &mut Namespace,
    ) -> VfsResult<Record> {
        let file_type = making.kind.file_type();
        let own =
            posix::ownership_of_new(making.caller, &parent.attributes(), file_type, &making.set);
        let now = self.now();
        let (size, link_count) = match making.kind {
            MakingKind::File(_) => (posix::end_of_write(0, making.set.size.unwrap_or(0))?, 1),
            MakingKind::Dir => (DIR_SIZE, 2),
            MakingKind::Symlink(target) => (target.len() as u64, 1),
        };
        let attributes = Attributes {
            inode: namespace.new_inode(),
            file_type,
            mode: own.mode,
            link_count,
            uid: own.uid,
            gid: own.gid,
            size,
            used_bytes: 0,
            atime: posix::time_of_new(making.set.atime, now),
            mtime: posix::time_of_new(making.set.mtime, now),
            ctime: now,
        };
        let mut record = Record::new(attributes, making.dir, making.name.as_str());
        match making.kind {
            MakingKind::File(CreateMode::Exclusive(verifier)) => record.exclusive = Some(verifier),
            MakingKind::Symlink(target) => record.target = Some(target.into()),
            MakingKind::File(CreateMode::Unchecked | CreateMode::Guarded) | MakingKind::Dir => {}
        }
        Ok(record)
    }

    /// Puts a name into the two tables that list it.
    pub(crate) fn put_name(&self, record: &Record, batch: &mut Batch) {
        let inode = record.attributes.inode;
        let by_name = keys::of_name(record.parent, &record.name);
        batch.put(Table::Names, by_name, keys::of_inode(inode));
        let by_cookie = keys::of_listing(record.parent, inode);
        batch.put(Table::Listing, by_cookie, record.name.as_bytes());
    }

    /// An unchecked create of an existing file may cut it.
    async fn cut_existing(
        self: &Arc<Self>,
        making: &Making<'_>,
        existing: Attributes,
    ) -> VfsResult<Attributes> {
        match (making.kind, making.set.size) {
            (MakingKind::File(CreateMode::Unchecked), Some(size)) => {
                let set = SetAttributes {
                    size: Some(size),
                    ..SetAttributes::default()
                };
                self.set_attributes(making.caller, existing.inode, set, None)
                    .await
            }
            _ => Ok(existing),
        }
    }
}

fn existing_answer(making: &Making<'_>, existing: &Node) -> VfsResult<Made> {
    let MakingKind::File(mode) = making.kind else {
        return Err(ErrorKind::Exists.into());
    };
    let state = existing.lock()?;
    let attributes = state.record.attributes();
    posix::check_existing(mode, &attributes, state.record.exclusive)?;
    Ok(Made::Existing(attributes))
}

fn check_target(target: &str) -> VfsResult<()> {
    match target.len() {
        0 => Err(ErrorKind::Invalid.into()),
        1..=SYMLINK_LEN_MAX => Ok(()),
        _ => Err(ErrorKind::NameTooLong.into()),
    }
}

/// A directory's names have changed; `subdirs` more of them are directories.
pub(crate) fn touch_dir(dir: &mut NodeState, now: vfs::FileTime, subdirs: i32) {
    let attributes = &mut dir.record.attributes;
    attributes.mtime = now;
    attributes.ctime = posix::next_ctime(attributes.ctime, now);
    attributes.link_count = attributes.link_count.saturating_add_signed(subdirs);
}
