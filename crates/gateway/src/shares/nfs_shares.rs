//! The shares of the product: an object store, a file engine over it, an NFS export of that.

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use clock::{Clock, Task, spawn_named};
use model::{
    BucketSettings, ChangeNotice, ErrorCode, Failure, LostCache, Provider, ServerEncryption,
    ShareAction, ShareCheck, ShareProtocol, ShareSettings, ShareStatus,
};
use nfs_server::{ExportOptions, NfsServer};
use object_cipher::{CipherStore, Layout, ShareKey, SystemSalts};
use object_fs::{
    FsEvent, FsckOptions, ObjectFs, ObjectFsConfig, OpenError, SyncError, SyncSummary,
    UploadSettings,
};
use object_store::{ObjectStore, StoreError, StoreErrorKind, Throttle, ThrottledStore};
use object_store_http::{AccessKeys, OpenOptions, ReplaceableKeys};
use parking_lot::Mutex;
use s3_server::{Directories, DirectoryPlace};
use serde_json::Value;

use super::{
    actions,
    express::Teller,
    factory::{Share, ShareFactory},
    gate::Gate,
    ledger::{Ledger, Noting},
    paced_vfs::PacedVfs,
};
use crate::agent::Outbox;

/// Makes shares that one NFS server serves.
#[derive(Debug)]
pub(crate) struct NfsShares {
    server: Arc<NfsServer>,
    /// What this gateway is called where others meet its leases.
    holder: String,
    /// Takes what they changed in their buckets.
    outbox: Arc<Outbox>,
    /// Where it is noted what is in their caches alone: not on the cache disk.
    ledgers_dir: PathBuf,
    /// Buckets that are directories of this machine.
    directories: Directories,
    clock: Clock,
}

impl NfsShares {
    pub(crate) fn new(
        server: Arc<NfsServer>,
        holder: String,
        outbox: Arc<Outbox>,
        ledgers_dir: PathBuf,
        clock: Clock,
    ) -> Self {
        Self {
            server,
            holder,
            outbox,
            ledgers_dir,
            directories: Directories::new(clock.clone()),
            clock,
        }
    }

    /// Tells others of the changes of a share.
    fn teller(&self, settings: &ShareSettings, fs: &Arc<ObjectFs>) -> Option<Teller> {
        settings.express_sync.then(|| Teller {
            share: settings.name.clone(),
            fs: Arc::clone(fs),
            outbox: Arc::clone(&self.outbox),
            clock: self.clock.clone(),
        })
    }

    async fn open_store(
        &self,
        settings: &ShareSettings,
        keys: Option<Arc<ReplaceableKeys>>,
    ) -> Result<Arc<dyn ObjectStore>, Failure> {
        let store = match settings.bucket.provider {
            Provider::S3 | Provider::Oss => {
                let options = OpenOptions {
                    encryption: settings.engine.encryption.clone(),
                    keys,
                    ..OpenOptions::default()
                };
                object_store_http::open_as(&settings.bucket, options)
            }
            Provider::Directory => {
                let place = directory_of(settings)?;
                self.directories.open(place).await
            }
        };
        store.map_err(|error| store_failure(&error, &settings.bucket))
    }
}

/// The store as the engine sees it: in the clear.
fn encrypted(
    store: Arc<dyn ObjectStore>,
    settings: &ShareSettings,
) -> Result<Arc<dyn ObjectStore>, Failure> {
    let Some(encryption) = &settings.client_encryption else {
        return Ok(store);
    };
    let key = ShareKey::parse(&encryption.key).map_err(|e| {
        let text = format!("the key that its objects are encrypted with cannot be used: {e}");
        Failure::new(ErrorCode::InvalidArgument, text)
    })?;
    let salts = Arc::new(SystemSalts);
    let layout = Layout::default();
    Ok(Arc::new(CipherStore::new(store, key, layout, salts)))
}

fn directory_of(settings: &ShareSettings) -> Result<DirectoryPlace<'_>, Failure> {
    let invalid = |text: String| Failure::new(ErrorCode::InvalidArgument, text);
    if settings.engine.encryption != ServerEncryption::BucketDefault {
        return Err(invalid("a directory encrypts nothing by itself".to_owned()));
    }
    let bucket = &settings.bucket;
    let directory = bucket.directory().ok_or_else(|| {
        let endpoint = &bucket.endpoint;
        invalid(format!("the endpoint `{endpoint}` must read file:///path"))
    })?;
    Ok(DirectoryPlace {
        directory,
        bucket: &bucket.bucket,
        prefix: &bucket.prefix,
    })
}

#[async_trait]
impl ShareFactory for NfsShares {
    async fn check(&self, settings: &ShareSettings) -> Result<(), Failure> {
        if settings.bucket.lacks_keys() {
            return Err(no_keys(&settings.bucket));
        }
        let checked = self.open_store(settings, None).await?.check().await;
        checked.map_err(|error| store_failure(&error, &settings.bucket))
    }

    async fn open(&self, settings: &ShareSettings, dir: &Path) -> Result<Arc<dyn Share>, Failure> {
        let keys = AccessKeys::from(&settings.bucket);
        let keys = ReplaceableKeys::new(keys, KEYS_PATIENCE, self.clock.clone());
        let throttle = Throttle::new(self.clock.clone(), settings.engine.bandwidth.clone());
        let throttle = Arc::new(throttle);
        let store = self.open_store(settings, Some(Arc::clone(&keys))).await?;
        let store = Arc::new(ThrottledStore::new(store, Arc::clone(&throttle)));
        let store = encrypted(store, settings)?;
        let config = ObjectFsConfig {
            name: settings.name.clone(),
            dir: dir.to_owned(),
            cache_bytes_max: settings.cache_bytes_max,
            upload_delay: Duration::from_millis(settings.upload_delay_ms),
            rescan_interval: duration_s(settings.rescan_interval_s),
            express_sync: settings.express_sync,
            holder: self.holder.clone(),
            writers: settings.writers,
            conflicts: settings.conflicts,
            mode: settings.engine.mode,
            ignore_delete: settings.engine.ignore_delete,
            uploads: UploadSettings::from(settings.engine.uploads),
            refresh_after: duration_s(settings.engine.refresh_after_s),
        };
        let opened = ObjectFs::open(config, store, self.clock.clone()).await;
        let fs = opened.map_err(|error| open_failure(&error))?;
        let ledger = Ledger::of(&self.ledgers_dir, dir);
        let noting = ledger.take_up(Arc::clone(&fs), self.clock.clone()).await;
        let server = Arc::clone(&self.server);
        let bucket = settings.bucket.clone();
        let for_ever = spawn_named("note-unprotected", Arc::clone(&noting).run());
        Ok(Arc::new(NfsShare {
            teller: Mutex::new(Telling::Not(self.teller(settings, &fs))),
            fs,
            noting,
            noting_task: Mutex::new(Some(for_ever)),
            server,
            bucket,
            keys,
            throttle,
            gate: Arc::default(),
        }))
    }

    async fn repair(&self, dir: &Path, data: bool) -> Result<ShareCheck, Failure> {
        let options = FsckOptions { repair: true, data };
        let report = object_fs::fsck(dir, options, &self.clock).await;
        let report = report.map_err(|e| Failure::new(ErrorCode::Internal, chain(&e)))?;
        if !report.lost.is_empty() {
            tracing::error!(dir = %dir.display(), lost = ?report.lost, "a repair has found lost bytes");
        }
        Ok(actions::shortened(report))
    }

    fn give_up(&self, path: &str) {
        self.server.give_up(path);
    }

    async fn forget(&self, dir: &Path) -> Option<LostCache> {
        let ledger = Ledger::of(&self.ledgers_dir, dir);
        ledger.forget(self.clock.wall()).await
    }
}

/// Whether others are told of a share's changes.
enum Telling {
    /// Not yet, or never.
    Not(Option<Teller>),
    /// As long as it is kept.
    Now(#[expect(dead_code, reason = "dropping it ends it")] Task),
}

impl Telling {
    fn begin(&mut self) {
        if let Self::Not(teller) = self
            && let Some(teller) = teller.take()
        {
            *self = Self::Now(spawn_named("tell-changes", teller.run()));
        }
    }
}

/// A share served by NFS.
struct NfsShare {
    fs: Arc<ObjectFs>,
    noting: Arc<Noting>,
    noting_task: Mutex<Option<Task>>,
    /// Begins when the share is served: the console answers its first word with what others told,
    /// and that must find the share.
    teller: Mutex<Telling>,
    server: Arc<NfsServer>,
    /// What it was opened with: for the words of its errors.
    bucket: BucketSettings,
    keys: Arc<ReplaceableKeys>,
    throttle: Arc<Throttle>,
    gate: Arc<Gate>,
}

impl NfsShare {
    /// A cache that was lost is made anew and numbers its files anew: handles of the one before
    /// must be stale, and not lead to other files.
    fn export_id(&self, fs_id: u64) -> u64 {
        fs_id ^ self.fs.cache_id()
    }
}

#[async_trait]
impl Share for NfsShare {
    fn serve(&self, settings: &ShareSettings, fs_id: u64) -> Result<(), Failure> {
        self.tune(settings);
        match settings.protocol {
            ShareProtocol::Nfs => {}
        }
        let options = ExportOptions {
            access: settings.access.clone(),
            squash: settings.squash,
            fs_id: self.export_id(fs_id),
        };
        let path = settings.export_path();
        let fs = Arc::clone(&self.fs) as Arc<dyn vfs::Vfs>;
        let (throttle, gate) = (Arc::clone(&self.throttle), Arc::clone(&self.gate));
        let fs = Arc::new(PacedVfs::new(fs, throttle, gate));
        self.gate.open();
        let exported = self.server.export(&path, fs, options);
        self.teller.lock().begin();
        exported.map_err(|error| Failure::new(ErrorCode::InvalidArgument, chain(&error)))
    }

    fn hide(&self, settings: &ShareSettings, fs_id: u64) {
        self.gate.shut();
        let path = settings.export_path();
        self.server.unexport(&path, self.export_id(fs_id));
    }

    fn tune(&self, settings: &ShareSettings) {
        self.keys.replace(AccessKeys::from(&settings.bucket));
        self.throttle.set(settings.engine.bandwidth.clone());
    }

    fn suspend(&self, settings: &ShareSettings, fs_id: u64) {
        let path = settings.export_path();
        self.server.suspend(&path, self.export_id(fs_id));
    }

    fn is_idle(&self) -> bool {
        self.gate.is_empty()
    }

    fn status(&self) -> ShareStatus {
        self.fs.status()
    }

    fn take_events(&self) -> Vec<FsEvent> {
        self.fs.take_events()
    }

    fn hear(&self, notice: ChangeNotice) {
        self.fs.hear(notice);
    }

    async fn sync(&self, path: Option<&str>) -> Result<SyncSummary, Failure> {
        self.fs.sync(path).await.map_err(|error| match &error {
            SyncError::Store(store) => {
                let keys = self.keys.keys();
                let bucket = BucketSettings {
                    access_key_id: keys.id,
                    secret_access_key: keys.secret,
                    ..self.bucket.clone()
                };
                store_failure(store, &bucket)
            }
            SyncError::Index(_) => Failure::new(ErrorCode::Internal, chain(&error)),
        })
    }

    async fn act(&self, action: &ShareAction) -> Result<Value, Failure> {
        actions::act(&self.fs, action).await
    }

    async fn close(&self) {
        *self.teller.lock() = Telling::Not(None);
        drop(self.noting_task.lock().take());
        self.fs.close().await;
        self.noting.note().await;
    }
}

/// How long a request whose keys are refused waits for the operator, or whoever lends them, to
/// send others.
const KEYS_PATIENCE: Duration = Duration::from_secs(10);

/// A time of which 0 means never.
fn duration_s(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// What is in the cache is served all the same; what needs the bucket waits.
fn no_keys(bucket: &BucketSettings) -> Failure {
    Failure::new(
        ErrorCode::BucketAccessDenied,
        format!(
            "the console has lent no keys for bucket `{}`, or they are over; the share's keys \
             there say why. What is cached is served, and uploads go on when keys come",
            bucket.bucket
        ),
    )
}

/// The only place where errors of the object store get the words of the operator.
fn store_failure(error: &StoreError, bucket: &BucketSettings) -> Failure {
    let (code, what) = match error.kind() {
        StoreErrorKind::BucketNotFound if bucket.directory().is_some() => (
            ErrorCode::BucketNotFound,
            format!("the gateway has no bucket `{}`", bucket.bucket),
        ),
        StoreErrorKind::AccessDenied if bucket.directory().is_some() => (
            ErrorCode::BucketAccessDenied,
            format!("the gateway may not use bucket `{}`", bucket.bucket),
        ),
        StoreErrorKind::BucketNotFound => (
            ErrorCode::BucketNotFound,
            format!(
                "there is no bucket `{}` at {}",
                bucket.bucket, bucket.endpoint
            ),
        ),
        StoreErrorKind::AccessDenied if bucket.lacks_keys() => return no_keys(bucket),
        StoreErrorKind::AccessDenied => (
            ErrorCode::BucketAccessDenied,
            format!(
                "bucket `{}` refuses the access key `{}`",
                bucket.bucket, bucket.access_key_id
            ),
        ),
        StoreErrorKind::Unavailable | StoreErrorKind::Throttled => (
            ErrorCode::BucketUnreachable,
            format!("{} does not answer", bucket.endpoint),
        ),
        StoreErrorKind::NotFound
        | StoreErrorKind::PreconditionFailed
        | StoreErrorKind::UploadLost
        | StoreErrorKind::Damaged
        | StoreErrorKind::Undecipherable
        | StoreErrorKind::Source
        | StoreErrorKind::Other => (
            ErrorCode::Internal,
            format!("bucket `{}` answers oddly", bucket.bucket),
        ),
    };
    Failure::new(code, format!("{what}: {}", chain(error)))
}

fn open_failure(error: &OpenError) -> Failure {
    let code = match error {
        OpenError::CacheDiskFull { .. } => ErrorCode::CacheDiskFull,
        OpenError::InUse { .. } => ErrorCode::Conflict,
        OpenError::Corrupt { .. } | OpenError::Disk { .. } => ErrorCode::Internal,
    };
    Failure::new(code, chain(error))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
