//! What operators do with a share: pins, prefetches, evictions, checks, and looks at files.

use std::sync::Arc;

use clock::spawn_named;
use model::{FileStatus, LostCache, QueueItem, ShareCheck};
use vfs::VfsResult;

use crate::ObjectFs;

/// What became of a tree that was to leave the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictSummary {
    /// Files that left.
    pub files: u64,
    /// Room that became free.
    pub bytes: u64,
    /// Files that stay because the bucket does not have them yet.
    pub dirty: u64,
    /// Files that stay because they are pinned.
    pub pinned: u64,
}

/// Files whose content is on the cache disk and not in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unprotected {
    /// How many.
    pub files: u64,
    /// Paths of those that wait longest.
    pub names: Vec<String>,
}

impl ObjectFs {
    /// Keeps a file, or a directory with all that is and comes below it, in the cache. What is
    /// missing is fetched behind this call.
    ///
    /// # Errors
    /// If there is no such path, there are too many pins, or the cache disk fails.
    pub async fn pin(&self, path: &str) -> VfsResult<()> {
        let inode = self.engine().resolve(path).await?;
        self.engine().pin(inode).await
    }

    /// Takes a pin away; whether there was one.
    ///
    /// # Errors
    /// If there is no such path, or the cache disk fails.
    pub async fn unpin(&self, path: &str) -> VfsResult<bool> {
        let inode = self.engine().resolve(path).await?;
        self.engine().unpin(inode).await
    }

    /// Begins to fetch a file or tree into the cache; the status of the share tells how far it
    /// is.
    ///
    /// # Errors
    /// If there is no such path, or too many jobs are at work.
    pub async fn prefetch(&self, path: &str) -> VfsResult<()> {
        let engine = Arc::clone(self.engine());
        let inode = engine.resolve(path).await?;
        let now_ms = engine.clock.wall().as_millis();
        let job = engine.jobs.begin("prefetch", path, now_ms)?;
        self.keep(spawn_named("prefetch", async move {
            let fetched = engine.fetch_tree(inode, &mut |bytes| job.add(bytes)).await;
            if let Err(e) = &fetched {
                tracing::warn!(share = %engine.config.name, error = %e, "prefetch was given up");
            }
            job.end(&fetched);
        }));
        Ok(())
    }

    /// Lets a file or tree go from the cache, except what is dirty or pinned.
    ///
    /// # Errors
    /// If there is no such path, too many jobs are at work, or the cache disk fails.
    pub async fn evict(&self, path: &str) -> VfsResult<EvictSummary> {
        let engine = self.engine();
        let inode = engine.resolve(path).await?;
        let now_ms = engine.clock.wall().as_millis();
        let job = engine.jobs.begin("evict", path, now_ms)?;
        let evicted = engine.evict_tree(inode, &mut |bytes| job.add(bytes)).await;
        job.end(&evicted);
        evicted
    }

    /// Checks the cache while it is in use; mends nothing. With `data`, all data is read.
    ///
    /// # Errors
    /// If too many jobs are at work, or the cache disk fails.
    pub async fn check(&self, data: bool) -> VfsResult<ShareCheck> {
        let engine = self.engine();
        let now_ms = engine.clock.wall().as_millis();
        let job = Arc::new(engine.jobs.begin("check", "", now_ms)?);
        let progress = Arc::clone(&job);
        let checked = engine
            .check(data, move |records| progress.reach(records))
            .await;
        if let Some(job) = Arc::into_inner(job) {
            job.end(&checked);
        }
        checked
    }

    /// The state of one file or directory.
    ///
    /// # Errors
    /// If there is no such path, or the cache disk fails.
    pub async fn file_status(&self, path: &str) -> VfsResult<FileStatus> {
        self.engine().file_status(path).await
    }

    /// Grows whenever [`ObjectFs::unprotected`] may say something else.
    #[must_use]
    pub fn last_change(&self) -> u64 {
        self.engine().queue.last_change()
    }

    /// The files that would be lost with the cache disk, at most so many of their names. Reads the
    /// record of each of them.
    ///
    /// # Errors
    /// If the cache disk fails.
    pub fn unprotected(&self, names_max: usize) -> VfsResult<Unprotected> {
        self.engine().unprotected(names_max)
    }

    /// The cache before this one was lost with what it alone had. `is_news` if that was found out
    /// just now: then it is an event.
    pub fn tell_lost_cache(&self, lost: LostCache, is_news: bool) {
        self.engine().tell_lost_cache(lost, is_news);
    }

    /// The files that have lost bytes, and the pieces of work for the object store that wait
    /// longest.
    #[must_use]
    pub fn queue_items(&self, limit: usize) -> Vec<QueueItem> {
        self.engine().queue_items(limit)
    }
}
