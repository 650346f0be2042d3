//! Work on what was heard: changes into the index, listings where something is missing.

use std::{sync::Arc, time::Duration};

use model::ChangeNotice;

use crate::{engine::Engine, scan::Author};

/// Least pause between two listings because of gaps; as long as the one before took, if that was
/// longer.
const SCAN_PAUSE_MIN: Duration = Duration::from_millis(200);
/// Wait after a listing failed.
const SCAN_RETRY_PAUSE: Duration = Duration::from_secs(2);

impl Engine {
    /// Applies what others told, for ever.
    pub(crate) async fn apply_heard_for_ever(self: Arc<Self>) {
        loop {
            let heard = self.express.heard.notified();
            tokio::pin!(heard);
            heard.as_mut().enable();
            let next = self.express.inbox.lock().next();
            let Some((author, notice)) = next else {
                heard.await;
                continue;
            };
            self.apply_heard(author, notice).await;
            self.express.inbox.lock().done();
            self.express.heard.notify_waiters();
        }
    }

    async fn apply_heard(self: &Arc<Self>, author: Author, notice: ChangeNotice) {
        let ChangeNotice {
            at, prefix, batch, ..
        } = notice;
        let count = batch.changes.len() as u64;
        let changes = batch.changes.into_iter().map(|c| c.below(&prefix));
        match self.apply_changes(author, changes.collect()).await {
            Ok(summary) => {
                if summary.added + summary.changed > 0 {
                    self.replicate_soon();
                }
                self.express.counters.applied.add(count);
                let now = self.clock.wall().as_millis();
                let mut last = self.express.last.lock();
                last.applied_at = Some(now);
                last.delays.add(now.saturating_sub(at.as_millis()));
            }
            Err(error) => {
                let share = &self.config.name;
                tracing::warn!(%share, %error, "changes of another gateway not applied");
                self.express.inbox.lock().failed(prefix);
            }
        }
    }

    /// Lists what others may have changed without our hearing of it, for ever.
    pub(crate) async fn scan_gaps_for_ever(self: Arc<Self>) {
        loop {
            let heard = self.express.heard.notified();
            tokio::pin!(heard);
            heard.as_mut().enable();
            let scans = self.express.inbox.lock().take_scans();
            let Some(prefixes) = scans else {
                heard.await;
                continue;
            };
            let begin = self.clock.now();
            for prefix in prefixes {
                self.scan_gap(prefix).await;
            }
            let took = self.clock.now().saturating_duration_since(begin);
            self.clock.sleep(took.max(SCAN_PAUSE_MIN)).await;
        }
    }

    async fn scan_gap(self: &Arc<Self>, prefix: String) {
        self.express.counters.scans.add(1);
        let Err(error) = self.scan_prefix(&prefix, None, |_| None).await else {
            return;
        };
        let share = &self.config.name;
        tracing::warn!(%share, %error, "cannot list what others may have changed");
        self.express.inbox.lock().failed(prefix);
        self.clock.sleep(SCAN_RETRY_PAUSE).await;
    }
}
