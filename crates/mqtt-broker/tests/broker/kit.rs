//! A broker for one test, and credentials for its clients.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::Clock;
use hmac::{Hmac, Mac as _};
use message_bus::{BusEvent, BusReceiver, PresenceKind, Uplink};
use model::{ClientId, Credential, Secret};
use mqtt_broker::{Broker, BrokerConfig, TlsListener};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha1::Sha1;
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const INSTANCE: &str = "causeway";
pub(crate) const GROUP: &str = "GID_csg_local";

pub(crate) struct Kit {
    pub(crate) broker: Broker,
    pub(crate) dir: TempDir,
}

#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) client_id: ClientId,
    pub(crate) user_name: String,
    pub(crate) password: String,
    pub(crate) credential: Credential,
}

impl Device {
    pub(crate) fn of_group(group: &str, name: &str) -> Self {
        let client_id: ClientId = format!("{group}@@@{name}").parse().unwrap();
        let access_key_id = format!("key-{name}");
        let credential = Credential {
            access_key_id,
            secret: Secret::new(format!("secret of {name}")),
        };
        Self::with(client_id, credential)
    }

    pub(crate) fn new(name: &str) -> Self {
        Self::of_group(GROUP, name)
    }

    pub(crate) fn with(client_id: ClientId, credential: Credential) -> Self {
        let user_name = format!("DeviceCredential|{}|{INSTANCE}", credential.access_key_id);
        let mut mac = Hmac::<Sha1>::new_from_slice(credential.secret.expose().as_bytes()).unwrap();
        mac.update(client_id.as_str().as_bytes());
        let password = STANDARD.encode(mac.finalize().into_bytes());
        Self {
            client_id,
            user_name,
            password,
            credential,
        }
    }
}

pub(crate) fn config(dir: &TempDir) -> BrokerConfig {
    let mut config = BrokerConfig::new(dir.path(), INSTANCE);
    config.tcp = Some("127.0.0.1:0".parse().unwrap());
    config.groups = vec![GROUP.parse().unwrap()];
    config.threads = 2;
    config
}

impl Kit {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        Self::start_at(Clock::system(), change)
    }

    pub(crate) fn start_at(clock: Clock, change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&dir);
        change(&mut config);
        let broker = Broker::start(config, clock).unwrap();
        Self { broker, dir }
    }

    /// Another broker with what this one has kept; this one stops.
    pub(crate) fn restart(self) -> Self {
        let Self { broker, dir } = self;
        drop(broker);
        let broker = Broker::start(config(&dir), Clock::system()).unwrap();
        Self { broker, dir }
    }

    /// A broker with what this one's disk says at this instant: what `kill -9` leaves.
    pub(crate) fn after_kill(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(self.dir.path(), dir.path());
        let broker = Broker::start(config(&dir), Clock::system()).unwrap();
        Self { broker, dir }
    }

    /// With a TLS listener, whose CA is in the returned file's text.
    pub(crate) fn start_tls() -> (Self, String) {
        let cert = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let pem = cert.cert.pem();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(cert.signing_key.serialize_der()));
        let kit = Self::start_with(|config| {
            config.tls = Some(TlsListener {
                address: "127.0.0.1:0".parse().unwrap(),
                cert_chain: vec![cert.cert.der().clone()],
                key,
            });
        });
        (kit, pem)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.tcp_address().unwrap()
    }

    pub(crate) fn device(&self, name: &str) -> Device {
        self.add(Device::new(name))
    }

    pub(crate) fn add(&self, device: Device) -> Device {
        let registered = [(device.client_id.clone(), device.credential.clone(), None)];
        self.broker.registry().register(&registered).unwrap();
        device
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Waits until `done` holds: for what a broker does behind what it says. Fails after
/// [`PATIENCE`].
pub(crate) fn wait_until(mut done: impl FnMut() -> bool) {
    let clock = Clock::system();
    let start = clock.now();
    while !done() {
        assert!(clock.now() - start < PATIENCE, "it does not come");
        std::thread::yield_now();
    }
}

/// The next event that `pick` wants; fails after [`PATIENCE`].
pub(crate) async fn next<T>(
    receiver: &mut BusReceiver,
    mut pick: impl FnMut(BusEvent) -> Option<T>,
) -> T {
    let wait = async {
        loop {
            let event = receiver.recv().await.expect("the bus was closed");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("no such event came")
}

pub(crate) async fn next_uplink(receiver: &mut BusReceiver) -> Uplink {
    next(receiver, |event| match event {
        BusEvent::Uplink(uplink) => Some(uplink),
        _ => None,
    })
    .await
}

/// Presence of `device` as text: `connect`, `disconnect`, `tcpclean: <reason>`.
pub(crate) async fn next_presence(receiver: &mut BusReceiver, device: &Device) -> (u64, String) {
    next(receiver, |event| match event {
        BusEvent::Presence(presence) if presence.client_id == device.client_id => {
            let text = match presence.kind {
                PresenceKind::Connect { .. } => "connect".into(),
                PresenceKind::Disconnect => "disconnect".into(),
                PresenceKind::TcpClean { reason } => format!("tcpclean: {reason}"),
            };
            Some((presence.channel.0, text))
        }
        _ => None,
    })
    .await
}
