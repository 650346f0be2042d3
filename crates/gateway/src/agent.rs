//! The agent: keeps one connection to the message queue, whatever happens to it.
//!
//! ```text
//!  connecting ──► connected ──► (lost, or new credential) ──► pause ──► connecting
//! ```

mod backoff;
mod link;
mod outbox;

use std::{sync::Arc, time::Duration};

use clock::Clock;
use model::{Credential, Event, EventKind, GatewayStatus};
use mqtt_client::{Client, CloseReason, ConnectFailure, Deliveries, Proxy};
use rand::rngs::StdRng;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::{
    commands::CommandsHandle, data_dir::DataDir, identity::Identity, limits::STABLE_AFTER,
    shares::SharesHandle, status::StatusSource,
};
use backoff::{After, Backoff};
use link::{End, Link};
pub(crate) use outbox::{Connection, Outbox};

/// All that the agent works with.
pub(crate) struct Agent {
    pub(crate) dir: Arc<DataDir>,
    pub(crate) identity: Identity,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) keep_alive: Duration,
    pub(crate) status_interval: Duration,
    pub(crate) reconnect_pause_max: Duration,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) commands: CommandsHandle,
    pub(crate) shares: SharesHandle,
    pub(crate) status: Arc<StatusSource>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) random: StdRng,
    pub(crate) clock: Clock,
}

/// What follows a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next one, after a pause.
    Pause(After),
    /// The next one, at once.
    AtOnce,
    /// Nothing.
    Stop,
}

impl Agent {
    /// Runs until told to stop.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(self.reconnect_pause_max);
        let mut stop = self.stop.clone();
        loop {
            let after = match self.connect_and_serve(&mut backoff).await {
                Then::Stop => return,
                Then::AtOnce => continue,
                Then::Pause(after) => after,
            };
            let pause = backoff.next(after, &mut self.random);
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// One connection, from its start to its end.
    async fn connect_and_serve(&mut self, backoff: &mut Backoff) -> Then {
        let mut stop = self.stop.clone();
        let connected = tokio::select! {
            connected = self.connect() => connected,
            () = stopped(&mut stop) => return Then::Stop,
        };
        let (client, deliveries) = match connected {
            Ok(connected) => connected,
            Err(failure) => {
                if let Some(reason) = failure.not_authorized() {
                    error!(
                        reason,
                        "the message queue refuses this gateway; if it was removed from the console, stop it, else make a new bundle and join again"
                    );
                } else {
                    warn!(error = %failure, "no connection to the message queue; shares are served all the same");
                }
                return Then::Pause(if failure.is_unreachable() {
                    After::Unreachable
                } else {
                    After::Refusal
                });
            }
        };
        let since = self.clock.now();
        info!(broker = %client.broker(), "connected to the message queue");
        self.greet(&client);
        self.outbox.note_connection(true);
        let end = self.link(&client).run(deliveries).await;
        self.outbox.note_connection(false);
        if self.clock.now().saturating_duration_since(since) >= STABLE_AFTER {
            backoff.reset();
        }
        match end {
            End::Lost(CloseReason::TakenOver) => {
                error!(
                    "another process came in as this gateway and took its place at the message queue; stop one of the two, and give it a bundle of its own if both are wanted"
                );
                Then::Pause(After::Loss)
            }
            End::Lost(reason) => {
                warn!(%reason, "the connection to the message queue is lost");
                Then::Pause(After::Loss)
            }
            End::NewCredential(credential) => {
                client.disconnect().await;
                info!(
                    access_key.id = credential.access_key_id,
                    "a new credential is stored"
                );
                self.identity.adopt(credential);
                Then::AtOnce
            }
            End::Stopped => {
                client.disconnect().await;
                Then::Stop
            }
        }
    }

    /// Connects with the credential, or with the one before if the broker has lost it.
    async fn connect(&mut self) -> Result<(Client, Deliveries), ConnectFailure> {
        let newest = self.identity.credential.clone();
        let failure = match self.connect_with(&newest).await {
            Ok(connected) => {
                self.settle(&newest);
                return Ok(connected);
            }
            Err(failure) => failure,
        };
        let previous = self.identity.previous.clone();
        match previous.filter(|_| failure.not_authorized().is_some()) {
            Some(previous) => self.connect_with(&previous).await,
            None => Err(failure),
        }
    }

    async fn connect_with(
        &self,
        with: &Credential,
    ) -> Result<(Client, Deliveries), ConnectFailure> {
        let options = self.identity.connect_options(with, self.proxy.as_ref());
        let mut options = options.map_err(|error| {
            error!(%error, "the identity file names a broker that cannot be");
            ConnectFailure {
                attempts: Vec::new(),
            }
        })?;
        options.keep_alive = self.keep_alive;
        Client::connect(&options, self.clock.clone()).await
    }

    /// The newest credential works: the one before is of no more use.
    fn settle(&mut self, newest: &Credential) {
        if self.identity.previous.is_none() || self.identity.credential != *newest {
            return;
        }
        let settled = Identity {
            previous: None,
            ..self.identity.clone()
        };
        match settled.store(&self.dir) {
            Ok(()) => self.identity = settled,
            // It is tried again at the next connection; to keep it does no harm.
            Err(error) => warn!(%error, "cannot store the identity"),
        }
    }

    /// What the console must hear at each connection.
    fn greet(&self, client: &Client) {
        self.status.set_local_address(client.local_address());
        let report = self.shares.snapshot().report.clone();
        self.outbox.push_event(&Event {
            at: self.clock.wall(),
            kind: EventKind::IntentReport(report),
        });
        self.outbox.set_status(self.current_status());
    }

    fn current_status(&self) -> GatewayStatus {
        self.status.read(&self.shares.snapshot())
    }

    fn link<'a>(&'a self, client: &'a Client) -> Link<'a> {
        Link {
            client,
            dir: &self.dir,
            identity: &self.identity,
            outbox: &self.outbox,
            commands: &self.commands,
            shares: &self.shares,
            status: &self.status,
            status_interval: self.status_interval,
            stop: self.stop.clone(),
            clock: &self.clock,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the gateway is gone: stop as well.
    drop(stop.wait_for(|stop| *stop).await);
}
