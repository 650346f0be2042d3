//! The reference model: a bus in memory, whose clients are driven by a test.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use model::{ClientId, Credential, ParentTopic, Timestamp, Topic};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    BusError, BusEvent, BusReceiver, BusSender, ChannelId, MessageBus, Online, Presence,
    PresenceKind, TAKEN_OVER, Uplink, bus_queue,
};

const INBOX_MAX: usize = 64;

/// A bus in memory.
#[derive(Clone, Debug)]
pub struct MemBus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    receiver: Option<BusSender>,
    credentials: BTreeMap<ClientId, BTreeMap<String, (Credential, Option<Timestamp>)>>,
    online: BTreeMap<ClientId, (Online, Arc<Inbox>)>,
    next_channel: u64,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: Mutex<VecDeque<(Topic, Bytes)>>,
    arrived: Notify,
}

/// A client connected to a [`MemBus`]; [`MemClient::disconnect`] ends the connection.
#[derive(Debug)]
pub struct MemClient {
    bus: MemBus,
    online: Online,
    inbox: Arc<Inbox>,
}

impl MemBus {
    /// A bus with nobody on it.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: Mutex::default(),
        }))
    }

    /// Connects a client, which must have been registered with `access_key_id`.
    ///
    /// # Errors
    /// There is no such credential, or it has expired.
    pub fn connect(
        &self,
        client_id: &ClientId,
        access_key_id: &str,
    ) -> Result<MemClient, BusError> {
        let now = self.0.clock.wall();
        let mut state = self.0.state.lock();
        let known = state
            .credentials
            .get(client_id)
            .and_then(|c| c.get(access_key_id));
        if !known.is_some_and(|(_, expires)| expires.is_none_or(|e| e >= now)) {
            return Err(BusError::Refused {
                reason: "not authorized".into(),
            });
        }
        state.next_channel += 1;
        let online = Online {
            client_id: client_id.clone(),
            channel: ChannelId(state.next_channel),
            since: now,
            address: "192.0.2.1:50000".into(),
            access_key_id: access_key_id.into(),
        };
        let inbox = Arc::new(Inbox::default());
        let old = state
            .online
            .insert(client_id.clone(), (online.clone(), Arc::clone(&inbox)));
        let kind = PresenceKind::Connect {
            address: online.address.clone(),
            access_key_id: access_key_id.into(),
        };
        self.tell(&state, presence(&online, now, kind));
        if let Some((old, _)) = old {
            self.tell(&state, presence(&old, now, tcp_clean(TAKEN_OVER)));
        }
        Ok(MemClient {
            bus: self.clone(),
            online,
            inbox,
        })
    }

    /// The credentials a client can connect with now.
    #[must_use]
    pub fn credentials(&self, client_id: &ClientId) -> Vec<Credential> {
        let state = self.0.state.lock();
        let of_client = state.credentials.get(client_id);
        of_client
            .map(|c| c.values().map(|(c, _)| c.clone()).collect())
            .unwrap_or_default()
    }

    #[expect(clippy::unused_self, reason = "reads as what the bus does")]
    fn tell(&self, state: &State, event: BusEvent) {
        if let Some(sender) = &state.receiver {
            sender.push(event).expect("a test's receiver keeps up");
        }
    }

    fn drop_connection(&self, state: &mut State, client_id: &ClientId, reason: &str) {
        if let Some((online, _)) = state.online.remove(client_id) {
            self.tell(
                state,
                presence(&online, self.0.clock.wall(), tcp_clean(reason)),
            );
        }
    }
}

fn presence(online: &Online, at: Timestamp, kind: PresenceKind) -> BusEvent {
    let (client_id, channel) = (online.client_id.clone(), online.channel);
    BusEvent::Presence(Presence {
        client_id,
        channel,
        at,
        kind,
    })
}

fn tcp_clean(reason: &str) -> PresenceKind {
    PresenceKind::TcpClean {
        reason: reason.into(),
    }
}

#[async_trait]
impl MessageBus for MemBus {
    async fn send(
        &self,
        parent: &ParentTopic,
        to: &ClientId,
        payload: Bytes,
    ) -> Result<ChannelId, BusError> {
        let state = self.0.state.lock();
        let Some((online, inbox)) = state.online.get(to) else {
            return Err(BusError::Offline {
                client_id: to.clone(),
            });
        };
        let mut messages = inbox.messages.lock();
        if messages.len() >= INBOX_MAX {
            return Err(BusError::Full {
                client_id: to.clone(),
            });
        }
        messages.push_back((Topic::p2p(parent, to), payload));
        inbox.arrived.notify_one();
        Ok(online.channel)
    }

    async fn receive(&self) -> Result<BusReceiver, BusError> {
        let (sender, receiver) = bus_queue();
        let mut state = self.0.state.lock();
        let channels = state
            .online
            .values()
            .map(|(online, _)| online.clone())
            .collect();
        sender
            .push(BusEvent::Online { channels })
            .expect("a new queue has room");
        if let Some(old) = state.receiver.replace(sender) {
            old.close();
        }
        Ok(receiver)
    }

    async fn register(
        &self,
        client_id: &ClientId,
        credential: &Credential,
        expires_at: Option<Timestamp>,
    ) -> Result<(), BusError> {
        let mut state = self.0.state.lock();
        let of_client = state.credentials.entry(client_id.clone()).or_default();
        of_client.insert(
            credential.access_key_id.clone(),
            (credential.clone(), expires_at),
        );
        Ok(())
    }

    async fn withdraw(&self, client_id: &ClientId, access_key_id: &str) -> Result<(), BusError> {
        let mut state = self.0.state.lock();
        if let Some(of_client) = state.credentials.get_mut(client_id) {
            of_client.remove(access_key_id);
        }
        if state
            .online
            .get(client_id)
            .is_some_and(|(o, _)| o.access_key_id == access_key_id)
        {
            self.drop_connection(&mut state, client_id, "not authorized");
        }
        Ok(())
    }

    async fn expel(&self, client_id: &ClientId) -> Result<(), BusError> {
        let mut state = self.0.state.lock();
        state.credentials.remove(client_id);
        self.drop_connection(&mut state, client_id, "not authorized");
        Ok(())
    }

    async fn sessions(&self, client_id: &ClientId) -> Result<Vec<Online>, BusError> {
        let state = self.0.state.lock();
        Ok(state
            .online
            .get(client_id)
            .map(|(online, _)| online.clone())
            .into_iter()
            .collect())
    }
}

impl MemClient {
    /// The next message to this client.
    pub async fn recv(&self) -> (Topic, Bytes) {
        loop {
            let arrived = self.inbox.arrived.notified();
            if let Some(message) = self.inbox.messages.lock().pop_front() {
                return message;
            }
            arrived.await;
        }
    }

    /// Publishes to `topic`.
    pub fn publish(&self, topic: &Topic, payload: Bytes) {
        let state = self.bus.0.state.lock();
        let (topic, from) = (topic.clone(), self.online.client_id.clone());
        let at = self.bus.0.clock.wall();
        self.bus.tell(
            &state,
            BusEvent::Uplink(Uplink {
                topic,
                from,
                at,
                payload,
            }),
        );
    }

    /// Ends the connection as if the network were cut.
    pub fn disconnect(self) {
        let mut state = self.bus.0.state.lock();
        let channel = state
            .online
            .get(&self.online.client_id)
            .map(|(o, _)| o.channel);
        if channel == Some(self.online.channel) {
            self.bus
                .drop_connection(&mut state, &self.online.client_id, "closed by client");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_to_nobody_is_refused_at_once() {
        let bus = MemBus::new(Clock::manual(Timestamp::from_millis(5)));
        let client_id: ClientId = "GID_test@@@gw-1".parse().unwrap();
        let parent = "csg_cmd".parse().unwrap();
        let sent = bus.send(&parent, &client_id, Bytes::new()).await;
        assert_eq!(
            sent,
            Err(BusError::Offline {
                client_id: client_id.clone()
            })
        );

        let credential = Credential {
            access_key_id: "k".into(),
            secret: model::Secret::new("s"),
        };
        bus.register(&client_id, &credential, None).await.unwrap();
        let client = bus.connect(&client_id, "k").unwrap();
        bus.send(&parent, &client_id, Bytes::from_static(b"hi"))
            .await
            .unwrap();
        assert_eq!(&client.recv().await.1[..], b"hi");
    }
}
