//! The whole file system in memory: what every engine must look like from outside.

mod content;
mod tree;

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use parking_lot::Mutex;

use self::tree::{Change, Making, ROOT, Tree};
use crate::{
    Attributes, Caller, Cookie, CreateMode, DirPage, FileTime, FsUsage, Inode, Name, ReadReply,
    Rename, SetAttributes, Stability, Vfs, VfsResult,
};

/// A file system that lives as long as the process: the oracle of model tests, and something
/// to serve in the tests of edges. Commit is allowed to anybody: it harms nobody, and data a
/// client wrote while it might must not be lost because it may not any more. Reading leaves
/// atime alone.
#[derive(Debug)]
pub struct MemFs {
    clock: Clock,
    write_verifier: u64,
    tree: Mutex<Tree>,
}

/// Room of [`MemFs::new`].
const CAPACITY_BYTES: u64 = 4 << 30;

impl MemFs {
    /// An empty file system with room for 4 GiB, whose root belongs to the superuser (0755).
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_capacity(clock, CAPACITY_BYTES)
    }

    /// The same with room for `capacity_bytes`.
    #[must_use]
    pub fn with_capacity(clock: Clock, capacity_bytes: u64) -> Self {
        let nanos = clock.wall_nanos();
        Self {
            clock,
            write_verifier: u64::try_from(nanos & u128::from(u64::MAX)).unwrap_or(0),
            tree: Mutex::new(Tree::new(capacity_bytes, FileTime::from_nanos(nanos))),
        }
    }

    fn change<'a>(&self, caller: &'a Caller) -> Change<'a> {
        Change {
            caller,
            now: FileTime::from_nanos(self.clock.wall_nanos()),
        }
    }
}

#[async_trait]
impl Vfs for MemFs {
    fn root(&self) -> Inode {
        ROOT
    }

    fn write_verifier(&self) -> u64 {
        self.write_verifier
    }

    async fn attributes(&self, inode: Inode) -> VfsResult<Attributes> {
        self.tree.lock().attributes(inode)
    }

    async fn set_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        let change = self.change(caller);
        self.tree.lock().set_attributes(change, inode, &set, guard)
    }

    async fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes> {
        self.tree.lock().lookup(caller, dir, name)
    }

    async fn read_link(&self, _caller: &Caller, inode: Inode) -> VfsResult<String> {
        self.tree.lock().read_link(inode)
    }

    async fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply> {
        let (bytes, end) = self.tree.lock().read(caller, inode, offset, count)?;
        Ok(ReadReply {
            bytes: Bytes::from(bytes),
            end,
        })
    }

    async fn write(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        _stability: Stability,
    ) -> VfsResult<Attributes> {
        let change = self.change(caller);
        self.tree.lock().write(change, inode, offset, &bytes)
    }

    async fn commit(&self, _caller: &Caller, inode: Inode) -> VfsResult<Attributes> {
        self.tree.lock().commit(inode)
    }

    async fn create(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        mode: CreateMode,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let change = self.change(caller);
        let making = Making::File(mode);
        self.tree.lock().make(change, dir, name, &making, &set)
    }

    async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let change = self.change(caller);
        self.tree.lock().make(change, dir, name, &Making::Dir, &set)
    }

    async fn make_symlink(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        target: &str,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let change = self.change(caller);
        let making = Making::Symlink(target);
        self.tree.lock().make(change, dir, name, &making, &set)
    }

    async fn remove(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        let change = self.change(caller);
        self.tree.lock().remove_file(change, dir, name)
    }

    async fn remove_dir(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        let change = self.change(caller);
        self.tree.lock().remove_dir(change, dir, name)
    }

    async fn rename(&self, caller: &Caller, rename: Rename<'_>) -> VfsResult<()> {
        let change = self.change(caller);
        self.tree.lock().rename(change, &rename)
    }

    async fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        self.tree.lock().read_dir(caller, dir, after, count)
    }

    async fn usage(&self) -> VfsResult<FsUsage> {
        Ok(self.tree.lock().usage())
    }
}

#[cfg(test)]
mod tests;
