//! Who gets a message: the console, one client, subscribers on each shard, and the offline store.

use bytes::Bytes;
use message_bus::{ChannelId, Uplink};
use model::{Destination, Priority, TopicName};
use mqtt_codec::{Delivery, PacketId, QoS};

use super::{Shard, share::Given, store::Until, to_key};
use crate::{
    hub::{HubFull, priority_of},
    inbox::{Deliver, Inbox, InboxFull, Letter},
    interest::Places,
    limits::{THREADS_MAX, VISIT_RECEIVERS_MAX},
    message::{Outgoing, Terms},
    offline::{Kept, NotKept, Publication, Uid},
    routes::Seat,
    session::Session,
    shared_subscriptions::{Member, SharedId},
};

/// Shards that must still get a message, a bit each.
pub(super) type ShardSet = u64;

const _: () = assert!(THREADS_MAX <= ShardSet::BITS as usize);

/// Who published.
#[derive(Clone, Copy, Debug)]
pub(super) enum Publisher<'a> {
    /// A connection.
    Seated(u32),
    /// A client whose last words it were.
    Gone(&'a str),
}

impl Publisher<'_> {
    pub(super) const fn slot(self) -> Option<u32> {
        match self {
            Self::Seated(slot) => Some(slot),
            Self::Gone(_) => None,
        }
    }
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) publisher: Publisher<'a>,
    /// Its persistent session.
    pub(super) uid: Option<Uid>,
    /// The identifier of a message of `QoS` 2.
    pub(super) inbound: Option<PacketId>,
}

/// What the offline store must still do about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// Know that it was received, as it is of `QoS` 2 and its publisher may ask again after a
    /// crash.
    Receipt,
    /// Take it for those for whom it must wait, and know that it was received.
    Message,
}

/// Who must still get a message.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    pub(super) receiver: bool,
    pub(super) client: Option<(Seat, ChannelId)>,
    pub(super) shards: ShardSet,
    /// Those among them where many may want it: two processors are faster than one then.
    crowds: ShardSet,
    pub(super) shared: Vec<SharedId>,
    /// Those who subscribe later.
    pub(super) retain: bool,
    /// The offline store.
    pub(super) store: Keep,
    /// What its publisher waits for then.
    pub(super) until: Until,
}

impl Targets {
    pub(super) fn is_empty(&self) -> bool {
        !self.retain && self.store == Keep::Nothing && self.is_for_nobody_here()
    }

    /// Whether nobody gets it who is connected.
    pub(super) const fn is_for_nobody_here(&self) -> bool {
        let subscribers = self.shards != 0 || !self.shared.is_empty();
        !self.receiver && self.client.is_none() && !subscribers
    }
}

impl Shard {
    /// `None` if the one client that it is for is not connected, and has no session in which
    /// the message could wait.
    pub(super) fn targets(
        &self,
        topic: &TopicName<'_>,
        uplink: bool,
        outgoing: &Outgoing<'_>,
    ) -> Option<Targets> {
        let mut targets = Targets {
            receiver: uplink,
            client: None,
            shards: 0,
            crowds: 0,
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
                let places = Places::from(topic);
                for (n, interest) in self.shared.interests.iter().enumerate() {
                    let count = interest.count(places);
                    targets.shards |= u64::from(count > 0) << n;
                    targets.crowds |= u64::from(count > VISIT_RECEIVERS_MAX) << n;
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
    pub(super) fn give_out(
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
            let crowd = targets.crowds & (1 << shard) != 0;
            if self.give_shard(from, (shard, crowd), outgoing, &mut dropped) {
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
        if self.deliver_there(seat, channel, outgoing) {
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
        (shard, crowd): (u32, bool),
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
        if !crowd && self.fan_out_there(shard, outgoing) {
            return true;
        }
        let letter = Letter::Fanout(outgoing.share());
        let given = self.post(shard, letter, outgoing.parts.qos, dropped);
        if given && crowd {
            self.call(shard);
        }
        given
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

    pub(super) fn origin(&mut self, slot: u32, delivery: Delivery) -> Option<Origin<'static>> {
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
