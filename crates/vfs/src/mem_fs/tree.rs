//! The nodes of the model and what each call does to them, one caller at a time.

use std::{collections::BTreeMap, ops::Bound};

use super::content::Content;
use crate::{
    Attributes, Caller, Cookie, CreateMode, DirEntry, DirPage, ErrorKind, FileTime, FileType,
    FsUsage, Inode, Name, Rename, SYMLINK_LEN_MAX, SetAttributes, VfsResult, posix,
};

pub(super) const ROOT: Inode = Inode(1);
/// Cookies 0, 1 and 2 belong to the edges (`.` and `..`).
const FIRST_COOKIE: u64 = 3;
/// What a directory says it takes; real ones say a block.
const DIR_SIZE: u64 = 4096;
/// Inodes the model can hold.
const INODES_MAX: u64 = 10_000_000;

/// All files of the model.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<Inode, Node>,
    next_inode: u64,
    capacity_bytes: u64,
    used_bytes: u64,
}

#[derive(Debug)]
struct Node {
    attributes: Attributes,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Regular {
        content: Content,
        /// Verifier of the exclusive create that made it.
        created_with: Option<u64>,
    },
    Directory(Directory),
    Symlink(String),
}

#[derive(Debug)]
struct Directory {
    parent: Inode,
    by_name: BTreeMap<Name, (Cookie, Inode)>,
    by_cookie: BTreeMap<Cookie, Name>,
    next_cookie: u64,
}

/// Who changes something, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) caller: &'a Caller,
    pub(super) now: FileTime,
}

/// What is to be made.
pub(super) enum Making<'a> {
    File(CreateMode),
    Dir,
    Symlink(&'a str),
}

impl Making<'_> {
    const fn file_type(&self) -> FileType {
        match self {
            Self::File(_) => FileType::Regular,
            Self::Dir => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
        }
    }
}

impl Directory {
    const fn new(parent: Inode) -> Self {
        Self {
            parent,
            by_name: BTreeMap::new(),
            by_cookie: BTreeMap::new(),
            next_cookie: FIRST_COOKIE,
        }
    }

    fn insert(&mut self, name: &Name, inode: Inode) {
        let cookie = Cookie(self.next_cookie);
        self.next_cookie += 1;
        self.by_name.insert(name.clone(), (cookie, inode));
        self.by_cookie.insert(cookie, name.clone());
    }

    fn take(&mut self, name: &Name) -> Option<Inode> {
        let (cookie, inode) = self.by_name.remove(name)?;
        self.by_cookie.remove(&cookie);
        Some(inode)
    }

    fn find(&self, name: &Name) -> Option<Inode> {
        self.by_name.get(name).map(|(_, inode)| *inode)
    }
}

impl Tree {
    pub(super) fn new(capacity_bytes: u64, now: FileTime) -> Self {
        let mut tree = Self {
            nodes: BTreeMap::new(),
            next_inode: ROOT.0,
            capacity_bytes,
            used_bytes: 0,
        };
        let ownership = posix::Ownership {
            mode: 0o755,
            uid: 0,
            gid: 0,
        };
        let body = Body::Directory(Directory::new(ROOT));
        tree.add_node(ownership, body, now);
        tree
    }

    fn node(&self, inode: Inode) -> VfsResult<&Node> {
        self.nodes
            .get(&inode)
            .ok_or_else(|| ErrorKind::Stale.into())
    }

    fn node_mut(&mut self, inode: Inode) -> VfsResult<&mut Node> {
        self.nodes
            .get_mut(&inode)
            .ok_or_else(|| ErrorKind::Stale.into())
    }

    pub(super) fn attributes(&self, inode: Inode) -> VfsResult<Attributes> {
        Ok(self.node(inode)?.attributes)
    }

    fn directory(&self, inode: Inode) -> VfsResult<&Directory> {
        match &self.node(inode)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::Regular { .. } | Body::Symlink(_) => Err(ErrorKind::NotDirectory.into()),
        }
    }

    fn directory_mut(&mut self, inode: Inode) -> VfsResult<&mut Directory> {
        match &mut self.node_mut(inode)?.body {
            Body::Directory(directory) => Ok(directory),
            Body::Regular { .. } | Body::Symlink(_) => Err(ErrorKind::NotDirectory.into()),
        }
    }

    /// Directory attributes and the inode of `name` in it, if the caller may look.
    fn find(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
    ) -> VfsResult<(Attributes, Option<Inode>)> {
        let attributes = self.attributes(dir)?;
        posix::may_lookup(caller, &attributes)?;
        Ok((attributes, self.directory(dir)?.find(name)))
    }

    pub(super) fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes> {
        let attributes = self.attributes(dir)?;
        posix::may_lookup(caller, &attributes)?;
        match name {
            "." => Ok(attributes),
            ".." => self.attributes(self.directory(dir)?.parent),
            other => {
                let name = Name::from_bytes(other.as_bytes())?;
                let found = self.directory(dir)?.find(&name);
                self.attributes(found.ok_or(ErrorKind::NotFound)?)
            }
        }
    }

    pub(super) fn set_attributes(
        &mut self,
        change: Change<'_>,
        inode: Inode,
        set: &SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        let node = self.node_mut(inode)?;
        posix::check_guard(&node.attributes, guard)?;
        let next = posix::apply_set(change.caller, &node.attributes, set, change.now)?;
        let size_before = node.attributes.size;
        node.attributes = next;
        if let Body::Regular { content, .. } = &mut node.body
            && next.size < size_before
        {
            let before = content.used_bytes();
            content.cut(next.size);
            let after = content.used_bytes();
            node.attributes.used_bytes = after;
            self.used_bytes = (self.used_bytes + after) - before;
        }
        self.attributes(inode)
    }

    pub(super) fn read_link(&self, inode: Inode) -> VfsResult<String> {
        match &self.node(inode)?.body {
            Body::Symlink(target) => Ok(target.clone()),
            Body::Regular { .. } | Body::Directory(_) => Err(ErrorKind::Invalid.into()),
        }
    }

    pub(super) fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<(Vec<u8>, bool)> {
        let node = self.node(inode)?;
        posix::may_read(caller, &node.attributes)?;
        let Body::Regular { content, .. } = &node.body else {
            return Err(ErrorKind::Invalid.into());
        };
        let left = node.attributes.size.saturating_sub(offset);
        let len = left.min(u64::from(count));
        let bytes = content.read(offset, usize::try_from(len).unwrap_or(0));
        Ok((bytes, len == left))
    }

    pub(super) fn write(
        &mut self,
        change: Change<'_>,
        inode: Inode,
        offset: u64,
        bytes: &[u8],
    ) -> VfsResult<Attributes> {
        let room = self.capacity_bytes.saturating_sub(self.used_bytes);
        let node = self.node_mut(inode)?;
        posix::may_write(change.caller, &node.attributes)?;
        let end = posix::end_of_write(offset, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        let Body::Regular { content, .. } = &mut node.body else {
            return Err(ErrorKind::Invalid.into());
        };
        if bytes.is_empty() {
            return Ok(node.attributes);
        }
        let growth = content.growth(offset, bytes.len());
        if growth > room {
            return Err(ErrorKind::NoSpace.into());
        }
        content.write(offset, bytes);
        let attributes = &mut node.attributes;
        attributes.mode = posix::mode_after_write(change.caller, attributes);
        attributes.size = attributes.size.max(end);
        attributes.used_bytes = content.used_bytes();
        attributes.mtime = change.now;
        attributes.ctime = posix::next_ctime(attributes.ctime, change.now);
        let attributes = *attributes;
        self.used_bytes += growth;
        Ok(attributes)
    }

    pub(super) fn commit(&self, inode: Inode) -> VfsResult<Attributes> {
        let attributes = self.attributes(inode)?;
        posix::require_regular(&attributes)?;
        Ok(attributes)
    }

    pub(super) fn make(
        &mut self,
        change: Change<'_>,
        dir: Inode,
        name: &Name,
        making: &Making<'_>,
        set: &SetAttributes,
    ) -> VfsResult<Attributes> {
        let (parent, existing) = self.find(change.caller, dir, name)?;
        if let Some(existing) = existing {
            return self.make_existing(change, existing, making, set);
        }
        posix::may_create(change.caller, &parent)?;
        if self.free_inodes() == 0 {
            return Err(ErrorKind::NoSpace.into());
        }
        let body = new_body(dir, making)?;
        let ownership = posix::ownership_of_new(change.caller, &parent, making.file_type(), set);
        let made = self.add_node(ownership, body, change.now);
        if let Some(size) = set.size.filter(|_| made.file_type == FileType::Regular) {
            self.node_mut(made.inode)?.attributes.size = posix::end_of_write(0, size)?;
        }
        let times = &mut self.node_mut(made.inode)?.attributes;
        times.atime = posix::time_of_new(set.atime, change.now);
        times.mtime = posix::time_of_new(set.mtime, change.now);
        self.directory_mut(dir)?.insert(name, made.inode);
        let subdirs = i32::from(made.file_type == FileType::Directory);
        self.touch_dir(dir, change.now, subdirs)?;
        self.attributes(made.inode)
    }

    fn make_existing(
        &mut self,
        change: Change<'_>,
        existing: Inode,
        making: &Making<'_>,
        set: &SetAttributes,
    ) -> VfsResult<Attributes> {
        let Making::File(mode) = making else {
            return Err(ErrorKind::Exists.into());
        };
        let node = self.node(existing)?;
        let verifier = match &node.body {
            Body::Regular { created_with, .. } => *created_with,
            Body::Directory(_) | Body::Symlink(_) => None,
        };
        posix::check_existing(*mode, &node.attributes, verifier)?;
        match (mode, set.size) {
            (CreateMode::Unchecked, Some(size)) => {
                let only_size = SetAttributes {
                    size: Some(size),
                    ..SetAttributes::default()
                };
                self.set_attributes(change, existing, &only_size, None)
            }
            (CreateMode::Unchecked | CreateMode::Guarded | CreateMode::Exclusive(_), _) => {
                self.attributes(existing)
            }
        }
    }

    pub(super) fn remove_file(
        &mut self,
        change: Change<'_>,
        dir: Inode,
        name: &Name,
    ) -> VfsResult<()> {
        let (parent, victim) = self.find(change.caller, dir, name)?;
        let victim = self.attributes(victim.ok_or(ErrorKind::NotFound)?)?;
        posix::may_remove_file(change.caller, &parent, &victim)?;
        self.unlink(dir, name, change.now)
    }

    pub(super) fn remove_dir(
        &mut self,
        change: Change<'_>,
        dir: Inode,
        name: &Name,
    ) -> VfsResult<()> {
        let (parent, victim) = self.find(change.caller, dir, name)?;
        let victim = self.attributes(victim.ok_or(ErrorKind::NotFound)?)?;
        posix::may_remove_dir(change.caller, &parent, &victim)?;
        self.require_empty(victim.inode)?;
        self.unlink(dir, name, change.now)
    }

    pub(super) fn rename(&mut self, change: Change<'_>, rename: &Rename<'_>) -> VfsResult<()> {
        let (from_dir, source) = self.find(change.caller, rename.from, rename.from_name)?;
        let (to_dir, target) = self.find(change.caller, rename.to, rename.to_name)?;
        let source = self.attributes(source.ok_or(ErrorKind::NotFound)?)?;
        let target = target.map(|inode| self.attributes(inode)).transpose()?;
        if target.is_some_and(|target| target.inode == source.inode) {
            return Ok(());
        }
        if self.is_ancestor(source.inode, rename.to)? {
            return Err(ErrorKind::Invalid.into());
        }
        let subjects = posix::RenameSubjects {
            from_dir: &from_dir,
            source: &source,
            to_dir: &to_dir,
            target: target.as_ref(),
        };
        posix::may_rename(change.caller, subjects)?;
        if let Some(target) = target {
            if target.file_type == FileType::Directory {
                self.require_empty(target.inode)?;
            }
            self.unlink(rename.to, rename.to_name, change.now)?;
        }
        self.move_entry(change.now, rename, source)
    }

    fn move_entry(
        &mut self,
        now: FileTime,
        rename: &Rename<'_>,
        source: Attributes,
    ) -> VfsResult<()> {
        self.directory_mut(rename.from)?.take(rename.from_name);
        self.directory_mut(rename.to)?
            .insert(rename.to_name, source.inode);
        let subdirs = i32::from(source.file_type == FileType::Directory);
        self.touch_dir(rename.from, now, -subdirs)?;
        self.touch_dir(rename.to, now, subdirs)?;
        let node = self.node_mut(source.inode)?;
        node.attributes.ctime = posix::next_ctime(node.attributes.ctime, now);
        if let Body::Directory(directory) = &mut node.body {
            directory.parent = rename.to;
        }
        Ok(())
    }

    pub(super) fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        posix::may_list(caller, &self.attributes(dir)?)?;
        let directory = self.directory(dir)?;
        let mut rest = directory
            .by_cookie
            .range((Bound::Excluded(after), Bound::Unbounded));
        let mut entries = Vec::new();
        for (cookie, name) in rest.by_ref().take(count) {
            let inode = directory.find(name).ok_or(ErrorKind::Io)?;
            entries.push(DirEntry {
                name: name.clone(),
                cookie: *cookie,
                attributes: self.attributes(inode)?,
            });
        }
        Ok(DirPage {
            entries,
            end: rest.next().is_none(),
        })
    }

    pub(super) fn usage(&self) -> FsUsage {
        FsUsage {
            total_bytes: self.capacity_bytes,
            free_bytes: self.capacity_bytes.saturating_sub(self.used_bytes),
            total_inodes: INODES_MAX,
            free_inodes: self.free_inodes(),
        }
    }

    fn free_inodes(&self) -> u64 {
        INODES_MAX.saturating_sub(u64::try_from(self.nodes.len()).unwrap_or(u64::MAX))
    }

    fn require_empty(&self, dir: Inode) -> VfsResult<()> {
        if self.directory(dir)?.by_name.is_empty() {
            return Ok(());
        }
        Err(ErrorKind::NotEmpty.into())
    }

    /// Whether `above` is `inode` or on its way up to the root.
    fn is_ancestor(&self, above: Inode, inode: Inode) -> VfsResult<bool> {
        let mut at = inode;
        while at != above && at != ROOT {
            at = self.directory(at)?.parent;
        }
        Ok(at == above)
    }

    fn add_node(&mut self, ownership: posix::Ownership, body: Body, now: FileTime) -> Attributes {
        let (file_type, link_count, size) = match &body {
            Body::Regular { .. } => (FileType::Regular, 1, 0),
            Body::Directory(_) => (FileType::Directory, 2, DIR_SIZE),
            Body::Symlink(target) => (
                FileType::Symlink,
                1,
                u64::try_from(target.len()).unwrap_or(u64::MAX),
            ),
        };
        let attributes = Attributes {
            inode: Inode(self.next_inode),
            file_type,
            mode: ownership.mode,
            link_count,
            uid: ownership.uid,
            gid: ownership.gid,
            size,
            used_bytes: 0,
            atime: now,
            mtime: now,
            ctime: now,
        };
        self.next_inode += 1;
        self.nodes
            .insert(attributes.inode, Node { attributes, body });
        attributes
    }

    /// Takes a name away, and with it the file: there are no hard links.
    fn unlink(&mut self, dir: Inode, name: &Name, now: FileTime) -> VfsResult<()> {
        let inode = self
            .directory_mut(dir)?
            .take(name)
            .ok_or(ErrorKind::NotFound)?;
        let was_dir = match self.nodes.remove(&inode).map(|node| node.body) {
            Some(Body::Regular { content, .. }) => {
                self.used_bytes = self.used_bytes.saturating_sub(content.used_bytes());
                false
            }
            Some(Body::Directory(_)) => true,
            Some(Body::Symlink(_)) | None => false,
        };
        self.touch_dir(dir, now, -i32::from(was_dir))
    }

    /// A directory's names have changed; `subdirs` more of them are directories.
    fn touch_dir(&mut self, dir: Inode, now: FileTime, subdirs: i32) -> VfsResult<()> {
        let attributes = &mut self.node_mut(dir)?.attributes;
        attributes.mtime = now;
        attributes.ctime = posix::next_ctime(attributes.ctime, now);
        attributes.link_count = attributes.link_count.saturating_add_signed(subdirs);
        Ok(())
    }
}

fn new_body(dir: Inode, making: &Making<'_>) -> VfsResult<Body> {
    Ok(match making {
        Making::File(mode) => Body::Regular {
            content: Content::default(),
            created_with: match mode {
                CreateMode::Exclusive(verifier) => Some(*verifier),
                CreateMode::Unchecked | CreateMode::Guarded => None,
            },
        },
        Making::Dir => Body::Directory(Directory::new(dir)),
        Making::Symlink("") => return Err(ErrorKind::Invalid.into()),
        Making::Symlink(target) if target.len() > SYMLINK_LEN_MAX => {
            return Err(ErrorKind::NameTooLong.into());
        }
        Making::Symlink(target) => Body::Symlink((*target).to_owned()),
    })
}
