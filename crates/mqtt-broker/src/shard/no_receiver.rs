//! A message to one client that is not there: its sender hears so at once, also where no answer
//! of the protocol could say it.

use mqtt_codec::{Delivery, Properties, QoS};

use super::Shard;
use crate::{
    message::{MessageRef, Outgoing, Terms},
    session::Incoming,
};

/// Where a client is told that its message has no receiver.
const NOTICE: &str = "$SYS/noReceiverNotice";

impl Shard {
    /// MQTT 5 has a reason code for it in its answers; MQTT 3.1.1 has none, and `QoS` 0 no answer.
    pub(super) fn tell_no_receiver(&mut self, slot: u32, incoming: &Incoming<'_>) {
        let live = self.connection(slot).and_then(|c| c.session.live());
        let Some(version) = live.map(|live| live.version) else {
            return;
        };
        let packet_id = match incoming.delivery {
            Delivery::AtMostOnce => None,
            _ if version.has_properties() => return,
            Delivery::AtLeastOnce { packet_id, .. } | Delivery::ExactlyOnce { packet_id, .. } => {
                Some(packet_id)
            }
        };
        let id = packet_id.map(|id| format!(r#","packetId":{}"#, id.get()));
        // A topic that obeys the rules needs no escapes.
        let topic = incoming.topic.as_str();
        let payload = format!(r#"{{"topic":"{topic}"{}}}"#, id.unwrap_or_default());
        let notice = Outgoing::borrowed(MessageRef {
            topic: NOTICE,
            properties: Properties::NONE,
            payload: payload.as_bytes(),
            qos: QoS::AtMostOnce,
            retain: false,
            expires_at: None,
        });
        // Who does not read misses it, as every message of QoS 0.
        let delivered = self.deliver(slot, None, &notice, Terms::P2P);
        self.settle(slot, delivered, QoS::AtMostOnce);
    }
}
