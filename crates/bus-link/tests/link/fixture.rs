//! A broker's bus in memory, its link, and consoles.

use std::{sync::Arc, time::Duration};

use bus_link::{BusLinkClient, BusLinkServer, ClientConfig, ServerConfig};
use bytes::Bytes;
use clock::Clock;
use message_bus::{BusEvent, BusReceiver, MemBus, MemClient, MessageBus, Online, PresenceKind};
use model::{ClientId, Credential, ParentTopic, Secret};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::PrivateKeyDer;

use crate::proxy::Proxy;

pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Fixture {
    pub(crate) bus: MemBus,
    pub(crate) server: BusLinkServer,
    pub(crate) proxy: Proxy,
    pub(crate) clock: Clock,
    pub(crate) ca_pem: String,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_at(Clock::system()).await
    }

    pub(crate) async fn start_at(clock: Clock) -> Self {
        let bus = MemBus::new(clock.clone());
        Self::serving(bus.clone(), Arc::new(bus), clock).await
    }

    /// With a broker's bus that is not the one in memory.
    pub(crate) async fn over(bus: impl MessageBus) -> Self {
        let clock = Clock::system();
        Self::serving(MemBus::new(clock.clone()), Arc::new(bus), clock).await
    }

    async fn serving(bus: MemBus, served: Arc<dyn MessageBus>, clock: Clock) -> Self {
        let names = ["127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let config = ServerConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            cert_chain: vec![cert.der().clone()],
            key: PrivateKeyDer::Pkcs8(signing_key.serialize_der().into()),
            secret: Secret::new("shared"),
        };
        let server = BusLinkServer::start(config, served, clock.clone())
            .await
            .unwrap();
        let proxy = Proxy::to(server.address()).await;
        let ca_pem = cert.pem();
        Self {
            bus,
            server,
            proxy,
            clock,
            ca_pem,
        }
    }

    pub(crate) fn config(&self) -> ClientConfig {
        ClientConfig {
            address: self.proxy.address.to_string(),
            ca_pem: self.ca_pem.clone(),
            secret: Secret::new("shared"),
        }
    }

    pub(crate) async fn console(&self) -> BusLinkClient {
        let console = BusLinkClient::connect(self.config(), self.clock.clone()).unwrap();
        assert!(console.wait_until_up(LONG).await);
        console
    }

    /// A gateway that is connected to the broker.
    pub(crate) async fn gateway(&self, name: &str) -> MemClient {
        let client_id = client_id(name);
        self.bus
            .register(&client_id, &credential(), None)
            .await
            .unwrap();
        self.bus.connect(&client_id, "key").unwrap()
    }
}

pub(crate) fn client_id(name: &str) -> ClientId {
    format!("GID_test@@@{name}").parse().unwrap()
}

pub(crate) fn credential() -> Credential {
    Credential {
        access_key_id: "key".into(),
        secret: Secret::new("of the gateway"),
    }
}

pub(crate) fn parent() -> ParentTopic {
    "csg_cmd".parse().unwrap()
}

/// The next event, in the time that a broken test may take.
pub(crate) async fn next(receiver: &mut BusReceiver) -> Option<BusEvent> {
    let clock = Clock::system();
    tokio::select! {
        event = receiver.recv() => event,
        () = clock.sleep(LONG) => panic!("no event"),
    }
}

pub(crate) async fn online(receiver: &mut BusReceiver) -> Vec<Online> {
    match next(receiver).await {
        Some(BusEvent::Online { channels }) => channels,
        other => panic!("not Online: {other:?}"),
    }
}

pub(crate) async fn connected(receiver: &mut BusReceiver) -> ClientId {
    match next(receiver).await {
        Some(BusEvent::Presence(presence))
            if matches!(presence.kind, PresenceKind::Connect { .. }) =>
        {
            presence.client_id
        }
        other => panic!("not a connect: {other:?}"),
    }
}

pub(crate) async fn payload(receiver: &mut BusReceiver) -> Bytes {
    match next(receiver).await {
        Some(BusEvent::Uplink(uplink)) => uplink.payload,
        other => panic!("not an uplink: {other:?}"),
    }
}
