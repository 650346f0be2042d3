//! Messages to the clients of this shard, from here and from other shards.

use std::time::Duration;

use message_bus::{ChannelId, TopicClass};
use mqtt_codec::QoS;

use super::{Shard, to_key, trace::Traced};
use crate::{
    inbox::{Close, Deliver, Delivered, Describe, Letter, SendOut},
    limits::RECEIVERS_AT_ONCE,
    message::{Message, Outgoing, Terms},
    offline::NotKept,
    session::KeptIn,
    shared::Shared,
    topic_meters::{TopicMeter, TopicMeters},
};

/// Connections beside which a list of receivers is short.
const MANY: usize = 64 * RECEIVERS_AT_ONCE;

impl Shard {
    /// Gives one client a message; nothing if the seat has another occupant than `channel` now.
    pub(super) fn deliver(
        &mut self,
        slot: u32,
        channel: Option<ChannelId>,
        outgoing: &Outgoing<'_>,
        terms: Terms<'_>,
    ) -> Delivered {
        let delivered = self.put(slot, channel, outgoing, terms);
        if delivered != Delivered::Gone {
            self.mark_dirty(slot);
        }
        if delivered != Delivered::Full {
            return delivered;
        }
        // More than a buffer in one turn is no sign that the client does not keep up.
        self.flush(slot);
        self.mark_dirty(slot);
        self.put(slot, channel, outgoing, terms)
    }

    fn put(
        &mut self,
        slot: u32,
        channel: Option<ChannelId>,
        outgoing: &Outgoing<'_>,
        terms: Terms<'_>,
    ) -> Delivered {
        let Self {
            connections,
            spare,
            shared,
            turn_at,
            meters,
            index,
            ..
        } = self;
        let connection = connections.get_mut(to_key(slot)).filter(|c| !c.doomed);
        let Some(connection) = connection else {
            return Delivered::Gone;
        };
        let Some(live) = connection.session.live() else {
            return Delivered::Gone;
        };
        if channel.is_some_and(|channel| channel != live.channel) {
            return Delivered::Gone;
        }
        connection.urgency.note_delivery(outgoing.precedence());
        if let Some(persistent) = &live.persistent
            && outgoing.parts.qos.min(terms.qos) > QoS::AtMostOnce
        {
            let now = shared.clock.wall();
            return match shared.offline.put(persistent.uid, outgoing, terms, now) {
                Ok(()) => Delivered::Stored,
                Err(NotKept::Full) => Delivered::Full,
                Err(NotKept::Gone) => Delivered::Gone,
            };
        }
        let output = connection.output.get_or_insert_with(|| spare.take());
        let held_from = output.is_holding().then(|| output.mark());
        let delivered = live.deliver(outgoing, terms, &shared.clock, output);
        let meter = meters.id(outgoing.parts.topic, topic_meters(shared, *index));
        if delivered == Delivered::Sent {
            output.note_message(meter, *turn_at);
        }
        let behind = live.waiting().0 > 0;
        let traced = outgoing.id.map(|id| (id, Traced::of(live)));
        let len = outgoing.parts.payload.len();
        meter_delivery(meters.meter(meter), delivered, len);
        if let Some(start) = held_from {
            self.seal(slot, start);
        }
        if let Some((id, who)) = traced {
            self.trace_delivery(&who, (id, outgoing.parts.topic), delivered);
        }
        if behind || delivered == Delivered::Full {
            self.note_backlog(slot, delivered == Delivered::Full);
        }
        delivered
    }

    /// Counts a message that was kept for a client and is sent now.
    pub(super) fn meter_sent(&mut self, message: &Message, from: KeptIn, waited: Duration) {
        let parts = message.parts();
        let meter = self.meter_of(parts.topic);
        meter.messages_out.one();
        meter.bytes_out.add(parts.payload.len());
        match from {
            KeptIn::Store => meter.deliver.observe(waited, 1),
            // How long it waited is not the broker's doing, or was noted otherwise.
            KeptIn::Away | KeptIn::Retained => {}
        }
    }

    /// Counts a message of a client.
    pub(super) fn meter_arrival(&mut self, outgoing: &Outgoing<'_>) {
        let meter = self.meter_of(outgoing.parts.topic);
        meter.messages_in.one();
        meter.bytes_in.add(outgoing.parts.payload.len());
    }

    pub(super) fn meter_of(&mut self, topic: &str) -> &TopicMeter {
        (self.meters).of(topic, topic_meters(&self.shared, self.index))
    }

    /// Takes what other shards have left here, as much as one turn allows.
    pub(super) fn take_letters(&mut self, shards: usize) {
        if self.inbox(u32::from(self.index)).len() == 0 {
            return;
        }
        let mut letters = std::mem::take(&mut self.letters);
        let mut left = self.share(shards).letters;
        loop {
            // A list of many receivers is long: no more of them than there is room for.
            let careful = !self.fanouts.is_empty() || self.connections.len() > MANY;
            let (open, inbox) = (self.fanouts.open(), self.inbox(u32::from(self.index)));
            inbox.take(&mut letters, (open, left), careful);
            left = left.saturating_sub(letters.len());
            // They may be younger than this turn.
            self.turn_wall = None;
            let done = letters.is_empty() || left == 0;
            letters
                .drain(..)
                .for_each(|letter| self.take_letter(letter));
            if done {
                break;
            }
        }
        self.letters = letters;
    }

    fn take_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Deliver(deliver) => self.take_deliver(deliver),
            Letter::Fanout(message) => self.fan_out(None, &Outgoing::shared_from(&message)),
            Letter::Shared(deliver) => self.take_shared(&deliver),
            Letter::Close(close) => self.take_close(close),
            Letter::News { slot, channel } => self.take_news(slot, channel),
            Letter::Memory(from) => self.take_memory(from),
            Letter::Describe(describe) => self.take_describe(describe),
            Letter::SendOut(send) => self.take_send_out(send),
            Letter::Revoked(id) => self.take_revoked(&id),
            // Who asked may have given up.
            Letter::Survey(reply) => drop(reply.send(self.survey_slow())),
        }
    }

    /// Gives one client what another shard has for it.
    pub(super) fn deliver_p2p(
        &mut self,
        slot: u32,
        channel: ChannelId,
        outgoing: &Outgoing<'_>,
    ) -> Delivered {
        if outgoing.precedence().class == TopicClass::Command {
            self.note_commands();
        }
        self.deliver(slot, Some(channel), outgoing, Terms::P2P)
    }

    fn take_deliver(&mut self, deliver: Deliver) {
        let Deliver {
            slot,
            channel,
            message,
            reply,
        } = deliver;
        let outgoing = Outgoing::shared_from(&message);
        let delivered = self.deliver_p2p(slot, channel, &outgoing);
        let Some(reply) = reply else {
            return self.settle(slot, delivered, outgoing.parts.qos);
        };
        if matches!(delivered, Delivered::Sent | Delivered::Waits) {
            self.counters().messages_out.one();
        }
        // Who asked may have given up.
        reply.send(delivered).ok();
    }

    fn take_describe(&mut self, describe: Describe) {
        let tree = &self.tree;
        let connection = self.connections.get_mut(to_key(describe.slot));
        let live = connection.and_then(|c| c.session.live());
        let live = live.filter(|live| live.channel == describe.channel);
        let held = live.map(|live| live.describe(tree)).unwrap_or_default();
        // Who asked may have given up.
        describe.reply.send(held).ok();
    }

    fn take_send_out(&mut self, send: SendOut) {
        let outgoing = Outgoing::shared_from(&send.message);
        let mut sent = self.fan_out_counted(&outgoing);
        for shared in send.shared {
            sent += u64::from(self.send_shared(shared, &outgoing));
        }
        send.reply.send(sent).ok();
    }

    fn take_close(&mut self, close: Close) {
        let Close {
            slot,
            channel,
            end,
            done,
        } = close;
        let live = self.connection(slot).and_then(|c| c.session.live());
        if live.is_some_and(|live| live.channel == channel) {
            self.doom(slot, end);
        }
        if let Some(done) = done {
            // Told when it is closed, at the end of the turn.
            self.closed.push(done);
        }
    }
}

fn meter_delivery(meter: &TopicMeter, delivered: Delivered, len: usize) {
    match delivered {
        Delivered::Sent | Delivered::Waits => {
            meter.messages_out.one();
            meter.bytes_out.add(len);
        }
        // Counted when it is sent.
        Delivered::Stored => {}
        Delivered::Full | Delivered::Gone | Delivered::Expired => meter.dropped.one(),
    }
}

fn topic_meters(shared: &Shared, index: u16) -> &TopicMeters {
    let meters = shared.topic_meters.get(usize::from(index));
    meters.expect("each shard has its meters")
}
