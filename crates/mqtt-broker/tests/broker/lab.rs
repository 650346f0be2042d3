//! A broker with a group that may publish and subscribe anywhere below `lab`, and clients that
//! see whole packets: what MQTT itself says is tested here, the queue's rules elsewhere.

use mqtt_broker::Access;
use mqtt_codec::{
    Ack, Connect, Delivery, FilterList, Packet, PacketId, Properties, PropertiesBuf, Property,
    ProtocolVersion, Publish, QoS, ReasonCode, Subscribe, SubscribeOptions, Unsubscribe,
};

use crate::{
    kit::{Device, Kit},
    raw::{Raw, Said, connect_packet},
};

pub(crate) const LAB: &str = "GID_lab";

/// A message as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) delivery: Delivery,
    pub(crate) retain: bool,
    /// As they are written in Rust.
    pub(crate) properties: Vec<String>,
}

impl Seen {
    pub(crate) fn packet_id(&self) -> PacketId {
        match self.delivery {
            Delivery::AtMostOnce => panic!("QoS 0 has no identifier"),
            Delivery::AtLeastOnce { packet_id, .. } | Delivery::ExactlyOnce { packet_id, .. } => {
                packet_id
            }
        }
    }
}

pub(crate) fn id(n: u16) -> PacketId {
    PacketId::new(n).unwrap()
}

pub(crate) fn qos1(n: u16) -> Delivery {
    let (packet_id, dup) = (id(n), false);
    Delivery::AtLeastOnce { packet_id, dup }
}

pub(crate) fn qos2(n: u16) -> Delivery {
    let (packet_id, dup) = (id(n), false);
    Delivery::ExactlyOnce { packet_id, dup }
}

pub(crate) fn properties(list: &[Property<'_>]) -> PropertiesBuf {
    let mut properties = PropertiesBuf::new();
    list.iter().for_each(|p| properties.push(*p).unwrap());
    properties
}

pub(crate) struct Lab(pub(crate) Kit);

impl Lab {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut mqtt_broker::BrokerConfig)) -> Self {
        Self::of(Kit::start_with(change))
    }

    pub(crate) fn of(kit: Kit) -> Self {
        let registry = kit.broker.registry();
        let group = LAB.parse().unwrap();
        registry.create_group(&group).unwrap();
        let parent = "lab".parse().unwrap();
        registry.create_parent_topic(&parent).unwrap();
        registry
            .grant(&group, &parent, Access::PublishAndSubscribe)
            .unwrap();
        Self(kit)
    }

    pub(crate) fn device(&self, name: &str) -> Device {
        self.0.add(Device::of_group(LAB, name))
    }

    pub(crate) fn client(&self, name: &str, version: ProtocolVersion) -> Raw {
        Raw::connect(self.0.address(), &self.device(name), version)
    }

    /// An MQTT 5 client with these properties in CONNECT.
    pub(crate) fn client_with(&self, name: &str, list: &[Property<'_>]) -> Raw {
        let device = self.device(name);
        let properties = properties(list);
        let mut raw = Raw::open(self.0.address(), ProtocolVersion::V5);
        raw.send(&Packet::Connect(Connect {
            properties: properties.as_properties(),
            ..connect_packet(&device, ProtocolVersion::V5)
        }));
        let said = raw.recv();
        assert_eq!(said, Said::ConnAck(ReasonCode::Success, String::new()));
        raw
    }

    /// A client that has been here before, and goes on with its session.
    pub(crate) fn resume(&self, name: &str) -> Raw {
        let device = Device::of_group(LAB, name);
        let properties = properties(&[Property::SessionExpiryInterval(600)]);
        let mut raw = Raw::open(self.0.address(), ProtocolVersion::V5);
        raw.send(&Packet::Connect(Connect {
            clean_start: false,
            properties: properties.as_properties(),
            ..connect_packet(&device, ProtocolVersion::V5)
        }));
        let said = raw.recv();
        assert_eq!(said, Said::ConnAck(ReasonCode::Success, String::new()));
        raw
    }

    /// A client that has subscribed with one filter.
    pub(crate) fn subscriber(&self, name: &str, filter: &str, qos: QoS) -> Raw {
        let mut raw = self.client(name, ProtocolVersion::V5);
        assert!(!raw.subscribe(&[(filter, qos)])[0].is_failure());
        raw
    }
}

impl Raw {
    pub(crate) fn say(&mut self, topic: &str, payload: &str, delivery: Delivery) {
        self.say_with(topic, payload, delivery, &[]);
    }

    pub(crate) fn say_with(
        &mut self,
        topic: &str,
        payload: &str,
        delivery: Delivery,
        list: &[Property<'_>],
    ) {
        let properties = properties(list);
        self.send(&Packet::Publish(Publish {
            delivery,
            retain: false,
            topic,
            properties: properties.as_properties(),
            payload: payload.as_bytes(),
        }));
    }

    /// PUBREL, and its PUBCOMP.
    pub(crate) fn release(&mut self, n: u16) -> ReasonCode {
        self.send(&Packet::PubRel(Ack::success(id(n))));
        match self.recv() {
            Said::PubComp(got, reason) if got == n => reason,
            other => panic!("not the PUBCOMP: {other:?}"),
        }
    }

    pub(crate) fn see(&mut self) -> Seen {
        let seen = self.recv_as(|packet| match packet {
            Packet::Publish(publish) => Seen {
                topic: publish.topic.to_owned(),
                payload: String::from_utf8_lossy(publish.payload).into_owned(),
                delivery: publish.delivery,
                retain: publish.retain,
                properties: publish
                    .properties
                    .iter()
                    .map(|p| format!("{p:?}"))
                    .collect(),
            },
            other => panic!("not a PUBLISH: {other:?}"),
        });
        seen.expect("the connection is closed")
    }

    /// Subscribes with options and properties.
    pub(crate) fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscribeOptions,
        list: &[Property<'_>],
    ) -> Said {
        let properties = properties(list);
        let mut filters = FilterList::new();
        filters.push_with(filter, options, self.version).unwrap();
        self.send(&Packet::Subscribe(Subscribe {
            packet_id: PacketId::MAX,
            properties: properties.as_properties(),
            filters: filters.for_subscribe(self.version),
        }));
        self.recv()
    }

    pub(crate) fn unsubscribe(&mut self, filters: &[&str]) -> Said {
        let mut list = FilterList::new();
        filters.iter().for_each(|filter| list.push(filter).unwrap());
        self.send(&Packet::Unsubscribe(Unsubscribe {
            packet_id: PacketId::MAX,
            properties: Properties::NONE,
            filters: list.for_unsubscribe(),
        }));
        self.recv()
    }

    /// The broker ends the connection, and says this reason.
    pub(crate) fn ends_with(&mut self, reason: ReasonCode) {
        let said = self.recv();
        assert!(
            matches!(&said, Said::Disconnect(got, text) if *got == reason && !text.is_empty()),
            "{said:?}"
        );
        assert_eq!(self.recv(), Said::Closed);
    }
}
