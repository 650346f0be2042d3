//! A file system whose clients write and read no faster than a share's settings say, and whose calls
//! are counted.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{Direction, Throttle};
use vfs::{
    Attributes, Caller, Cookie, CreateMode, DirPage, ExtendedAttribute, FileTime, FsUsage, Inode,
    Name, ReadReply, Rename, SetAttributes, Stability, Vfs, VfsResult,
};

use super::gate::Gate;

/// All of one file system, through a [`Gate`]; content at the pace of a [`Throttle`]. What waits is
/// bounded by the calls that the server of a protocol takes at a time.
pub(crate) struct PacedVfs {
    inner: Arc<dyn Vfs>,
    throttle: Arc<Throttle>,
    gate: Arc<Gate>,
}

impl PacedVfs {
    pub(super) fn new(inner: Arc<dyn Vfs>, throttle: Arc<Throttle>, gate: Arc<Gate>) -> Self {
        Self {
            inner,
            throttle,
            gate,
        }
    }
}

#[async_trait]
impl Vfs for PacedVfs {
    fn root(&self) -> Inode {
        self.inner.root()
    }

    fn write_verifier(&self) -> u64 {
        self.inner.write_verifier()
    }

    async fn attributes(&self, inode: Inode) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
        self.inner.attributes(inode).await
    }

    async fn set_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
        self.inner.set_attributes(caller, inode, set, guard).await
    }

    async fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
        self.inner.lookup(caller, dir, name).await
    }

    async fn extended_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
    ) -> VfsResult<Vec<ExtendedAttribute>> {
        let _entered = self.gate.enter()?;
        self.inner.extended_attributes(caller, inode).await
    }

    async fn read_link(&self, caller: &Caller, inode: Inode) -> VfsResult<String> {
        let _entered = self.gate.enter()?;
        self.inner.read_link(caller, inode).await
    }

    async fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply> {
        let _entered = self.gate.enter()?;
        let reply = self.inner.read(caller, inode, offset, count).await?;
        // After it is known how much there is.
        let bytes = reply.bytes.len() as u64;
        self.throttle.pass(Direction::Read, bytes).await;
        Ok(reply)
    }

    async fn write(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
        let len = bytes.len() as u64;
        self.throttle.pass(Direction::Write, len).await;
        self.inner
            .write(caller, inode, offset, bytes, stability)
            .await
    }

    async fn commit(&self, caller: &Caller, inode: Inode) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
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
        let _entered = self.gate.enter()?;
        self.inner.create(caller, dir, name, mode, set).await
    }

    async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let _entered = self.gate.enter()?;
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
        let _entered = self.gate.enter()?;
        self.inner
            .make_symlink(caller, dir, name, target, set)
            .await
    }

    async fn remove(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        let _entered = self.gate.enter()?;
        self.inner.remove(caller, dir, name).await
    }

    async fn remove_dir(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        let _entered = self.gate.enter()?;
        self.inner.remove_dir(caller, dir, name).await
    }

    async fn rename(&self, caller: &Caller, rename: Rename<'_>) -> VfsResult<()> {
        let _entered = self.gate.enter()?;
        self.inner.rename(caller, rename).await
    }

    async fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        let _entered = self.gate.enter()?;
        self.inner.read_dir(caller, dir, after, count).await
    }

    async fn usage(&self) -> VfsResult<FsUsage> {
        let _entered = self.gate.enter()?;
        self.inner.usage().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::Clock;
    use model::{Bandwidth, LineLimits, Timestamp};
    use vfs::MemFs;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn clients_write_and_read_together_as_fast_as_they_may() {
        let clock = Clock::of_runtime(Timestamp::from_millis(0));
        let limits = LineLimits {
            write_bytes_per_s: MIB,
            read_bytes_per_s: 2 * MIB,
            ..LineLimits::default()
        };
        let bandwidth = Bandwidth {
            limits,
            ..Bandwidth::default()
        };
        let throttle = Arc::new(Throttle::new(clock.clone(), bandwidth));
        let inner = Arc::new(MemFs::new(clock.clone()));
        let fs = PacedVfs::new(inner, Arc::clone(&throttle), Arc::default());
        let (caller, name) = (Caller::root(), Name::from_bytes(b"f").unwrap());
        let (mode, set) = (CreateMode::Guarded, SetAttributes::default());
        let made = fs.create(&caller, fs.root(), &name, mode, set).await;
        let inode = made.unwrap().inode;
        let began = clock.now();
        let write = |at: u64| {
            let bytes = Bytes::from(vec![1; 2 << 20]);
            fs.write(&caller, inode, at * 2 * MIB, bytes, Stability::Unstable)
        };
        let (one, other) = futures::join!(write(0), write(1));
        one.and(other).unwrap();
        let took = clock.now() - began;
        let about = |seconds: u64| {
            let whole = Duration::from_secs(seconds);
            whole - Duration::from_millis(200)..whole + Duration::from_millis(200)
        };
        assert!(about(4).contains(&took), "{took:?}");
        let began = clock.now();
        let reply = fs.read(&caller, inode, 2 * MIB, 8 << 20).await.unwrap();
        assert_eq!(reply.bytes.len(), 2 << 20, "as much as there is");
        let took = clock.now() - began;
        assert!(about(1).contains(&took), "{took:?}");
        throttle.set(Bandwidth::default());
        let began = clock.now();
        write(0).await.unwrap();
        assert!(clock.now() - began < Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_is_under_way_and_behind_a_shut_gate_none_begins() {
        let clock = Clock::of_runtime(Timestamp::from_millis(0));
        let limits = LineLimits {
            write_bytes_per_s: MIB,
            ..LineLimits::default()
        };
        let bandwidth = Bandwidth {
            limits,
            ..Bandwidth::default()
        };
        let throttle = Arc::new(Throttle::new(clock.clone(), bandwidth));
        let inner = Arc::new(MemFs::new(clock.clone()));
        let gate = Arc::<Gate>::default();
        let fs = PacedVfs::new(inner, throttle, Arc::clone(&gate));
        let (caller, name) = (Caller::root(), Name::from_bytes(b"f").unwrap());
        let (mode, set) = (CreateMode::Guarded, SetAttributes::default());
        let made = fs.create(&caller, fs.root(), &name, mode, set).await;
        let inode = made.unwrap().inode;
        assert!(gate.is_empty());
        let bytes = Bytes::from(vec![1; 4 << 20]);
        let write = fs.write(&caller, inode, 0, bytes, Stability::Unstable);
        let meanwhile = async {
            clock.sleep(Duration::from_secs(1)).await;
            gate.shut();
            assert!(!gate.is_empty());
            let refused = fs.attributes(inode).await.unwrap_err();
            assert_eq!(refused.kind(), vfs::ErrorKind::Stale);
        };
        let (written, ()) = futures::join!(write, meanwhile);
        written.unwrap();
        assert!(gate.is_empty());
        gate.open();
        fs.attributes(inode).await.unwrap();
    }
}
