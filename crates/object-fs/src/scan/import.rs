//! The first listing, later ones, and looks ahead of them for a path in demand.

use std::sync::Arc;

use object_store::{ListPage, ObjectMeta, StoreErrorKind};
use vfs::{Inode, VfsError, VfsResult};

use super::{ImportProgress, LISTING_PAUSE, Page, Source};
use crate::{
    engine::Engine,
    fault,
    fs::{SyncError, SyncSummary},
};

impl Engine {
    /// Lists the bucket for the first time, then again and again.
    pub(crate) async fn scan_for_ever(self: Arc<Self>) {
        while !self.import.read().is_complete {
            if let Err(e) = self.import_all().await {
                tracing::warn!(share = %self.config.name, error = %e, "cannot list the bucket");
                self.clock.sleep(LISTING_PAUSE).await;
            }
        }
        let Some(interval) = self.config.rescan_interval else {
            return;
        };
        loop {
            self.clock.sleep(interval).await;
            if let Err(e) = self.sync(None).await {
                tracing::warn!(share = %self.config.name, error = %e, "cannot list the bucket");
            }
        }
    }

    /// The first listing, from where it has come to.
    async fn import_all(self: &Arc<Self>) -> Result<(), SyncError> {
        let after = self.import.read().cursor.clone();
        let report = |page: &ListPage| {
            let mut progress = self.import.read().clone();
            progress.advance(page);
            Some(progress)
        };
        self.scan_prefix("", after, report).await.map(drop)
    }

    /// Looks for what others have changed: everywhere, or at and below a path.
    pub(crate) async fn sync(
        self: &Arc<Self>,
        path: Option<&str>,
    ) -> Result<SyncSummary, SyncError> {
        let path = path.unwrap_or_default().trim_matches('/');
        if path.is_empty() {
            self.import.write().objects_listed = 0;
            let report = |page: &ListPage| {
                self.import.write().objects_listed += page.objects.len() as u64;
                None
            };
            return self.scan_prefix("", None, report).await;
        }
        let below = self
            .scan_prefix(&format!("{path}/"), None, |_| None)
            .await?;
        let single = self.look_at_key(path).await?;
        Ok(below.plus(single))
    }

    /// One object, found, changed or gone.
    pub(super) async fn look_at_key(self: &Arc<Self>, key: &str) -> Result<SyncSummary, SyncError> {
        let _guard = self.recent.begin();
        let sequence = self.recent.sequence();
        let objects: Vec<ObjectMeta> = match self.store.head(key).await {
            Ok(meta) => vec![meta],
            Err(e) if e.kind() == StoreErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e.into()),
        };
        let mut summary = SyncSummary::default();
        let page = Page {
            objects: &objects,
            prefix: key,
            after: None,
            up_to: Some(key),
            sequence,
            source: Source::Object,
        };
        self.take_page(&page, &mut summary)
            .await
            .map_err(|e| SyncError::Index(e.into()))?;
        Ok(summary)
    }

    /// Takes in one object that somebody has looked at.
    pub(crate) async fn take_in(self: &Arc<Self>, meta: &ObjectMeta) -> VfsResult<()> {
        let page = Page {
            objects: std::slice::from_ref(meta),
            prefix: &meta.key,
            after: None,
            up_to: Some(&meta.key),
            sequence: self.recent.sequence(),
            source: Source::Object,
        };
        self.take_page(&page, &mut SyncSummary::default()).await
    }

    /// While the first listing is under way, somebody wants a name that it has not reached:
    /// asks the bucket for it. Whether there was anything.
    pub(crate) async fn import_on_demand(
        self: &Arc<Self>,
        dir: Inode,
        name: &str,
    ) -> VfsResult<bool> {
        if self.import.read().is_complete {
            return Ok(false);
        }
        let prefix = self.desired_key(dir)?.unwrap_or_default();
        let key = format!("{prefix}{name}");
        if self.import.read().has_passed(&key) {
            return Ok(false);
        }
        let failed = |e: SyncError| match e {
            SyncError::Store(e) => fault::of_store(e),
            SyncError::Index(e) => VfsError::caused_by(vfs::ErrorKind::Io, "cannot import", e),
        };
        let single = self.look_at_key(&key).await.map_err(failed)?;
        let _guard = self.recent.begin();
        let sequence = self.recent.sequence();
        let below = format!("{key}/");
        let page = self
            .store
            .list(&below, None)
            .await
            .map_err(fault::of_store)?;
        let mut summary = SyncSummary::default();
        if let Some(last) = page.objects.last() {
            let part = Page {
                objects: &page.objects,
                prefix: &below,
                after: None,
                up_to: Some(&last.key),
                sequence,
                source: Source::Listing(None),
            };
            self.take_page(&part, &mut summary).await?;
        }
        Ok(single.objects_listed + summary.objects_listed > 0)
    }
}

impl ImportProgress {
    fn advance(&mut self, page: &ListPage) {
        self.objects_listed += page.objects.len() as u64;
        if let Some(last) = page.objects.last() {
            self.cursor = Some(last.key.clone());
        }
        self.is_complete = !page.more || page.objects.is_empty();
    }
}

impl SyncSummary {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            objects_listed: self.objects_listed + other.objects_listed,
            added: self.added + other.added,
            changed: self.changed + other.changed,
            removed: self.removed + other.removed,
            conflicts: self.conflicts + other.conflicts,
            skipped: self.skipped + other.skipped,
        }
    }
}
