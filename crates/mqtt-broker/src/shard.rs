//! Some of the connections of a broker, and what is done with them; there is a shard for each
//! processor. Which thread does it is decided in `shard/crew.rs`.
//!
//! A turn: wait for events, note who can be read, accept, read and handle, take the letters of
//! other shards, try again what found no room, look at deadlines, close what has ended, and last
//! write to each socket once. So a message costs the fewest system calls, and a message to
//! thousands is one pass.
//!
//! Invariant: a connection is closed only in [`Shard::bury`], never while it is being worked on.

mod accept;
mod admit;
mod alone;
mod close;
mod connection;
mod crew;
mod deliver;
mod drain;
mod fanout;
mod no_receiver;
mod pressure;
mod processors;
mod publish;
mod read;
mod readable;
mod share;
mod slow;
mod spare;
mod stalled;
mod statistics;
mod store;
mod targets;
mod ticker;
mod tokens;
mod trace;
mod unfinished;
mod write;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use message_bus::fair::FairQueue;
use mio::{Registry, Token, event::Event};
use model::Timestamp;
use slab::Slab;
use tokio::sync::oneshot;

pub(crate) use accept::Listener;
use connection::Connection;
pub(crate) use crew::Shards;
use crew::Worker;
use drain::Emptying;
use fanout::{Fanout, Found};
use readable::Readable;
pub(crate) use share::SharedDeliver;
use spare::Spare;
use stalled::Waiter;
use targets::ShardSet;
pub(crate) use ticker::Ticker;
use tokens::TokenWatch;
pub(crate) use unfinished::Unfinished;

use crate::{
    inbox::Letter,
    interest::Interest,
    limits::{ACCEPT_PAUSE, READ_BUF_LEN, STALL_RETRY},
    message::SubscriptionId,
    metrics::{Counters, Latencies},
    offline::Lsn,
    routes::Seat,
    session::{End, Metered, Unsent, subscribe::Desk},
    shared::Shared,
    slow::SlowList,
    subscriptions::Subscriptions,
    topic_meters::MetersAtHand,
    trace::budget::Budget,
    wheel::{Occupant, Tick, Wheel},
};

/// Tokens of the poller's own; listeners have the first, then come connections.
pub(crate) const WAKER: Token = Token(usize::MAX);
const TICKER: Token = Token(usize::MAX - 1);
const TICK: Duration = Duration::from_millis(1_000 / Tick::PER_SECOND as u64);

/// In order: first what each turn asks for, which has to come from afar after each sleep.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shard {
    index: u16,
    now: Tick,
    /// When this turn began.
    turn_at: Instant,
    /// The same on the wall, if anybody has asked.
    turn_wall: Option<Timestamp>,
    /// When the next tick begins.
    now_until: Instant,
    /// Commands come: until then nobody else may take long.
    commands_until: Instant,
    shared: Arc<Shared>,
    /// All shards, this one among them.
    shards: Weak<Shards>,
    /// Those that have letters of this turn and must be visited, a bit each.
    posted: ShardSet,
    /// Messages that others have given here since its last turn or visit.
    given: usize,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    /// Who can be read, has output, has ended, waits for the disk in the order in which that comes,
    /// rests, waits for room; what many get, as far as they have not got it yet.
    readable: Readable,
    dirty: Vec<u32>,
    doomed: Vec<(u32, End)>,
    held: VecDeque<(Lsn, Occupant)>,
    throttled: VecDeque<u32>,
    tokens: TokenWatch,
    /// Memory that is used again.
    read_buf: Vec<u8>,
    spare: Spare,
    meters: MetersAtHand,
    stalled: FairQueue<Waiter>,
    fanouts: FairQueue<Fanout>,
    tree: Subscriptions,
    found: Found,
    ids: Vec<SubscriptionId>,
    trace_budget: Budget,
    letters: VecDeque<Letter>,
    generation: u32,
    registry: Registry,
    wheel: Wheel,
    started: Instant,
    slow: SlowList,
    emptying: Emptying,
    /// Who wants to know when the doomed are closed.
    closed: Vec<oneshot::Sender<()>>,
    /// When the offline store is swept next.
    sweep_at: Tick,
    statistics_at: Tick,
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    /// Of the listener, or behind those of the connection.
    number: usize,
    come: Come,
    writable: bool,
    gone: bool,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Come {
    Nothing,
    Something,
    /// And nothing will come behind it.
    All,
}

impl Note {
    /// And for which shard.
    fn of(event: &Event) -> (usize, Self) {
        let (shard, number) = crew::of_token(event.token());
        let note = Self {
            number,
            come: match (event.is_read_closed(), event.is_readable()) {
                (true, _) => Come::All,
                (false, true) => Come::Something,
                (false, false) => Come::Nothing,
            },
            writable: event.is_writable(),
            gone: event.is_error() || event.is_write_closed(),
        };
        (shard, note)
    }
}

impl Shard {
    pub(crate) fn new(
        index: u16,
        shared: Arc<Shared>,
        registry: &Registry,
        mut listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        for (n, listener) in listeners.iter_mut().enumerate() {
            listener.register(registry, crew::token(index, n))?;
        }
        let started = shared.clock.now();
        Ok(Self {
            index,
            shared,
            registry: registry.try_clone()?,
            shards: Weak::new(),
            posted: 0,
            given: 0,
            listeners,
            connections: Slab::new(),
            generation: 0,
            tree: Subscriptions::new(),
            wheel: Wheel::new(),
            started,
            now: Tick(0),
            now_until: started,
            readable: Readable::default(),
            commands_until: started,
            dirty: Vec::new(),
            stalled: stalled::none_stalled(),
            throttled: VecDeque::new(),
            slow: SlowList::default(),
            emptying: Emptying::No,
            meters: MetersAtHand::default(),
            turn_at: started,
            turn_wall: None,
            trace_budget: Budget::default(),
            doomed: Vec::new(),
            closed: Vec::new(),
            tokens: TokenWatch::default(),
            held: VecDeque::new(),
            sweep_at: Tick(0),
            statistics_at: Tick(0),
            fanouts: fanout::none(),
            letters: VecDeque::new(),
            found: Found::default(),
            ids: Vec::new(),
            read_buf: vec![0; READ_BUF_LEN],
            spare: Spare::default(),
        })
    }

    /// The broker stops.
    fn end(&mut self) {
        let slots: Vec<u32> = self
            .connections
            .iter()
            .map(|(key, _)| to_slot(key))
            .collect();
        slots
            .into_iter()
            .for_each(|slot| self.doom(slot, End::Stopping));
        self.bury();
        self.inbox(u32::from(self.index)).close();
    }

    fn turn(&mut self, notes: &[Note], worker: Worker, turn_at: Instant) {
        self.begin(turn_at);
        self.given = 0;
        self.inbox(u32::from(self.index)).answer_call();
        let now = self.tick_now();
        let before = std::mem::replace(&mut self.now, now);
        for note in notes {
            self.note(*note);
        }
        self.accept_ready();
        self.read_ready(worker.shards());
        self.take_letters(worker.shards());
        self.release_held();
        self.retry_stalled();
        self.release_throttled();
        if self.now != before {
            self.drain_some();
            self.look_at_deadlines();
            self.sweep_store();
            self.publish_statistics();
        }
        self.look_at_tokens();
        self.bury();
        // Others may work on their letters while this one writes.
        self.visit_others();
        if matches!(worker, Worker::Own { .. }) {
            self.fan_out_some();
        }
        self.flush_all();
        // Writing finds out who is gone, and what they leave goes to others.
        while !self.doomed.is_empty() {
            self.bury();
            self.visit_others();
            self.flush_all();
        }
        self.note_latency();
    }

    /// A turn, or a part of one, begins.
    fn begin(&mut self, at: Instant) {
        self.turn_at = at;
        self.turn_wall = None;
    }

    /// How long nobody need look, if that ends before the next tick.
    fn wait_at_most(&self) -> Option<Duration> {
        let letters = self.inbox(u32::from(self.index)).len() > 0;
        let more = letters || !self.readable.is_empty() || !self.fanouts.is_empty();
        if more || self.listeners.iter().any(Listener::is_ready) {
            Some(Duration::ZERO)
        } else if !self.stalled.is_empty() {
            Some(STALL_RETRY)
        } else {
            let paused = self.listeners.iter().any(Listener::is_paused);
            paused.then_some(ACCEPT_PAUSE)
        }
    }

    /// Most turns are within the tick of the one before.
    fn tick_now(&mut self) -> Tick {
        if self.turn_at < self.now_until {
            return self.now;
        }
        let gone = self.turn_at.saturating_duration_since(self.started);
        let seconds = u32::try_from(gone.as_secs()).unwrap_or(u32::MAX);
        let ticks = gone.subsec_millis() * Tick::PER_SECOND / 1_000;
        let now = Tick(seconds.saturating_mul(Tick::PER_SECOND)).plus(ticks);
        self.now_until = self.started + TICK * now.plus(1).0;
        now
    }

    fn note(&mut self, note: Note) {
        if let Some(listener) = self.listeners.get_mut(note.number) {
            listener.note();
            return;
        }
        let slot = to_slot(note.number.saturating_sub(self.listeners.len()));
        let Some(connection) = self.connections.get_mut(to_key(slot)) else {
            return;
        };
        connection.ended |= note.come == Come::All;
        if note.writable && connection.has_output() {
            self.mark_dirty(slot);
        }
        if note.gone && self.is_paused(slot) {
            // Reading, which would find out, may be far off.
            self.doom(slot, End::Closed);
        } else if note.gone || note.come != Come::Nothing {
            self.mark_ready(slot);
        }
    }

    fn token(&self, slot: u32) -> Token {
        crew::token(self.index, to_key(slot) + self.listeners.len())
    }

    fn counters(&self) -> &Counters {
        let counters = self.shared.counters.get(usize::from(self.index));
        counters.expect("each shard has its counters")
    }

    fn latencies(&self) -> &Latencies {
        let latencies = self.shared.latencies.get(usize::from(self.index));
        latencies.expect("each shard has its latencies")
    }

    /// When this turn began, in microseconds.
    fn since_start_us(&self) -> u64 {
        let gone = self.turn_at.saturating_duration_since(self.started);
        u64::try_from(gone.as_micros()).unwrap_or(u64::MAX)
    }

    /// The kernel has messages now that came in this turn or before.
    fn note_delivered(&mut self, unsent: Unsent) {
        let Unsent {
            metered,
            since,
            count,
        } = unsent;
        let waited = || self.shared.clock.now().saturating_duration_since(since);
        match metered {
            // With all others of this turn, when it ends.
            Metered::With(id) if since == self.turn_at => self.meters.note_delivered(id, count),
            Metered::With(id) => {
                let waited = waited();
                self.meters.meter(id).deliver.observe(waited, count);
            }
            Metered::Itself(message) => {
                let waited = waited();
                let meter = self.meter_of(message.parts().topic);
                meter.deliver.observe(waited, count);
            }
        }
    }

    /// What was given to clients in this turn is with the kernel now.
    fn note_latency(&mut self) {
        let (clock, turn_at) = (&self.shared.clock, self.turn_at);
        (self.meters).observe_delivered(|| clock.now().saturating_duration_since(turn_at));
    }

    fn interest(shared: &Shared, index: u16) -> &Interest {
        let interest = shared.interests.get(usize::from(index));
        interest.expect("each shard has its interests")
    }

    fn connection(&mut self, slot: u32) -> Option<&mut Connection> {
        self.connections.get_mut(to_key(slot)).filter(|c| !c.doomed)
    }

    fn mark_ready(&mut self, slot: u32) {
        if let Some(connection) = self.connection(slot)
            && !std::mem::replace(&mut connection.ready, true)
        {
            let row = connection.urgency.row();
            self.readable.add(row, slot);
        }
    }

    fn mark_dirty(&mut self, slot: u32) {
        if let Some(connection) = self.connection(slot)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(slot);
        }
    }

    /// Marks a connection for [`Shard::bury`]; from now on it neither gets nor says anything.
    fn doom(&mut self, slot: u32, end: End) {
        if let Some(connection) = self.connection(slot) {
            connection.doomed = true;
            self.doomed.push((slot, end));
        }
    }

    fn is_paused(&self, slot: u32) -> bool {
        let connection = self.connections.get(to_key(slot));
        connection.is_none_or(Connection::is_paused)
    }

    /// Whose deadline may have come.
    fn look_at_deadlines(&mut self) {
        for occupant in self.wheel.advance(self.now) {
            let now = self.now;
            let Some(connection) = self.connection(occupant.slot) else {
                continue;
            };
            if connection.generation != occupant.generation {
                continue;
            }
            match connection.deadline(now) {
                None => {}
                Some((at, _)) if at > now => self.wheel.insert(at, occupant),
                Some((_, end)) => {
                    if end == End::NoHeart {
                        self.counters().keep_alive_timeouts.one();
                    }
                    self.doom(occupant.slot, end);
                }
            }
        }
    }

    /// Tells sessions whose subscriptions have moved.
    fn apply_moved(&mut self, moved: Vec<crate::session::subscribe::Moved>) {
        for moved in moved {
            let connection = self.connections.get_mut(to_key(moved.slot));
            if let Some(live) = connection.and_then(|c| c.session.live()) {
                live.moved(moved.to);
            }
        }
    }
}

fn desk<'d>(tree: &'d mut Subscriptions, shared: &'d Shared, index: u16, slot: u32) -> Desk<'d> {
    let interest = Shard::interest(shared, index);
    Desk {
        tree,
        interest,
        shared: &shared.shared_subscriptions,
        seat: Seat { shard: index, slot },
        moved: Vec::new(),
    }
}

/// Slots are counted in 32 bits, as there are fewer sockets than that.
fn to_slot(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}

fn to_key(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
