//! Shares that pretend: a bucket that can be taken away, and data that is dirty when told so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use model::{
    ChangeNotice, ErrorCode, Failure, LostCache, ShareAction, ShareCheck, ShareSettings,
    ShareState, ShareStatus,
};
use object_fs::{FsEvent, SyncSummary};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::factory::{Share, ShareFactory};

/// What the world outside looks like; a test changes it.
#[derive(Debug, Default)]
pub(crate) struct World {
    state: Mutex<State>,
    /// A `sync` waits until this is notified, if `slow_sync` is set.
    pub(crate) sync_may_end: Notify,
}

#[derive(Debug, Default)]
struct State {
    bucket_failure: Option<ErrorCode>,
    /// The call that panics.
    panics: Option<&'static str>,
    dirty_bytes: BTreeMap<String, u64>,
    /// Shares with calls under way.
    busy: BTreeSet<String>,
    /// What is found to be dirty when a share is closed.
    dirty_at_close: Option<u64>,
    given_up: Vec<String>,
    slow_sync: bool,
    /// Those of the share that was tuned last.
    limits: model::LineLimits,
    /// With the numbers of their places.
    served: BTreeMap<String, (u64, ShareSettings)>,
    log: Vec<String>,
}

/// A factory in that world.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeShares(pub(crate) Arc<World>);

impl World {
    pub(crate) fn fail_bucket(&self, code: Option<ErrorCode>) {
        self.state.lock().bucket_failure = code;
    }

    pub(crate) fn panic_in(&self, call: Option<&'static str>) {
        self.state.lock().panics = call;
    }

    fn enter(&self, call: &str) {
        let panics = self.state.lock().panics;
        assert!(
            panics != Some(call),
            "{call} meets what it did not think of"
        );
    }

    pub(crate) fn set_dirty(&self, share: &str, bytes: u64) {
        self.state
            .lock()
            .dirty_bytes
            .insert(share.to_owned(), bytes);
    }

    /// Whether a client's call is under way in a share.
    pub(crate) fn set_busy(&self, share: &str, is_busy: bool) {
        let mut state = self.state.lock();
        if is_busy {
            state.busy.insert(share.to_owned());
        } else {
            state.busy.remove(share);
        }
    }

    /// The next share that is closed turns out to hold so many bytes.
    pub(crate) fn dirty_at_close(&self, bytes: u64) {
        self.state.lock().dirty_at_close = Some(bytes);
    }

    /// Paths that clients need not wait for.
    pub(crate) fn given_up(&self) -> Vec<String> {
        self.state.lock().given_up.clone()
    }

    pub(crate) fn slow_sync(&self) {
        self.state.lock().slow_sync = true;
    }

    /// Names of the shares that clients can use.
    pub(crate) fn served(&self) -> Vec<String> {
        self.state.lock().served.keys().cloned().collect()
    }

    /// What a client of this share meets.
    pub(crate) fn rules(&self, share: &str) -> Option<ShareSettings> {
        let state = self.state.lock();
        state.served.get(share).map(|(_, rules)| rules.clone())
    }

    /// How fast the share that was tuned last may be.
    pub(crate) fn limits(&self) -> model::LineLimits {
        self.state.lock().limits
    }

    /// What has been done, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().log.clone()
    }

    fn note(&self, what: &str, share: &ShareSettings) {
        self.state.lock().log.push(format!("{what} {}", share.name));
    }
}

#[async_trait]
impl ShareFactory for FakeShares {
    async fn check(&self, _: &ShareSettings) -> Result<(), Failure> {
        self.0.enter("check");
        match self.0.state.lock().bucket_failure {
            Some(code) => Err(Failure::new(code, "the bucket is not there")),
            None => Ok(()),
        }
    }

    async fn open(&self, settings: &ShareSettings, dir: &Path) -> Result<Arc<dyn Share>, Failure> {
        std::fs::create_dir_all(dir).unwrap();
        self.0.enter("open");
        self.0.note("open", settings);
        let (world, settings) = (Arc::clone(&self.0), settings.clone());
        Ok(Arc::new(FakeShare { world, settings }))
    }

    async fn repair(&self, _: &Path, _: bool) -> Result<ShareCheck, Failure> {
        self.0.enter("repair");
        self.0.state.lock().log.push("repair".into());
        Ok(ShareCheck {
            repaired: 7,
            ..ShareCheck::default()
        })
    }

    fn give_up(&self, path: &str) {
        self.0.state.lock().given_up.push(path.to_owned());
    }

    async fn forget(&self, _: &Path) -> Option<LostCache> {
        None
    }
}

struct FakeShare {
    world: Arc<World>,
    settings: ShareSettings,
}

#[async_trait]
impl Share for FakeShare {
    fn serve(&self, settings: &ShareSettings, fs_id: u64) -> Result<(), Failure> {
        self.world.note("serve", settings);
        let name = settings.name.to_string();
        self.world
            .state
            .lock()
            .served
            .insert(name, (fs_id, settings.clone()));
        Ok(())
    }

    fn hide(&self, settings: &ShareSettings, fs_id: u64) {
        let mut state = self.world.state.lock();
        let name = settings.name.as_str();
        if state.served.get(name).is_some_and(|(by, _)| *by == fs_id) {
            state.served.remove(name);
        }
    }

    fn tune(&self, settings: &ShareSettings) {
        let what = format!("keys {} for", settings.bucket.access_key_id);
        self.world.note(&what, &self.settings);
        let mut state = self.world.state.lock();
        state.limits = settings.engine.bandwidth.limits;
    }

    fn suspend(&self, settings: &ShareSettings, fs_id: u64) {
        self.hide(settings, fs_id);
    }

    fn is_idle(&self) -> bool {
        let state = self.world.state.lock();
        !state.busy.contains(self.settings.name.as_str())
    }

    fn take_events(&self) -> Vec<FsEvent> {
        Vec::new()
    }

    fn status(&self) -> ShareStatus {
        let dirty = &self.world.state.lock().dirty_bytes;
        let dirty_bytes = dirty.get(self.settings.name.as_str()).copied().unwrap_or(0);
        let name = self.settings.name.clone();
        ShareStatus {
            inodes: 1,
            dirty_bytes,
            dirty_files: u64::from(dirty_bytes > 0),
            ..ShareStatus::idle(name, ShareState::Serving, self.settings.cache_bytes_max)
        }
    }

    fn hear(&self, notice: ChangeNotice) {
        let what = format!("hear {} for", notice.from.gateway);
        self.world.note(&what, &self.settings);
    }

    async fn sync(&self, _: Option<&str>) -> Result<SyncSummary, Failure> {
        self.world.note("sync", &self.settings);
        let slow = self.world.state.lock().slow_sync;
        if slow {
            self.world.sync_may_end.notified().await;
        }
        Ok(SyncSummary {
            objects_listed: 3,
            ..SyncSummary::default()
        })
    }

    async fn act(&self, action: &ShareAction) -> Result<Value, Failure> {
        self.world.note("act", &self.settings);
        match action {
            ShareAction::Unpin(_) => Ok(json!({"was_pinned": false})),
            ShareAction::Check(_)
            | ShareAction::Pin(_)
            | ShareAction::Prefetch(_)
            | ShareAction::Evict(_)
            | ShareAction::FileStatus(_)
            | ShareAction::Queue(_) => Ok(json!({})),
        }
    }

    async fn close(&self) {
        self.world.enter("close");
        self.world.note("close", &self.settings);
        let dirty = self.world.state.lock().dirty_at_close.take();
        if let Some(bytes) = dirty {
            self.world.set_dirty(self.settings.name.as_str(), bytes);
        }
    }
}
