//! Messages to whoever has subscribed: to a few at once, to many in parts, so that nobody else
//! waits for the last of them.

use std::sync::Arc;

use message_bus::fair::{Bounds, FairQueue, Load, Place, Queued};
use mqtt_codec::QoS;

use super::{Shard, connection::Connection, to_key};
use crate::{
    inbox::Delivered,
    limits::{
        FANOUT_BYTES_MAX, MESSAGES_TOGETHER_MAX, OUT_BYTES_MAX, RECEIVERS_AT_ONCE,
        TRACED_RECEIVERS_MAX,
    },
    message::{Message, Outgoing, Terms},
    subscriptions::Subscriber,
};

/// Bytes of messages that are given out together: what an output takes without being full.
const BYTES_TOGETHER_MAX: usize = OUT_BYTES_MAX / 2;
/// Lists of receivers that are kept for the next message.
const FOUND_SPARE_MAX: usize = 64 * 1024;

/// A list of receivers may be longer than this: it is what is begun beside others that is bounded.
pub(super) const BOUNDS: Bounds = Bounds {
    lane: Load {
        len: usize::MAX,
        bytes: usize::MAX,
    },
    others: Load {
        len: usize::MAX,
        bytes: FANOUT_BYTES_MAX,
    },
    all: Load {
        len: usize::MAX,
        bytes: 2 * FANOUT_BYTES_MAX,
    },
};

/// Messages of one topic, and who must still get them.
#[derive(Debug)]
pub(super) struct Fanout {
    messages: Vec<Arc<Message>>,
    bytes: usize,
    /// By slot.
    found: Vec<Subscriber>,
    next: usize,
    /// Whose own messages were left out for those who want none of their own.
    from: Option<u32>,
    /// Subscriptions and connections as they were then.
    version: u64,
    generation: u32,
}

/// Who was found for a message; the next is often on the same topic.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Empty if nothing was found yet, as no topic is.
    topic: String,
    /// Whose message it was, if any of them wants none of its own.
    from: Option<Option<u32>>,
    /// Of the subscriptions.
    version: u64,
    /// By slot.
    list: Vec<Subscriber>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// So many have it.
    Now(u64),
    /// Many will have it.
    Later,
}

impl Queued for Fanout {
    fn place(&self) -> Place<'_> {
        let first = self.messages.first();
        first.expect("there is a message to give out").place()
    }

    fn bytes(&self) -> usize {
        self.bytes + size_of_val(self.found.as_slice())
    }

    fn bytes_of_turn(&self) -> usize {
        RECEIVERS_AT_ONCE * self.bytes
    }
}

impl Fanout {
    /// The subscriptions of the next client.
    fn next_client(&mut self) -> &[Subscriber] {
        let rest = self.found.get(self.next..).unwrap_or_default();
        let first = rest.chunk_by(|a, b| a.slot == b.slot).next();
        let of_client = first.unwrap_or_default();
        self.next += of_client.len();
        of_client
    }

    const fn is_done(&self) -> bool {
        self.next >= self.found.len()
    }

    /// Whether a slot is still that of the client that was found.
    const fn is_same(&self, connection: &Connection) -> bool {
        self.generation.wrapping_sub(connection.generation) <= u32::MAX / 2
    }
}

impl Shard {
    /// Gives every matching subscription of this shard a message. A client with several gets it
    /// once, with the highest `QoS` and all identifiers (MQTT 5, 3.3.4).
    pub(super) fn fan_out(&mut self, from: Option<u32>, outgoing: &Outgoing<'_>) {
        self.give_to_subscribers(from, outgoing);
    }

    /// The same; to how many, without those who get it from the offline store.
    pub(super) fn fan_out_counted(&mut self, outgoing: &Outgoing<'_>) -> u64 {
        match self.give_to_subscribers(None, outgoing) {
            Given::Now(count) => count,
            Given::Later => self.count_later(outgoing),
        }
    }

    /// Whether a message to many may be begun beside those that are.
    pub(super) fn may_fan_out(&self, outgoing: &Outgoing<'_>) -> bool {
        self.fanouts.is_empty() || self.fanouts.has_room(outgoing.place(), 0)
    }

    fn give_to_subscribers(&mut self, from: Option<u32>, outgoing: &Outgoing<'_>) -> Given {
        // Behind those of the same parent topic, whose order is kept.
        let behind = !self.fanouts.is_empty() && self.fanouts.len_of(outgoing.place().parent) > 0;
        if behind && self.joins_last(from, outgoing) {
            return Given::Later;
        }
        self.find(from, outgoing.parts.topic);
        let found = std::mem::take(&mut self.found.list);
        if found.len() > RECEIVERS_AT_ONCE || (behind && !found.is_empty()) {
            self.found.topic.clear();
            self.fanouts.push_anyway(Fanout {
                messages: vec![outgoing.share()],
                bytes: outgoing.len(),
                found,
                next: 0,
                from,
                version: self.tree.version(),
                generation: self.generation,
            });
            return Given::Later;
        }
        let mut count = 0;
        for of_client in found.chunk_by(|a, b| a.slot == b.slot) {
            count += u64::from(self.give_to_client(of_client, outgoing));
        }
        self.found.list = found;
        Given::Now(count)
    }

    /// Finds who gets a message on this topic, unless that was found for the message before.
    fn find(&mut self, from: Option<u32>, topic: &str) {
        let Self { tree, found, .. } = self;
        let version = tree.version();
        let same = found.from.is_none_or(|before| before == from);
        if same && found.topic == topic && found.version == version {
            return;
        }
        found.topic.clear();
        found.topic.push_str(topic);
        (found.version, found.from) = (version, None);
        found.list.clear();
        tree.matching(topic, &mut |subscriber| {
            if subscriber.no_local {
                found.from = Some(from);
            }
            if !(subscriber.no_local && Some(subscriber.slot) == from) {
                found.list.push(subscriber);
            }
        });
        found.list.sort_unstable_by_key(|s: &Subscriber| s.slot);
    }

    /// Adds a message to those that the same receivers are about to get.
    fn joins_last(&mut self, from: Option<u32>, outgoing: &Outgoing<'_>) -> bool {
        let version = self.tree.version();
        let Some(last) = self.fanouts.last_of(outgoing.place().parent) else {
            return false;
        };
        let bytes = last.bytes + outgoing.len();
        let same = last.next == 0 && last.version == version && last.from == from;
        let topic = last.messages.first().map(|first| first.parts().topic);
        let room = last.messages.len() < MESSAGES_TOGETHER_MAX && bytes <= BYTES_TOGETHER_MAX;
        let joins = same && room && topic == Some(outgoing.parts.topic);
        if joins {
            last.messages.push(outgoing.share());
            last.bytes = bytes;
        }
        joins
    }

    /// A part of what many get.
    pub(super) fn fan_out_some(&mut self) {
        let Some(mut fanout) = self.fanouts.pop() else {
            return;
        };
        let messages = std::mem::take(&mut fanout.messages);
        let (mut given, share) = (0, 1 + messages.len() / 8);
        while given < RECEIVERS_AT_ONCE && !fanout.is_done() {
            given += share;
            let at = fanout.next;
            let slot = fanout.next_client().first().map_or(0, |s| s.slot);
            let connection = self.connections.get(to_key(slot));
            if !connection.is_some_and(|c| fanout.is_same(c)) {
                continue;
            }
            let of_client = fanout.found.get(at..fanout.next).unwrap_or_default();
            for message in &messages {
                let mut outgoing = Outgoing::shared_from(message);
                if at >= TRACED_RECEIVERS_MAX && outgoing.id.take().is_some() {
                    self.shared.tracer.leave_out();
                }
                self.give_to_client(of_client, &outgoing);
            }
        }
        if !fanout.is_done() {
            fanout.messages = messages;
            self.fanouts.put_back(fanout);
        } else if fanout.found.capacity() <= FOUND_SPARE_MAX {
            fanout.found.clear();
            self.found.topic.clear();
            self.found.list = fanout.found;
        }
    }

    /// Gives one client a message, if it does not get it from the offline store.
    fn give_to_client(&mut self, of_client: &[Subscriber], outgoing: &Outgoing<'_>) -> bool {
        let Some(first) = of_client.first() else {
            return false;
        };
        let qos = of_client.iter().map(|s| s.qos).max().unwrap_or(first.qos);
        let qos = qos.min(outgoing.parts.qos);
        if qos > QoS::AtMostOnce && self.is_persistent(first.slot) {
            // The publisher's shard has put it into the store.
            return false;
        }
        let mut ids = std::mem::take(&mut self.ids);
        ids.extend(of_client.iter().filter_map(|s| s.id));
        let terms = Terms {
            qos,
            retain_as_published: of_client.iter().any(|s| s.retain_as_published),
            ids: &ids,
            shared: None,
        };
        let delivered = self.deliver(first.slot, None, outgoing, terms);
        self.settle(first.slot, delivered, qos);
        ids.clear();
        self.ids = ids;
        matches!(delivered, Delivered::Sent | Delivered::Waits)
    }

    /// How many will get the last message of a parent topic.
    fn count_later(&mut self, outgoing: &Outgoing<'_>) -> u64 {
        let Self {
            fanouts,
            connections,
            ..
        } = self;
        let Some(last) = fanouts.last_of(outgoing.place().parent) else {
            return 0;
        };
        let mut count = 0;
        for of_client in last.found.chunk_by(|a, b| a.slot == b.slot) {
            let qos = of_client.iter().map(|s| s.qos).max();
            let stored = qos.is_some_and(|qos| qos.min(outgoing.parts.qos) > QoS::AtMostOnce);
            let slot = of_client.first().map_or(0, |s| s.slot);
            let live = connections.get_mut(to_key(slot));
            let live = live.and_then(|connection| connection.session.live());
            let kept = live.is_some_and(|live| live.persistent.is_some());
            count += u64::from(!(stored && kept));
        }
        count
    }

    fn is_persistent(&mut self, slot: u32) -> bool {
        let live = self.connection(slot).and_then(|c| c.session.live());
        live.is_some_and(|live| live.persistent.is_some())
    }
}

/// Nothing has begun.
pub(super) const fn none() -> FairQueue<Fanout> {
    FairQueue::new(&BOUNDS)
}
