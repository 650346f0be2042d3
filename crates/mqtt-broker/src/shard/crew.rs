//! Threads and shards: one thread waits for all sockets and does what little there is to do;
//! the others help when there is work for more than one processor.
//!
//! To wake a thread and put it to sleep again costs more than to deliver a message. So as long
//! as one thread keeps up, it works for all shards, as if there were one. Once it has not for a
//! while, a shard with much to do gets its helper, which stays with it until it is done; at once
//! if there is something for many receivers. A shard with letters for another one delivers them
//! itself if nobody works there.
//!
//! ```text
//!            ┌─ for 1 ──────────────────▶ poller takes the lock of 1, one turn
//! events ────┼─ much for 1, and pressed ─▶ call ─▶ helper 1: turns until nothing is left
//!            └─ for 0 ──────────────────▶ poller: one turn
//! ```
//! Invariant: nobody waits for the lock of another shard while holding one: it is tried. While its
//! helper is at work it is not even tried, so that the two do not take it from each other in turn.
//! Invariant: who finds a lock taken leaves a call behind, which its holder sees before it rests.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Note, Shard, TICK, WAKER};
use crate::{
    limits::{LITTLE_WORK_MAX, PRESSED_AFTER},
    shared::Shared,
};

const EVENTS_LEN: usize = 1_024;

/// All shards of a broker, and who works on them.
#[derive(Debug)]
pub(crate) struct Shards(Box<[Post]>);

/// A shard and the way to its helper. The first shard has none: it is the poller's.
#[derive(Debug)]
struct Post {
    shard: Mutex<Shard>,
    call: Mutex<Call>,
    bell: Condvar,
    /// Whether the helper is awake.
    at_work: AtomicBool,
}

/// What a helper is called for.
#[derive(Debug, Default)]
struct Call {
    notes: Vec<Note>,
    called: bool,
    stopped: bool,
}

impl Post {
    fn call(&self, notes: &mut Vec<Note>) {
        let mut call = self.call.lock();
        call.notes.append(notes);
        call.called = true;
        self.bell.notify_one();
    }

    fn stop(&self) {
        self.call.lock().stopped = true;
        self.bell.notify_one();
    }

    /// The shard, unless somebody works there.
    fn try_lock(&self) -> Option<MutexGuard<'_, Shard>> {
        if self.at_work.load(Ordering::Relaxed) {
            return None;
        }
        self.shard.try_lock()
    }

    /// The next call, or the end of `wait`; `false` when there will be none.
    fn await_call(&self, wait: Option<Duration>, notes: &mut Vec<Note>) -> bool {
        let mut call = self.call.lock();
        let idle = !call.called && !call.stopped && wait != Some(Duration::ZERO);
        if idle {
            self.at_work.store(false, Ordering::Relaxed);
        }
        while !call.called && !call.stopped {
            match wait {
                None => self.bell.wait(&mut call),
                Some(wait) if self.bell.wait_for(&mut call, wait).timed_out() => break,
                Some(_) => {}
            }
        }
        self.at_work.store(true, Ordering::Relaxed);
        call.called = false;
        std::mem::swap(&mut call.notes, notes);
        !call.stopped
    }
}

impl Shards {
    pub(crate) fn new(shards: Vec<Shard>) -> Arc<Self> {
        Arc::new_cyclic(|all: &Weak<Self>| {
            let posts = shards.into_iter().map(|mut shard| {
                shard.shards = Weak::clone(all);
                Post {
                    shard: Mutex::new(shard),
                    call: Mutex::default(),
                    bell: Condvar::new(),
                    at_work: AtomicBool::new(false),
                }
            });
            Self(posts.collect())
        })
    }

    /// Sees to it that somebody looks at the inbox of `shard`.
    fn ring(&self, shard: usize, shared: &Shared) {
        match self.0.get(shard) {
            Some(post) if shard > 0 => post.call(&mut Vec::new()),
            // The poller sleeps in the kernel.
            _ => {
                if let Some(inbox) = shared.inboxes.get(shard) {
                    inbox.wake();
                }
            }
        }
    }

    /// The helper of shard `index`, until the broker stops.
    pub(crate) fn help(&self, index: usize) {
        let Some(post) = self.0.get(index) else {
            return;
        };
        let (mut notes, mut wait) = (Vec::new(), None);
        while post.await_call(wait, &mut notes) {
            let mut shard = post.shard.lock();
            shard.turn(&notes, Worker::Own);
            // Deadlines are the poller's business.
            wait = Some(shard.wait_at_most()).filter(|wait| *wait < TICK);
            drop(shard);
            notes.clear();
        }
    }

    /// The poller, until the broker stops.
    pub(crate) fn serve(&self, mut poll: Poll) {
        let Some(shared) = self.0.first().map(|p| Arc::clone(&p.shard.lock().shared)) else {
            return;
        };
        let _dismissal = Dismissal(self);
        let mut events = Events::with_capacity(EVENTS_LEN);
        let mut desks: Vec<Desk> = self
            .0
            .iter()
            .map(|_| Desk::new(shared.clock.now()))
            .collect();
        let (mut wait, mut pressure) = (Duration::ZERO, Pressure::new(shared.clock.now()));
        while !shared.stopping.load(Ordering::SeqCst) {
            match poll.poll(&mut events, Some(wait)) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the event loop has failed");
                    break;
                }
                Ok(()) => {}
            }
            let now = shared.clock.now();
            pressure.note(now, events.iter().count(), wait);
            for event in events.iter().filter(|event| event.token() != WAKER) {
                let (shard, note) = Note::of(event);
                if let Some(desk) = desks.get_mut(shard) {
                    desk.notes.push(note);
                }
            }
            wait = self.work(&shared, &mut desks, (now, pressure.is_high(now)));
        }
        for post in &self.0 {
            post.shard.lock().end();
        }
    }

    /// One turn of each shard that has something to do; how long nobody has.
    fn work(
        &self,
        shared: &Shared,
        desks: &mut [Desk],
        (now, pressed): (Instant, bool),
    ) -> Duration {
        // Helpers first, so that they are at work while this thread is.
        for ((post, desk), inbox) in self.0.iter().zip(&mut *desks).zip(&shared.inboxes).skip(1) {
            if pressed && desk.notes.len().max(inbox.len()) > LITTLE_WORK_MAX {
                post.call(&mut desk.notes);
                desk.due = now + TICK;
            }
        }
        for ((post, desk), inbox) in self.0.iter().zip(&mut *desks).zip(&shared.inboxes).skip(1) {
            if desk.notes.is_empty() && !inbox.is_waiting() && desk.due > now {
                continue;
            }
            desk.due = now + TICK;
            let Some(mut shard) = post.try_lock() else {
                post.call(&mut desk.notes);
                continue;
            };
            shard.turn(&desk.notes, Worker::Poller);
            desk.notes.clear();
            let (wait, many) = (shard.wait_at_most(), !shard.fanouts.is_empty());
            drop(shard);
            if many || (pressed && wait < TICK) {
                post.call(&mut desk.notes);
            } else {
                desk.due = now + wait;
            }
        }
        if let (Some(post), Some(desk)) = (self.0.first(), desks.first_mut()) {
            let mut shard = post.shard.lock();
            shard.turn(&desk.notes, Worker::Own);
            desk.notes.clear();
            desk.due = now + shard.wait_at_most();
        }
        let due = desks.iter().map(|desk| desk.due).min();
        due.map_or(TICK, |due| due.saturating_duration_since(now))
    }
}

/// Lets the helpers go, even if the poller panics.
struct Dismissal<'a>(&'a Shards);

impl Drop for Dismissal<'_> {
    fn drop(&mut self) {
        self.0.0.iter().for_each(Post::stop);
    }
}

/// Whether there is more to do than one thread can.
struct Pressure {
    /// When the poller had caught up last.
    caught_up: Instant,
}

impl Pressure {
    const fn new(now: Instant) -> Self {
        Self { caught_up: now }
    }

    /// So many events were there after `wait`. If they are few, and nothing was left to do before,
    /// there was time for all that came.
    fn note(&mut self, now: Instant, events: usize, wait: Duration) {
        if events <= LITTLE_WORK_MAX && !wait.is_zero() {
            self.caught_up = now;
        }
    }

    fn is_high(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.caught_up) > PRESSED_AFTER
    }
}

/// What the poller has for a shard.
struct Desk {
    notes: Vec<Note>,
    /// When somebody must look, though nothing comes.
    due: Instant,
}

impl Desk {
    const fn new(due: Instant) -> Self {
        let notes = Vec::new();
        Self { notes, due }
    }
}

/// On whose thread a turn is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// Of the shard itself.
    Own,
    /// The poller's, for another shard: what is much is left to the helper.
    Poller,
}

/// A token says whose it is, too.
pub(super) const fn token(shard: u16, number: usize) -> Token {
    Token(((shard as usize) << SHARD_SHIFT) | number)
}

pub(super) const fn of_token(token: Token) -> (usize, usize) {
    (token.0 >> SHARD_SHIFT, token.0 & ((1 << SHARD_SHIFT) - 1))
}

const SHARD_SHIFT: u32 = 40;

impl Shard {
    /// Sees to it that the letters of this turn are taken.
    pub(super) fn visit_others(&mut self) {
        if self.posted == 0 {
            return;
        }
        let Some(shards) = self.shards.upgrade() else {
            return;
        };
        while self.posted != 0 {
            let index = super::to_key(self.posted.trailing_zeros());
            self.posted &= self.posted - 1;
            match shards.0.get(index).and_then(Post::try_lock) {
                Some(mut other) => other.take_visit(&shards),
                None => shards.ring(index, &self.shared),
            }
        }
    }

    /// Has the letters for `shard` taken at once, on another processor.
    pub(super) fn call(&mut self, shard: u32) {
        if let Some(shards) = self.shards.upgrade() {
            self.posted &= !(1 << shard);
            shards.ring(super::to_key(shard), &self.shared);
        }
    }

    /// The part of a turn that letters need, on the thread of another shard.
    fn take_visit(&mut self, shards: &Shards) {
        self.turn_at = self.shared.clock.now();
        self.take_letters();
        self.bury();
        self.flush_all();
        self.note_latency();
        self.bury();
        // What came of it for others, or for the rest of a turn, is not for the visitor.
        let mut posted = std::mem::take(&mut self.posted);
        while posted != 0 {
            shards.ring(super::to_key(posted.trailing_zeros()), &self.shared);
            posted &= posted - 1;
        }
        if self.wait_at_most().is_zero() {
            shards.ring(usize::from(self.index), &self.shared);
        }
    }
}
