//! The bucket follows the tree: uploads, copies, deletes.
//!
//! Work is found, not recorded: an inode in the queue is compared with its object (content,
//! attributes, key) and whatever is missing is done. So work can be repeated at any point,
//! and a crash loses nothing but time.

mod claim;
mod conflict;
mod copy;
mod delete;
mod fence;
mod janitor;
pub(crate) mod journal;
mod pace;
mod parts;
mod plan;
mod put;
mod queue;
mod reconcile;
mod source;
mod walk;

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use clock::{Task, spawn_named};
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use vfs::{ErrorKind, VfsError, VfsResult};

use crate::{engine::Engine, lease::Hold};

pub(crate) use pace::Pace;
pub(crate) use queue::{ItemStatus, Queue, Work};
pub(crate) use reconcile::{Need, need_of};

/// Pieces of work at a time. Most of them wait: for the disk, or for leave to ask the store.
const WORKS_AT_ONCE: usize = 512;
/// Longest wait until the queue is looked at again.
const IDLE_MAX: Duration = Duration::from_millis(500);

/// How a piece of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Something else must come first: soon again.
    Again,
    /// It was changed meanwhile: again when it has rested.
    Rest,
}

/// Object keys that are being changed: one change at a time for each.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks(Mutex<HashSet<Box<str>>>);

/// Holds keys.
pub(crate) struct KeyLock {
    engine: Arc<Engine>,
    keys: Vec<Box<str>>,
}

impl Engine {
    /// Takes all of the keys, or none if somebody has one.
    fn lock_keys<'a>(self: &Arc<Self>, keys: impl IntoIterator<Item = &'a str>) -> Option<KeyLock> {
        let mut wanted: Vec<Box<str>> = keys.into_iter().map(Into::into).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut held = self.key_locks.0.lock();
        if wanted.iter().any(|key| held.contains(key)) {
            return None;
        }
        held.extend(wanted.iter().cloned());
        Some(KeyLock {
            engine: Arc::clone(self),
            keys: wanted,
        })
    }

    /// Works the queue off, for ever.
    pub(crate) async fn upload_for_ever(self: Arc<Self>) {
        let slots = Arc::new(Semaphore::new(WORKS_AT_ONCE));
        let mut running: Vec<Task> = Vec::new();
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            let work = self.next_work().await;
            running.retain(|task| !task.is_finished());
            let engine = Arc::clone(&self);
            running.push(spawn_named("upload", async move {
                engine.work_on(work).await;
                drop(slot);
            }));
        }
    }

    async fn next_work(&self) -> Work {
        loop {
            let changed = self.queue.changed();
            let now = self.clock.now();
            if self.lease.hold(now) == Hold::Not {
                self.clock.sleep(IDLE_MAX).await;
                continue;
            }
            let wait = match self.queue.next(now) {
                Ok(work) => return work,
                Err(due) => due.map_or(IDLE_MAX, |due| due.saturating_duration_since(now)),
            };
            tokio::select! {
                biased; // No dice here: a simulation repeats itself.
                () = changed => {}
                () = self.clock.sleep(wait.min(IDLE_MAX)) => {}
            }
        }
    }

    async fn work_on(self: &Arc<Self>, work: Work) {
        // A piece that is never called done or failed would never be tried again.
        let worked = AssertUnwindSafe(self.do_work(&work)).catch_unwind().await;
        let panicked = |_| Err(VfsError::new(ErrorKind::Io, "an upload ended in a panic"));
        let outcome = worked.unwrap_or_else(panicked);
        let now = self.clock.now();
        match outcome {
            Ok(outcome) => self.queue.finish(&work, outcome, now),
            Err(e) => {
                let reason = chain(&e);
                tracing::warn!(share = %self.config.name, ?work, error = %reason, "upload failed");
                self.queue.fail(&work, reason, now);
            }
        }
        self.space.has_changed();
    }

    async fn do_work(self: &Arc<Self>, work: &Work) -> VfsResult<Outcome> {
        match work {
            Work::Inode(inode) => match self.reconcile(*inode).await {
                Err(e) if e.kind() == ErrorKind::Stale => Ok(Outcome::Done),
                outcome => outcome,
            },
            Work::Tombstone(key) => self.delete_object(key).await,
            Work::Walk(dir) => self.walk(*dir).await,
        }
    }
}

/// An error and all its causes in one line.
fn chain(error: &VfsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let next = inner.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = inner.source();
    }
    text
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        let mut held = self.engine.key_locks.0.lock();
        for key in &self.keys {
            held.remove(key);
        }
    }
}
