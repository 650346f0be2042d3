//! One session with its surroundings, for tests and for the fuzzer: the shard's part is played
//! here, and so is a client that believes nothing.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::Clock;
use hmac::{Hmac, Mac as _};
use model::{Credential, Secret, Timestamp};
use mqtt_codec::{
    Connect, Delivery, Limits, Packet, PacketId, Properties, Property, ProtocolVersion, Publish,
    QoS, ReasonCode, decode,
};
use sha1::Sha1;

use super::{Context, End, Output, Request, Session, Visitor, subscribe};
use crate::{
    group_load::GroupLoad,
    inbox::Delivered,
    interest::Interest,
    limits::{INFLIGHT_MAX, PACKET_LEN_MAX, RECEIVE_MAX, TOPIC_ALIASES_OUT_MAX},
    message::{MessageRef, Outgoing, SubscriptionId, Terms},
    offline::Offline,
    registry::{Access, Registry},
    routes::{Routes, Seat},
    shared_subscriptions::SharedSubscriptions,
    subscriptions::Subscriptions,
};

pub(super) const CLIENT_ID: &str = "GID_test@@@gw-1";
/// Where anybody of the group may publish and subscribe.
pub(super) const PARENT: &str = "lab";

pub(super) struct Bench {
    pub(super) clock: Clock,
    registry: Arc<Registry>,
    channels: AtomicU64,
    tree: Subscriptions,
    interest: Interest,
    shared: SharedSubscriptions,
    offline: Offline,
    routes: Routes,
    pub(super) session: Session,
    pub(super) out: Output,
    pub(super) client: Client,
}

/// What a client knows, and how it checks what it is told.
#[derive(Debug)]
pub(super) struct Client {
    version: ProtocolVersion,
    receive_max: usize,
    packet_len_max: usize,
    alias_max: u16,
    aliases: HashSet<u16>,
    /// Messages that it was sent and has not answered to the end.
    pub(super) in_flight: Vec<(PacketId, QoS)>,
}

/// What a client agrees on in CONNECT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub(super) version: ProtocolVersion,
    pub(super) receive_max: Option<u16>,
    pub(super) packet_len_max: Option<u32>,
    pub(super) alias_max: Option<u16>,
}

impl Agreed {
    pub(super) const fn plain(version: ProtocolVersion) -> Self {
        Self {
            version,
            receive_max: None,
            packet_len_max: None,
            alias_max: None,
        }
    }

    fn properties(self) -> mqtt_codec::PropertiesBuf {
        let mut properties = mqtt_codec::PropertiesBuf::new();
        let receive = self.receive_max.map(Property::ReceiveMaximum);
        let size = self.packet_len_max.map(Property::MaximumPacketSize);
        let aliases = self.alias_max.map(Property::TopicAliasMaximum);
        if self.version.has_properties() {
            for property in receive.into_iter().chain(size).chain(aliases) {
                properties.push(property).expect("numbers are short");
            }
        }
        properties
    }
}

/// A registry in `dir` that knows the client.
pub(crate) fn registry(dir: &Path) -> Arc<Registry> {
    let clock = Clock::manual(Timestamp::from_millis(1));
    let registry = Registry::open(dir, clock).expect("the directory is there");
    let group = "GID_test".parse().expect("a group");
    registry.ensure_fleet_group(&group).expect("it is stored");
    let parent = PARENT.parse().expect("a parent topic");
    registry.create_parent_topic(&parent).expect("it is stored");
    let access = Access::PublishAndSubscribe;
    registry
        .grant(&group, &parent, access)
        .expect("it is stored");
    let credential = Credential {
        access_key_id: "k".into(),
        secret: Secret::new("s"),
    };
    let client_id = CLIENT_ID.parse().expect("a client ID");
    registry
        .register(&[(client_id, credential, None)])
        .expect("it is stored");
    Arc::new(registry)
}

impl Bench {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        Self {
            clock: Clock::manual(Timestamp::from_millis(1)),
            registry: Arc::clone(registry),
            channels: AtomicU64::new(1),
            tree: Subscriptions::new(),
            interest: Interest::new(),
            shared: SharedSubscriptions::default(),
            offline: Offline::without_disk(),
            routes: Routes::new(),
            session: Session::AwaitConnect,
            out: Output::default(),
            client: Client::new(Agreed::plain(ProtocolVersion::V5)),
        }
    }

    /// Handles all packets in `bytes`, until the session ends.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), End> {
        loop {
            let limits = Limits {
                version: self.session.version(),
                packet_len_max: PACKET_LEN_MAX,
            };
            let Some((packet, len)) = decode(bytes, limits).map_err(End::Malformed)? else {
                return Ok(());
            };
            self.handle(packet)?;
            bytes = bytes.get(len..).unwrap_or_default();
        }
    }

    pub(super) fn handle(&mut self, packet: Packet<'_>) -> Result<(), End> {
        let Self {
            clock,
            registry,
            channels,
            tree,
            interest,
            shared,
            offline,
            routes,
            session,
            out,
            ..
        } = self;
        let (seat, start) = (Seat { shard: 0, slot: 0 }, out.mark());
        let context = Context {
            registry,
            instance: "causeway",
            channels,
            clock,
            groups: &GroupLoad::new(None),
            routes,
            offline,
            seat,
            visitor: Visitor::default(),
        };
        let request = session.handle(packet, &context, out)?;
        out.seal(start, offline.durable());
        let Some(live) = session.live() else {
            return Ok(());
        };
        let mut desk = subscribe::Desk {
            tree,
            interest,
            shared,
            seat,
            moved: Vec::new(),
        };
        match request {
            Request::Nothing | Request::Connected { .. } => Ok(()),
            Request::Publish(incoming) => {
                live.acknowledge(incoming.delivery, ReasonCode::Success, "", out)
            }
            Request::Refused(refused) => refused.end.map_or(Ok(()), Err),
            Request::Subscribe(subscribe) => live.subscribe(&subscribe, &context, &mut desk, out),
            Request::TokensChanged => Ok(()),
            Request::Unsubscribe(unsubscribe) => {
                live.unsubscribe(&unsubscribe, &context, &mut desk, out)
            }
        }
    }

    pub(super) fn connect(&mut self, agreed: Agreed) -> Result<(), End> {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"s").expect("any key does");
        mac.update(CLIENT_ID.as_bytes());
        let password = STANDARD.encode(mac.finalize().into_bytes());
        let properties = agreed.properties();
        self.client = Client::new(agreed);
        self.handle(Packet::Connect(Connect {
            version: agreed.version,
            clean_start: true,
            keep_alive_s: 30,
            properties: properties.as_properties(),
            client_id: CLIENT_ID,
            will: None,
            user_name: Some("DeviceCredential|k|causeway"),
            password: Some(password.as_bytes()),
        }))
    }

    /// Connects as plainly as possible.
    #[cfg(test)]
    pub(super) fn connect_plain(&mut self, version: ProtocolVersion) {
        self.connect(Agreed::plain(version)).unwrap();
        self.out.sent(usize::MAX);
    }

    pub(super) fn deliver(&mut self, parts: MessageRef<'_>, ids: &[SubscriptionId]) -> Delivered {
        let terms = Terms { ids, ..Terms::P2P };
        match self.session.live() {
            Some(live) => live.deliver(
                &Outgoing::borrowed(parts),
                terms,
                &self.clock,
                &mut self.out,
            ),
            None => Delivered::Gone,
        }
    }

    /// The client reads all that was said, checks it, and there is room for more.
    pub(super) fn drain(&mut self) {
        self.drain_last();
        if let Some(live) = self.session.live() {
            live.send_waiting(&self.clock, &mut self.out);
        }
    }

    /// The client reads the last of it.
    pub(super) fn drain_last(&mut self) {
        let pending = self.out.pending().to_vec();
        self.out.sent(pending.len());
        let mut rest = &pending[..];
        let limits = Limits {
            version: self.client.version,
            packet_len_max: u32::MAX,
        };
        while !rest.is_empty() {
            let (packet, len) = decode(rest, limits)
                .expect("what a server says is MQTT")
                .expect("a server says whole packets");
            assert!(len <= self.client.packet_len_max, "{len} bytes");
            self.client.read(&packet);
            rest = rest.get(len..).unwrap_or_default();
        }
    }

    /// What a session never holds more of.
    pub(super) fn check(&mut self) {
        let received = self.session.live().and_then(|live| live.extras.as_ref());
        let received = received.map_or(0, |extras| extras.received.len());
        if self.client.version.has_properties() {
            assert!(received <= usize::from(RECEIVE_MAX));
        }
    }
}

impl Client {
    fn new(agreed: Agreed) -> Self {
        let or_any = |max: Option<u32>| {
            max.and_then(|max| usize::try_from(max).ok())
                .unwrap_or(usize::MAX)
        };
        let new = agreed.version.has_properties();
        Self {
            version: agreed.version,
            receive_max: usize::from(
                agreed
                    .receive_max
                    .filter(|_| new)
                    .unwrap_or(u16::MAX)
                    .min(INFLIGHT_MAX),
            ),
            packet_len_max: or_any(agreed.packet_len_max.filter(|_| new)),
            alias_max: agreed.alias_max.unwrap_or(0).min(TOPIC_ALIASES_OUT_MAX),
            aliases: HashSet::new(),
            in_flight: Vec::new(),
        }
    }

    fn read(&mut self, packet: &Packet<'_>) {
        if let Packet::Publish(publish) = packet {
            self.read_publish(publish);
        }
    }

    fn read_publish(&mut self, publish: &Publish<'_>) {
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, dup } | Delivery::ExactlyOnce { packet_id, dup } => {
                assert!(!dup, "nothing is sent twice over one connection");
                let in_use = self.in_flight.iter().any(|(id, _)| *id == packet_id);
                assert!(!in_use, "{packet_id} is in use");
                self.in_flight.push((packet_id, publish.delivery.qos()));
                assert!(self.in_flight.len() <= self.receive_max);
            }
        }
        let alias = publish.properties.iter().find_map(|p| match p {
            Property::TopicAlias(alias) => Some(alias),
            _ => None,
        });
        if let Some(alias) = alias {
            assert!((1..=self.alias_max).contains(&alias));
            assert_eq!(publish.topic.is_empty(), !self.aliases.insert(alias));
        }
    }
}

/// A message to the client itself.
pub(super) const fn to_client(payload: &[u8], qos: QoS) -> MessageRef<'_> {
    MessageRef {
        topic: "csg_cmd/p2p/GID_test@@@gw-1",
        properties: Properties::NONE,
        payload,
        qos,
        retain: false,
        expires_at: None,
    }
}
