//! What became of connections and messages, for three days.
//!
//! Invariant: an event loop never waits for the disk, and never wakes anybody for a trace: it
//! puts an event into a ring of its own, which a thread empties once a second, more often if much
//! comes.
//! Invariant: a flood of messages is traced in part only; what is left out is counted.

pub(crate) mod budget;
mod store;

use std::{
    borrow::Cow,
    fmt::Display,
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
use serde::{Serialize, Serializer};

use crate::{limits::TRACE_RING_LEN_MAX, message::MessageId, registry::Registry};
use store::Store;

/// How often rings are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// So many looks after one another an event may stay in a ring, where a reader finds it, too.
const LOOKS_MAX: u32 = 5;
/// Events in a ring that is emptied at once, lest it be full before the next look.
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

/// An entry as it is written: that of [`TraceEntry`](message_bus::admin::TraceEntry), without memory of its own.
#[derive(Serialize)]
struct Written<'e> {
    time: Timestamp,
    action: TraceAction,
    code: &'e str,
    info: &'e str,
    client_id: &'e str,
    channel_id: Option<Shown<ChannelId>>,
    message_id: Option<Shown<MessageId>>,
    topic: Option<&'e str>,
}

/// What is written as it is shown.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Event {
    fn written(&self) -> Written<'_> {
        let message = self.message.as_ref();
        Written {
            time: self.at,
            action: self.action,
            code: self.code,
            info: &self.info,
            client_id: &self.client_id,
            channel_id: self.channel.map(Shown),
            message_id: message.map(|(id, _)| Shown(*id)),
            topic: message.and_then(|(_, topic)| topic.as_deref()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tracer {
    /// Events on their way to the disk, of each event loop.
    rings: Box<[Mutex<Vec<Event>>]>,
    dropped: AtomicU64,
    store: Mutex<Store>,
    stopping: Mutex<bool>,
    stop: Condvar,
}

impl Tracer {
    /// Opens the traces of `dir`, for `shards` event loops.
    pub(crate) fn open(dir: &Path, shards: usize) -> io::Result<Self> {
        Ok(Self {
            rings: (0..shards).map(|_| Mutex::default()).collect(),
            dropped: AtomicU64::new(0),
            store: Mutex::new(Store::open(dir)?),
            stopping: Mutex::new(false),
            stop: Condvar::new(),
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
        if ring.len() < TRACE_RING_LEN_MAX {
            ring.push(event);
        } else {
            drop(ring);
            self.leave_out();
        }
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

    fn is_filling(&self) -> bool {
        let mut rings = self.rings.iter();
        rings.any(|ring| ring.lock().len() > FILLING_LEN)
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
        let written = store.append(events.iter().map(|event| (event.at, event.written())));
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
        let (mut failing, mut looks) = (false, 0);
        loop {
            let stopping = {
                let mut stopping = self.stopping.lock();
                if !*stopping {
                    self.stop.wait_for(&mut stopping, LOOK_INTERVAL);
                }
                *stopping
            };
            registry.store_seen();
            looks += 1;
            if looks < LOOKS_MAX && !stopping && !self.is_filling() {
                continue;
            }
            looks = 0;
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

    /// Ends the thread, once all is written.
    pub(crate) fn stop(&self) {
        *self.stopping.lock() = true;
        self.stop.notify_all();
    }
}
