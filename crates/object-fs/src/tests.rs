//! Facts about the engine, on devices in memory unless a fact is about a real disk.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of a test are small"
)]

mod bucket;
mod cipher;
mod cold;
mod conditions;
mod disk;
mod encrypted;
mod express;
mod files;
mod lease;
mod manage;
mod meanwhile;
mod model;
mod modes;
mod names;
mod parts;
mod powered;
mod records;
mod refresh;
mod scale;
mod space;
mod stale;
mod startup;
mod unknowable;

use std::{path::PathBuf, sync::Arc, time::Duration};

use ::model::{ConflictPolicy, ShareMode, Writers};
use bytes::Bytes;
use cache::{Committer, MemDisk, MemKeyValue, Power};
use clock::{Clock, Timestamp};
use object_store::{Latency, MemStore, Metadata, ObjectStore};
use vfs::{
    Attributes, Caller, Cookie, CreateMode, ErrorKind, Inode, Name, Rename, SetAttributes,
    Stability, Vfs as _, VfsResult,
};

use self::{
    cipher::Cipher,
    powered::{Gate, Powered},
};
use crate::{ObjectFs, ObjectFsConfig, UploadSettings, engine::Devices};

/// A cache disk, a bucket, and the engine between them; it can crash and start again.
pub(super) struct Bench {
    pub(super) store: Arc<MemStore>,
    pub(super) index: Arc<MemKeyValue>,
    pub(super) disk: Arc<MemDisk>,
    pub(super) config: ObjectFsConfig,
    pub(super) clock: Clock,
    /// What the test itself waits by.
    pub(super) pace: Clock,
    /// Of the machine: index and disk stop with it, and so do its requests to the bucket.
    pub(super) power: Power,
    /// Between its engine and the bucket.
    gate: Gate,
    /// What its objects are encrypted with, if they are.
    pub(super) cipher: Option<Cipher>,
    committer: Committer,
    patience: Duration,
    fs: Option<Arc<ObjectFs>>,
}

pub(super) const DISK_BYTES: u64 = 1 << 30;
/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where waiting costs nothing.
const SIMULATED_PATIENCE: Duration = Duration::from_secs(3_600);

pub(super) fn config() -> ObjectFsConfig {
    ObjectFsConfig {
        name: "test".parse().unwrap(),
        dir: PathBuf::from("memory"),
        cache_bytes_max: 256 << 20,
        upload_delay: Duration::from_millis(5),
        rescan_interval: None,
        express_sync: true,
        refresh_after: None,
        holder: "test".into(),
        writers: Writers::Many,
        conflicts: ConflictPolicy::KeepBoth,
        mode: ShareMode::Cache,
        ignore_delete: false,
        uploads: UploadSettings::default(),
    }
}

impl Bench {
    pub(super) async fn new() -> Self {
        let clock = Clock::system();
        Self::on(Arc::new(MemStore::new(clock.clone())), config()).await
    }

    pub(super) async fn on(store: Arc<MemStore>, config: ObjectFsConfig) -> Self {
        Self::in_time(store, config, Clock::system(), Committer::Thread).await
    }

    /// One in the time of a runtime whose time is paused (see [`simulate`]), without threads:
    /// the same seed gives the same run.
    pub(super) async fn simulated(seed: u64) -> Self {
        Self::simulated_as(seed, config(), None).await
    }

    /// The same in all modes that a share can have, and with objects that are encrypted.
    pub(super) async fn simulated_in_modes(seed: u64) -> Self {
        let config = ObjectFsConfig {
            mode: match seed % 5 {
                3 => ShareMode::Replication,
                4 => ShareMode::WriteThrough,
                _ => ShareMode::Cache,
            },
            ignore_delete: seed % 7 == 6,
            ..config()
        };
        let cipher = (seed % 4 == 1).then(|| Cipher::new(seed));
        Self::simulated_as(seed, config, cipher).await
    }

    async fn simulated_as(seed: u64, mut config: ObjectFsConfig, cipher: Option<Cipher>) -> Self {
        let clock = Clock::of_runtime(Timestamp::from_millis(1_700_000_000_000));
        let store = Arc::new(MemStore::new(clock.clone()));
        // Store and disk overtake each other: in some runs the one is faster, in some the
        // other.
        store.set_latency(Latency {
            per_call: Duration::from_millis(seed % 4),
            per_chunk: Duration::ZERO,
        });
        let disk = Committer::Waiter(1 + (seed % 7) as u32);
        if !seed.is_multiple_of(3) {
            // So that the files of a test are large enough for uploads in parts.
            config.uploads.part_bytes = 8 << 10;
        }
        let mut bench = Self::built(store, config, clock, disk);
        bench.patience = SIMULATED_PATIENCE;
        bench.cipher = cipher;
        bench.start().await;
        bench
    }

    async fn in_time(
        store: Arc<MemStore>,
        config: ObjectFsConfig,
        clock: Clock,
        committer: Committer,
    ) -> Self {
        let mut bench = Self::built(store, config, clock, committer);
        bench.start().await;
        bench
    }

    fn built(
        store: Arc<MemStore>,
        config: ObjectFsConfig,
        clock: Clock,
        committer: Committer,
    ) -> Self {
        let power = Power::default();
        Self {
            store,
            index: Arc::new(MemKeyValue::on(power.clone())),
            disk: Arc::new(MemDisk::on(power.clone(), DISK_BYTES)),
            config,
            pace: clock.clone(),
            clock,
            power,
            gate: Gate::default(),
            cipher: None,
            committer,
            patience: PATIENCE,
            fs: None,
        }
    }

    pub(super) fn fs(&self) -> &Arc<ObjectFs> {
        self.fs.as_ref().expect("started")
    }

    pub(super) async fn start(&mut self) {
        let devices = self.devices();
        let mut store: Arc<dyn ObjectStore> =
            Arc::new(Powered::new(&self.store, &self.power, &self.gate));
        if let Some(cipher) = &self.cipher {
            store = cipher.over(store);
        }
        let clock = self.clock.clone();
        let fs = ObjectFs::open_on(self.config.clone(), store, clock, devices).await;
        self.fs = Some(fs.unwrap());
    }

    /// Power off, and on again: of what was not synced, each block is there or not.
    pub(super) async fn crash(&mut self, survives: impl FnMut() -> bool) {
        self.power.cut_after(0);
        self.stop().await;
        self.disk.cut_power(survives);
        self.power.restore();
        self.assert_sound().await;
        self.start().await;
    }

    /// What the engine lies on.
    pub(crate) fn devices(&self) -> Devices {
        Devices {
            index: Arc::clone(&self.index) as _,
            disk: Arc::clone(&self.disk) as _,
            committer: self.committer,
            lock: None,
        }
    }

    /// The cache fits together, as it lies on the disk while nobody has it open.
    pub(super) async fn assert_sound(&self) {
        let options = crate::FsckOptions {
            repair: false,
            data: true,
        };
        let report = crate::fsck::check_devices(self.devices(), options, &self.clock).await;
        let mut report = report.unwrap();
        // What was written and never named is given back after the next start.
        report.found.remove(crate::Check::LeakedBlock.name());
        assert!(report.found.is_empty(), "{report:?}");
    }

    /// Ends the engine as abruptly as a crash, and waits until nothing of it runs.
    pub(super) async fn stop(&mut self) {
        drop(self.fs.take().expect("started"));
        let deadline = self.pace.now() + self.patience;
        // Its threads have the devices longer than anybody has the engine: what one of them still
        // wrote when the power is back would be written by a machine that was off.
        while Arc::strong_count(&self.index) > 1 || Arc::strong_count(&self.disk) > 1 {
            assert!(
                self.pace.now() < deadline,
                "the engine goes on after its end"
            );
            self.pace.sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until `holds`.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = self.clock.now() + self.patience;
        while !holds(self) {
            let status = self.fs().status();
            assert!(
                self.clock.now() < deadline,
                "not in time: {what}; {status:?}"
            );
            self.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the bucket is what the tree is.
    pub(super) async fn drain(&self) {
        self.until("nothing left to upload", |bench| {
            let status = bench.fs().status();
            status.upload_queue == 0 && !status.importing
        })
        .await;
    }

    pub(super) async fn imported(&self) {
        self.until("imported", |bench| !bench.fs().status().importing)
            .await;
    }

    /// A second engine with an empty cache over the same bucket.
    pub(super) async fn second(&self) -> Self {
        let (store, config) = (Arc::clone(&self.store), self.config.clone());
        let mut bench = Self::built(store, config, self.clock.clone(), self.committer);
        bench.cipher.clone_from(&self.cipher);
        bench.start().await;
        bench.imported().await;
        bench
    }

    pub(super) async fn find(&self, path: &str) -> VfsResult<Attributes> {
        let mut at = self.fs().attributes(self.fs().root()).await?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.fs().lookup(&root(), at.inode, name).await?;
        }
        Ok(at)
    }

    async fn parent<'a>(&self, path: &'a str) -> VfsResult<(Inode, &'a str)> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.find(dir).await?.inode, name))
    }

    pub(super) async fn create(&self, path: &str) -> VfsResult<Attributes> {
        let (dir, name) = self.parent(path).await?;
        let set = SetAttributes::default();
        self.fs()
            .create(&root(), dir, &name_of(name), CreateMode::Unchecked, set)
            .await
    }

    pub(super) async fn make_dir(&self, path: &str) -> VfsResult<Attributes> {
        let (dir, name) = self.parent(path).await?;
        let set = SetAttributes::default();
        self.fs().make_dir(&root(), dir, &name_of(name), set).await
    }

    pub(super) async fn symlink(&self, path: &str, target: &str) -> VfsResult<Attributes> {
        let (dir, name) = self.parent(path).await?;
        let set = SetAttributes::default();
        let name = name_of(name);
        self.fs()
            .make_symlink(&root(), dir, &name, target, set)
            .await
    }

    pub(super) async fn remove(&self, path: &str) -> VfsResult<()> {
        let (dir, name) = self.parent(path).await?;
        self.fs().remove(&root(), dir, &name_of(name)).await
    }

    pub(super) async fn remove_dir(&self, path: &str) -> VfsResult<()> {
        let (dir, name) = self.parent(path).await?;
        self.fs().remove_dir(&root(), dir, &name_of(name)).await
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> VfsResult<()> {
        let (from_dir, from_name) = self.parent(from).await?;
        let (to_dir, to_name) = self.parent(to).await?;
        let rename = Rename {
            from: from_dir,
            from_name: &name_of(from_name),
            to: to_dir,
            to_name: &name_of(to_name),
        };
        self.fs().rename(&root(), rename).await
    }

    pub(super) async fn write(
        &self,
        path: &str,
        offset: u64,
        bytes: impl Into<Bytes>,
    ) -> VfsResult<Attributes> {
        let inode = self.find(path).await?.inode;
        self.fs()
            .write(&root(), inode, offset, bytes.into(), Stability::Unstable)
            .await
    }

    pub(super) async fn commit(&self, path: &str) -> VfsResult<Attributes> {
        let inode = self.find(path).await?.inode;
        self.fs().commit(&root(), inode).await
    }

    pub(super) async fn resize(&self, path: &str, size: u64) -> VfsResult<Attributes> {
        let inode = self.find(path).await?.inode;
        let set = SetAttributes {
            size: Some(size),
            ..SetAttributes::default()
        };
        self.fs().set_attributes(&root(), inode, set, None).await
    }

    pub(super) async fn chmod(&self, path: &str, mode: u32) -> VfsResult<Attributes> {
        let inode = self.find(path).await?.inode;
        let set = SetAttributes {
            mode: Some(mode),
            ..SetAttributes::default()
        };
        self.fs().set_attributes(&root(), inode, set, None).await
    }

    pub(super) async fn read(&self, path: &str) -> VfsResult<Vec<u8>> {
        let at = self.find(path).await?;
        read_whole(&**self.fs(), at.inode).await
    }

    /// Creates a file with committed content.
    pub(super) async fn put(&self, path: &str, bytes: impl Into<Bytes>) {
        self.create(path).await.unwrap();
        self.write(path, 0, bytes).await.unwrap();
        self.commit(path).await.unwrap();
    }

    /// The names in a directory.
    pub(super) async fn list(&self, path: &str) -> Vec<String> {
        let dir = self.find(path).await.unwrap().inode;
        let (mut names, mut after) = (Vec::new(), Cookie(0));
        loop {
            let page = self.fs().read_dir(&root(), dir, after, 100).await.unwrap();
            for entry in page.entries {
                names.push(entry.name.as_str().to_owned());
                after = entry.cookie;
            }
            if page.end {
                names.sort();
                return names;
            }
        }
    }

    /// Keys of the bucket.
    pub(super) fn keys(&self) -> Vec<String> {
        self.store.objects().into_keys().collect()
    }

    pub(super) fn object(&self, key: &str) -> Bytes {
        let object = self.store.object(key);
        object.unwrap_or_else(|| panic!("no object {key}")).bytes
    }

    /// What is in an object for those who have the key.
    pub(super) fn opened(&self, key: &str) -> Bytes {
        self.open(key, self.object(key))
    }

    /// The same of the bytes that an object had.
    pub(super) fn open(&self, key: &str, bytes: Bytes) -> Bytes {
        match &self.cipher {
            Some(cipher) if !key.ends_with('/') => cipher.open(&bytes),
            Some(_) | None => bytes,
        }
    }

    pub(super) fn insert(&self, key: &str, bytes: impl Into<Bytes>) {
        self.store.insert(key, bytes, Metadata::new());
    }
}

/// Runs a simulation to its end, in a time of its own.
pub(super) fn simulate<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(simulation)
}

/// Reads a file to its end.
pub(super) async fn read_whole(fs: &dyn vfs::Vfs, inode: Inode) -> VfsResult<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let reply = fs.read(&root(), inode, whole.len() as u64, 1 << 20).await?;
        whole.extend_from_slice(&reply.bytes);
        if reply.end {
            return Ok(whole);
        }
        assert!(
            !reply.bytes.is_empty(),
            "a read brought nothing before the end"
        );
    }
}

pub(super) const fn root() -> Caller {
    Caller::root()
}

pub(super) fn name_of(name: &str) -> Name {
    Name::from_bytes(name.as_bytes()).unwrap()
}

/// Bytes that tell where they are.
pub(super) fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..len).map(|_| random.next().to_le_bytes()[3]).collect()
}

/// Small, and the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[track_caller]
pub(super) fn fails<T: std::fmt::Debug>(answer: VfsResult<T>, kind: ErrorKind) {
    assert_eq!(answer.unwrap_err().kind(), kind);
}
