//! What is counted for each parent topic, by each event loop.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::{hash::HashMap, levels, limits::METERED_TOPICS_MAX, metrics::Counter};

/// Counters of one parent topic.
#[derive(Debug, Default)]
pub(crate) struct TopicMeter {
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) dropped: Counter,
}

/// A meter and its parent topic.
type Named = (Box<str>, Arc<TopicMeter>);

/// The meters of one event loop: it alone writes them, whoever makes metrics reads them.
#[derive(Debug, Default)]
pub(crate) struct TopicMeters(RwLock<Vec<Named>>);

/// The same, at hand in the event loop.
#[derive(Debug, Default)]
pub(crate) struct MetersAtHand {
    all: Vec<Named>,
    by_name: HashMap<Box<str>, usize>,
    /// Of the message before, whose parent topic most have.
    last: usize,
}

/// Where topics go that are too many to tell apart.
const OTHERS: &str = "(others)";

impl MetersAtHand {
    /// The meter of a topic, which is that of its parent topic.
    pub(crate) fn of(&mut self, topic: &str, all: &TopicMeters) -> &TopicMeter {
        let parent = levels::parent(topic);
        let is_last = |(name, _): &Named| **name == *parent;
        if !self.all.get(self.last).is_some_and(is_last) {
            self.last = self.place(parent, all);
        }
        let (_, meter) = self.all.get(self.last).expect("it is there now");
        meter
    }

    fn place(&mut self, parent: &str, all: &TopicMeters) -> usize {
        if let Some(place) = self.by_name.get(parent) {
            return *place;
        }
        if self.all.len() >= METERED_TOPICS_MAX && parent != OTHERS {
            return self.place(OTHERS, all);
        }
        let (place, meter) = (self.all.len(), Arc::<TopicMeter>::default());
        all.0.write().push((parent.into(), Arc::clone(&meter)));
        self.all.push((parent.into(), meter));
        self.by_name.insert(parent.into(), place);
        place
    }
}

/// Totals of one parent topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
        }
    }
}
