//! What is counted for each parent topic, by each event loop.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;

use crate::{
    hash::HashMap,
    histogram::{Distribution, Histogram},
    levels,
    limits::METERED_TOPICS_MAX,
    metrics::Counter,
};

/// Counters of one parent topic.
#[derive(Debug, Default)]
pub(crate) struct TopicMeter {
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) dropped: Counter,
    /// From the read of a message to the write to its receiver.
    pub(crate) deliver: Histogram,
}

/// A meter and its parent topic.
type Named = (Box<str>, Arc<TopicMeter>);

/// The meters of one event loop: it alone writes them, whoever makes metrics reads them.
#[derive(Debug, Default)]
pub(crate) struct TopicMeters(RwLock<Vec<Named>>);

/// The same, at hand in the event loop.
#[derive(Debug, Default)]
pub(crate) struct MetersAtHand {
    all: Vec<AtHand>,
    by_name: HashMap<Box<str>, MeterId>,
    /// Of the messages before, whose parent topics most have: a command and its answer, often.
    last: [MeterId; 2],
    /// Those with messages of this turn that are with the kernel.
    delivered: Vec<MeterId>,
}

/// One of them: a meter of an event loop by its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MeterId(usize);

#[derive(Debug)]
struct AtHand {
    parent: Box<str>,
    meter: Arc<TopicMeter>,
    /// Messages of this turn that are with the kernel.
    delivered: usize,
}

/// Where topics go that are too many to tell apart.
const OTHERS: &str = "(others)";

impl MetersAtHand {
    /// The meter of a topic, which is that of its parent topic.
    pub(crate) fn of(&mut self, topic: &str, all: &TopicMeters) -> &TopicMeter {
        let id = self.id(topic, all);
        self.meter(id)
    }

    pub(crate) fn id(&mut self, topic: &str, all: &TopicMeters) -> MeterId {
        let is_of = |id: MeterId| {
            let at_hand = self.all.get(id.0);
            at_hand.is_some_and(|at_hand| levels::is_parent(&at_hand.parent, topic))
        };
        let [last, before] = self.last;
        if is_of(last) {
            return last;
        }
        let id = if is_of(before) {
            before
        } else {
            self.place(levels::parent(topic), all)
        };
        self.last = [id, last];
        id
    }

    pub(crate) fn meter(&self, id: MeterId) -> &TopicMeter {
        let meter = self.all.get(id.0);
        &meter.expect("there is a meter for each number").meter
    }

    fn place(&mut self, parent: &str, all: &TopicMeters) -> MeterId {
        if let Some(id) = self.by_name.get(parent) {
            return *id;
        }
        if self.all.len() >= METERED_TOPICS_MAX && parent != OTHERS {
            return self.place(OTHERS, all);
        }
        let (id, meter) = (MeterId(self.all.len()), Arc::<TopicMeter>::default());
        all.0.write().push((parent.into(), Arc::clone(&meter)));
        self.all.push(AtHand {
            parent: parent.into(),
            meter,
            delivered: 0,
        });
        self.by_name.insert(parent.into(), id);
        id
    }

    /// The kernel has `count` messages that came in this turn.
    pub(crate) fn note_delivered(&mut self, id: MeterId, count: usize) {
        if let Some(at_hand) = self.all.get_mut(id.0) {
            if at_hand.delivered == 0 {
                self.delivered.push(id);
            }
            at_hand.delivered += count;
        }
    }

    /// The turn ends, which took as long as this for all of them.
    pub(crate) fn observe_delivered(&mut self, took: impl FnOnce() -> Duration) {
        if self.delivered.is_empty() {
            return;
        }
        let took = took();
        for id in self.delivered.drain(..) {
            if let Some(at_hand) = self.all.get_mut(id.0) {
                let count = std::mem::take(&mut at_hand.delivered);
                at_hand.meter.deliver.observe(took, count);
            }
        }
    }
}

/// Totals of one parent topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicTotals {
    /// Messages from clients.
    pub(crate) messages_in: u64,
    /// Their payload.
    pub(crate) bytes_in: u64,
    /// Messages to clients.
    pub(crate) messages_out: u64,
    /// Their payload.
    pub(crate) bytes_out: u64,
    /// Deliveries that did not happen, as their client did not keep up or was gone.
    pub(crate) dropped: u64,
    /// How long it took to deliver them.
    pub(crate) deliver: Distribution,
}

impl TopicMeters {
    pub(crate) fn add_to(&self, totals: &mut std::collections::BTreeMap<Box<str>, TopicTotals>) {
        for (name, meter) in &*self.0.read() {
            let total = totals.entry(name.clone()).or_default();
            total.messages_in += meter.messages_in.read();
            total.bytes_in += meter.bytes_in.read();
            total.messages_out += meter.messages_out.read();
            total.bytes_out += meter.bytes_out.read();
            total.dropped += meter.dropped.read();
            total.deliver.add(&meter.deliver);
        }
    }
}
