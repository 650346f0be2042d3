//! What became of connections and messages, for three days.
//!
//! Invariant: an event loop never waits for the disk: it puts an event into a ring of its own, which
//! a thread empties once a second. It wakes that thread only when the ring would be full before that.
//! Invariant: a flood of messages is traced in part only; what is left out is counted.

pub(crate) mod budget;
mod line;
mod store;

use std::{
    borrow::Cow,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use message_bus::{
    ChannelId,
    admin::{TraceAction, TracePage, TraceQuery},
};
use model::Timestamp;
use parking_lot::{Condvar, Mutex};

use crate::{limits::TRACE_RING_LEN_MAX, message::MessageId, registry::Registry};
use line::Line;
use store::Store;

/// How often rings are emptied; until then a reader finds events there, too.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Events in a ring that is emptied at once, lest it be full before the next second.
const FILLING_LEN: usize = TRACE_RING_LEN_MAX / 8;

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) action: TraceAction,
    pub(crate) code: &'static str,
    pub(crate) info: Cow<'static, str>,
    pub(crate) client_id: Arc<str>,
    pub(crate) channel: Option<ChannelId>,
    /// Its number and topic; who acknowledges it does not say the topic again.
    pub(crate) message: Option<(MessageId, Option<Box<str>>)>,
}

impl Event {
    fn line(&self) -> Line<'_> {
        let message = self.message.as_ref();
        Line {
            time: self.at,
            action: self.action,
            code: self.code,
            info: &self.info,
            client_id: &self.client_id,
            channel: self.channel,
            message: message.map(|(id, _)| *id),
            topic: message.and_then(|(_, topic)| topic.as_deref()),
        }
    }
}

/// What the thread that writes is told.
#[derive(Debug, Default)]
struct Orders {
    /// A ring would be full before the next second.
    filling: bool,
    stopping: bool,
}

#[derive(Debug)]
pub(crate) struct Tracer {
    /// Events on their way to the disk, of each event loop.
    rings: Box<[Mutex<Vec<Event>>]>,
    dropped: AtomicU64,
    store: Mutex<Store>,
    orders: Mutex<Orders>,
    ordered: Condvar,
}

impl Tracer {
    /// Opens the traces of `dir`, for `shards` event loops.
    pub(crate) fn open(dir: &Path, shards: usize) -> io::Result<Self> {
        Ok(Self {
            rings: (0..shards).map(|_| Mutex::default()).collect(),
            dropped: AtomicU64::new(0),
            store: Mutex::new(Store::open(dir)?),
            orders: Mutex::default(),
            ordered: Condvar::new(),
        })
    }

    /// Counts what is not written down.
    pub(crate) fn leave_out(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts an event into the ring of an event loop, if there is room.
    pub(crate) fn push(&self, shard: u16, event: Event) {
        let Some(ring) = self.rings.get(usize::from(shard)) else {
            return;
        };
        let mut ring = ring.lock();
        if ring.len() >= TRACE_RING_LEN_MAX {
            drop(ring);
            return self.leave_out();
        }
        ring.push(event);
        let is_filling = ring.len() == FILLING_LEN;
        drop(ring);
        if is_filling {
            self.order(|orders| orders.filling = true);
        }
    }

    fn order(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.orders.lock());
        self.ordered.notify_all();
    }

    /// What was lost since the start, as more came than is written.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Reads traces, those that are still in a ring included. Waits for the disk.
    pub(crate) fn query(&self, query: &TraceQuery) -> io::Result<TracePage> {
        self.flush()?;
        let segments = self.store.lock().segments();
        store::query(&segments, query)
    }

    fn flush(&self) -> io::Result<()> {
        let mut events = Vec::new();
        for ring in &self.rings {
            // With its memory: a burst is over, and an event loop at rest needs none.
            let taken = std::mem::take(&mut *ring.lock());
            events.extend(taken);
        }
        if events.is_empty() {
            return Ok(());
        }
        // Event loops take turns; a reader wants one order.
        events.sort_by_key(|event| event.at);
        let count = events.len() as u64;
        let mut store = self.store.lock();
        let written = store.append(events.iter().map(Event::line));
        if written.is_err() {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
        written
    }

    /// Writes down what comes, until [`Tracer::stop`].
    pub(crate) fn start(self: &Arc<Self>, registry: Arc<Registry>) -> io::Result<JoinHandle<()>> {
        let tracer = Arc::clone(self);
        let name = "mqtt-trace".to_owned();
        std::thread::Builder::new()
            .name(name)
            .spawn(move || tracer.run(&registry))
    }

    fn run(&self, registry: &Registry) {
        let mut failing = false;
        loop {
            let stopping = self.rest();
            registry.store_seen();
            match self.flush() {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "traces cannot be written and are lost");
                }
                Err(_same) => {}
            }
            if stopping {
                return;
            }
        }
    }

    /// Until there is something to do; whether that is the last time.
    fn rest(&self) -> bool {
        let mut orders = self.orders.lock();
        if !orders.filling && !orders.stopping {
            self.ordered.wait_for(&mut orders, FLUSH_INTERVAL);
        }
        orders.filling = false;
        orders.stopping
    }

    /// Ends the thread, once all is written.
    pub(crate) fn stop(&self) {
        self.order(|orders| orders.stopping = true);
    }
}
