//! The console's end: a bus like any other, while the link is up.

mod calls;
mod greeting;
mod inbox;
mod session;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use message_bus::{
    AdminAnswer, AdminCall, BusError, BusReceiver, ChannelId, MessageBus, Online, bus_queue,
};
use model::{ClientId, Credential, ParentTopic, Secret, Timestamp};
use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsConnector;

use crate::{
    error::{BusLinkError, LinkFault},
    limits::{BACKOFF_MAX, BACKOFF_MIN, HANDSHAKE_TIMEOUT},
    message::{Call, Outcome},
    tls,
};
use calls::Calls;
use inbox::Inbox;
use session::{Session, subscribe};

/// Whom to connect to, and how to know it.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The broker's bus link, `host:port`; its certificate is for that host.
    pub address: String,
    /// The authority that signed its certificate, PEM.
    pub ca_pem: String,
    /// Known to brokers and consoles and nobody else.
    pub secret: Secret,
}

/// A bus at the other end of a link, which comes back by itself when it breaks.
#[derive(Debug)]
pub struct BusLinkClient {
    shared: Arc<Shared>,
    clock: Clock,
    _keeper: Task,
}

/// What calls and the keeper of the link share.
#[derive(Debug)]
struct Shared {
    link: watch::Sender<Link>,
    /// Where events go; the latest receiver's.
    inbox: Mutex<Option<Arc<Inbox>>>,
    /// Told when the inbox has room again.
    room: Arc<Notify>,
}

/// Connecting -> Up -> Down -> Up …
#[derive(Clone, Debug)]
enum Link {
    Down { reason: String },
    Up(Calls),
}

impl BusLinkClient {
    /// Begins to connect, and goes on until it is dropped.
    ///
    /// # Errors
    /// Authority, name or secret cannot be used.
    pub fn connect(config: ClientConfig, clock: Clock) -> Result<Self, BusLinkError> {
        if config.secret.is_empty() {
            return Err(BusLinkError::NoSecret);
        }
        let tls = tls::client_config(&config.ca_pem)?;
        let server_name = server_name(&config.address)?;
        let reason = format!("not yet connected to {}", config.address);
        let shared = Arc::new(Shared {
            link: watch::Sender::new(Link::Down { reason }),
            inbox: Mutex::default(),
            room: Arc::default(),
        });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            clock: clock.clone(),
            address: config.address,
            connector: TlsConnector::from(Arc::new(tls)),
            server_name,
            secret: config.secret,
        };
        Ok(Self {
            shared,
            clock,
            _keeper: spawn_named("bus-link-keeper", keeper.run()),
        })
    }

    /// Waits until the link is up, at most so long; whether it is.
    pub async fn wait_until_up(&self, at_most: Duration) -> bool {
        let mut link = self.shared.link.subscribe();
        tokio::select! {
            up = link.wait_for(|link| matches!(link, Link::Up(_))) => up.is_ok(),
            () = self.clock.sleep(at_most) => false,
        }
    }

    fn calls(&self) -> Result<Calls, BusError> {
        match &*self.shared.link.borrow() {
            Link::Up(calls) => Ok(calls.clone()),
            Link::Down { reason } => Err(unreachable(reason.clone())),
        }
    }

    async fn call(&self, call: Call, body: Bytes) -> Result<Outcome, BusError> {
        self.calls()?.call(&self.clock, call, body).await
    }

    async fn order(&self, call: Call) -> Result<(), BusError> {
        match self.call(call, Bytes::new()).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(other)),
        }
    }
}

#[async_trait]
impl MessageBus for BusLinkClient {
    async fn send(
        &self,
        parent: &ParentTopic,
        to: &ClientId,
        payload: Bytes,
    ) -> Result<ChannelId, BusError> {
        let (parent, to) = (parent.clone(), to.clone());
        match self.call(Call::Send { parent, to }, payload).await? {
            Outcome::Sent { channel } => Ok(channel),
            other => Err(unexpected(other)),
        }
    }

    async fn receive(&self) -> Result<BusReceiver, BusError> {
        let calls = self.calls()?;
        let (sender, receiver) = bus_queue();
        let inbox = Arc::new(Inbox::start(sender, Arc::clone(&self.shared.room)));
        if let Some(old) = self.shared.inbox.lock().replace(Arc::clone(&inbox)) {
            old.end();
        }
        let subscribed = subscribe(calls, self.clock.clone(), &inbox).await;
        if subscribed.is_err() {
            // Nobody will receive from it.
            inbox.end();
        }
        subscribed.map(|()| receiver)
    }

    async fn register(
        &self,
        client_id: &ClientId,
        credential: &Credential,
        expires_at: Option<Timestamp>,
    ) -> Result<(), BusError> {
        let (client_id, credential) = (client_id.clone(), credential.clone());
        let call = Call::Register {
            client_id,
            credential,
            expires_at,
        };
        self.order(call).await
    }

    async fn withdraw(&self, client_id: &ClientId, access_key_id: &str) -> Result<(), BusError> {
        let (client_id, access_key_id) = (client_id.clone(), access_key_id.to_owned());
        let call = Call::Withdraw {
            client_id,
            access_key_id,
        };
        self.order(call).await
    }

    async fn expel(&self, client_id: &ClientId) -> Result<(), BusError> {
        let client_id = client_id.clone();
        self.order(Call::Expel { client_id }).await
    }

    async fn sessions(&self, client_id: &ClientId) -> Result<Vec<Online>, BusError> {
        let client_id = client_id.clone();
        match self
            .call(Call::Sessions { client_id }, Bytes::new())
            .await?
        {
            Outcome::Sessions { channels } => Ok(channels),
            other => Err(unexpected(other)),
        }
    }

    async fn administer(&self, request: AdminCall) -> Result<AdminAnswer, BusError> {
        let request = Box::new(request);
        match self
            .call(Call::Administer { request }, Bytes::new())
            .await?
        {
            Outcome::Administered { answer } => Ok(*answer),
            other => Err(unexpected(other)),
        }
    }
}

/// The host of `host:port`, as a certificate names it.
fn server_name(address: &str) -> Result<ServerName<'static>, BusLinkError> {
    let bad = || BusLinkError::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if port.parse::<u16>().is_err() {
        return Err(bad());
    }
    ServerName::try_from(host.to_owned()).or(Err(bad()))
}

fn unexpected(outcome: Outcome) -> BusError {
    match outcome {
        Outcome::Failed { error } => error,
        Outcome::Done
        | Outcome::Sent { .. }
        | Outcome::Sessions { .. }
        | Outcome::Administered { .. } => {
            unreachable("the broker gave the answer to another question".to_owned())
        }
    }
}

fn unreachable(reason: String) -> BusError {
    BusError::Unreachable { reason }
}

/// Connects, and connects again.
struct Keeper {
    shared: Arc<Shared>,
    clock: Clock,
    address: String,
    connector: TlsConnector,
    server_name: ServerName<'static>,
    secret: Secret,
}

impl Keeper {
    async fn run(self) {
        let mut backoff = BACKOFF_MIN;
        loop {
            let fault = match self.greet().await {
                Ok(wire) => {
                    backoff = BACKOFF_MIN;
                    let session = Session::new(wire, Arc::clone(&self.shared), &self.clock);
                    session.run().await
                }
                Err(fault) => fault,
            };
            let reason = format!("{}: {fault}", self.address);
            tracing::info!(reason, "the bus link is down");
            self.shared.link.send_replace(Link::Down { reason });
            self.clock.sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    async fn greet(&self) -> Result<crate::wire::Wire, LinkFault> {
        let greeting = greeting::greet(
            &self.connector,
            &self.address,
            self.server_name.clone(),
            &self.secret,
        );
        tokio::select! {
            greeted = greeting => greeted,
            () = self.clock.sleep(HANDSHAKE_TIMEOUT) => Err(LinkFault::Handshake),
        }
    }
}
