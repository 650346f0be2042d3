//! A client over a blocking socket, and a broker's directory that knows it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::Clock;
use hmac::{Hmac, Mac as _};
use model::{ClientId, Credential, Secret};
use mqtt_broker::{Access, Broker, BrokerConfig};
use mqtt_codec::{
    Connect, Limits, Packet, PropertiesBuf, Property, ProtocolVersion, decode, encode,
};
use sha1::Sha1;

const VERSION: ProtocolVersion = ProtocolVersion::V311;
/// Longer than any test.
const SESSION_EXPIRY_S: u32 = 3_600;
pub(crate) const GROUP: &str = "GID_lab";

pub(crate) fn client_id(name: &str) -> ClientId {
    format!("{GROUP}@@@{name}").parse().unwrap()
}

pub(crate) fn secret(name: &str) -> String {
    format!("secret of {name}")
}

/// A broker on `dir`, which any address serves.
pub(crate) fn broker(dir: &Path, address: SocketAddr) -> Broker {
    let mut config = BrokerConfig::new(dir, "causeway");
    config.tcp = Some(address);
    // The offline store's log is made shorter all the time.
    config.offline.segment_len = 8 * 1024;
    config.offline.compact_len_min = 16 * 1024;
    Broker::start(config, Clock::system()).unwrap()
}

/// Lets these clients in, and lets them publish and subscribe below `lab`.
pub(crate) fn admit(broker: &Broker, names: &[String]) {
    let (group, parent) = (GROUP.parse().unwrap(), "lab".parse().unwrap());
    let registry = broker.registry();
    registry.create_group(&group).unwrap();
    registry.create_parent_topic(&parent).unwrap();
    registry
        .grant(&group, &parent, Access::PublishAndSubscribe)
        .unwrap();
    let credential = |name: &String| {
        let access_key_id = format!("key-{name}");
        let secret = Secret::new(secret(name));
        (
            client_id(name),
            Credential {
                access_key_id,
                secret,
            },
            None,
        )
    };
    let credentials: Vec<_> = names.iter().map(credential).collect();
    registry.register(&credentials).unwrap();
}

/// CONNECT of a client of MQTT 3.1.1, as bytes.
pub(crate) fn connect_bytes(name: &str, clean_start: bool) -> Vec<u8> {
    connect_bytes_of(name, clean_start, VERSION)
}

/// CONNECT of a client that speaks `version`. Without a clean start its session lasts.
fn connect_bytes_of(name: &str, clean_start: bool, version: ProtocolVersion) -> Vec<u8> {
    let mut properties = PropertiesBuf::default();
    if version.has_properties() && !clean_start {
        let expiry = Property::SessionExpiryInterval(SESSION_EXPIRY_S);
        properties.push(expiry).unwrap();
    }
    let client_id = client_id(name);
    let mut mac = Hmac::<Sha1>::new_from_slice(secret(name).as_bytes()).unwrap();
    mac.update(client_id.as_str().as_bytes());
    let password = STANDARD.encode(mac.finalize().into_bytes());
    let mut bytes = Vec::new();
    let connect = Connect {
        version,
        clean_start,
        keep_alive_s: 300,
        properties: properties.as_properties(),
        client_id: client_id.as_str(),
        will: None,
        user_name: Some(&format!("DeviceCredential|key-{name}|causeway")),
        password: Some(password.as_bytes()),
    };
    encode(&Packet::Connect(connect), version, &mut bytes).unwrap();
    bytes
}

/// The other end is gone.
#[derive(Debug)]
pub(crate) struct Gone;

pub(crate) struct Peer {
    socket: TcpStream,
    input: Vec<u8>,
    version: ProtocolVersion,
}

impl Peer {
    /// Connects; whether its session was there, which it keeps unless it starts clean.
    pub(crate) fn connect(
        address: SocketAddr,
        name: &str,
        clean_start: bool,
        version: ProtocolVersion,
    ) -> Result<(Self, bool), Gone> {
        let socket = TcpStream::connect(address).map_err(|_e| Gone)?;
        socket.set_nodelay(true).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut peer = Self {
            socket,
            input: Vec::new(),
            version,
        };
        peer.write(&connect_bytes_of(name, clean_start, version))?;
        let present = loop {
            let ack = |packet: Packet<'_>| match packet {
                Packet::ConnAck(ack) => ack.session_present,
                other => panic!("not CONNACK: {other:?}"),
            };
            if let Some(present) = peer.recv(ack)? {
                break present;
            }
        };
        Ok((peer, present))
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) -> Result<(), Gone> {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes).unwrap();
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.socket.write_all(bytes).map_err(|_e| Gone)
    }

    /// The next packet; nothing if none comes for a moment.
    pub(crate) fn recv<T>(
        &mut self,
        take: impl FnOnce(Packet<'_>) -> T,
    ) -> Result<Option<T>, Gone> {
        let limits = Limits {
            version: self.version,
            packet_len_max: u32::MAX,
        };
        loop {
            if let Some((packet, len)) = decode(&self.input, limits).unwrap() {
                let taken = take(packet);
                self.input.drain(..len);
                return Ok(Some(taken));
            }
            let mut buf = [0; 16_384];
            match self.socket.read(&mut buf) {
                Ok(0) => return Err(Gone),
                Ok(len) => self.input.extend_from_slice(&buf[..len]),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(_) => return Err(Gone),
            }
        }
    }
}
