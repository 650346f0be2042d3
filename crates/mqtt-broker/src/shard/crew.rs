//! Threads and shards: one thread waits for all sockets and does what little there is to do;
//! the others help when there is work for more than one processor.
//!
//! To wake a thread and put it to sleep again costs more than to deliver a message. So as long
//! as one thread keeps up, it works for all shards, as if there were one. Once it has not for a
//! while, a shard with much to do gets its helper, which stays with it until it is done; at once
//! if there is something for many receivers. Where processors are scarce nobody helps: it would
//! be preempted with the shard in its hands. A shard with letters for another one delivers them
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

use message_bus::ChannelId;
use mio::{Events, Poll, Token};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    Note, Shard, TICKER, Ticker, WAKER,
    pressure::{Pressure, Staff},
};
use crate::{
    bell::Bell,
    inbox::Inbox,
    limits::{GIVEN_MAX, LITTLE_WORK_MAX},
    message::Outgoing,
    routes::Seat,
    shared::Shared,
};

const EVENTS_LEN: usize = 1_024;

/// All shards of a broker, and who works on them.
#[derive(Debug)]
pub(crate) struct Shards {
    posts: Box<[Post]>,
    /// The poller's.
    bell: Arc<Bell>,
    /// The poller wants help with whatever there is.
    pressed: AtomicBool,
}

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
    fn call(&self) {
        self.call_with(&mut Vec::new());
    }

    fn call_with(&self, notes: &mut Vec<Note>) {
        let mut call = self.call.lock();
        call.notes.append(notes);
        call.called = true;
        self.bell.notify_one();
    }

    fn stop(&self) {
        self.call.lock().stopped = true;
        self.bell.notify_one();
    }

    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed)
    }

    /// The shard, unless somebody works there.
    fn try_lock(&self) -> Option<MutexGuard<'_, Shard>> {
        let is_free = !self.is_at_work();
        is_free.then(|| self.shard.try_lock()).flatten()
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
    pub(crate) fn new(shards: Vec<Shard>, bell: Arc<Bell>) -> Arc<Self> {
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
            Self {
                posts: posts.collect(),
                bell,
                pressed: AtomicBool::new(false),
            }
        })
    }

    fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    /// Sees to it that somebody looks at the inbox of `shard`.
    fn ring(&self, shard: usize, shared: &Shared) {
        match self.posts.get(shard) {
            Some(post) if shard > 0 && (self.is_pressed() || post.is_at_work()) => {
                post.call();
            }
            _ => {
                if let Some(inbox) = shared.inboxes.get(shard) {
                    inbox.wake();
                }
            }
        }
    }

    /// The helper of shard `index`, until the broker stops.
    pub(crate) fn help(&self, index: usize) {
        let Some(post) = self.posts.get(index) else {
            return;
        };
        let (mut notes, mut wait) = (Vec::new(), None);
        while post.await_call(wait, &mut notes) {
            let mut shard = post.shard.lock();
            let now = shard.shared.clock.now();
            shard.turn(&notes, Worker::Own { shards: 1 }, now);
            // Deadlines are the poller's business.
            wait = shard.wait_at_most();
            if wait.is_some() && !self.is_pressed() && shard.fanouts.is_empty() {
                wait = None;
                shard.inbox(shard.index.into()).wake();
            }
            drop(shard);
            notes.clear();
        }
    }

    /// The poller, until the broker stops.
    pub(crate) fn serve(&self, mut poll: Poll, ticker: &Ticker) {
        let Some(shared) = self
            .posts
            .first()
            .map(|p| Arc::clone(&p.shard.lock().shared))
        else {
            return;
        };
        let _dismissal = Dismissal(self);
        let mut events = Events::with_capacity(EVENTS_LEN);
        let posts = self.posts.iter().zip(&shared.inboxes);
        let mut desks: Vec<_> = posts.map(Desk::new).collect();
        let mut wait = Some(Duration::ZERO);
        let mut pressure = Pressure::new(shared.clock.now());
        while !shared.stopping.load(Ordering::SeqCst) {
            wait = self.rest(&mut desks, wait);
            let polled = poll.poll(&mut events, wait);
            self.bell.wake_up();
            match polled {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the event loop has failed");
                    break;
                }
                Ok(()) => {}
            }
            let now = shared.clock.now();
            pressure.note(now, events.iter().count(), wait);
            for event in &events {
                match event.token() {
                    WAKER => {}
                    TICKER => {
                        ticker.heard();
                        desks.iter_mut().for_each(|desk| desk.due = Some(now));
                    }
                    _ => {
                        let (shard, note) = Note::of(event);
                        if let Some(desk) = desks.get_mut(shard) {
                            desk.notes.push(note);
                        }
                    }
                }
            }
            wait = self.work(&mut desks, now, pressure.staff(now));
        }
        for post in &self.posts {
            post.shard.lock().end();
        }
    }

    /// Says that this thread will sleep, and how long it may: as long as `wait`, unless somebody has
    /// come meanwhile.
    fn rest(&self, desks: &mut [Desk<'_>], wait: Option<Duration>) -> Option<Duration> {
        if wait == Some(Duration::ZERO) {
            return wait;
        }
        self.bell.sleep();
        let mut wanted = false;
        for desk in desks.iter_mut().filter(|desk| desk.inbox.is_waiting()) {
            if desk.post.is_at_work() {
                desk.call();
            } else {
                wanted = true;
            }
        }
        if wanted { Some(Duration::ZERO) } else { wait }
    }

    /// One turn of each shard that has something to do; how long nobody has, if that ends before
    /// the next tick.
    fn work(&self, desks: &mut [Desk<'_>], now: Instant, staff: Staff) -> Option<Duration> {
        self.pressed.store(staff == Staff::All, Ordering::Relaxed);
        let shards = desks.iter().filter(|desk| desk.has_work(now)).count();
        let (own, others) = desks.split_first_mut()?;
        // Helpers first, so that they are at work while this thread is.
        if staff == Staff::All {
            others.iter_mut().for_each(Desk::call_if_much);
        }
        for desk in others.iter_mut().filter(|desk| desk.has_work(now)) {
            desk.turn(now, staff, shards);
        }
        if own.has_work(now) {
            own.turn_of_own(now, shards);
        }
        let due = desks.iter().filter_map(|desk| desk.due).min();
        due.map(|due| due.saturating_duration_since(now))
    }
}

/// Lets the helpers go, even if the poller panics.
struct Dismissal<'a>(&'a Shards);

impl Drop for Dismissal<'_> {
    fn drop(&mut self) {
        self.0.posts.iter().for_each(Post::stop);
    }
}

/// What the poller has for a shard.
struct Desk<'a> {
    post: &'a Post,
    inbox: &'a Inbox,
    notes: Vec<Note>,
    /// When somebody must look before the next tick, though nothing comes.
    due: Option<Instant>,
}

impl<'a> Desk<'a> {
    const fn new((post, inbox): (&'a Post, &'a Inbox)) -> Self {
        Self {
            post,
            inbox,
            notes: Vec::new(),
            due: None,
        }
    }

    fn has_work(&self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        is_due || !self.notes.is_empty() || self.inbox.is_waiting()
    }

    fn call(&mut self) {
        self.post.call_with(&mut self.notes);
        self.due = None;
    }

    fn call_if_much(&mut self) {
        if self.notes.len().max(self.inbox.len()) > LITTLE_WORK_MAX {
            self.call();
        }
    }

    fn turn_of_own(&mut self, now: Instant, shards: usize) {
        let mut shard = self.post.shard.lock();
        shard.turn(&self.notes, Worker::Own { shards }, now);
        self.notes.clear();
        self.due = shard.wait_at_most().map(|wait| now + wait);
    }

    /// For a shard that has a helper, unless that is at work.
    fn turn(&mut self, now: Instant, staff: Staff, shards: usize) {
        let Some(mut shard) = self.post.try_lock() else {
            return self.call();
        };
        shard.turn(&self.notes, Worker::Poller { shards }, now);
        self.notes.clear();
        let wait = shard.wait_at_most();
        let is_for_helper = match staff {
            Staff::Poller => !shard.fanouts.is_empty(),
            Staff::All => wait.is_some(),
        };
        drop(shard);
        if is_for_helper {
            self.call();
        } else {
            self.due = wait.map(|wait| now + wait);
        }
    }
}

/// On whose thread a turn is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// Of the shard itself, which works for so many.
    Own { shards: usize },
    /// The poller's, for another shard: what is much is left to the helper.
    Poller { shards: usize },
}

impl Worker {
    pub(super) const fn shards(self) -> usize {
        match self {
            Self::Own { shards } | Self::Poller { shards } => shards,
        }
    }
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
    /// Gives a message to a client of another shard without a letter; whether it did.
    pub(super) fn deliver_there(
        &mut self,
        seat: Seat,
        channel: ChannelId,
        outgoing: &Outgoing<'_>,
    ) -> bool {
        self.work_there(seat.shard.into(), |other| {
            let delivered = other.deliver_p2p(seat.slot, channel, outgoing);
            other.settle(seat.slot, delivered, outgoing.parts.qos);
            true
        })
    }

    /// The same to the few who have subscribed there.
    pub(super) fn fan_out_there(&mut self, shard: u32, outgoing: &Outgoing<'_>) -> bool {
        self.work_there(shard, |other| {
            let first = other.fanouts.is_empty();
            if first {
                other.fan_out(None, outgoing);
            }
            first
        })
    }

    /// Does something to another shard, if nobody works there and no letter waits that would have
    /// to come before; whether it was done. What is to be written then goes when that shard is
    /// visited. After many such it is a letter, since nobody reads there meanwhile: whoever gets
    /// them cannot say that it has them.
    fn work_there(&mut self, shard: u32, work: impl FnOnce(&mut Self) -> bool) -> bool {
        let Some(shards) = self.shards.upgrade() else {
            return false;
        };
        let post = shards.posts.get(super::to_key(shard));
        let Some(mut other) = post.and_then(Post::try_lock) else {
            return false;
        };
        if other.given >= GIVEN_MAX || other.inbox(shard).len() > 0 {
            return false;
        }
        other.given += 1;
        other.begin(self.turn_at);
        let done = work(&mut other);
        self.posted |= u64::from(done) << shard;
        done
    }

    /// Sees to it that the letters of this turn are taken, and written what they bring.
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
            match shards.posts.get(index).and_then(Post::try_lock) {
                Some(mut other) => other.take_visit(&shards, self.turn_at),
                None => shards.ring(index, &self.shared),
            }
        }
    }

    /// Has the letters for `shard` taken at once, on another processor.
    pub(super) fn call(&mut self, shard: u32) {
        if let Some(shards) = self.shards.upgrade() {
            self.posted &= !(1 << shard);
            match shards.posts.get(super::to_key(shard)) {
                Some(post) if shard > 0 => post.call(),
                _ => shards.ring(super::to_key(shard), &self.shared),
            }
        }
    }

    /// The part of a turn that letters need, within one of another shard that began `at`. Who has
    /// called for a turn still gets a whole one.
    fn take_visit(&mut self, shards: &Shards, at: Instant) {
        self.begin(at);
        self.given = 0;
        self.take_letters(1);
        self.bury();
        self.flush_all();
        while !self.doomed.is_empty() {
            self.bury();
            self.flush_all();
        }
        self.note_latency();
        // What came of it for others, or for the rest of a turn, is not for the visitor.
        let mut posted = std::mem::take(&mut self.posted);
        while posted != 0 {
            shards.ring(super::to_key(posted.trailing_zeros()), &self.shared);
            posted &= posted - 1;
        }
        if self.wait_at_most() == Some(Duration::ZERO) {
            shards.ring(usize::from(self.index), &self.shared);
        }
    }
}
