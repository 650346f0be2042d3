//! The offline store: persistent sessions with their messages, and retained messages.
//!
//! In memory for those who ask, in a log for those who come after a crash. A change is made in
//! memory under one lock and its record put in a buffer; a thread of its own writes the buffer
//! and makes it durable, many changes at once; then those who wait for it are told. So event
//! loops never wait for the disk, and nothing is acknowledged before it is there.
//!
//! Invariant: a message to a persistent session is sent only once it is durable, with a packet
//! identifier that follows from its place; so of `QoS` 2 it is never received twice.
//! Invariant: who has no persistent session and sends to none comes here for one atomic load.

mod accept;
mod commit;
mod compact;
mod connect;
mod deliver;
mod disk;
mod ledger;
mod log;
mod record;
mod replay;
mod session;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use message_bus::ChannelId;
use model::Timestamp;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

pub(crate) use accept::{Kept, NotKept, Publication};
pub(crate) use commit::{Committed, Committer};
pub(crate) use connect::{Attach, Detached};
pub(crate) use deliver::Ready;
pub(crate) use log::Recovery;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use record::check as check_record;
pub(crate) use record::{StoredSubscription, StoredWill, Uid};

use crate::{
    config::OfflineLimits, interest::Interest, limits::STORE_QUEUE_BYTES_MAX, metrics::Metrics,
    routes::Seat,
};
use disk::{Directory, Disk};
use ledger::Ledger;
use log::Log;
use record::Record;
use replay::Replay;
use session::Place;

/// How far the log has come, in bytes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(u64);

/// Shards, a bit each.
type ShardSet = u64;

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// Records that are not written yet.
    pending: Vec<u8>,
    /// How much of that subscriptions have brought, for which no publisher is to wait.
    pending_retained: usize,
    lsn: Lsn,
    /// Somebody waits for the records to be durable.
    urgent: bool,
    /// Who is to be woken then.
    waiting_shards: ShardSet,
    /// Connected clients for whom there is something new.
    news: Vec<(Seat, ChannelId)>,
    /// Tasks that wait for the records to be durable.
    askers: Vec<oneshot::Sender<()>>,
    /// The thread sleeps until it is told that there is something.
    idle: bool,
    stopped: bool,
}

/// What the store has counted since its start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) stored: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) failures: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Offline {
    limits: OfflineLimits,
    state: Mutex<State>,
    work: Condvar,
    /// Where the thread rests after a failure.
    pause: Condvar,
    durable: AtomicU64,
    sessions: AtomicUsize,
    retained: AtomicUsize,
    interest: Arc<Interest>,
    pub(crate) recovery: Recovery,
    pub(crate) tally: Tally,
}

impl Offline {
    /// Opens the store of `dir`, and brings back what is there.
    pub(crate) fn open(
        dir: &Path,
        limits: OfflineLimits,
        now: Timestamp,
    ) -> io::Result<(Self, Committer<Directory>)> {
        let disk = Directory::open(dir)?;
        Self::open_on(disk, limits, now)
    }

    /// One that keeps nothing, and says at once that it did.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn without_disk() -> Self {
        let interest = Arc::new(Interest::new());
        let ledger = Ledger::new(Arc::clone(&interest));
        let offline = Self::new(
            OfflineLimits::default(),
            ledger,
            interest,
            Recovery::default(),
        );
        offline.durable.store(u64::MAX, Ordering::Relaxed);
        offline
    }

    fn open_on<D: Disk>(
        disk: D,
        limits: OfflineLimits,
        now: Timestamp,
    ) -> io::Result<(Self, Committer<D>)> {
        let interest = Arc::new(Interest::new());
        let mut replay = Replay::new(Ledger::new(Arc::clone(&interest)));
        let take = &mut |record| replay.take(record);
        let (log, recovery) = Log::open(disk, limits.segment_len, take)?;
        report(recovery);
        let offline = Self::new(limits, replay.finish(), interest, recovery);
        let mut state = offline.state.lock();
        state.all_are_away(now.as_millis());
        offline.enforce_bounds(&mut state);
        offline.changed(&state);
        drop(state);
        let committer = Committer::new(log, offline.limits.compact_len_min);
        Ok((offline, committer))
    }

    fn new(
        limits: OfflineLimits,
        ledger: Ledger,
        interest: Arc<Interest>,
        recovery: Recovery,
    ) -> Self {
        let state = State {
            ledger,
            pending: Vec::new(),
            pending_retained: 0,
            lsn: Lsn(0),
            urgent: false,
            waiting_shards: 0,
            news: Vec::new(),
            askers: Vec::new(),
            idle: false,
            stopped: false,
        };
        Self {
            limits,
            work: Condvar::new(),
            pause: Condvar::new(),
            durable: AtomicU64::new(0),
            sessions: AtomicUsize::new(0),
            retained: AtomicUsize::new(0),
            state: Mutex::new(state),
            interest,
            recovery,
            tally: Tally::default(),
        }
    }

    /// Whether there is no persistent session at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.load(Ordering::Relaxed) == 0
    }

    /// Persistent sessions, messages that wait, and retained messages.
    fn counts(&self) -> (usize, usize, usize) {
        let state = self.state.lock();
        let ledger = &state.ledger;
        (ledger.len(), ledger.waiting, ledger.retained.len())
    }

    pub(crate) fn measure(&self, metrics: &mut Metrics) {
        let (sessions, waiting, retained) = self.counts();
        metrics.sessions_persistent = sessions as u64;
        metrics.messages_waiting = waiting as u64;
        metrics.messages_retained = retained as u64;
        let sent = self.tally.sent.load(Ordering::Relaxed);
        metrics.messages_out = metrics.messages_out.saturating_add(sent);
        metrics.offline_stored = self.tally.stored.load(Ordering::Relaxed);
        metrics.offline_dropped = self.tally.dropped.load(Ordering::Relaxed);
        metrics.offline_expired = self.tally.expired.load(Ordering::Relaxed);
        metrics.offline_damaged_bytes = self.recovery.damaged_bytes;
        metrics.offline_failures = self.tally.failures.load(Ordering::Relaxed);
    }

    /// Whether the disk does not keep up.
    pub(crate) fn is_behind(&self) -> bool {
        self.state.lock().is_behind()
    }

    /// How far the log goes.
    pub(crate) fn last(&self) -> Lsn {
        self.state.lock().lsn
    }

    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Has `lsn` made durable soon, and `shard` woken then.
    pub(crate) fn wake_when_durable(&self, shard: u16) {
        let mut state = self.state.lock();
        state.waiting_shards |= 1 << shard;
        state.urgent = true;
        self.work.notify_one();
    }

    /// Told when all that there is now is durable; dropped if the store ends before.
    pub(crate) fn when_durable(&self) -> oneshot::Receiver<()> {
        let (asker, durable) = oneshot::channel();
        let mut state = self.state.lock();
        state.askers.push(asker);
        state.urgent = true;
        self.work.notify_one();
        durable
    }

    /// Updates what is read without the lock, and lets the thread know.
    fn changed(&self, state: &State) {
        self.sessions.store(state.ledger.len(), Ordering::Relaxed);
        let retained = state.ledger.retained.len();
        self.retained.store(retained, Ordering::Relaxed);
        if state.idle || state.is_urgent() {
            self.work.notify_one();
        }
    }

    /// Has the thread write what there is, and end.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_one();
        self.pause.notify_one();
    }
}

impl State {
    /// Makes a change.
    fn record(&mut self, record: Record) -> Lsn {
        self.write(&record);
        self.ledger.apply(record, self.lsn);
        self.lsn
    }

    /// Says again what is so already.
    fn write(&mut self, record: &Record) {
        let before = self.pending.len();
        record::encode(record, &mut self.pending);
        let len = (self.pending.len() - before) as u64;
        self.lsn = Lsn(self.lsn.0 + len);
    }

    /// Whether no more may wait to be written.
    fn is_behind(&self) -> bool {
        self.pending.len() - self.pending_retained >= STORE_QUEUE_BYTES_MAX
    }

    fn is_urgent(&self) -> bool {
        self.urgent
            || self.stopped
            || !self.news.is_empty()
            || self.pending.len() > STORE_QUEUE_BYTES_MAX / 4
    }

    /// Nobody is connected right after a start: the lives of sessions run down from now on, and
    /// the wills of those who were connected come due.
    fn all_are_away(&mut self, now: u64) {
        let cut_off: Vec<Uid> = self.ledger.sessions().filter_map(cut_off).collect();
        for uid in cut_off {
            let Some(mut record) = self.ledger.session(uid).map(session::Session::record) else {
                continue;
            };
            record.away_since = Some(now);
            if let Some(will) = &mut record.will {
                will.delay_s = will.delay_s.max(crate::limits::WILL_DELAY_S_AFTER_CRASH);
            }
            self.record(Record::Session(record));
        }
    }
}

fn report(recovery: Recovery) {
    let Recovery {
        records,
        torn_bytes,
        damaged_bytes,
    } = recovery;
    if damaged_bytes > 0 {
        tracing::error!(
            damaged_bytes,
            records,
            "parts of the offline store cannot be read"
        );
    }
    tracing::debug!(records, torn_bytes, "offline store opened");
}

fn cut_off(session: &session::Session) -> Option<Uid> {
    let was_online = Place::Away { since: u64::MAX };
    (session.place == was_online).then_some(session.uid)
}

#[cfg(test)]
mod tests;
