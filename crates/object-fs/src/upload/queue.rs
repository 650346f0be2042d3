//! What is to be done in the bucket, and when.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    time::{Duration, Instant},
};

use clock::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, futures::Notified};
use vfs::Inode;

use super::Outcome;

/// Wait after a first failure; doubled after each further one …
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// … up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// So many failures, and nothing done between them: the store takes nothing.
const STUCK_AFTER: u64 = 8;
/// Wait for something else that must come first.
const AGAIN: Duration = Duration::from_millis(20);

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Work {
    /// Bring an inode's object up to date.
    Inode(Inode),
    /// Delete an object.
    Tombstone(Box<str>),
    /// Find the inodes below a renamed directory whose keys have changed.
    Walk(Inode),
}

/// ```text
/// Resting -> Running -> (gone)
///   ^  ^       |  ^
///   |  +-------+  | changed meanwhile
///   |          v  |
///   +-------- Pausing: failed, or something else must come first
///    changed
/// ```
#[derive(Debug)]
enum State {
    /// Its file may change again: whoever is in a hurry need not wait.
    Resting { due: Instant },
    /// It was tried, and is not tried again at once, whoever is in a hurry: what it waits for
    /// would not have a chance to happen.
    Pausing { due: Instant },
    Running {
        next: Option<Next>,
        sent: Option<Sent>,
    },
}

/// How far an upload in parts has come, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) done: u64,
    pub(crate) whole: u64,
}

impl Sent {
    fn percent(self) -> Option<u8> {
        let percent = u128::from(self.done) * 100 / u128::from(self.whole.max(1));
        u8::try_from(percent).ok()
    }
}

/// A change that came while an item was being worked on.
#[derive(Clone, Copy, Debug)]
struct Next {
    due: Instant,
    since_ms: u64,
    first: Instant,
}

#[derive(Debug)]
struct Item {
    state: State,
    /// When it was first changed: for people, and for the cap on its rest.
    since_ms: u64,
    first: Instant,
    failures: u32,
    bytes: u64,
    error: Option<String>,
}

/// What there is to say about one piece of work.
#[derive(Clone, Debug)]
pub(crate) struct ItemStatus {
    pub(crate) is_running: bool,
    pub(crate) percent: Option<u8>,
    pub(crate) since_ms: u64,
    pub(crate) failures: u32,
    pub(crate) bytes: u64,
    pub(crate) error: Option<String>,
}

impl Item {
    fn status(&self) -> ItemStatus {
        ItemStatus {
            is_running: matches!(self.state, State::Running { .. }),
            percent: match self.state {
                State::Running { sent, .. } => sent.and_then(Sent::percent),
                State::Resting { .. } | State::Pausing { .. } => None,
            },
            since_ms: self.since_ms,
            failures: self.failures,
            bytes: self.bytes,
            error: self.error.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    items: HashMap<Work, Item>,
    by_due: BTreeSet<(Instant, Work)>,
    /// Ages of dirty inodes.
    by_since: BTreeSet<(u64, Inode)>,
    dirty_bytes: u64,
    failing: u64,
    /// Failures since anything was done.
    in_a_row: u64,
    last_error: Option<String>,
    changes: u64,
}

/// The queue of one share.
#[derive(Debug)]
pub(crate) struct Queue {
    delay: Duration,
    rest_max: Duration,
    inner: Mutex<Inner>,
    changed: Notify,
    settled: Notify,
}

/// What there is to say about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueStatus {
    pub(crate) waiting: u64,
    pub(crate) dirty_files: u64,
    pub(crate) dirty_bytes: u64,
    pub(crate) failing: u64,
    /// Nothing is done any more: not one piece fails while others go, but all that is tried does.
    pub(crate) is_stuck: bool,
    pub(crate) last_error: Option<String>,
    pub(crate) oldest_since_ms: Option<u64>,
}

impl Queue {
    /// Files rest for `delay` after their last change, and for `rest_max` after their first.
    pub(crate) fn new(delay: Duration, rest_max: Duration) -> Self {
        Self {
            delay,
            rest_max,
            inner: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Something changed: its work is due when it has rested. Since when it is waiting.
    pub(crate) fn touch(&self, work: Work, bytes: u64, wall: Timestamp, now: Instant) -> u64 {
        let rest = match work {
            Work::Inode(_) => self.delay,
            Work::Tombstone(_) | Work::Walk(_) => Duration::ZERO,
        };
        let mut inner = self.inner.lock();
        let first_before = inner.first_due();
        let due = (now + rest, self.rest_max);
        let since = inner.touch(work, bytes, (wall.as_millis(), now), due);
        let is_earlier = match (first_before, inner.first_due()) {
            (Some(before), Some(after)) => after < before,
            (None, after) => after.is_some(),
            (Some(_), None) => false,
        };
        drop(inner);
        if is_earlier {
            self.changed.notify_one();
        }
        since
    }

    /// Work that was waiting before the start: due at once.
    pub(crate) fn restore(&self, work: Work, bytes: u64, since_ms: u64, now: Instant) {
        let due = (now, self.rest_max);
        self.inner.lock().touch(work, bytes, (since_ms, now), due);
    }

    /// There may be more to do than whoever is at it knows: it is due now, or once more. Since
    /// when it is waiting.
    pub(crate) fn again(&self, work: &Work, wall: Timestamp, now: Instant) -> u64 {
        let since = self.inner.lock().again(work, (wall.as_millis(), now));
        self.changed.notify_one();
        since
    }

    /// Since when an inode is waiting.
    pub(crate) fn since(&self, inode: Inode) -> Option<u64> {
        let inner = self.inner.lock();
        inner
            .items
            .get(&Work::Inode(inode))
            .map(|item| item.since_ms)
    }

    /// What was to be brought up to date is no more.
    pub(crate) fn cancel(&self, work: &Work) {
        self.inner.lock().remove(work);
    }

    /// Everything is due now: room is needed.
    pub(crate) fn hurry(&self, now: Instant) {
        let mut inner = self.inner.lock();
        let later = inner.by_due.split_off(&(now, Work::Inode(Inode(0))));
        if later.is_empty() {
            return;
        }
        for (mut due, work) in later {
            let item = inner.items.get_mut(&work);
            if let Some(State::Resting { due: rest }) = item.map(|item| &mut item.state) {
                due = now;
                *rest = now;
            }
            inner.by_due.insert((due, work));
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// One piece is due now, because somebody waits for it.
    pub(crate) fn expedite(&self, work: &Work, now: Instant) {
        if self.inner.lock().expedite(work, now) {
            self.changed.notify_one();
        }
    }

    /// Whether an inode waits or is being worked on.
    pub(crate) fn has(&self, work: &Work) -> bool {
        self.inner.lock().items.contains_key(work)
    }

    /// The next piece that is due, or when one will be.
    pub(crate) fn next(&self, now: Instant) -> Result<Work, Option<Instant>> {
        let mut inner = self.inner.lock();
        let first = inner.by_due.first().ok_or(None)?;
        if first.0 > now {
            return Err(Some(first.0));
        }
        let (_, work) = inner.by_due.pop_first().ok_or(None)?;
        if let Some(item) = inner.items.get_mut(&work) {
            item.state = State::Running {
                next: None,
                sent: None,
            };
        }
        Ok(work)
    }

    /// Resolves when something may be due earlier than before.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.changed.notified()
    }

    /// Resolves when some piece of work has ended.
    pub(crate) fn settled(&self) -> Notified<'_> {
        self.settled.notified()
    }

    /// Some more of an upload has arrived.
    pub(crate) fn has_sent(&self, inode: Inode, now: Sent) {
        let mut inner = self.inner.lock();
        let item = inner.items.get_mut(&Work::Inode(inode));
        if let Some(State::Running { sent, .. }) = item.map(|item| &mut item.state) {
            *sent = Some(now);
        }
    }

    pub(crate) fn finish(&self, work: &Work, outcome: Outcome, now: Instant) {
        self.end(work, outcome, now);
        self.settled.notify_waiters();
    }

    fn end(&self, work: &Work, outcome: Outcome, now: Instant) {
        let mut inner = self.inner.lock();
        let Some(item) = inner.items.get_mut(work) else {
            return;
        };
        let State::Running { next, .. } = item.state else {
            return;
        };
        let had_failed = std::mem::take(&mut item.failures) > 0;
        item.error = None;
        inner.in_a_row = 0;
        if had_failed {
            inner.failing -= 1;
        }
        if inner.failing == 0 {
            inner.last_error = None;
        }
        match (outcome, next) {
            (Outcome::Done, None) => {
                inner.remove(work);
                return;
            }
            (Outcome::Done | Outcome::Rest, Some(next)) => inner.begin_anew(work, next),
            (Outcome::Again, _) | (Outcome::Rest, None) => inner.pause(work, now + AGAIN),
        }
        drop(inner);
        self.changed.notify_one();
    }

    pub(crate) fn fail(&self, work: &Work, reason: String, now: Instant) {
        let mut inner = self.inner.lock();
        inner.last_error = Some(reason.clone());
        let Some(item) = inner.items.get_mut(work) else {
            return;
        };
        let backoff = BACKOFF_MIN.saturating_mul(1 << item.failures.min(16));
        item.failures += 1;
        item.error = Some(reason);
        let is_first = item.failures == 1;
        inner.failing += u64::from(is_first);
        inner.in_a_row += 1;
        inner.pause(work, now + backoff.min(BACKOFF_MAX));
    }

    pub(crate) fn item(&self, work: &Work) -> Option<ItemStatus> {
        self.inner.lock().items.get(work).map(Item::status)
    }

    /// The pieces that wait longest.
    pub(crate) fn items(&self, limit: usize) -> Vec<(Work, ItemStatus)> {
        let inner = self.inner.lock();
        let items = inner.items.iter();
        let mut all: Vec<(u64, &Work)> = items.map(|(work, item)| (item.since_ms, work)).collect();
        if all.len() > limit && limit > 0 {
            all.select_nth_unstable(limit - 1);
        }
        all.truncate(limit);
        all.sort_unstable();
        let with_status = all.into_iter().filter_map(|(_, work)| {
            let item = inner.items.get(work)?;
            Some((work.clone(), item.status()))
        });
        with_status.collect()
    }

    /// Inodes that wait longest, at most so many.
    pub(crate) fn waiting_inodes(&self, limit: usize) -> Vec<Inode> {
        let inner = self.inner.lock();
        let first = inner.by_since.iter().take(limit);
        first.map(|(_, inode)| *inode).collect()
    }

    /// Grows whenever something is to be done, or is done.
    pub(crate) fn last_change(&self) -> u64 {
        self.inner.lock().changes
    }

    pub(crate) fn dirty_bytes(&self) -> u64 {
        self.inner.lock().dirty_bytes
    }

    pub(crate) fn status(&self) -> QueueStatus {
        let inner = self.inner.lock();
        QueueStatus {
            waiting: inner.items.len() as u64,
            dirty_files: inner.by_since.len() as u64,
            dirty_bytes: inner.dirty_bytes,
            failing: inner.failing,
            is_stuck: inner.is_stuck(),
            last_error: inner.last_error.clone(),
            oldest_since_ms: inner.by_since.first().map(|(since, _)| *since),
        }
    }
}

impl Inner {
    fn is_stuck(&self) -> bool {
        let all_fail = self.failing == self.items.len() as u64;
        self.failing > 0 && (all_fail || self.in_a_row >= STUCK_AFTER)
    }

    fn first_due(&self) -> Option<Instant> {
        self.by_due.first().map(|(due, _)| *due)
    }

    fn touch(
        &mut self,
        work: Work,
        bytes: u64,
        (wall_ms, now): (u64, Instant),
        (due, rest_max): (Instant, Duration),
    ) -> u64 {
        self.changes += 1;
        if !self.items.contains_key(&work) {
            if let Work::Inode(inode) = work {
                self.by_since.insert((wall_ms, inode));
            }
            self.dirty_bytes = self.dirty_bytes.saturating_add(bytes);
            self.by_due.insert((due, work.clone()));
            let item = Item {
                state: State::Resting { due },
                since_ms: wall_ms,
                first: now,
                failures: 0,
                bytes,
                error: None,
            };
            self.items.insert(work, item);
            return wall_ms;
        }
        let Some(item) = self.items.get_mut(&work) else {
            return wall_ms;
        };
        let others = self.dirty_bytes.saturating_sub(item.bytes);
        self.dirty_bytes = others.saturating_add(bytes);
        item.bytes = bytes;
        let since = item.since_ms;
        match &mut item.state {
            State::Running { next, .. } => {
                let (since_ms, first) = next.map_or((wall_ms, now), |n| (n.since_ms, n.first));
                *next = Some(Next {
                    due,
                    since_ms,
                    first,
                });
                return since_ms;
            }
            // After a failure the backoff counts, not the rest.
            State::Pausing { .. } if item.failures > 0 => {}
            State::Resting { due: before } | State::Pausing { due: before } => {
                let due = due.min(item.first + rest_max).max(now);
                self.by_due.remove(&(*before, work.clone()));
                item.state = State::Resting { due };
                self.by_due.insert((due, work));
            }
        }
        since
    }

    fn again(&mut self, work: &Work, (wall_ms, now): (u64, Instant)) -> u64 {
        let Some(item) = self.items.get_mut(work) else {
            let due = (now, Duration::ZERO);
            return self.touch(work.clone(), 0, (wall_ms, now), due);
        };
        let since = item.since_ms;
        if let State::Running { next, .. } = &mut item.state {
            let (since_ms, first) = next.map_or((wall_ms, now), |n| (n.since_ms, n.first));
            *next = Some(Next {
                due: now,
                since_ms,
                first,
            });
            return since_ms;
        }
        self.expedite(work, now);
        since
    }

    /// Whether it was resting.
    fn expedite(&mut self, work: &Work, now: Instant) -> bool {
        let Some(State::Resting { due }) = self.items.get(work).map(|item| &item.state) else {
            return false;
        };
        let due = *due;
        self.by_due.remove(&(due, work.clone()));
        self.rest(work, now);
        true
    }

    /// What was waiting is done; what changed meanwhile waits from its own first change on.
    fn begin_anew(&mut self, work: &Work, next: Next) {
        if let Some(item) = self.items.get_mut(work) {
            if let Work::Inode(inode) = work {
                self.by_since.remove(&(item.since_ms, *inode));
                self.by_since.insert((next.since_ms, *inode));
            }
            item.since_ms = next.since_ms;
            item.first = next.first;
        }
        self.rest(work, next.due);
    }

    fn rest(&mut self, work: &Work, due: Instant) {
        self.wait(work, State::Resting { due }, due);
    }

    fn pause(&mut self, work: &Work, due: Instant) {
        self.wait(work, State::Pausing { due }, due);
    }

    fn wait(&mut self, work: &Work, state: State, due: Instant) {
        if let Some(item) = self.items.get_mut(work) {
            item.state = state;
            self.by_due.insert((due, work.clone()));
        }
    }

    fn remove(&mut self, work: &Work) {
        let Some(item) = self.items.remove(work) else {
            return;
        };
        self.changes += 1;
        if let State::Resting { due } | State::Pausing { due } = item.state {
            self.by_due.remove(&(due, work.clone()));
        }
        if let Work::Inode(inode) = work {
            self.by_since.remove(&(item.since_ms, *inode));
        }
        self.dirty_bytes = self.dirty_bytes.saturating_sub(item.bytes);
        self.failing -= u64::from(item.failures > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_tried_is_not_tried_again_at_once_whoever_is_in_a_hurry() {
        let clock = clock::Clock::manual(Timestamp::from_millis(0));
        let queue = Queue::new(Duration::from_secs(5), Duration::from_secs(60));
        let work = Work::Inode(Inode(3));
        queue.touch(work.clone(), 1, clock.wall(), clock.now());
        assert!(queue.next(clock.now()).is_err(), "it rests");
        queue.expedite(&work, clock.now());
        assert_eq!(queue.next(clock.now()), Ok(work.clone()));
        queue.finish(&work, Outcome::Again, clock.now());
        queue.expedite(&work, clock.now());
        queue.hurry(clock.now());
        assert_eq!(queue.next(clock.now()), Err(Some(clock.now() + AGAIN)));
        clock.advance(AGAIN);
        assert_eq!(queue.next(clock.now()), Ok(work.clone()));
        queue.fail(&work, "refused".into(), clock.now());
        queue.expedite(&work, clock.now());
        assert_eq!(
            queue.next(clock.now()),
            Err(Some(clock.now() + BACKOFF_MIN))
        );
    }

    #[test]
    fn one_piece_that_fails_while_others_go_is_not_the_store() {
        let clock = clock::Clock::manual(Timestamp::from_millis(0));
        let queue = Queue::new(Duration::ZERO, Duration::ZERO);
        let work = |n| Work::Inode(Inode(n));
        for n in 0..20 {
            queue.touch(work(n), 1, clock.wall(), clock.now());
        }
        clock.advance(Duration::from_secs(1));
        while queue.next(clock.now()).is_ok() {}
        queue.fail(&work(0), "refused".into(), clock.now());
        for n in 1..8 {
            assert!(!queue.status().is_stuck);
            queue.fail(&work(n), "refused".into(), clock.now());
        }
        assert!(queue.status().is_stuck, "all that was tried lately");
        queue.finish(&work(8), Outcome::Done, clock.now());
        assert!(!queue.status().is_stuck);
        for n in 9..20 {
            queue.finish(&work(n), Outcome::Done, clock.now());
        }
        assert!(queue.status().is_stuck, "all that is left");
    }
}
