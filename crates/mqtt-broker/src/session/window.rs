//! Messages of `QoS` 1 and 2 to one client: in flight, and waiting for their turn.
//!
//! There is a window only while there is more in it than one message in flight: most clients
//! answer one before the next comes.

use std::{sync::Arc, time::Instant};

use message_bus::fair::{FairQueue, Place, Queued};
use mqtt_codec::{PacketId, QoS};
use smallvec::SmallVec;

use super::in_flight::{Answer, Awaits, InFlight, Step};
use crate::{
    limits::{CLIENT_BOUNDS, RETAINED_PER_SUBSCRIPTION_MAX, RETAINED_WAITING_BYTES_MAX},
    message::{Message, MessageId, Outgoing, SubscriptionId, Terms},
    shared_subscriptions::SharedId,
};

/// In flight without memory of their own.
const FEW: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Sent and not done: a clean session never sends them again, so the state is all that is
    /// kept.
    in_flight: SmallVec<[InFlight; FEW]>,
    /// Behind those in flight; most clients keep up.
    waiting: Option<Box<FairQueue<Waiting>>>,
    /// So many of those were brought by a subscription.
    retained: usize,
    /// Which of those in flight are traced; most are not.
    traced: Vec<(PacketId, MessageId)>,
}

/// A message that waits, with the terms of its receiver.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) message: Arc<Message>,
    qos: QoS,
    retain_as_published: bool,
    ids: Box<[SubscriptionId]>,
    shared: Option<SharedId>,
    /// When it came.
    pub(crate) since: Instant,
    /// A subscription brought it.
    pub(crate) retained: bool,
}

impl Queued for Waiting {
    fn place(&self) -> Place<'_> {
        self.message.place()
    }

    fn bytes(&self) -> usize {
        self.message.len()
    }
}

impl Waiting {
    fn new(message: &Outgoing<'_>, terms: Terms<'_>, since: Instant) -> Self {
        let Terms {
            qos,
            retain_as_published,
            ids,
            shared,
        } = terms;
        Self {
            message: message.share(),
            qos,
            retain_as_published,
            ids: ids.into(),
            shared,
            since,
            retained: false,
        }
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms {
            qos: self.qos,
            retain_as_published: self.retain_as_published,
            ids: &self.ids,
            shared: self.shared,
        }
    }
}

/// The identifier after `last`; there is no 0.
pub(crate) fn following(last: u16) -> PacketId {
    PacketId::new(last.wrapping_add(1)).unwrap_or(PacketId::MIN)
}

impl Window {
    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_none()
    }

    /// Messages that wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let load = self.waiting.as_ref().map(|waiting| waiting.load());
        load.map_or((0, 0), |load| (load.len, load.bytes))
    }

    /// Whether some wait that a subscription has brought, and that may be older than what comes.
    pub(crate) const fn has_retained(&self) -> bool {
        self.retained > 0
    }

    /// Whether the next message may be sent at once.
    pub(crate) fn is_open(&self, in_flight_max: u16) -> bool {
        self.waiting.is_none() && self.has_room(in_flight_max)
    }

    pub(crate) fn has_room(&self, in_flight_max: u16) -> bool {
        self.in_flight.len() < usize::from(in_flight_max)
    }

    /// The next free identifier after `last`, for a message that awaits an answer.
    pub(crate) fn send(
        &mut self,
        last: u16,
        awaits: Awaits,
        traced: Option<MessageId>,
    ) -> PacketId {
        let mut packet_id = following(last);
        while self.position(packet_id).is_some() {
            packet_id = following(packet_id.get());
        }
        self.add(InFlight { packet_id, awaits });
        self.traced.extend(traced.map(|id| (packet_id, id)));
        packet_id
    }

    /// Adds one that was sent.
    pub(crate) fn add(&mut self, sent: InFlight) {
        self.in_flight.push(sent);
    }

    fn position(&self, id: PacketId) -> Option<usize> {
        self.in_flight.iter().position(|sent| sent.packet_id == id)
    }

    /// Takes what the client says about one of them; also the number of a traced one that it
    /// has now.
    pub(crate) fn answered(&mut self, id: PacketId, answer: Answer) -> (Step, Option<MessageId>) {
        let Some(position) = self.position(id) else {
            return (Step::Unknown, None);
        };
        let Some(sent) = self.in_flight.get_mut(position) else {
            return (Step::Unknown, None);
        };
        let step = sent.awaits.step(answer);
        match step {
            Step::Done => {
                self.in_flight.swap_remove(position);
            }
            Step::Release => sent.awaits = Awaits::PubComp,
            Step::Unknown | Step::OutOfPlace => return (step, None),
        }
        (step, self.take_traced(id))
    }

    /// The traced message of this identifier, once.
    pub(crate) fn take_traced(&mut self, id: PacketId) -> Option<MessageId> {
        let place = self.traced.iter().position(|(sent, _)| *sent == id)?;
        Some(self.traced.swap_remove(place).1)
    }

    /// Forgets one that could not be written.
    pub(crate) fn forget(&mut self, id: PacketId) {
        self.in_flight.retain(|sent| sent.packet_id != id);
        self.take_traced(id);
    }

    /// Puts a message behind the others of its parent topic; `false` if there is no room.
    pub(crate) fn wait(&mut self, message: &Outgoing<'_>, terms: Terms<'_>, now: Instant) -> bool {
        if let Some(waiting) = &self.waiting
            && !waiting.has_room(message.place(), message.len())
        {
            return false;
        }
        let waiting = Waiting::new(message, terms, now);
        self.queue().push(waiting).is_ok()
    }

    /// The same for a retained message, many of which come at once.
    pub(crate) fn wait_retained(
        &mut self,
        message: &Outgoing<'_>,
        terms: Terms<'_>,
        now: Instant,
    ) -> bool {
        let waiting = Waiting {
            retained: true,
            ..Waiting::new(message, terms, now)
        };
        let waits = self.wait_among_retained(waiting);
        self.retained += usize::from(waits);
        waits
    }

    /// The same for one that must not pass them.
    pub(crate) fn wait_behind_retained(
        &mut self,
        message: &Outgoing<'_>,
        terms: Terms<'_>,
        now: Instant,
    ) -> bool {
        self.wait_among_retained(Waiting::new(message, terms, now))
    }

    fn wait_among_retained(&mut self, waiting: Waiting) -> bool {
        let (len, bytes) = self.waiting();
        let has_room = len < RETAINED_PER_SUBSCRIPTION_MAX && bytes < RETAINED_WAITING_BYTES_MAX;
        if has_room {
            self.queue().push_anyway(waiting);
        }
        has_room
    }

    fn queue(&mut self) -> &mut FairQueue<Waiting> {
        (self.waiting).get_or_insert_with(|| Box::new(FairQueue::new(&CLIENT_BOUNDS)))
    }

    /// Takes those out that another member of a shared subscription may have instead.
    pub(crate) fn take_shared(&mut self) -> Vec<(SharedId, Arc<Message>)> {
        let mut shared = Vec::new();
        while let Some(waiting) = self.next_waiting() {
            shared.extend(waiting.shared.map(|id| (id, waiting.message)));
        }
        shared
    }

    /// Takes the next that waits.
    pub(crate) fn next_waiting(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.as_mut()?.pop();
        self.waiting.take_if(|waiting| waiting.is_empty());
        let retained = waiting.as_ref().is_some_and(|waiting| waiting.retained);
        self.retained -= usize::from(retained);
        waiting
    }
}
