//! Messages of the console and of programs, to one client or to whoever has subscribed: the same
//! receivers that a message of a client has.

use std::sync::Arc;

use message_bus::{
    BusError, ChannelId,
    admin::{MessageSent, MessageToSend, TraceAction},
};
use model::{ClientId, Destination, Direction, FLEET_TOPICS, Topic};
use mqtt_codec::{Properties, QoS};
use tokio::sync::oneshot;

use super::{EmbeddedBus, refused};
use crate::{
    inbox::{Delivered, Letter, SendOut},
    message::{Message, MessageId, MessageRef, Outgoing},
    offline::Publication,
    trace::Event,
};

/// A connection may be taken over between look-up and delivery; once more is enough, or the
/// client comes and goes faster than it could answer.
const ATTEMPTS: usize = 2;

impl EmbeddedBus {
    pub(super) async fn send_message(
        &self,
        message: MessageToSend,
    ) -> Result<MessageSent, BusError> {
        let MessageToSend { topic, payload } = message;
        self.check_sendable(&topic, payload.len())?;
        let parts = MessageRef {
            topic: topic.as_str(),
            properties: Properties::NONE,
            payload: &payload,
            qos: QoS::AtLeastOnce,
            retain: false,
            expires_at: None,
        };
        let id = self.0.next_message_id();
        let precedence = self.0.registry.rules().precedence(topic.parent());
        let message = Outgoing::borrowed(parts)
            .traced(Some(id))
            .ranked(precedence);
        let message = message.share();
        self.trace_sent(id, topic.as_str());
        let receivers = match topic.destination() {
            Destination::Client(client_id) => {
                let client_id: ClientId = client_id
                    .parse()
                    .map_err(|e: model::ClientIdError| refused(&e.to_string()))?;
                if self.store(&topic, &message).await? == 0 {
                    self.deliver_to(&client_id, &message).await?;
                }
                1
            }
            Destination::Subscribers => {
                self.store(&topic, &message).await? + self.send_out(&topic, &message).await?
            }
        };
        Ok(MessageSent {
            message_id: id.to_string(),
            receivers,
        })
    }

    /// Puts the message into persistent sessions, connected or not; into how many. Returns when
    /// it is on disk.
    async fn store(&self, topic: &Topic, message: &Arc<Message>) -> Result<u64, BusError> {
        let offline = &self.0.offline;
        if offline.is_empty() {
            return Ok(0);
        }
        let kept = offline.publish(&Publication {
            from: None,
            inbound: None,
            to: match topic.destination() {
                Destination::Client(client_id) => Some(client_id),
                Destination::Subscribers => None,
            },
            chosen: &[],
            parent: topic.parent(),
            outgoing: &Outgoing::shared_from(message),
            now: self.0.clock.wall(),
        });
        let kept = kept.map_err(|_not_kept| overloaded())?;
        if kept.until.is_some() {
            self.durable().await?;
        }
        Ok(kept.receivers as u64)
    }

    /// Returns when all that is in the offline store is on disk.
    async fn durable(&self) -> Result<(), BusError> {
        let durable = self.0.offline.when_durable();
        durable.await.map_err(|_ended| BusError::Unreachable {
            reason: "the broker stops".to_owned(),
        })
    }

    /// Gives the message to those who are connected and have no persistent session; to how many.
    async fn send_out(&self, topic: &Topic, message: &Arc<Message>) -> Result<u64, BusError> {
        let mut shared = self.0.shared_subscriptions.matching(topic.as_str());
        // A member's persistent session is in the store.
        let stores = !shared.is_empty() && !self.0.offline.is_empty();
        let mut receivers = 0;
        for (inbox, interest) in self.0.inboxes.iter().zip(&self.0.interests) {
            // Any event loop can ask the members of shared subscriptions, wherever they are.
            let shared = std::mem::take(&mut shared);
            if shared.is_empty() && !interest.is_there(topic.as_str()) {
                continue;
            }
            let (reply, sent) = oneshot::channel();
            let send = SendOut {
                message: Arc::clone(message),
                shared,
                reply,
            };
            inbox
                .push(Letter::SendOut(send))
                .map_err(|_full| overloaded())?;
            receivers += sent.await.unwrap_or_default();
        }
        if stores {
            self.durable().await?;
        }
        Ok(receivers)
    }

    /// The console has sent a message.
    pub(super) fn trace_sent(&self, id: MessageId, topic: &str) {
        let event = Event {
            at: self.0.clock.wall(),
            action: TraceAction::Pub,
            code: "accepted",
            info: "by the console".into(),
            client_id: "console".into(),
            channel: None,
            message: Some((id, Some(topic.into()))),
        };
        self.0.tracer.push(0, event);
    }

    fn check_sendable(&self, topic: &Topic, len: usize) -> Result<(), BusError> {
        let rules = self.0.registry.rules();
        let parent = topic.parent();
        if !rules.has_parent(parent) {
            let what = format!("parent topic `{parent}`");
            return Err(BusError::NotFound { what });
        }
        let fleet = FLEET_TOPICS.iter().find(|t| t.name == parent);
        if fleet.is_some_and(|t| t.direction == Direction::Uplink) {
            let text = format!("`{parent}` is for messages of gateways");
            return Err(refused(&text));
        }
        let max = rules.settings().payload_bytes_max;
        if len > usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(refused(&format!(
                "payload has {len} bytes; {max} are allowed"
            )));
        }
        Ok(())
    }

    pub(super) async fn deliver_to(
        &self,
        to: &ClientId,
        message: &Arc<Message>,
    ) -> Result<ChannelId, BusError> {
        for _ in 0..ATTEMPTS {
            let Some(route) = self.0.routes.find(to.as_str()) else {
                break;
            };
            let channel = route.channel;
            match self.deliver(route, Arc::clone(message)).await {
                Delivered::Sent | Delivered::Waits => return Ok(channel),
                Delivered::Stored => {
                    self.durable().await?;
                    return Ok(channel);
                }
                Delivered::Full => {
                    return Err(BusError::Full {
                        client_id: to.clone(),
                    });
                }
                Delivered::Gone | Delivered::Expired => {}
            }
        }
        Err(BusError::Offline {
            client_id: to.clone(),
        })
    }
}

fn overloaded() -> BusError {
    refused("the broker is overloaded; try later")
}
