//! Our file engine, through the port that protocols use, over a bucket that nothing is sent to.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use clock::{Clock, spawn_named};
use model::{ConflictPolicy, ShareMode, Writers};
use object_fs::{ObjectFs, ObjectFsConfig, UploadSettings};
use object_store::MemStore;
use tokio::runtime::Runtime;
use vfs::{Caller, Cookie, CreateMode, Inode, Name, Rename, SetAttributes, Stability, Vfs};

use super::{
    load::{self, CALL_LEN, CALLERS, Load, PASSES, RANDOM_LEN, SMALL_LEN},
    phase::Phase,
};
use crate::error::BenchError;

/// Longer than any run: what is measured is the work that clients wait for.
const NO_UPLOADS: Duration = Duration::from_secs(24 * 60 * 60);
/// More than any disk has: nothing is evicted, and nobody is slowed down.
const CACHE_BYTES_MAX: u64 = 1 << 50;
/// Names asked for at a time, as by a client with much room for the answer.
const PAGE_LEN: usize = 1_024;

/// A share of its own.
pub(super) struct OwnEngine {
    runtime: Runtime,
    share: Share,
}

/// What callers hold.
#[derive(Clone)]
struct Share {
    fs: Arc<ObjectFs>,
    large: Inode,
}

impl OwnEngine {
    pub(super) fn start(dir: &Path, clock: &Clock) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(BenchError::io("start a runtime"))?;
        let share = runtime.block_on(Share::open(dir, clock))?;
        Ok(Self { runtime, share })
    }

    /// How many operations a part had.
    pub(super) fn run(&self, phase: Phase, load: Load) -> Result<u64, BenchError> {
        self.runtime.block_on(self.share.run(phase, load))
    }

    pub(super) fn stop(self) {
        self.runtime.block_on(self.share.fs.close());
    }
}

impl Share {
    async fn open(dir: &Path, clock: &Clock) -> Result<Self, BenchError> {
        let name = "bench".parse().map_err(BenchError::engine)?;
        let config = ObjectFsConfig {
            name,
            dir: dir.to_owned(),
            cache_bytes_max: CACHE_BYTES_MAX,
            upload_delay: NO_UPLOADS,
            rescan_interval: None,
            express_sync: false,
            refresh_after: None,
            holder: "bench".into(),
            writers: Writers::Many,
            conflicts: ConflictPolicy::KeepBoth,
            mode: ShareMode::Cache,
            ignore_delete: false,
            uploads: UploadSettings {
                rest_max: NO_UPLOADS,
                ..UploadSettings::default()
            },
        };
        let store = Arc::new(MemStore::new(clock.clone()));
        let fs = ObjectFs::open(config, store, clock.clone()).await;
        let fs = fs.map_err(BenchError::engine)?;
        while fs.status().importing {
            clock.sleep(Duration::from_millis(1)).await;
        }
        let large = create(&fs, "large").await?;
        Ok(Self { fs, large })
    }

    async fn run(&self, phase: Phase, load: Load) -> Result<u64, BenchError> {
        match phase {
            Phase::Create => {
                for n in 0..load.files_alone() {
                    self.create(&load::alone_name(n)).await?;
                }
                Ok(load.files_alone().into())
            }
            Phase::Create16 => self.create_in_parallel(load).await,
            Phase::Stat => self.stat(load).await,
            Phase::ReadDir => {
                let mut count = 0;
                for _ in 0..PASSES {
                    count += self.read_dir().await?;
                }
                Ok(count)
            }
            Phase::Rename => self.rename(load).await,
            Phase::SequentialWrite => {
                self.write_all(load.sequence(), CALL_LEN).await?;
                Ok(load.data_mib.into())
            }
            Phase::SequentialRead | Phase::ColdRead => {
                self.read_all(load.sequence(), CALL_LEN).await?;
                Ok(load.data_mib.into())
            }
            Phase::RandomRead => {
                let places = load.places(load.random_reads());
                self.read_all(places, RANDOM_LEN).await?;
                Ok(load.random_reads().into())
            }
            Phase::RandomWrite => {
                self.write_all(load.places(load.random), RANDOM_LEN).await?;
                Ok(load.random.into())
            }
            Phase::DurableWrite => self.write_durably(load).await,
        }
    }

    async fn create(&self, name: &str) -> Result<(), BenchError> {
        let inode = create(&self.fs, name).await?;
        let content = load::content(0, SMALL_LEN).into();
        self.write(inode, 0, content, Stability::Unstable).await?;
        self.commit(inode).await
    }

    async fn create_in_parallel(&self, load: Load) -> Result<u64, BenchError> {
        let start = |caller| {
            let share = self.clone();
            spawn_named("caller", async move {
                for n in load.share_of(caller) {
                    share.create(&load::small_name(n)).await?;
                }
                Ok(())
            })
        };
        let callers: Vec<_> = (0..CALLERS).map(start).collect();
        for caller in callers {
            let ended = caller.join().await;
            ended.ok_or_else(|| BenchError::Broken("a caller has panicked".into()))??;
        }
        Ok(load.files.into())
    }

    async fn stat(&self, load: Load) -> Result<u64, BenchError> {
        let (caller, root) = (Caller::root(), self.fs.root());
        let mut count = 0;
        for n in load.lookups() {
            let found = self.fs.lookup(&caller, root, &load::small_name(n)).await;
            let len = found.map_err(BenchError::engine)?.size;
            load::check_count("bytes of a small file", len, SMALL_LEN as u64)?;
            count += 1;
        }
        Ok(count)
    }

    async fn read_dir(&self) -> Result<u64, BenchError> {
        let (caller, root) = (Caller::root(), self.fs.root());
        let (mut after, mut count) = (Cookie::default(), 0);
        loop {
            let page = self.fs.read_dir(&caller, root, after, PAGE_LEN).await;
            let page = page.map_err(BenchError::engine)?;
            count += page.entries.len() as u64;
            match page.entries.last() {
                Some(last) if !page.end => after = last.cookie,
                Some(_) | None => return Ok(count),
            }
        }
    }

    async fn rename(&self, load: Load) -> Result<u64, BenchError> {
        let (caller, root) = (Caller::root(), self.fs.root());
        for n in 0..load.files_alone() {
            let (from, to) = (name(&load::alone_name(n))?, name(&load::renamed_name(n))?);
            let rename = Rename {
                from: root,
                from_name: &from,
                to: root,
                to_name: &to,
            };
            let renamed = self.fs.rename(&caller, rename).await;
            renamed.map_err(BenchError::engine)?;
        }
        Ok(load.files_alone().into())
    }

    /// Durable at the end.
    async fn write_all(
        &self,
        places: impl Iterator<Item = u64>,
        len: usize,
    ) -> Result<(), BenchError> {
        for offset in places {
            let content = load::content(offset, len).into();
            self.write(self.large, offset, content, Stability::Unstable)
                .await?;
        }
        self.commit(self.large).await
    }

    async fn write_durably(&self, load: Load) -> Result<u64, BenchError> {
        for offset in load.places(load.random_alone()) {
            let content = load::content(offset, RANDOM_LEN).into();
            self.write(self.large, offset, content, Stability::Stable)
                .await?;
        }
        Ok(load.random_alone().into())
    }

    async fn read_all(
        &self,
        places: impl Iterator<Item = u64>,
        len: usize,
    ) -> Result<(), BenchError> {
        let caller = Caller::root();
        let count = u32::try_from(len).unwrap_or(u32::MAX);
        for offset in places {
            let read = self.fs.read(&caller, self.large, offset, count).await;
            let read = read.map_err(BenchError::engine)?;
            load::check(offset, len, &read.bytes)?;
        }
        Ok(())
    }

    async fn write(
        &self,
        inode: Inode,
        offset: u64,
        bytes: Bytes,
        stability: Stability,
    ) -> Result<(), BenchError> {
        let caller = Caller::root();
        let written = self
            .fs
            .write(&caller, inode, offset, bytes, stability)
            .await;
        written.map(drop).map_err(BenchError::engine)
    }

    async fn commit(&self, inode: Inode) -> Result<(), BenchError> {
        let committed = self.fs.commit(&Caller::root(), inode).await;
        committed.map(drop).map_err(BenchError::engine)
    }
}

async fn create(fs: &ObjectFs, file: &str) -> Result<Inode, BenchError> {
    let name = name(file)?;
    let (mode, set) = (CreateMode::Guarded, SetAttributes::default());
    let created = fs
        .create(&Caller::root(), fs.root(), &name, mode, set)
        .await;
    Ok(created.map_err(BenchError::engine)?.inode)
}

fn name(text: &str) -> Result<Name, BenchError> {
    Name::from_bytes(text.as_bytes()).map_err(BenchError::engine)
}
