//! Uploads in parts that nobody is going to complete are taken out of the bucket: they are not
//! seen, and are paid for.

use std::{collections::HashSet, sync::Arc, time::Duration};

use cache::{Batch, KeyRange, Table};
use model::Writers;
use object_store::Upload;
use vfs::{Inode, VfsError, VfsResult};

use super::{
    Work,
    journal::{Begun, HEAD},
};
use crate::{
    engine::Engine,
    fault,
    keys::{self, GONE_FOR},
    lease::Hold,
};

/// Between two looks at what the index remembers.
const INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Such looks between two at the bucket's own list.
const LOOKS_PER_LISTING: u32 = 36;
/// Before the first look: what a restart takes up again goes first.
const FIRST: Duration = Duration::from_secs(5);
/// An upload that nobody here knows is given up when it is that old: another program of the
/// bucket may be at work on it …
const FOREIGN_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// … or another gateway, if there are several.
const FOREIGN_AGE_OF_MANY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Records looked at at a time.
const STEP: usize = 256;

impl Engine {
    /// Looks again and again, while the bucket may be changed.
    pub(crate) async fn tidy_for_ever(self: Arc<Self>) {
        self.clock.sleep(FIRST).await;
        for look in (0..LOOKS_PER_LISTING).cycle() {
            while self.lease.hold(self.clock.now()) == Hold::Not {
                self.clock.sleep(FIRST).await;
            }
            let mut tidied = self.tidy_journal().await;
            if look == 0 && tidied.is_ok() {
                tidied = self.tidy_bucket().await;
            }
            if let Err(e) = tidied.and_then(|()| self.forget_old_deletions()) {
                tracing::warn!(share = %self.config.name, error = %e, "cannot look for old uploads");
            }
            self.clock.sleep(INTERVAL).await;
        }
    }

    /// Gives up uploads of files that are gone, or that need none any more.
    pub(crate) async fn tidy_journal(self: &Arc<Self>) -> VfsResult<()> {
        for (inode, begun) in self.journalled_uploads()? {
            if self.queue.has(&Work::Inode(inode)) {
                // Whoever works on it sees to it.
                continue;
            }
            let Some(_lock) = self.lock_keys([&*begun.picture.key]) else {
                continue;
            };
            self.abort_begun(&begun).await.map_err(fault::of_store)?;
            let mut batch = Batch::default();
            self.forget_upload(inode, &mut batch)?;
            self.durable(self.index.submit(batch)).await?;
        }
        Ok(())
    }

    /// Gives up old uploads that nobody knows.
    pub(crate) async fn tidy_bucket(&self) -> VfsResult<()> {
        let age = match self.config.writers {
            Writers::Many => FOREIGN_AGE_OF_MANY,
            Writers::One | Writers::None => FOREIGN_AGE,
        };
        let now_ms = self.clock.wall().as_millis();
        let mut after: Option<Upload> = None;
        loop {
            let page = self.store.list_uploads("", after.as_ref()).await;
            let page = page.map_err(fault::of_store)?;
            let known = self.journalled_uploads()?;
            let known = known.iter().filter_map(|(_, b)| b.upload());
            let known: HashSet<Upload> = known.map(|u| self.store.as_listed(&u)).collect();
            for found in &page.uploads {
                let is_old = found.since.is_some_and(|since| {
                    u128::from(now_ms.saturating_sub(since.as_millis())) >= age.as_millis()
                });
                if is_old && !known.contains(&found.upload) {
                    let key = &found.upload.key;
                    tracing::info!(share = %self.config.name, key, "an old upload is given up");
                    let aborted = self.paced(0, self.store.abort_upload(&found.upload)).await;
                    aborted.map_err(fault::of_store)?;
                }
            }
            after = page.uploads.into_iter().last().map(|found| found.upload);
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn journalled_uploads(&self) -> VfsResult<Vec<(Inode, Begun)>> {
        let (mut range, mut uploads) = (KeyRange::all(), Vec::new());
        loop {
            let first = self.index.scan(Table::Uploads, &range, 1);
            let first = first.map_err(fault::of_cache)?;
            let Some(entry) = first.first() else {
                return Ok(uploads);
            };
            let (inode, number) = keys::pair(&entry.key)?;
            if number == HEAD {
                let begun = Begun::decode(&entry.value).map_err(VfsError::from)?;
                uploads.push((inode, begun));
            }
            // Its parts are not looked at.
            range = range.after(keys::of_page(inode, u64::MAX));
        }
    }

    /// Deletions that no listing of today can be older than.
    fn forget_old_deletions(&self) -> VfsResult<()> {
        let now = self.clock.wall();
        let mut range = KeyRange::all();
        loop {
            let entries = self.index.scan(Table::Tombstones, &range, STEP);
            let entries = entries.map_err(fault::of_cache)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            range = range.after(last.key.to_vec());
            for entry in &entries {
                self.forget_deletion(&entry.key, |gone| gone.age(now) >= GONE_FOR)?;
            }
        }
    }
}
