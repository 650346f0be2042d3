//! The thread that writes: everything that has come meanwhile, with one flush.

use std::{io, sync::atomic::Ordering, time::Duration};

use message_bus::ChannelId;
use tokio::sync::oneshot;

use super::{
    Lsn, Offline, ShardSet, State,
    compact::{Renewed, renew},
    disk::{Directory, Disk},
    log::Log,
    record::Record,
};
use crate::{limits::STORE_QUEUE_BYTES_MAX, routes::Seat};

/// What nobody waits for is written after this time at most.
const LAZY: Duration = Duration::from_millis(100);
/// How long writing rests after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// What was written and nobody waits for is made durable when there is so much of it.
const UNSYNCED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes written anew before others have their turn.
const RENEW_BYTES_MAX: usize = 1024 * 1024;

const _: () = assert!(RENEW_BYTES_MAX < STORE_QUEUE_BYTES_MAX);

/// Who is to be told after a commit.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// Shards that wait for something to be durable.
    pub(crate) shards: ShardSet,
    /// Clients for whom there are messages.
    pub(crate) news: Vec<(Seat, ChannelId)>,
    /// Tasks that wait for it.
    pub(crate) askers: Vec<oneshot::Sender<()>>,
}

/// The writing half of the store.
#[derive(Debug)]
pub(crate) struct Committer<D = Directory> {
    log: Log<D>,
    /// What was taken since the last sync that succeeded: written again if the next one fails.
    taken: Vec<u8>,
    taken_to: Lsn,
    /// So much of it is in the log.
    written: usize,
    /// For whom it is.
    told: Committed,
    compact_len_min: u64,
    compact_at: u64,
    /// Segments that this pass of compaction has before it.
    to_compact: usize,
}

impl<D: Disk> Committer<D> {
    pub(super) fn new(log: Log<D>, compact_len_min: u64) -> Self {
        Self {
            compact_at: compact_len_min.max(log.len().saturating_mul(2)),
            log,
            taken: Vec::new(),
            taken_to: Lsn(0),
            written: 0,
            told: Committed::default(),
            compact_len_min,
            to_compact: 0,
        }
    }

    /// Waits for work and does it; nothing once the store was stopped and all is written.
    pub(crate) fn commit(&mut self, offline: &Offline) -> Option<Committed> {
        let sync = self.collect(offline)?;
        let done = self
            .write(offline, sync)
            .and_then(|()| self.compact(offline));
        if let Err(error) = done {
            offline.tally.failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "cannot write the offline store");
            let mut state = offline.state.lock();
            if state.stopped {
                return None;
            }
            state.urgent = true;
            offline.pause.wait_for(&mut state, PAUSE);
        }
        Some(if self.taken.is_empty() {
            std::mem::take(&mut self.told)
        } else {
            Committed::default()
        })
    }

    /// Waits, then takes what is pending; returns whether somebody waits for it.
    fn collect(&mut self, offline: &Offline) -> Option<bool> {
        let mut state = offline.state.lock();
        if self.to_compact == 0 && !state.is_urgent() {
            if state.pending.is_empty() && self.taken.is_empty() {
                state.idle = true;
                offline.work.wait(&mut state);
                state.idle = false;
            }
            let lazy = |state: &mut State| !state.is_urgent();
            offline.work.wait_while_for(&mut state, lazy, LAZY);
        }
        if state.stopped && state.pending.is_empty() && self.taken.is_empty() {
            return None;
        }
        let sync = state.is_urgent();
        self.take(&mut state);
        Some(sync || self.taken.len() > UNSYNCED_BYTES_MAX)
    }

    fn take(&mut self, state: &mut State) {
        self.taken.append(&mut state.pending);
        state.pending_retained = 0;
        self.taken_to = state.lsn;
        self.told.shards |= std::mem::take(&mut state.waiting_shards);
        self.told.news.append(&mut state.news);
        self.told.askers.append(&mut state.askers);
        state.urgent = false;
    }

    fn write(&mut self, offline: &Offline, sync: bool) -> io::Result<()> {
        let written = std::mem::take(&mut self.written);
        self.log
            .append(self.taken.get(written..).unwrap_or_default())?;
        if sync {
            self.log.sync()?;
            self.taken.clear();
            offline.durable.store(self.taken_to.0, Ordering::Release);
        }
        self.written = self.taken.len();
        Ok(())
    }

    /// One step: the oldest segment goes.
    fn compact(&mut self, offline: &Offline) -> io::Result<()> {
        if self.to_compact == 0 {
            if self.log.len() < self.compact_at {
                return Ok(());
            }
            self.to_compact = self.log.closed_len();
        }
        let mut renewed = Renewed::new();
        let mut old = self.log.oldest()?.into_iter();
        loop {
            let mut state = offline.state.lock();
            let more = renew_some(&mut state, &mut old, &mut renewed);
            self.take(&mut state);
            drop(state);
            self.write(offline, !more)?;
            if !more {
                break;
            }
        }
        self.log.remove_oldest()?;
        self.to_compact = self.to_compact.saturating_sub(1);
        if self.to_compact == 0 {
            self.compact_at = self.compact_len_min.max(self.log.len().saturating_mul(2));
        }
        Ok(())
    }
}

/// Writes some of `old` anew; returns whether there is more.
fn renew_some(
    state: &mut State,
    old: &mut impl Iterator<Item = Record>,
    renewed: &mut Renewed,
) -> bool {
    let mut now = Vec::new();
    while state.pending.len() < RENEW_BYTES_MAX {
        let Some(record) = old.next() else {
            return false;
        };
        renew(&record, &state.ledger, renewed, &mut now);
        now.drain(..).for_each(|record| state.write(&record));
    }
    true
}
