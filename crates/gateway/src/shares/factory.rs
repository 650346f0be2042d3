//! What the reconciler needs of shares: the seam at which its tests put shares that pretend.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use model::{
    ChangeNotice, Failure, LostCache, ShareAction, ShareCheck, ShareSettings, ShareStatus,
};
use object_fs::{FsEvent, SyncSummary};
use serde_json::Value;

/// Makes shares.
#[async_trait]
pub(crate) trait ShareFactory: Send + Sync + 'static {
    /// Whether the bucket can be used.
    async fn check(&self, settings: &ShareSettings) -> Result<(), Failure>;
    /// Opens a share's directory on the cache disk; clients do not see it yet.
    async fn open(&self, settings: &ShareSettings, dir: &Path) -> Result<Arc<dyn Share>, Failure>;
    /// Mends the cache in a directory that nobody has open; what was found. With `data`, all data
    /// is read.
    async fn repair(&self, dir: &Path, data: bool) -> Result<ShareCheck, Failure>;
    /// No share will be served by this path: clients that wait for it need not wait.
    fn give_up(&self, path: &str);
    /// A removed share and its directory are gone. What went with the directory, if that was lost
    /// before all was in the bucket.
    async fn forget(&self, dir: &Path) -> Option<LostCache>;
}

/// A share whose directory is open.
#[async_trait]
pub(crate) trait Share: Send + Sync + 'static {
    /// Lets clients in, by the rules of `settings`; replaces the rules before. `fs_id` is that of
    /// its place.
    fn serve(&self, settings: &ShareSettings, fs_id: u64) -> Result<(), Failure>;
    /// Lets no client in any more. Another share may be served under the same name meanwhile:
    /// only what was served with this `fs_id` ends.
    fn hide(&self, settings: &ShareSettings, fs_id: u64);
    /// Has it reach its bucket with the keys of these settings, and as fast as they let it.
    fn tune(&self, settings: &ShareSettings);
    /// Tells clients to wait: the share is closed, and will be opened again.
    fn suspend(&self, settings: &ShareSettings, fs_id: u64);
    /// Whether no call of a client is under way. Once true after [`Share::hide`], it stays so.
    fn is_idle(&self) -> bool;
    /// What it is doing.
    fn status(&self) -> ShareStatus;
    /// What happened in it since this was asked last.
    fn take_events(&self) -> Vec<FsEvent>;
    /// Takes what another gateway changed.
    fn hear(&self, notice: ChangeNotice);
    /// Looks for changes in the bucket.
    async fn sync(&self, path: Option<&str>) -> Result<SyncSummary, Failure>;
    /// Does what an operator asks for.
    async fn act(&self, action: &ShareAction) -> Result<Value, Failure>;
    /// Makes everything durable and ends its tasks.
    async fn close(&self);
}
