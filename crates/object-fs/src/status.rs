//! What the engine counts and reports.

use std::sync::atomic::{AtomicU64, Ordering};

use model::{CacheStatus, ShareState, ShareStatus};

use crate::engine::Engine;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What went through since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) uploaded_bytes: Counter,
    pub(crate) downloaded_bytes: Counter,
    pub(crate) read_bytes: Counter,
    pub(crate) written_bytes: Counter,
    pub(crate) read_hits: Counter,
    pub(crate) read_misses: Counter,
    pub(crate) conflicts: Counter,
}

impl Engine {
    fn state(&self) -> ShareState {
        let failure = self.index.failure().or_else(|| self.log.failure());
        failure.map_or(ShareState::Serving, |failure| ShareState::Failed {
            reason: format!("the cache disk fails, restart the share when it is mended: {failure}"),
        })
    }

    fn cache_status(&self, dirty_bytes: u64) -> CacheStatus {
        let rates = self.rates();
        CacheStatus {
            pins: self.pins.count(),
            write_rate: rates.written,
            upload_rate: rates.uploaded,
            full_in_ms: self.full_in_ms(dirty_bytes),
            lost: self.lost_paths(),
            jobs: self.jobs.status(),
        }
    }

    pub(crate) fn status(&self) -> ShareStatus {
        let queue = self.queue.status();
        let import = self.import.read().clone();
        let now_ms = self.clock.wall().as_millis();
        let oldest = queue.oldest_since_ms;
        ShareStatus {
            name: self.config.name.clone(),
            state: self.state(),
            inodes: self.namespace.lock().inodes,
            dirty_bytes: queue.dirty_bytes,
            dirty_files: queue.dirty_files,
            oldest_dirty_age_ms: oldest.map_or(0, |since| now_ms.saturating_sub(since)),
            upload_queue: queue.waiting,
            uploads_failing: queue.failing,
            last_upload_error: queue.last_error,
            cache_used_bytes: self.log.used_bytes(),
            cache_bytes_max: self.config.cache_bytes_max,
            uploaded_bytes: self.counters.uploaded_bytes.value(),
            downloaded_bytes: self.counters.downloaded_bytes.value(),
            read_bytes: self.counters.read_bytes.value(),
            written_bytes: self.counters.written_bytes.value(),
            read_hits: self.counters.read_hits.value(),
            read_misses: self.counters.read_misses.value(),
            importing: !import.is_complete,
            objects_listed: import.objects_listed,
            cache: self.cache_status(queue.dirty_bytes),
            conflicts: self.counters.conflicts.value(),
            other_writer: self.lease.other_writer(),
            express: self.express.status(),
        }
    }
}
