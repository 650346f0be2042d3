//! The engine of one share, as others hold it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use model::{ChangeBatch, ChangeNotice, ShareStatus, Timestamp, Writers};
use object_store::ObjectStore;
use parking_lot::Mutex;
use thiserror::Error;
use vfs::{
    Attributes, Caller, Cookie, CreateMode, DirPage, ExtendedAttribute, FileTime, FsUsage, Inode,
    Name, ReadReply, Rename, SetAttributes, Stability, Vfs, VfsResult,
};

use crate::{
    ObjectFsConfig, OpenError,
    engine::{Devices, Engine, Making, MakingKind, ROOT, UNSYNCED_MAX, Victim},
    event::FsEvent,
};

/// What a look at the bucket found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncSummary {
    /// Objects seen.
    pub objects_listed: u64,
    /// Files that are new.
    pub added: u64,
    /// Files whose content changed.
    pub changed: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files changed on both sides; their local copies are in `.conflicts/`.
    pub conflicts: u64,
    /// Keys that cannot be names of files.
    pub skipped: u64,
}

/// Why a look at the bucket failed.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The object store does not answer as it should.
    #[error("cannot list the bucket")]
    Store(#[from] object_store::StoreError),
    /// The index cannot be read or written.
    #[error("cannot update the index")]
    Index(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A directory tree over a bucket. Dropping it is as abrupt as a crash; see
/// [`ObjectFs::close`].
pub struct ObjectFs {
    engine: Arc<Engine>,
    tasks: Mutex<Vec<Task>>,
}

impl std::fmt::Debug for ObjectFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectFs")
            .field("name", &self.engine.config.name)
            .finish_non_exhaustive()
    }
}

impl ObjectFs {
    /// Opens the share's directory and starts its tasks. What was promised before a crash is
    /// taken up again.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        config: ObjectFsConfig,
        store: Arc<dyn ObjectStore>,
        clock: Clock,
    ) -> Result<Arc<Self>, OpenError> {
        let dir = config.dir.clone();
        let devices = Devices::open(&dir, &clock).await;
        let devices = devices.map_err(|e| crate::engine::Trouble::Cache(e).at(&dir))?;
        Self::open_on(config, store, clock, devices).await
    }

    pub(crate) async fn open_on(
        config: ObjectFsConfig,
        store: Arc<dyn ObjectStore>,
        clock: Clock,
        devices: Devices,
    ) -> Result<Arc<Self>, OpenError> {
        let dir = config.dir.clone();
        let engine = Engine::open(config, store, clock, devices).await;
        let engine = engine.map_err(|trouble| trouble.at(&dir))?;
        let mut tasks = vec![
            spawn_named("scan", Arc::clone(&engine).scan_for_ever()),
            spawn_named("evict", Arc::clone(&engine).evict_for_ever()),
            spawn_named("commit-old", commit_for_ever(Arc::clone(&engine))),
            spawn_named("pins", Arc::clone(&engine).keep_pins_for_ever()),
        ];
        if engine.config.express_sync {
            let applying = Arc::clone(&engine).apply_heard_for_ever();
            tasks.push(spawn_named("apply-heard", applying));
            let scanning = Arc::clone(&engine).scan_gaps_for_ever();
            tasks.push(spawn_named("scan-gaps", scanning));
        }
        if engine.config.writers == Writers::One {
            tasks.push(spawn_named(
                "lease",
                Arc::clone(&engine).keep_lease_for_ever(),
            ));
        }
        if engine.config.writers != Writers::None {
            tasks.push(spawn_named(
                "uploads",
                Arc::clone(&engine).upload_for_ever(),
            ));
            tasks.push(spawn_named("tidy", Arc::clone(&engine).tidy_for_ever()));
        }
        Ok(Arc::new(Self {
            engine,
            tasks: Mutex::new(tasks),
        }))
    }

    /// Different for each cache, the same for its life: handles of files mean nothing to another
    /// cache of the same share.
    #[must_use]
    pub fn cache_id(&self) -> u64 {
        self.engine.identity.share
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> ShareStatus {
        self.engine.status()
    }

    /// What happened since this was asked last, oldest first.
    #[must_use]
    pub fn take_events(&self) -> Vec<FsEvent> {
        self.engine.events.take()
    }

    /// Looks for changes made in the bucket by others: everywhere, or at and below a path.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn sync(&self, path: Option<&str>) -> Result<SyncSummary, SyncError> {
        self.engine.sync(path).await
    }

    /// Waits until something was changed in the bucket that others should be told.
    pub async fn something_to_tell(&self) {
        self.engine.express.something_to_tell().await;
    }

    /// The next changes to be told, at most 48 KiB of JSON, and when the first was made.
    #[must_use]
    pub fn take_changes(&self) -> Option<(Timestamp, ChangeBatch)> {
        self.engine.express.take()
    }

    /// A batch without changes that repeats the number of the last one. Who has missed that one
    /// sees it.
    #[must_use]
    pub fn repeat_changes(&self) -> ChangeBatch {
        self.engine.express.repeat()
    }

    /// Nobody can be told of changes now: those that wait are forgotten. Who hears of later ones
    /// sees the gap.
    pub fn forget_changes(&self) {
        self.engine.express.forget_untold();
    }

    /// Takes what another gateway tells that it changed; it is in the index soon after.
    pub fn hear(&self, notice: ChangeNotice) {
        if self.engine.config.express_sync {
            self.engine.express.hear(notice);
        }
    }

    /// Makes everything durable on the cache disk and ends the tasks. What is not uploaded
    /// yet is uploaded after the next start.
    pub async fn close(&self) {
        self.engine.commit_old(Duration::ZERO).await;
        let tasks = std::mem::take(&mut *self.tasks.lock());
        drop(tasks);
        self.engine.give_lease_back().await;
    }

    /// Ends a task with this share.
    pub(crate) fn keep(&self, task: Task) {
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

async fn commit_for_ever(engine: Arc<Engine>) {
    loop {
        engine.clock.sleep(COMMIT_INTERVAL).await;
        engine.commit_old(UNSYNCED_MAX).await;
        engine.note_trend();
        engine.nodes.trim_maps();
    }
}

/// How often it is looked for uncommitted data.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

#[async_trait]
impl Vfs for ObjectFs {
    fn root(&self) -> Inode {
        ROOT
    }

    fn write_verifier(&self) -> u64 {
        let identity = self.engine.identity;
        identity.share.rotate_left(32) ^ identity.start ^ identity.nonce
    }

    async fn attributes(&self, inode: Inode) -> VfsResult<Attributes> {
        self.engine.attributes(inode).await
    }

    async fn set_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
        set: SetAttributes,
        guard: Option<FileTime>,
    ) -> VfsResult<Attributes> {
        self.engine.set_attributes(caller, inode, set, guard).await
    }

    async fn lookup(&self, caller: &Caller, dir: Inode, name: &str) -> VfsResult<Attributes> {
        self.engine.lookup(caller, dir, name).await
    }

    async fn extended_attributes(
        &self,
        caller: &Caller,
        inode: Inode,
    ) -> VfsResult<Vec<ExtendedAttribute>> {
        self.engine.extended_attributes(caller, inode).await
    }

    async fn read_link(&self, _caller: &Caller, inode: Inode) -> VfsResult<String> {
        self.engine.read_link(inode).await
    }

    async fn read(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        count: u32,
    ) -> VfsResult<ReadReply> {
        self.engine.read(caller, inode, offset, count).await
    }

    async fn write(
        &self,
        caller: &Caller,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> VfsResult<Attributes> {
        self.engine
            .write(caller, inode, offset, bytes, stability)
            .await
    }

    async fn commit(&self, _caller: &Caller, inode: Inode) -> VfsResult<Attributes> {
        self.engine.commit(inode).await
    }

    async fn create(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        mode: CreateMode,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let kind = MakingKind::File(mode);
        let making = Making {
            caller,
            dir,
            name,
            kind,
            set,
        };
        self.engine.make(making).await
    }

    async fn make_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let kind = MakingKind::Dir;
        let making = Making {
            caller,
            dir,
            name,
            kind,
            set,
        };
        self.engine.make(making).await
    }

    async fn make_symlink(
        &self,
        caller: &Caller,
        dir: Inode,
        name: &Name,
        target: &str,
        set: SetAttributes,
    ) -> VfsResult<Attributes> {
        let kind = MakingKind::Symlink(target);
        let making = Making {
            caller,
            dir,
            name,
            kind,
            set,
        };
        self.engine.make(making).await
    }

    async fn remove(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        self.engine.remove(caller, dir, name, Victim::File).await
    }

    async fn remove_dir(&self, caller: &Caller, dir: Inode, name: &Name) -> VfsResult<()> {
        self.engine.remove(caller, dir, name, Victim::Dir).await
    }

    async fn rename(&self, caller: &Caller, rename: Rename<'_>) -> VfsResult<()> {
        self.engine.rename(caller, rename).await
    }

    async fn read_dir(
        &self,
        caller: &Caller,
        dir: Inode,
        after: Cookie,
        count: usize,
    ) -> VfsResult<DirPage> {
        self.engine.read_dir(caller, dir, after, count).await
    }

    async fn usage(&self) -> VfsResult<FsUsage> {
        self.engine.usage()
    }
}
