//! One connection at work: messages in, messages out, status from time to time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use clock::Clock;
use futures::{StreamExt as _, stream::FuturesUnordered};
use model::{CMD, ChangeNotice, Credential, Downlink, EXPRESS, INTENT};
use mqtt_client::{Client, CloseReason, Deliveries, Delivery, PublishError};
use tokio::sync::watch;
use tracing::{debug, error, warn};

use super::{
    outbox::{Outbox, Outgoing},
    stopped,
};
use crate::{
    commands::CommandsHandle, data_dir::DataDir, identity::Identity,
    limits::MESSAGES_IN_FLIGHT_MAX, shares::SharesHandle, status::StatusSource,
};

/// Why a connection's work ended.
#[derive(Debug)]
pub(super) enum End {
    /// The connection is gone.
    Lost(CloseReason),
    /// A new credential is on disk, to be used from now on.
    NewCredential(Credential),
    /// The gateway stops.
    Stopped,
}

/// One connection.
pub(super) struct Link<'a> {
    pub(super) client: &'a Client,
    pub(super) dir: &'a Arc<DataDir>,
    pub(super) identity: &'a Identity,
    pub(super) outbox: &'a Outbox,
    pub(super) commands: &'a CommandsHandle,
    pub(super) shares: &'a SharesHandle,
    pub(super) status: &'a StatusSource,
    pub(super) status_interval: Duration,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) clock: &'a Clock,
}

/// What was sent and not acknowledged goes back when the connection ends, however it ends.
struct InFlight<'a> {
    outbox: &'a Outbox,
    sent: VecDeque<(u64, Outgoing)>,
    next: u64,
}

impl Link<'_> {
    pub(super) async fn run(self, deliveries: Deliveries) -> End {
        let mut stop = self.stop.clone();
        let mut changes = self.shares.watch();
        tokio::select! {
            credential = self.receive(deliveries) => match credential {
                Some(credential) => End::NewCredential(credential),
                None => End::Lost(self.client.closed().await),
            },
            () = self.send() => End::Lost(self.client.closed().await),
            () = self.report(&mut changes) => End::Stopped,
            reason = self.client.closed() => End::Lost(reason),
            () = stopped(&mut stop) => End::Stopped,
        }
    }

    /// Takes messages until the connection ends or a new credential comes.
    async fn receive(&self, mut deliveries: Deliveries) -> Option<Credential> {
        while let Some(delivery) = deliveries.recv().await {
            let parent = delivery.topic.split('/').next().unwrap_or_default();
            match parent {
                CMD => self.receive_command(delivery).await,
                INTENT => {
                    if let Some(credential) = self.receive_downlink(delivery).await {
                        return Some(credential);
                    }
                }
                EXPRESS => {
                    self.receive_notice(&delivery);
                    delivery.acknowledge();
                }
                _ => {
                    warn!(
                        topic = delivery.topic,
                        "message on a topic that is not ours"
                    );
                    delivery.acknowledge();
                }
            }
        }
        None
    }

    async fn receive_command(&self, delivery: Delivery) {
        let command = match mqtt_rpc::callee::decode(&delivery.payload) {
            Ok(command) => command,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, cause, "message refused");
                // It would be refused for ever.
                return delivery.acknowledge();
            }
        };
        if self.commands.take(command).await {
            delivery.acknowledge();
        }
    }

    /// What another gateway changed goes to the share it concerns. One that is not open asks when
    /// it is.
    fn receive_notice(&self, delivery: &Delivery) {
        let notice: ChangeNotice = match serde_json::from_slice(&delivery.payload) {
            Ok(notice) => notice,
            Err(error) => return warn!(%error, "message refused: not a notice of changes"),
        };
        if notice.from.gateway == self.identity.gateway {
            return debug!("our own changes came back; ignored");
        }
        if let Some(share) = self.shares.snapshot().serving(notice.share.as_str()) {
            share.hear(notice);
        }
    }

    /// Returns a credential that is new and on disk.
    async fn receive_downlink(&self, delivery: Delivery) -> Option<Credential> {
        match serde_json::from_slice(&delivery.payload) {
            Ok(Downlink::Intent(intent)) => {
                if self.shares.want(intent).await {
                    delivery.acknowledge();
                }
                None
            }
            Ok(Downlink::Credential(credential)) => {
                let mut identity = self.identity.clone();
                if !identity.adopt(credential.clone()) {
                    // The console has not seen us use it yet; that is about to happen, or
                    // we came in with the one before.
                    delivery.acknowledge();
                    return None;
                }
                if let Err(error) = self.store(identity).await {
                    error!(%error, "cannot store the new credential");
                    return None;
                }
                delivery.acknowledge();
                Some(credential)
            }
            Err(error) => {
                warn!(
                    %error,
                    "message refused: not an intent document that this version understands; if the \
                     console is newer, upgrade this gateway. It stays with the settings it had"
                );
                delivery.acknowledge();
                None
            }
        }
    }

    async fn store(&self, identity: Identity) -> std::io::Result<()> {
        let dir = Arc::clone(self.dir);
        let stored = tokio::task::spawn_blocking(move || identity.store(&dir)).await;
        stored.unwrap_or_else(|e| Err(std::io::Error::other(e)))
    }

    /// Sends what waits, the most important first, several at a time.
    async fn send(&self) {
        let mut in_flight = InFlight {
            outbox: self.outbox,
            sent: VecDeque::new(),
            next: 0,
        };
        let mut answers = FuturesUnordered::new();
        loop {
            let has_room = answers.len() < MESSAGES_IN_FLIGHT_MAX;
            tokio::select! {
                outgoing = self.outbox.next(), if has_room => {
                    let (topic, payload) = (self.outbox.topic(&outgoing), outgoing.payload.clone());
                    let number = in_flight.push(outgoing);
                    let Ok(answer) = self.client.publish(topic, payload).await else {
                        return;
                    };
                    answers.push(async move { (number, answer.await) });
                }
                Some((number, answer)) = answers.next() => match answer {
                    Ok(()) => in_flight.remove(number),
                    Err(PublishError::Closed) => return,
                    Err(error) => {
                        // To send it again would not make it better.
                        warn!(%error, "message lost");
                        in_flight.remove(number);
                    }
                },
            }
        }
    }

    /// Reports status from time to time, and at once after a change.
    async fn report(&self, changes: &mut watch::Receiver<Arc<crate::shares::Snapshot>>) {
        loop {
            tokio::select! {
                () = self.clock.sleep(self.status_interval) => {}
                changed = changes.changed() => if changed.is_err() {
                    debug!("the reconciler has ended");
                    return;
                }
            }
            let snapshot = Arc::clone(&changes.borrow_and_update());
            self.outbox.set_status(self.status.read(&snapshot));
        }
    }
}

impl InFlight<'_> {
    fn push(&mut self, outgoing: Outgoing) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.sent.push_back((number, outgoing));
        number
    }

    fn remove(&mut self, number: u64) {
        self.sent.retain(|(n, _)| *n != number);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        self.outbox
            .put_back(sent.into_iter().map(|(_, outgoing)| outgoing).collect());
    }
}
