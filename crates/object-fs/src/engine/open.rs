//! Opening: what was promised before is taken up again.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use cache::{
    Batch, CacheError, CacheErrorKind, Committer, DataLog, DirDisk, DirLock, Disk, FjallStore,
    Index, KeyValue, Table,
};
use clock::Clock;
use object_store::ObjectStore;
use parking_lot::{Mutex, RwLock};
use vfs::{Attributes, FileType, Inode, VfsError};

use super::{
    Engine, Identity, META_COUNTERS, Namespace, ROOT, jobs::Jobs, lost::Lost, make::DIR_SIZE,
    pins::Pins, refresh::Refreshes, space::Space, trend::Trend, unreadable::Unreadable,
};
use crate::{
    ObjectFsConfig, OpenError,
    codec::Damaged,
    event::Events,
    express::Express,
    keys::{self, Gone},
    lease::Lease,
    node::Nodes,
    record::Record,
    scan::{ImportProgress, RecentKeys},
    status::Counters,
    upload::{KeyLocks, Pace, Queue, Work},
};

const META_SHARE: &str = "share";
const META_START: &str = "start";
/// Of the root directory of a fresh share. Who may reach the share at all, its access rules
/// say; within it every user may begin, until somebody changes this.
const ROOT_MODE: u32 = 0o777;
/// How long the process before may take to let go of the directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What an engine's state lies on.
pub(crate) struct Devices {
    pub(crate) index: Arc<dyn KeyValue>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) committer: Committer,
    pub(crate) lock: Option<DirLock>,
}

/// What went wrong, before it is known in which directory.
#[derive(Debug)]
pub(crate) enum Trouble {
    Cache(CacheError),
    Vfs(VfsError),
    Random(getrandom::Error),
}

impl From<CacheError> for Trouble {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<VfsError> for Trouble {
    fn from(error: VfsError) -> Self {
        Self::Vfs(error)
    }
}

impl From<Damaged> for Trouble {
    fn from(error: Damaged) -> Self {
        Self::Vfs(error.into())
    }
}

impl Trouble {
    pub(crate) fn at(self, dir: &Path) -> OpenError {
        let dir = dir.to_owned();
        match self {
            Self::Cache(e) => match e.kind() {
                CacheErrorKind::InUse => OpenError::InUse { dir },
                CacheErrorKind::Full => OpenError::CacheDiskFull { dir },
                CacheErrorKind::Corrupt => OpenError::Corrupt {
                    dir,
                    what: e.to_string(),
                },
                CacheErrorKind::Disk => OpenError::Disk {
                    dir,
                    source: e.into(),
                },
            },
            Self::Vfs(e) => OpenError::Corrupt {
                dir,
                what: e.to_string(),
            },
            Self::Random(e) => OpenError::Disk {
                dir,
                source: e.into(),
            },
        }
    }
}

impl Devices {
    /// A directory of a real disk, for us alone.
    pub(crate) async fn open(dir: &Path, clock: &Clock) -> Result<Self, CacheError> {
        std::fs::create_dir_all(dir)
            .map_err(|e| CacheError::io(format!("cannot make `{}`", dir.display()), e))?;
        let lock = patiently(clock, || DirLock::acquire(dir)).await?;
        let data = dir.join("data");
        let disk = DirDisk::open(&data)
            .map_err(|e| CacheError::io(format!("cannot open `{}`", data.display()), e))?;
        let index = patiently(clock, || FjallStore::open(&dir.join("index"))).await?;
        Ok(Self {
            index: Arc::new(index),
            disk: Arc::new(disk),
            committer: Committer::Thread,
            lock: Some(lock),
        })
    }
}

/// Tries again for a while if somebody else, who is perhaps about to end, has it.
async fn patiently<T>(
    clock: &Clock,
    acquire: impl Fn() -> Result<T, CacheError>,
) -> Result<T, CacheError> {
    let deadline = clock.now() + LOCK_PATIENCE;
    loop {
        match acquire() {
            Err(e) if e.kind() == CacheErrorKind::InUse && clock.now() < deadline => {
                clock.sleep(LOCK_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

impl Engine {
    pub(crate) async fn open(
        config: ObjectFsConfig,
        store: Arc<dyn ObjectStore>,
        clock: Clock,
        devices: Devices,
    ) -> Result<Arc<Self>, Trouble> {
        let committer = devices.committer;
        let log = Arc::new(DataLog::open_with(devices.disk, committer)?);
        let index = Index::open_with(devices.index, committer)?;
        let maps = index.records(Table::Extents);
        let (identity, namespace) = begin(&index, &clock).await?;
        let pins = Pins::load(&index)?;
        let engine = Arc::new(Self {
            queue: Queue::new(config.upload_delay, config.uploads.rest_max),
            pace: Pace::new(config.uploads.requests_max),
            import: RwLock::new(ImportProgress::load(&index)?),
            lease: Lease::load(config.writers, &index)?,
            events: Events::default(),
            express: Express::new(clock.wall().as_millis()),
            refreshes: Refreshes::default(),
            recent: RecentKeys::new(identity.start, clock.now()),
            config,
            store,
            clock,
            index,
            log,
            nodes: Nodes::default(),
            namespace: Mutex::new(namespace),
            key_locks: KeyLocks::default(),
            counters: Counters::default(),
            identity,
            unsynced: Mutex::new(BTreeMap::new()),
            space: Space::default(),
            pins,
            jobs: Jobs::default(),
            trend: Trend::default(),
            lost: Lost::default(),
            unreadable: Unreadable::default(),
            _lock: devices.lock,
        });
        engine.take_up_work()?;
        engine.start_sweep(maps, committer);
        Ok(engine)
    }

    /// Uploads, deletes and walks that were promised before.
    fn take_up_work(&self) -> Result<(), Trouble> {
        let now = self.clock.now();
        // One by one: of what was deleted lately there may be much more than is still to be done.
        for entry in self.index.records(Table::Dirty) {
            let entry = entry?;
            let inode = Inode(keys::number(&entry.key)?);
            let since = keys::number(&entry.value)?;
            let record = self.load_record(inode)?;
            let bytes = record.map_or(0, |record| self.dirty_bytes_of(&record));
            self.queue.restore(Work::Inode(inode), bytes, since, now);
        }
        for entry in self.index.records(Table::Tombstones) {
            let entry = entry?;
            if Gone::decode(&entry.value)?.is_some() {
                continue;
            }
            let key = String::from_utf8(entry.key.to_vec()).or(Err(Damaged))?;
            let since = self.clock.wall().as_millis();
            self.queue
                .restore(Work::Tombstone(key.into()), 0, since, now);
        }
        for entry in self.index.records(Table::Walks) {
            let entry = entry?;
            let inode = Inode(keys::number(&entry.key)?);
            let since = self.clock.wall().as_millis();
            self.queue.restore(Work::Walk(inode), 0, since, now);
        }
        Ok(())
    }
}

/// Counts the start, and makes what a fresh index needs.
async fn begin(index: &Index, clock: &Clock) -> Result<(Identity, Namespace), Trouble> {
    let mut batch = Batch::default();
    let number = |key: &str| -> Result<Option<u64>, Trouble> {
        let found = index.get(Table::Meta, key.as_bytes())?;
        Ok(found.map(|bytes| keys::number(&bytes)).transpose()?)
    };
    let share = match number(META_SHARE)? {
        Some(share) => share,
        None => getrandom::u64().map_err(Trouble::Random)?,
    };
    let start = number(META_START)?.unwrap_or(0) + 1;
    let nonce = getrandom::u64().map_err(Trouble::Random)?;
    batch.put(Table::Meta, META_SHARE, share.to_be_bytes());
    batch.put(Table::Meta, META_START, start.to_be_bytes());
    let namespace = match index.get(Table::Meta, META_COUNTERS.as_bytes())? {
        Some(bytes) => {
            let (inode, inodes) = keys::pair(&bytes)?;
            Namespace {
                next_inode: inode.0,
                inodes,
            }
        }
        None => {
            let root = root_record(clock.wall().as_millis());
            batch.put(Table::Inodes, keys::of_inode(ROOT), root.encode());
            let fresh = Namespace {
                next_inode: FIRST_INODE,
                inodes: 1,
            };
            fresh.save(&mut batch);
            fresh
        }
    };
    index.durable(index.submit(batch)).await?;
    let identity = Identity {
        share,
        start,
        nonce,
    };
    Ok((identity, namespace))
}

/// Inodes serve as cookies, of which 0 to 2 belong to the edges.
pub(crate) const FIRST_INODE: u64 = 3;

/// A root directory that was just made.
pub(crate) fn root_record(now_ms: u64) -> Record {
    let now = vfs::FileTime::from_nanos(u128::from(now_ms) * 1_000_000);
    let attributes = Attributes {
        inode: ROOT,
        file_type: FileType::Directory,
        mode: ROOT_MODE,
        link_count: 2,
        uid: 0,
        gid: 0,
        size: DIR_SIZE,
        used_bytes: 0,
        atime: now,
        mtime: now,
        ctime: now,
    };
    Record::new(attributes, ROOT, "")
}
