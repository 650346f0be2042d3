//! A shard and the offline store: what waits for the disk, and what comes from there.

use std::sync::Arc;

use message_bus::ChannelId;
use model::{Destination, Direction, FLEET_TOPICS, TopicName};

use super::{Shard, desk, to_key};
use crate::{
    message::Message,
    offline::{Detached, Lsn, StoredSubscription},
    routes::Seat,
    session::{End, Live, Visitor, will_delay_s},
    wheel::{Occupant, Tick},
};

impl Shard {
    /// Holds what a connection says from `start` on, if it must wait for the disk.
    pub(super) fn seal(&mut self, slot: u32, start: usize) {
        let Some(connection) = self.connections.get_mut(to_key(slot)) else {
            return;
        };
        let generation = connection.generation;
        let output = connection.output.as_mut();
        let Some(output) = output.filter(|output| output.is_holding()) else {
            return;
        };
        if let Some(until) = output.seal(start, self.shared.offline.durable()) {
            self.shared.offline.wake_when_durable(self.index);
            self.held.push_back((until, Occupant { slot, generation }));
        }
    }

    /// Lets go what has waited for the disk.
    pub(super) fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let durable = self.shared.offline.durable();
        while self
            .held
            .front()
            .is_some_and(|(until, _)| *until <= durable)
        {
            let Some((_, occupant)) = self.held.pop_front() else {
                return;
            };
            let connection = self.connection(occupant.slot);
            let connection = connection.filter(|c| c.generation == occupant.generation);
            if let Some(output) = connection.and_then(|c| c.output.as_mut()) {
                output.release(durable);
                self.mark_dirty(occupant.slot);
            }
        }
    }

    /// The store has something new for a client.
    pub(super) fn take_news(&mut self, slot: u32, channel: ChannelId) {
        let index = self.index;
        let Self {
            connections,
            shared,
            spare,
            ..
        } = self;
        let connection = connections.get_mut(to_key(slot)).filter(|c| !c.doomed);
        let Some(connection) = connection else {
            return;
        };
        let Some(live) = connection.session.live().filter(|l| l.channel == channel) else {
            return;
        };
        let output = connection.output.get_or_insert_with(|| spare.take());
        // What waits was said before, a topic's alias perhaps.
        let held_from = output.is_holding().then(|| output.mark());
        live.hear_news(
            &shared.context(Seat { shard: index, slot }, Visitor::default()),
            output,
        );
        if let Some(start) = held_from {
            self.seal(slot, start);
        }
        self.mark_dirty(slot);
    }

    /// Subscribes a session that is gone on with to what it had.
    pub(super) fn resubscribe(&mut self, slot: u32, subscriptions: &[StoredSubscription]) {
        let Self {
            connections,
            shared,
            tree,
            index,
            ..
        } = self;
        let Some(connection) = connections.get_mut(to_key(slot)) else {
            return;
        };
        let mut desk = desk(tree, shared, *index, slot);
        let context = shared.context(
            Seat {
                shard: *index,
                slot,
            },
            Visitor::default(),
        );
        if let Some(live) = connection.session.live() {
            for subscription in subscriptions {
                live.resubscribe(subscription, &context, &mut desk);
            }
        }
    }

    /// The session rests or ends; returns whether its will is to be published now.
    pub(super) fn rest(&self, live: &Live, end: &End) -> bool {
        let with_will = end.publishes_will();
        let Some(persistent) = &live.persistent else {
            return with_will;
        };
        let (of, expiry_s) = ((persistent.uid, live.channel), persistent.expiry_s);
        let now = self.shared.clock.wall();
        match self.shared.offline.detach(of, expiry_s, with_will, now) {
            Detached::WillNow => with_will,
            Detached::WillLater => false,
            Detached::Resumed => {
                with_will && live.will.as_deref().is_some_and(|w| will_delay_s(w) == 0)
            }
        }
    }

    /// Says the last words of a client.
    pub(super) fn say_will(&mut self, client_id: &str, will: &Arc<Message>) {
        let topic = TopicName::new(will.parts().topic).expect("checked at CONNECT");
        let direction = FLEET_TOPICS.iter().find(|t| t.name == topic.parent());
        let uplink = direction.is_some_and(|t| t.direction == Direction::Uplink)
            && topic.destination() == Destination::Subscribers;
        self.publish_will(&topic, client_id, uplink, will);
    }

    /// The same of a session that has ended, as its client begins another.
    pub(super) fn say_last_words(&mut self, slot: u32, will: &Arc<Message>) {
        let live = self.connection(slot).and_then(|c| c.session.live());
        if let Some(client_id) = live.map(|live| Arc::clone(&live.client_id)) {
            self.say_will(&client_id, will);
        }
    }

    /// Once a second, on one shard for all: what has come due in the store.
    pub(super) fn sweep_store(&mut self) {
        if self.index != 0 || self.now < self.sweep_at {
            return;
        }
        self.sweep_at = self.now.plus(Tick::PER_SECOND);
        for (client_id, will) in self.shared.offline.sweep(self.shared.clock.wall()) {
            self.say_will(&client_id, &will);
        }
    }
}

/// What a publisher waits for.
pub(super) type Until = Option<Lsn>;
