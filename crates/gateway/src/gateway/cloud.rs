//! The other side of a gateway under test: a real broker, a console of few words, and a wire
//! between them that can be cut.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use message_bus::{BusEvent, MessageBus, PresenceKind};
use model::{
    ActivationBundle, ClientId, Command, CommandId, Credential, Downlink, EventKind, Location,
    Method, Reply, Secret, Timestamp, WIRE_VERSION,
};
use mqtt_broker::{Broker, BrokerConfig, TlsListener};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey as _};
use serde::Serialize;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(20);

/// What has come up, in order.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) replies: Vec<Reply>,
    pub(super) statuses: Vec<model::GatewayStatus>,
    pub(super) events: Vec<model::Event>,
    /// Access key ids of connections, in order.
    pub(super) connects: Vec<String>,
}

/// Broker, console and wire.
pub(super) struct Cloud {
    broker: Broker,
    pub(super) bus: Arc<dyn MessageBus>,
    heard: Arc<Mutex<Heard>>,
    ca: Issuer<'static, KeyPair>,
    ca_pem: String,
    pub(super) client_id: ClientId,
    wire: Wire,
    _console: Task,
    _dir: tempfile::TempDir,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.broker.shutdown();
    }
}

impl Cloud {
    pub(super) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (ca, ca_pem) = authority();
        let key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        server.distinguished_name.push(DnType::CommonName, "broker");
        let certificate = server.signed_by(&key, &ca).unwrap();
        let tls = TlsListener {
            address: "127.0.0.1:0".parse().unwrap(),
            cert_chain: vec![certificate.der().clone()],
            key: key.serialize_der().try_into().unwrap(),
        };
        let config = BrokerConfig {
            tls: Some(tls),
            groups: vec!["GID_csg_test".parse().unwrap()],
            threads: 1,
            ..BrokerConfig::new(dir.path().join("broker"), "causeway")
        };
        let broker = Broker::start(config, Clock::system()).unwrap();
        let bus = broker.bus();
        let heard = Arc::default();
        let client_id: ClientId = "GID_csg_test@@@gw-test".parse().unwrap();
        let console = listen(Arc::clone(&bus), Arc::clone(&heard)).await;
        let wire = Wire::start(broker.tls_address().unwrap()).await;
        Self {
            broker,
            bus,
            heard,
            ca,
            ca_pem,
            client_id,
            wire,
            _console: console,
            _dir: dir,
        }
    }

    /// A bundle with this access key, registered until `expires_at`.
    pub(super) async fn bundle(&self, access_key_id: &str, expires_at: Timestamp) -> String {
        let credential = credential(access_key_id);
        self.bus
            .register(&self.client_id, &credential, Some(expires_at))
            .await
            .unwrap();
        let bundle = ActivationBundle {
            gateway: "gw-test".parse().unwrap(),
            name: "test".into(),
            location: Location::OnPremises,
            client_id: self.client_id.clone(),
            instance: "causeway".into(),
            brokers: vec![format!("localhost:{}", self.wire.address.port())],
            ca_pem: self.ca_pem.clone(),
            credential,
            expires_at,
        };
        bundle.seal(|body| self.ca.key().sign(body).unwrap())
    }

    /// Puts a gateway that has joined into `dir`.
    pub(super) async fn join(&self, dir: &Path) {
        let bundle = self.bundle("bundle", in_an_hour()).await;
        let paths = crate::GatewayPaths {
            data_dir: dir.to_owned(),
        };
        let joined = crate::join(&bundle, &paths, Clock::system()).await.unwrap();
        assert!(joined.rotated);
    }

    pub(super) async fn send(&self, parent: &str, message: &impl Serialize) {
        let payload = Bytes::from(serde_json::to_vec(message).unwrap());
        let parent = parent.parse().unwrap();
        let clock = Clock::system();
        let end = clock.now() + PATIENCE;
        while self
            .bus
            .send(&parent, &self.client_id, payload.clone())
            .await
            .is_err()
        {
            assert!(clock.now() < end, "the gateway is not there");
            clock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Issues a command; returns what came of it.
    pub(super) async fn call(&self, command: &Command) -> model::ReplyBody {
        self.send(model::CMD, command).await;
        self.outcome(command.id).await
    }

    pub(super) async fn outcome(&self, id: CommandId) -> model::ReplyBody {
        self.until(|heard| {
            heard
                .replies
                .iter()
                .find(|r| r.id == id && is_outcome(r))
                .map(|r| r.body.clone())
        })
        .await
    }

    /// Waits until something has been heard.
    pub(super) async fn until<T>(&self, find: impl Fn(&Heard) -> Option<T>) -> T {
        let clock = Clock::system();
        let end = clock.now() + PATIENCE;
        loop {
            if let Some(found) = find(&self.heard.lock()) {
                return found;
            }
            assert!(clock.now() < end, "in vain: {:#?}", self.heard.lock());
            clock.sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn report_of(&self, version: u64) -> model::IntentReport {
        let is = |event: &model::Event| match &event.kind {
            EventKind::IntentReport(report) if report.version == version => Some(report.clone()),
            EventKind::IntentReport(_) | EventKind::Changes(_) | EventKind::Notice { .. } => None,
        };
        self.until(|heard| heard.events.iter().rev().find_map(is))
            .await
    }

    /// Cuts all connections through the wire, without a word to either side.
    pub(super) fn cut(&self) {
        self.wire.tunnels.lock().clear();
    }
}

pub(super) fn credential(access_key_id: &str) -> Credential {
    let secret = Secret::new(format!("secret of {access_key_id}"));
    Credential {
        access_key_id: access_key_id.into(),
        secret,
    }
}

pub(super) fn in_an_hour() -> Timestamp {
    Clock::system().wall().plus(Duration::from_secs(3_600))
}

pub(super) fn command(method: Method, params: Value) -> Command {
    let now = Clock::system().wall();
    Command {
        version: WIRE_VERSION,
        id: CommandId(Uuid::now_v7()),
        method,
        issued_at: now,
        deadline: now.plus(PATIENCE),
        idempotency_key: Uuid::now_v7(),
        generation: 0,
        reply_to: "console".into(),
        noreply: false,
        params,
    }
}

fn is_outcome(reply: &Reply) -> bool {
    match reply.body {
        model::ReplyBody::Delivered | model::ReplyBody::Started => false,
        model::ReplyBody::Finished { .. }
        | model::ReplyBody::Failed { .. }
        | model::ReplyBody::Rejected { .. } => true,
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    assert_eq!(key.algorithm(), &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "test authority");
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// The console: notes what comes, and replaces a bundle's credential at its first use.
async fn listen(bus: Arc<dyn MessageBus>, heard: Arc<Mutex<Heard>>) -> Task {
    let mut receiver = bus.receive().await.unwrap();
    spawn_named("console", async move {
        while let Some(event) = receiver.recv().await {
            match event {
                BusEvent::Online { .. } => {}
                BusEvent::Presence(presence) => {
                    let PresenceKind::Connect { access_key_id, .. } = presence.kind else {
                        continue;
                    };
                    heard.lock().connects.push(access_key_id.clone());
                    rotate(&*bus, &presence.client_id, &access_key_id).await;
                }
                BusEvent::Uplink(uplink) => {
                    let mut heard = heard.lock();
                    match uplink.topic.parent() {
                        model::RESULT => heard
                            .replies
                            .push(serde_json::from_slice(&uplink.payload).unwrap()),
                        model::STATUS => {
                            let message = serde_json::from_slice(&uplink.payload).unwrap();
                            let model::StatusMessage(status) = message;
                            heard.statuses.push(status);
                        }
                        model::EVENT => heard
                            .events
                            .push(serde_json::from_slice(&uplink.payload).unwrap()),
                        other => panic!("nothing comes up on {other}"),
                    }
                }
            }
        }
    })
}

async fn rotate(bus: &dyn MessageBus, client_id: &ClientId, used: &str) {
    match used {
        "bundle" => {
            let new = credential("first");
            bus.register(client_id, &new, None).await.unwrap();
            let payload = serde_json::to_vec(&Downlink::Credential(new)).unwrap();
            let parent = model::INTENT.parse().unwrap();
            bus.send(&parent, client_id, payload.into()).await.unwrap();
        }
        "first" => bus.withdraw(client_id, "bundle").await.unwrap(),
        "second" => bus.withdraw(client_id, "first").await.unwrap(),
        other => panic!("nobody has the key {other}"),
    }
}

/// Passes bytes on between gateway and broker.
struct Wire {
    address: SocketAddr,
    tunnels: Arc<Mutex<Vec<Task>>>,
    _listener: Task,
}

impl Wire {
    async fn start(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels = Arc::new(Mutex::new(Vec::new()));
        let opened = Arc::clone(&tunnels);
        let listening = spawn_named("wire", async move {
            loop {
                let (mut gateway, _) = listener.accept().await.unwrap();
                opened.lock().push(spawn_named("tunnel", async move {
                    let mut broker = TcpStream::connect(broker).await.unwrap();
                    // It ends when either side does, or is cut.
                    drop(tokio::io::copy_bidirectional(&mut gateway, &mut broker).await);
                }));
            }
        });
        Self {
            address,
            tunnels,
            _listener: listening,
        }
    }
}
