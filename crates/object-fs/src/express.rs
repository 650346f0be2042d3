//! Express sync: what this share changed in the bucket, for others to hear; and what others
//! changed, put into the index at once.
//!
//! ```text
//! put, copy, delete ──> Outbox ──> batches ──> the gateway      (told)
//! the gateway ──> Inbox ──> apply        ──> index              (heard)
//!                   └────> gap ──> listing ──> index
//! ```
//!
//! Invariant: what is not applied is listed. A number that is missing, a new epoch, or no room
//! all lead to a listing of what the other one can have changed.
//! Invariant: changes of one source are applied in its order, and a listing because of a gap
//! begins only when all that was heard before the gap is applied.

mod delays;
mod inbox;
mod outbox;
mod receive;

use clock::Timestamp;
use model::{ChangeBatch, ChangeNotice, ExpressStatus};
use object_store::ETag;
use parking_lot::Mutex;
use tokio::sync::Notify;
use vfs::Attributes;

use crate::{engine::Engine, keys, metadata, status::Counter};
use delays::Delays;
use inbox::Inbox;
use outbox::{Outbox, Told};

/// Both directions of one share.
#[derive(Debug)]
pub(crate) struct Express {
    outbox: Mutex<Outbox>,
    /// Something waits to be told.
    to_tell: Notify,
    inbox: Mutex<Inbox>,
    /// Something was heard, or applied.
    heard: Notify,
    counters: Counters,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Counters {
    told: Counter,
    applied: Counter,
    gaps: Counter,
    scans: Counter,
}

/// The last changes of others.
#[derive(Debug, Default)]
struct Last {
    applied_at: Option<u64>,
    delays: Delays,
}

impl Express {
    /// `epoch` is another one at each start.
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            outbox: Mutex::new(Outbox::new(epoch)),
            to_tell: Notify::new(),
            inbox: Mutex::default(),
            heard: Notify::new(),
            counters: Counters::default(),
            last: Mutex::default(),
        }
    }

    pub(crate) fn status(&self) -> ExpressStatus {
        let last = self.last.lock();
        let [delay_ms, delay_p99_ms, delay_max_ms] = last.delays.at_permille([500, 990, 1_000]);
        ExpressStatus {
            told: self.counters.told.value(),
            applied: self.counters.applied.value(),
            applied_at: last.applied_at,
            delay_ms,
            delay_p99_ms,
            delay_max_ms,
            gaps: self.counters.gaps.value(),
            scans: self.counters.scans.value(),
        }
    }

    /// Waits until there is something to tell.
    pub(crate) async fn something_to_tell(&self) {
        self.to_tell.notified().await;
    }

    /// The next batch, and when the first of its changes was made.
    pub(crate) fn take(&self) -> Option<(Timestamp, ChangeBatch)> {
        let (at, batch) = self.outbox.lock().take()?;
        self.counters.told.add(batch.changes.len() as u64);
        Some((at, batch))
    }

    /// A batch without changes that says what the last one was.
    pub(crate) fn repeat(&self) -> ChangeBatch {
        self.outbox.lock().repeat()
    }

    /// Nobody can be told now: what waits is forgotten, and those who hear the next batch see
    /// that something is missing.
    pub(crate) fn forget_untold(&self) {
        self.outbox.lock().forget();
    }

    /// Takes what another gateway tells.
    pub(crate) fn hear(&self, notice: ChangeNotice) {
        if self.inbox.lock().hear(notice) {
            self.counters.gaps.add(1);
        }
        self.heard.notify_waiters();
    }
}

impl Engine {
    /// The bucket has this for a key, by our doing.
    pub(crate) fn tell_put(&self, key: &str, etag: &ETag, size: u64, known: Option<&Attributes>) {
        let put = Told::Put {
            etag,
            size,
            metadata: known.map(metadata::of_attributes),
        };
        self.tell(key, put);
    }

    /// A key has nothing any more, by our doing.
    pub(crate) fn tell_delete(&self, key: &str) {
        self.tell(key, Told::Delete);
    }

    fn tell(&self, key: &str, what: Told<'_>) {
        if !self.config.express_sync || key.starts_with(keys::RESERVED_PREFIX) {
            return;
        }
        let at = self.clock.wall();
        self.express.outbox.lock().push(what.change(key), at);
        self.express.to_tell.notify_one();
    }
}
