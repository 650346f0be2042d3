//! A file system whose reads, writes and removes wait until the test lets them go.

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use tokio::sync::{Semaphore, watch};
use vfs::{
    Attributes, Caller, Cookie, CreateMode, DirPage, ExtendedAttribute, FileTime, FsUsage, Inode,
    MemFs, Name, ReadReply, Rename, SetAttributes, Stability, Vfs, VfsResult,
};

#[derive(Debug)]
pub(crate) struct GatedFs {
    inner: MemFs,
    /// One permit for each call that may go on.
    pub(crate) gate: Semaphore,
    /// Calls that have come to the gate.
    pub(crate) arrived: watch::Sender<usize>,
}

impl GatedFs {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemFs::new(Clock::system()),
            gate: Semaphore::new(0),
            arrived: watch::Sender::new(0),
        }
    }

    async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        self.gate.acquire().await.unwrap().forget();
    }

    /// Waits until `count` calls have come to the gate.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        arrived.wait_for(|arrived| *arrived >= count).await.unwrap();
    }
}

#[async_trait]
impl Vfs for GatedFs {
    fn root(&self) -> Inode {
        self.inner.root()
    }

    fn write_verifier(&self) -> u64 {
        self.inner.write_verifier()
    }

    async fn attributes(&self, inode: Inode) -> VfsResult<Attributes> {
        self.inner.attributes(inode).await
    }

    async fn set_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        self.inner.set_attributes(caller, inode, set, guard).await
    }

    async fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes> {
        self.inner.lookup(caller, dir, name).await
    }

    async fn extended_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
    ) -> VfsResult<Vec<ExtendedAttribute>> {
        self.inner.extended_attributes(caller, inode).await
    }

    async fn read_link(&self, caller: &Caller, inode: Inode) -> VfsResult<String> {
        self.inner.read_link(caller, inode).await
    }

    async fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply> {
        self.pass().await;
        self.inner.read(caller, inode, offset, count).await
    }

    async fn write(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> VfsResult<Attributes> {
        self.pass().await;
        self.inner
            .write(caller, inode, offset, bytes, stability)
            .await
    }

    async fn commit(&self, caller: &Caller, inode: Inode) -> VfsResult<Attributes> {
        self.inner.commit(caller, inode).await
    }

    async fn create(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        mode: CreateMode,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        self.inner.create(caller, dir, name, mode, set).await
    }

    async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        self.inner.make_dir(caller, dir, name, set).await
    }

    async fn make_symlink(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        target: &str,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        self.inner
            .make_symlink(caller, dir, name, target, set)
            .await
    }

    async fn remove(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        self.pass().await;
        self.inner.remove(caller, dir, name).await
    }

    async fn remove_dir(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        self.inner.remove_dir(caller, dir, name).await
    }

    async fn rename(&self, caller: &Caller, rename: Rename<'_>) -> VfsResult<()> {
        self.inner.rename(caller, rename).await
    }

    async fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        self.inner.read_dir(caller, dir, after, count).await
    }

    async fn usage(&self) -> VfsResult<FsUsage> {
        self.inner.usage().await
    }
}
