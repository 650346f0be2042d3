//! The bus between the broker and a console in the same process.

mod admin;
mod clients;
mod send;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use message_bus::{AdminAnswer, AdminCall, BusError, BusReceiver, ChannelId, MessageBus, Online};
use model::{ClientId, Credential, ParentTopic, Timestamp, Topic};
use mqtt_codec::{Properties, QoS};
use tokio::sync::oneshot;

use crate::{
    error::RegistryError,
    inbox::{Close, Deliver, Delivered, Letter},
    limits::PAYLOAD_LEN_MAX,
    message::{Message, MessageRef, Outgoing},
    routes::Route,
    session::End,
    shared::Shared,
};

/// The broker's own [`MessageBus`].
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedBus(pub(crate) Arc<Shared>);

impl EmbeddedBus {
    async fn deliver(&self, route: Route, message: Arc<Message>) -> Delivered {
        let (reply, delivered) = oneshot::channel();
        let deliver = Deliver {
            slot: route.seat.slot,
            channel: route.channel,
            message,
            reply: Some(reply),
        };
        let Some(inbox) = self.0.inboxes.get(usize::from(route.seat.shard)) else {
            return Delivered::Gone;
        };
        if inbox.push(Letter::Deliver(deliver)).is_err() {
            return Delivered::Full;
        }
        // An event loop that has ended answers nothing more.
        delivered.await.unwrap_or(Delivered::Gone)
    }

    /// Closes the client's connection, if `wanted` says so; whether it did.
    async fn close_if(
        &self,
        client_id: &ClientId,
        end: End,
        wanted: impl Fn(&Route) -> bool,
    ) -> bool {
        let route = self.0.routes.find(client_id.as_str());
        let Some(route) = route.filter(wanted) else {
            return false;
        };
        self.close_route(&route, end).await;
        true
    }

    async fn close_route(&self, route: &Route, end: End) {
        let (done, closed) = oneshot::channel();
        let close = Close {
            slot: route.seat.slot,
            channel: route.channel,
            end,
            done: Some(done),
        };
        if let Some(inbox) = self.0.inboxes.get(usize::from(route.seat.shard)) {
            inbox
                .push(Letter::Close(close))
                .expect("a letter to close is never refused");
            // An event loop that has ended has closed everything.
            closed.await.ok();
        }
    }

    /// Changes wait for the disk, which a task must not.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Shared) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, BusError> {
        let shared = Arc::clone(&self.0);
        let unreachable = |reason: String| BusError::Unreachable { reason };
        match tokio::task::spawn_blocking(move || change(&shared)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(RegistryError::Refused(reason))) => Err(BusError::Refused { reason }),
            Ok(Err(RegistryError::NotFound(what))) => Err(BusError::NotFound { what }),
            Ok(Err(RegistryError::Conflict(reason))) => Err(BusError::Conflict { reason }),
            Ok(Err(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "registry change failed"
                );
                Err(unreachable(error.to_string()))
            }
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}

fn refused(reason: &str) -> BusError {
    let reason = reason.to_owned();
    BusError::Refused { reason }
}

#[async_trait]
impl MessageBus for EmbeddedBus {
    async fn send(
        &self,
        parent: &ParentTopic,
        to: &ClientId,
        payload: Bytes,
    ) -> Result<ChannelId, BusError> {
        if !self.0.registry.rules().has_parent(parent.as_str()) {
            return Err(BusError::Refused {
                reason: format!("parent topic `{parent}` does not exist"),
            });
        }
        if payload.len() > PAYLOAD_LEN_MAX {
            let reason = format!(
                "payload has {} bytes; {PAYLOAD_LEN_MAX} are allowed",
                payload.len()
            );
            return Err(BusError::Refused { reason });
        }
        let topic = Topic::p2p(parent, to);
        let parts = MessageRef {
            topic: topic.as_str(),
            properties: Properties::NONE,
            payload: &payload,
            qos: QoS::AtLeastOnce,
            retain: false,
            expires_at: None,
        };
        let id = self.0.message_id(topic.as_str());
        if let Some(id) = id {
            self.trace_sent(id, topic.as_str());
        }
        let message = Outgoing::borrowed(parts)
            .traced(id)
            .ranked(self.0.registry.rules().precedence(parent.as_str()))
            .share();
        self.deliver_to(to, &message).await
    }

    async fn receive(&self) -> Result<BusReceiver, BusError> {
        Ok(self.0.hub.attach(|| self.0.routes.online()))
    }

    async fn register(
        &self,
        client_id: &ClientId,
        credential: &Credential,
        expires_at: Option<Timestamp>,
    ) -> Result<(), BusError> {
        let registered = [(client_id.clone(), credential.clone(), expires_at)];
        self.change(move |shared| shared.registry.register(&registered))
            .await
    }

    async fn withdraw(&self, client_id: &ClientId, access_key_id: &str) -> Result<(), BusError> {
        let (of_client, id) = (client_id.clone(), access_key_id.to_owned());
        self.change(move |shared| shared.registry.withdraw(&of_client, &id))
            .await?;
        self.close_if(client_id, End::Withdrawn, |route| {
            *route.origin.access_key_id == *access_key_id
        })
        .await;
        Ok(())
    }

    async fn expel(&self, client_id: &ClientId) -> Result<(), BusError> {
        let of_client = client_id.clone();
        self.change(move |shared| shared.registry.expel(&of_client))
            .await?;
        self.close_if(client_id, End::Withdrawn, |_| true).await;
        // What waits for it must not be there should the name be used again.
        self.0.offline.discard(client_id.as_str());
        Ok(())
    }

    async fn sessions(&self, client_id: &ClientId) -> Result<Vec<Online>, BusError> {
        let route = self.0.routes.find(client_id.as_str());
        Ok(route
            .map(|route| route.online(client_id.as_str()))
            .into_iter()
            .collect())
    }

    async fn administer(&self, call: AdminCall) -> Result<AdminAnswer, BusError> {
        self.answer(call).await
    }
}
