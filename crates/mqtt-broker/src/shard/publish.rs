//! A message of a client: to whom it goes, and what happens while somebody has no room.
//!
//! Of `QoS` 1 nothing is lost here: its publisher gets no PUBACK and is not read until all who
//! must get the message have room. `QoS` 0 and status are dropped and counted instead.

use std::sync::Arc;

use bytes::Bytes;
use message_bus::{
    ChannelId, Uplink,
    fair::{Bounds, FairQueue, Load, Place, Queued},
};
use model::{Destination, Priority, Topic, TopicName};
use mqtt_codec::{Delivery, PacketId, Publish, QoS, ReasonCode};

use super::{Shard, share::Given, store::Until, to_key, trace::Traced};
use crate::{
    hub::{HubFull, priority_of},
    inbox::{Deliver, Delivered, Inbox, InboxFull, Letter},
    interest::Places,
    limits::{RETRIES_PER_TURN, THREADS_MAX, VISIT_RECEIVERS_MAX},
    message::{Message, MessageId, MessageRef, Outgoing, Terms, expires_at, forwarded},
    offline::{Kept, NotKept, Publication, Uid},
    routes::Seat,
    session::{End, Incoming, RefusedPublish, Session},
    shared_subscriptions::{Member, SharedId},
};

/// Shards that must still get a message, a bit each.
pub(super) type ShardSet = u64;

const _: () = assert!(THREADS_MAX <= ShardSet::BITS as usize);

/// Who published.
#[derive(Clone, Copy, Debug)]
enum Publisher<'a> {
    /// A connection.
    Seated(u32),
    /// A client whose last words it were.
    Gone(&'a str),
}

impl Publisher<'_> {
    const fn slot(self) -> Option<u32> {
        match self {
            Self::Seated(slot) => Some(slot),
            Self::Gone(_) => None,
        }
    }
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
struct Origin<'a> {
    publisher: Publisher<'a>,
    /// Its persistent session.
    uid: Option<Uid>,
    /// The identifier of a message of `QoS` 2.
    inbound: Option<PacketId>,
}

/// What came of trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retried {
    Done,
    InVain,
}

/// What the offline store must still do about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Nothing,
    /// Know that it was received, as it is of `QoS` 2 and its publisher may ask again after a
    /// crash.
    Receipt,
    /// Take it for those for whom it must wait, and know that it was received.
    Message,
}

/// Who must still get a message.
#[derive(Clone, Debug)]
struct Targets {
    receiver: bool,
    client: Option<(Seat, ChannelId)>,
    shards: ShardSet,
    shared: Vec<SharedId>,
    /// Those who subscribe later.
    retain: bool,
    /// The offline store.
    store: Keep,
    /// What its publisher waits for then.
    until: Until,
}

impl Targets {
    fn is_empty(&self) -> bool {
        !self.retain && self.store == Keep::Nothing && self.is_for_nobody_here()
    }
}

impl Targets {
    /// Whether nobody gets it who is connected.
    const fn is_for_nobody_here(&self) -> bool {
        let subscribers = self.shards != 0 || !self.shared.is_empty();
        !self.receiver && self.client.is_none() && !subscribers
    }
}

/// A message that was given out. What was decided of it counts for those behind it that were read
/// together with it: nobody can tell at which moment each of them came.
#[derive(Debug)]
pub(super) struct Precedent<'a> {
    incoming: Incoming<'a>,
    targets: Targets,
}

/// A message that found no room.
#[derive(Debug)]
pub(super) struct Stalled {
    message: Arc<Message>,
    topic: Topic,
    delivery: Delivery,
    targets: Targets,
}

/// Whose message it is, among those that found no room.
#[derive(Debug)]
pub(super) struct Waiter {
    slot: u32,
    message: Arc<Message>,
}

impl Queued for Waiter {
    fn place(&self) -> Place<'_> {
        self.message.place()
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }
}

/// Nobody waits. A connection waits with one message at most, so there is no other bound.
pub(super) const fn none_stalled() -> FairQueue<Waiter> {
    FairQueue::new(&UNBOUNDED)
}

const UNBOUNDED: Bounds = {
    let all = Load {
        len: usize::MAX,
        bytes: usize::MAX,
    };
    Bounds {
        lane: all,
        others: all,
        all,
    }
};

impl Shard {
    /// Gives out a message of a client.
    pub(super) fn publish<'a>(
        &mut self,
        slot: u32,
        incoming: Incoming<'a>,
    ) -> Option<Precedent<'a>> {
        let outgoing = self.take_in(slot, &incoming);
        let targets = self.targets(&incoming.topic, incoming.uplink, &outgoing);
        let Some(targets) = targets else {
            self.trace_incoming(slot, outgoing.id, &incoming, "no_receiver");
            self.counters().messages_no_receiver.one();
            let text = "the client that the topic names is not connected";
            let reason = ReasonCode::NoMatchingSubscribers;
            self.acknowledge(slot, incoming.delivery, (reason, text), None);
            self.tell_no_receiver(slot, &incoming);
            return None;
        };
        self.pass(slot, &incoming, &outgoing, targets.clone());
        Some(Precedent { incoming, targets })
    }

    /// Gives out one more that is like `before`; whether it is.
    pub(super) fn publish_behind<'a>(
        &mut self,
        slot: u32,
        before: &Precedent<'a>,
        publish: &Publish<'a>,
    ) -> bool {
        let live = self.connection(slot).and_then(|c| c.session.live());
        let incoming = live.and_then(|live| live.check_behind(&before.incoming, publish));
        let Some(incoming) = incoming else {
            return false;
        };
        let outgoing = self.take_in(slot, &incoming);
        self.pass(slot, &incoming, &outgoing, before.targets.clone());
        true
    }

    /// Counts a message, and its publisher as one who has spoken.
    fn take_in<'i>(&mut self, slot: u32, incoming: &'i Incoming<'_>) -> Outgoing<'i> {
        self.counters().messages_in.one();
        let id = self.message_id(incoming.topic.as_str());
        let outgoing = Outgoing::borrowed(incoming.parts()).traced(id);
        let outgoing = outgoing.ranked(incoming.precedence);
        self.meter_arrival(&outgoing);
        self.pace(slot);
        if let Some(connection) = self.connection(slot) {
            connection.urgency.note(incoming.precedence);
        }
        outgoing
    }

    /// Gives a message to those who get it, and answers its publisher or lets it wait.
    fn pass(
        &mut self,
        slot: u32,
        incoming: &Incoming<'_>,
        outgoing: &Outgoing<'_>,
        mut targets: Targets,
    ) {
        self.trace_incoming(slot, outgoing.id, incoming, "accepted");
        let nobody_here = targets.is_for_nobody_here();
        let Some(from) = self.origin(slot, incoming.delivery) else {
            return;
        };
        if targets.store == Keep::Nothing && from.uid.is_some() && from.inbound.is_some() {
            targets.store = Keep::Receipt;
        }
        self.give_out(from, &incoming.topic, outgoing, &mut targets);
        if targets.is_empty() {
            let reason = if nobody_here && targets.until.is_none() {
                ReasonCode::NoMatchingSubscribers
            } else {
                ReasonCode::Success
            };
            self.acknowledge(slot, incoming.delivery, (reason, ""), targets.until);
            return;
        }
        self.counters().stalls.one();
        let message = outgoing.share();
        let (topic, delivery) = (incoming.topic.to_topic(), incoming.delivery);
        let waiter = Waiter {
            slot,
            message: Arc::clone(&message),
        };
        if let Some(connection) = self.connection(slot) {
            connection.stalled = Some(Box::new(Stalled {
                message,
                topic,
                delivery,
                targets,
            }));
            self.stalled.push_anyway(waiter);
        }
    }

    /// A message broke a rule; it may take its connection along.
    pub(super) fn refused(&mut self, slot: u32, refused: RefusedPublish) -> Result<(), End> {
        self.counters().messages_refused.one();
        if let Some(id) = self.message_id(&refused.topic) {
            let live = self.connection(slot).and_then(|c| c.session.live());
            if let Some(who) = live.map(|live| Traced::of(live)) {
                self.trace_refused(&who, id, &refused);
            }
        }
        refused.end.map_or(Ok(()), Err)
    }

    fn trace_incoming(
        &mut self,
        slot: u32,
        id: Option<MessageId>,
        incoming: &Incoming<'_>,
        code: &'static str,
    ) {
        let Some(id) = id else { return };
        let live = self.connection(slot).and_then(|c| c.session.live());
        let Some(who) = live.map(|live| Traced::of(live)) else {
            return;
        };
        let message = (id, incoming.topic.as_str());
        self.trace_publish(&who, message, code, incoming.delivery);
    }

    /// The last words of a client that was lost.
    pub(super) fn publish_will(
        &mut self,
        topic: &TopicName<'_>,
        client_id: &str,
        uplink: bool,
        will: &Arc<Message>,
    ) {
        // Its expiry interval counts from now (MQTT 5, 3.1.3.2.4).
        let will = will.parts();
        let properties = forwarded(will.properties);
        let id = self.message_id(topic.as_str());
        let clock = &self.shared.clock;
        let outgoing = Outgoing::borrowed(MessageRef {
            properties: properties.as_properties(),
            expires_at: expires_at(will.properties, || clock.wall()),
            ..will
        });
        let precedence = self.shared.registry.rules().precedence(topic.parent());
        let outgoing = outgoing.traced(id).ranked(precedence);
        let targets = self.targets(topic, uplink, &outgoing);
        let code = targets.as_ref().map_or("no_receiver", |_| "accepted");
        if let Some(id) = id {
            self.trace_will(client_id, (id, topic.as_str()), code);
        }
        let Some(mut targets) = targets else { return };
        let from = Origin {
            publisher: Publisher::Gone(client_id),
            uid: None,
            inbound: None,
        };
        self.give_out(from, topic, &outgoing, &mut targets);
        if !targets.is_empty() {
            self.counters().messages_dropped.one();
        }
    }

    /// `None` if the one client that it is for is not connected, and has no session in which
    /// the message could wait.
    fn targets(
        &self,
        topic: &TopicName<'_>,
        uplink: bool,
        outgoing: &Outgoing<'_>,
    ) -> Option<Targets> {
        let mut targets = Targets {
            receiver: uplink,
            client: None,
            shards: 0,
            shared: Vec::new(),
            retain: false,
            store: Keep::Nothing,
            until: None,
        };
        match topic.destination() {
            Destination::Client(client_id) => {
                let waits = outgoing.parts.qos > QoS::AtMostOnce;
                match self.shared.routes.seat(client_id) {
                    Some((_, _, true)) if waits => targets.store = Keep::Message,
                    Some((seat, channel, _)) => targets.client = Some((seat, channel)),
                    None if waits && self.shared.offline.has_session(client_id) => {
                        targets.store = Keep::Message;
                    }
                    None => return None,
                }
            }
            Destination::Subscribers => {
                targets.store = Keep::Message;
                // Before it is seen who subscribes: who does so meanwhile gets one or the other.
                targets.retain = outgoing.parts.retain;
                self.retain(outgoing, &mut targets);
                let shared = &self.shared.shared_subscriptions;
                targets.shared = shared.matching(topic.as_str());
                let places = Places::from(topic.as_str());
                for (n, interest) in self.shared.interests.iter().enumerate() {
                    if interest.is_there(places) {
                        targets.shards |= 1 << n;
                    }
                }
            }
        }
        Some(targets)
    }

    /// Retains the message, if that is still to be done. First, as it may be done twice: who
    /// publishes `QoS` 2 again after a crash is told that it was received if the store knows it.
    fn retain(&self, outgoing: &Outgoing<'_>, targets: &mut Targets) {
        if targets.retain
            && let Ok(until) = self.shared.offline.retain(outgoing)
        {
            (targets.retain, targets.until) = (false, until);
        }
    }

    /// Gives the message to those of `targets` who have room; the others remain there.
    fn give_out(
        &mut self,
        from: Origin<'_>,
        topic: &TopicName<'_>,
        outgoing: &Outgoing<'_>,
        targets: &mut Targets,
    ) {
        let mut dropped = 0;
        self.retain(outgoing, targets);
        if targets.retain && must_do_without(outgoing.parts.qos, &mut dropped) {
            targets.retain = false;
        }
        if targets.retain && from.publisher.slot().is_some() {
            // What subscribers have seen must not be older than what is retained.
            return;
        }
        let shared = std::mem::take(&mut targets.shared);
        let mut chosen = Vec::new();
        for shared in shared {
            match self.give_shared(shared, outgoing, &mut dropped) {
                Given::Done => {}
                Given::Kept(member) => chosen.push((shared, member)),
                Given::NoRoom => targets.shared.push(shared),
            }
        }
        if targets.receiver {
            targets.receiver = !self.give_receiver(from, topic, outgoing, &mut dropped);
        }
        if let Some((seat, channel)) = targets.client
            && self.give_client(seat, channel, outgoing, &mut dropped)
        {
            targets.client = None;
        }
        let mut left = targets.shards;
        while left != 0 {
            let shard = left.trailing_zeros();
            left &= left - 1;
            if self.give_shard(from, shard, outgoing, &mut dropped) {
                targets.shards &= !(1 << shard);
            }
        }
        // Last, as what is there counts as received, even if its publisher never comes to try the
        // others again. One record is for all who get it from there. A will is not tried again.
        let is_last = targets.is_for_nobody_here() || from.publisher.slot().is_none();
        if targets.store != Keep::Nothing && is_last {
            let members: Vec<Member> = chosen.iter().map(|(_, member)| *member).collect();
            match self.give_store(from, topic, outgoing, (targets.store, &members)) {
                Ok(kept) => {
                    targets.store = Keep::Nothing;
                    targets.until = targets.until.max(kept.until);
                    chosen.clear();
                }
                Err(_) if outgoing.parts.qos == QoS::AtMostOnce => {
                    targets.store = Keep::Nothing;
                    dropped += 1;
                }
                Err(NotKept::Full | NotKept::Gone) => {}
            }
        }
        targets
            .shared
            .extend(chosen.iter().map(|(shared, _)| *shared));
        self.counters().messages_dropped.add(dropped);
    }

    fn give_store(
        &self,
        from: Origin<'_>,
        topic: &TopicName<'_>,
        outgoing: &Outgoing<'_>,
        (keep, chosen): (Keep, &[Member]),
    ) -> Result<Kept, NotKept> {
        let offline = &self.shared.offline;
        if let (Keep::Receipt, Some(uid), Some(inbound)) = (keep, from.uid, from.inbound) {
            return offline.note_inbound(uid, inbound);
        }
        if chosen.is_empty() && offline.is_empty() {
            return Ok(Kept::default());
        }
        offline.publish(&Publication {
            from: from.uid,
            inbound: from.inbound,
            to: match topic.destination() {
                Destination::Client(client_id) => Some(client_id),
                Destination::Subscribers => None,
            },
            chosen,
            parent: topic.parent(),
            outgoing,
            now: self.shared.clock.wall(),
        })
    }

    /// Whether the console has it, or must do without.
    fn give_receiver(
        &mut self,
        from: Origin<'_>,
        topic: &TopicName<'_>,
        outgoing: &Outgoing<'_>,
        dropped: &mut usize,
    ) -> bool {
        let at = self.shared.clock.wall();
        let client_id = match from.publisher {
            Publisher::Seated(slot) => self.client_id(slot),
            Publisher::Gone(client_id) => client_id,
        };
        let client_id = client_id.parse().expect("checked at CONNECT");
        let payload = Bytes::copy_from_slice(outgoing.parts.payload);
        let uplink = Uplink {
            topic: topic.to_topic(),
            from: client_id,
            at,
            payload,
        };
        match self.shared.hub.push(uplink) {
            Ok(()) => {
                self.counters().uplinks.one();
                true
            }
            Err(HubFull(uplink)) => {
                let worthless_late =
                    outgoing.parts.qos == QoS::AtMostOnce || priority_of(&uplink) == Priority::Low;
                *dropped += usize::from(worthless_late);
                worthless_late
            }
        }
    }

    /// Whether the client has it, will get it, or must do without.
    fn give_client(
        &mut self,
        seat: Seat,
        channel: ChannelId,
        outgoing: &Outgoing<'_>,
        dropped: &mut usize,
    ) -> bool {
        if seat.shard == self.index {
            let delivered = self.deliver(seat.slot, Some(channel), outgoing, Terms::P2P);
            self.settle(seat.slot, delivered, outgoing.parts.qos);
            return true;
        }
        let (slot, message) = (seat.slot, outgoing.share());
        let letter = Letter::Deliver(Deliver {
            slot,
            channel,
            message,
            reply: None,
        });
        self.post(u32::from(seat.shard), letter, outgoing.parts.qos, dropped)
    }

    fn give_shard(
        &mut self,
        from: Origin<'_>,
        shard: u32,
        outgoing: &Outgoing<'_>,
        dropped: &mut usize,
    ) -> bool {
        if shard == u32::from(self.index) {
            if !self.may_fan_out(outgoing) {
                return must_do_without(outgoing.parts.qos, dropped);
            }
            self.fan_out(from.publisher.slot(), outgoing);
            return true;
        }
        let letter = Letter::Fanout(outgoing.share());
        let given = self.post(shard, letter, outgoing.parts.qos, dropped);
        if given && self.is_worth_waking(shard, outgoing.parts.topic) {
            self.call(shard);
        }
        given
    }

    /// With many receivers, two processors are faster than one.
    fn is_worth_waking(&self, shard: u32, topic: &str) -> bool {
        let index = usize::try_from(shard).ok();
        let interest = index.and_then(|i| self.shared.interests.get(i));
        interest.is_some_and(|i| i.count(topic) > VISIT_RECEIVERS_MAX)
    }

    pub(super) fn inbox(&self, shard: u32) -> &Inbox {
        let index = usize::try_from(shard).ok();
        let inbox = index.and_then(|i| self.shared.inboxes.get(i));
        inbox.expect("routes and interests name shards that are there")
    }

    /// Leaves a letter for another shard, which is visited at the end of this turn.
    fn post(&mut self, shard: u32, letter: Letter, qos: QoS, dropped: &mut usize) -> bool {
        match self.inbox(shard).push_quietly(letter) {
            Ok(_) => {
                self.posted |= 1 << shard;
                true
            }
            Err(InboxFull(_)) => must_do_without(qos, dropped),
        }
    }

    /// Answers a publisher, once `until` is on disk.
    fn acknowledge(
        &mut self,
        slot: u32,
        delivery: Delivery,
        (reason, text): (ReasonCode, &str),
        until: Until,
    ) {
        if delivery == Delivery::AtMostOnce {
            return;
        }
        let Self {
            connections, spare, ..
        } = self;
        let connection = connections.get_mut(to_key(slot)).filter(|c| !c.doomed);
        let Some(connection) = connection else {
            return;
        };
        let output = connection.output.get_or_insert_with(|| spare.take());
        let start = output.mark();
        output.hold(until);
        let answered = match connection.session.live() {
            Some(live) => live.acknowledge(delivery, reason, text, output),
            None => Ok(()),
        };
        match answered {
            Ok(()) => {
                self.seal(slot, start);
                self.mark_dirty(slot);
            }
            Err(end) => self.doom(slot, end),
        }
    }

    fn origin(&mut self, slot: u32, delivery: Delivery) -> Option<Origin<'static>> {
        let live = self.connection(slot)?.session.live()?;
        Some(Origin {
            publisher: Publisher::Seated(slot),
            uid: live.persistent.as_ref().map(|persistent| persistent.uid),
            inbound: inbound(delivery),
        })
    }

    fn client_id(&self, slot: u32) -> &str {
        match self.connections.get(to_key(slot)).map(|c| &c.session) {
            Some(Session::Live(live)) => &live.client_id,
            Some(Session::AwaitConnect) | None => {
                unreachable!("who publishes is there until it is buried")
            }
        }
    }

    /// Tries some of the messages again that found no room, and lets go on who is done.
    pub(super) fn retry_stalled(&mut self) {
        for _ in 0..self.stalled.len().min(RETRIES_PER_TURN) {
            let Some(waiter) = self.stalled.pop() else {
                break;
            };
            if self.retry(waiter.slot) == Retried::InVain {
                self.stalled.push_anyway(waiter);
            }
        }
    }

    fn retry(&mut self, slot: u32) -> Retried {
        let Some(connection) = self.connection(slot) else {
            return Retried::Done;
        };
        let Some(mut stalled) = connection.stalled.take() else {
            return Retried::Done;
        };
        let Some(from) = self.origin(slot, stalled.delivery) else {
            return Retried::Done;
        };
        let outgoing = Outgoing::shared_from(&stalled.message);
        if self.is_worth_trying(&stalled.topic, &outgoing, &stalled.targets) {
            let topic = stalled.topic.name();
            self.give_out(from, &topic, &outgoing, &mut stalled.targets);
        }
        if stalled.targets.is_empty() {
            let until = stalled.targets.until;
            self.acknowledge(slot, stalled.delivery, (ReasonCode::Success, ""), until);
            self.mark_ready(slot);
            return Retried::Done;
        }
        if let Some(connection) = self.connection(slot) {
            connection.stalled = Some(stalled);
        }
        Retried::InVain
    }

    /// To find out that the console has no room costs less than to make a message for it.
    fn is_worth_trying(&self, topic: &Topic, outgoing: &Outgoing<'_>, targets: &Targets) -> bool {
        let others = targets.retain || targets.client.is_some() || !targets.shared.is_empty();
        let others = others || targets.shards != 0;
        let payload = outgoing.parts.payload;
        others || !targets.receiver || self.shared.hub.has_room(topic, payload.len())
    }

    /// What came of a delivery that nobody waits for.
    pub(super) fn settle(&mut self, slot: u32, delivered: Delivered, qos: QoS) {
        match delivered {
            Delivered::Sent | Delivered::Waits => self.counters().messages_out.one(),
            // Counted when it is sent.
            Delivered::Stored => {}
            Delivered::Gone => self.counters().messages_dropped.one(),
            Delivered::Expired => self.counters().messages_expired.one(),
            Delivered::Full if qos == QoS::AtMostOnce => self.counters().messages_dropped.one(),
            Delivered::Full => {
                // It was promised that none of these is lost while it is connected.
                self.counters().slow_clients_closed.one();
                self.doom(slot, End::TooSlow);
            }
        }
    }
}

/// A message that finds no room is worthless later, or must wait.
fn must_do_without(qos: QoS, dropped: &mut usize) -> bool {
    let worthless_late = qos == QoS::AtMostOnce;
    *dropped += usize::from(worthless_late);
    worthless_late
}

const fn inbound(delivery: Delivery) -> Option<PacketId> {
    match delivery {
        Delivery::ExactlyOnce { packet_id, .. } => Some(packet_id),
        Delivery::AtMostOnce | Delivery::AtLeastOnce { .. } => None,
    }
}
