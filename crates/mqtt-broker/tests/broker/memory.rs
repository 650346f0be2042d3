//! Clients in the broker's own process, without sockets.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use mqtt_broker::{MemoryLink, MemoryPeers};
use mqtt_codec::{
    Delivery, Disconnect, Limits, Packet, Properties, ProtocolVersion, Publish, ReasonCode, decode,
    encode,
};

use crate::{
    kit::{Device, Kit, PATIENCE},
    raw::connect_packet,
};

const V: ProtocolVersion = ProtocolVersion::V311;

#[derive(Debug)]
enum Heard {
    Bytes(u32, Vec<u8>),
    Closed(u32),
}

#[derive(Debug)]
struct Peers(SyncSender<Heard>);

impl MemoryPeers for Peers {
    fn take(&self, number: u32, bytes: &[u8]) {
        self.0.try_send(Heard::Bytes(number, bytes.into())).unwrap();
    }

    fn closed(&self, number: u32) {
        // At the end of the test nobody listens.
        self.0.try_send(Heard::Closed(number)).ok();
    }
}

fn say(link: &MemoryLink, number: u32, packet: Packet<'_>) {
    let mut bytes = Vec::new();
    encode(&packet, V, &mut bytes).unwrap();
    link.send(number, bytes.into()).unwrap();
}

fn hear(heard: &Receiver<Heard>, from: u32, check: impl FnOnce(Packet<'_>)) {
    let patience: Duration = PATIENCE;
    let Heard::Bytes(number, bytes) = heard.recv_timeout(patience).unwrap() else {
        panic!("the connection was closed");
    };
    assert_eq!(number, from);
    let limits = Limits {
        version: V,
        packet_len_max: 1_000,
    };
    let (packet, len) = decode(&bytes, limits).unwrap().unwrap();
    assert_eq!(len, bytes.len(), "one packet at a time");
    check(packet);
}

#[test]
fn clients_without_sockets_talk_to_each_other_and_leave() {
    let kit = Kit::start();
    let (sender, heard) = sync_channel(64);
    let link = kit.broker.memory_link(2, Arc::new(Peers(sender)));
    kit.broker
        .registry()
        .create_parent_topic(&"fleet".parse().unwrap())
        .unwrap();
    let group = crate::kit::GROUP.parse().unwrap();
    let access = mqtt_broker::Access::PublishAndSubscribe;
    kit.broker
        .registry()
        .grant(&group, &"fleet".parse().unwrap(), access)
        .unwrap();
    let devices: [Device; 2] = [kit.device("gw-0"), kit.device("gw-1")];
    for (device, number) in devices.iter().zip(0..) {
        say(&link, number, Packet::Connect(connect_packet(device, V)));
        hear(&heard, number, |packet| {
            assert!(
                matches!(packet, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success),
                "{packet:?}"
            );
        });
    }
    let publish = Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: "fleet/p2p/GID_csg_local@@@gw-1",
        properties: Properties::NONE,
        payload: b"hello",
    };
    say(&link, 0, Packet::Publish(publish));
    hear(&heard, 1, |packet| {
        assert!(
            matches!(packet, Packet::Publish(p) if p.payload == b"hello"),
            "{packet:?}"
        );
    });
    let bye = Disconnect {
        reason: ReasonCode::Success,
        properties: Properties::NONE,
    };
    say(&link, 1, Packet::Disconnect(bye));
    let last = heard.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(last, Heard::Closed(1)), "{last:?}");
}
