//! What a cache disk that is lost takes with it: noted outside of it.
//!
//! For each share one file in the data directory says which cache it has, and which files were in
//! that cache alone when it was written, a few seconds ago. A cache that is another one than was
//! noted has been made anew: what the note names is lost, and people are told.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use clock::Clock;
use model::{LostCache, Timestamp};
use object_fs::ObjectFs;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    files,
    limits::{LEDGER_INTERVAL, LEDGER_NAMES_MAX, LEDGER_REPEAT, LOSS_SHOWN_FOR},
};

/// One share's note.
#[derive(Clone, Debug)]
pub(super) struct Ledger(PathBuf);

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    cache_id: u64,
    as_of: Timestamp,
    /// Files that were in the cache alone.
    files: u64,
    /// The first of them.
    names: Vec<String>,
    /// What went with a cache before, as long as it is shown.
    #[serde(default)]
    lost: Option<LostCache>,
}

impl Note {
    /// What went with a cache, if the one of now is not the one that was noted or that is still
    /// to be shown; and whether that is news.
    fn lost_before(self, cache_id: u64, now: Timestamp) -> Option<(LostCache, bool)> {
        if self.cache_id != cache_id {
            return Some((self.into_lost(now), true));
        }
        let age_ms = |lost: &LostCache| now.as_millis().saturating_sub(lost.found_at.as_millis());
        let shown_ms = LOSS_SHOWN_FOR.as_millis();
        let lost = self.lost.filter(|lost| u128::from(age_ms(lost)) < shown_ms);
        lost.map(|lost| (lost, false))
    }

    /// What went with the cache that was noted.
    fn into_lost(self, found_at: Timestamp) -> LostCache {
        LostCache {
            as_of: self.as_of,
            found_at,
            files: self.files,
            names: self.names,
        }
    }
}

impl Ledger {
    /// Of the share whose cache is in that directory.
    pub(super) fn of(ledgers: &Path, cache: &Path) -> Self {
        let name = cache.file_name().unwrap_or_default().to_string_lossy();
        Self(ledgers.join(format!("{name}.json")))
    }

    async fn read(&self) -> Option<Note> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || files::read_json(&path)).await;
        match read.unwrap_or_else(|e| Err(io::Error::other(e))) {
            Ok(note) => note,
            Err(error) => {
                // It is no reason not to serve what is there.
                warn!(file = %self.0.display(), %error, "cannot read what was in a cache alone");
                None
            }
        }
    }

    /// Compares the note with the cache that was opened, and goes on with it.
    pub(super) async fn take_up(self, fs: Arc<ObjectFs>, clock: Clock) -> Arc<Noting> {
        let before = self.read().await;
        let lost = before.and_then(|note| note.lost_before(fs.cache_id(), clock.wall()));
        if let Some((lost, is_news)) = &lost {
            fs.tell_lost_cache(lost.clone(), *is_news);
        }
        let noting = Noting {
            ledger: self,
            fs,
            clock,
            lost: lost.map(|(lost, _)| lost).filter(|lost| lost.files > 0),
            last: Arc::default(),
        };
        noting.note().await;
        Arc::new(noting)
    }

    /// The share is not wanted any more, and its cache is gone. What went with it, if it was not
    /// removed but lost.
    pub(super) async fn forget(self, now: Timestamp) -> Option<LostCache> {
        let note = self.read().await;
        match tokio::fs::remove_file(&self.0).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(file = %self.0.display(), %error, "cannot remove a note");
            }
            Ok(()) | Err(_) => {}
        }
        let lost = note.filter(|note| note.files > 0);
        lost.map(|note| note.into_lost(now))
    }
}

/// Keeps the note of a share that is open.
#[derive(Debug)]
pub(super) struct Noting {
    ledger: Ledger,
    fs: Arc<ObjectFs>,
    clock: Clock,
    lost: Option<LostCache>,
    last: Arc<Mutex<Last>>,
}

/// What was noted last. Locked while a file is written, so that an older note, of a task that was
/// ended meanwhile, never replaces a newer one.
#[derive(Debug, Default)]
struct Last {
    change: Option<u64>,
    at: Option<Instant>,
}

impl Noting {
    /// Notes what changes, for ever.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            self.clock.sleep(LEDGER_INTERVAL).await;
            self.note().await;
        }
    }

    /// Writes the note, if there is something new to say or the last one is old.
    pub(super) async fn note(&self) {
        let (known, at) = {
            let last = self.last.lock();
            (last.change, last.at)
        };
        let now = self.clock.now();
        let is_old = at.is_none_or(|at| now.saturating_duration_since(at) >= LEDGER_REPEAT);
        let change = self.fs.last_change();
        if known == Some(change) && !is_old {
            return;
        }
        let (path, last) = (self.ledger.0.clone(), Arc::clone(&self.last));
        let (fs, lost) = (Arc::clone(&self.fs), self.lost.clone());
        let as_of = self.clock.wall();
        let written = tokio::task::spawn_blocking(move || {
            let mut last = last.lock();
            if last.change.is_some_and(|newer| newer > change) {
                return Ok(());
            }
            let alone = fs.unprotected(LEDGER_NAMES_MAX).map_err(io::Error::other)?;
            let note = Note {
                cache_id: fs.cache_id(),
                as_of,
                files: alone.files,
                names: alone.names,
                lost,
            };
            files::write_json(&path, &note)?;
            *last = Last {
                change: Some(change),
                at: Some(now),
            };
            Ok(())
        });
        let written = written.await.unwrap_or_else(|e| Err(io::Error::other(e)));
        if let Err(error) = written {
            warn!(file = %self.ledger.0.display(), %error, "cannot note what is in the cache alone");
        }
    }
}

#[cfg(test)]
mod tests;
