//! Messages of `QoS` 2 that some have and others not, while their publisher is perhaps gone.
//!
//! When it is back it sends such a message again (MQTT 5, 4.4), and who has it must not get it
//! twice (4.3.3). So its session knows who is left, and the connection on which it comes goes on with them.

use std::sync::Arc;

use model::Topic;
use mqtt_codec::{Delivery, PacketId};
use parking_lot::Mutex;

use super::{
    Shard,
    targets::{Origin, Targets},
};
use crate::session::Incoming;

/// Who must still get a message. While a client is taken over two connections may try at once: one
/// waits until the other has given it to those who have room.
pub(super) type Rest = Arc<Mutex<Targets>>;

/// What a persistent session remembers of the last of its messages that found no room.
#[derive(Clone, Debug)]
pub(crate) struct Unfinished {
    packet_id: PacketId,
    topic: Topic,
    rest: Rest,
}

impl Unfinished {
    pub(crate) fn has_id(&self, packet_id: PacketId) -> bool {
        self.packet_id == packet_id
    }

    /// Whether it is this message that comes again.
    pub(crate) fn is(&self, packet_id: PacketId, topic: &str) -> bool {
        self.has_id(packet_id) && self.topic.as_str() == topic
    }
}

impl Shard {
    /// Lets the publisher's session know who is left, if its message must not come twice.
    pub(super) fn note_unfinished(
        &mut self,
        slot: u32,
        delivery: Delivery,
        topic: &Topic,
        rest: &Rest,
    ) {
        if let Some(Origin {
            uid: Some(uid),
            inbound: Some(packet_id),
            ..
        }) = self.origin(slot, delivery)
        {
            let unfinished = Unfinished {
                packet_id,
                topic: topic.clone(),
                rest: Arc::clone(rest),
            };
            self.shared.offline.note_unfinished(uid, unfinished);
        }
    }

    /// Who is left of a message that the client has sent before and sends again. For one client a
    /// message has been given to nobody yet, and who that is may have changed.
    pub(super) fn rest_of(&mut self, slot: u32, incoming: &Incoming<'_>) -> Option<Rest> {
        let Delivery::ExactlyOnce { dup: true, .. } = incoming.delivery else {
            return None;
        };
        let from = self.origin(slot, incoming.delivery)?;
        let (uid, packet_id) = (from.uid?, from.inbound?);
        let topic = incoming.topic.as_str();
        let unfinished = self.shared.offline.unfinished(uid, packet_id, topic)?;
        let is_for_one = unfinished.rest.lock().client.is_some();
        (!is_for_one).then_some(unfinished.rest)
    }
}
