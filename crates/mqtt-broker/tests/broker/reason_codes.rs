//! What a broker of MQTT 5 says is of the packet that it is said in: each refusal that a client
//! can bring about, one after the other.

use std::collections::BTreeSet;

use message_bus::AdminCall;
use mqtt_codec::{
    Connect, Delivery, Packet, PacketType, Property, ProtocolVersion::V5, Publish, QoS, ReasonCode,
};

use crate::{
    kit::Kit,
    lab::{LAB, Lab, properties, qos1, qos2},
    raw::{Raw, Said, connect_packet},
};

/// All reasons that were said, each of which the packet may carry.
fn check(packet: PacketType, said: &[ReasonCode], at_least: &[ReasonCode]) {
    for reason in said {
        assert!(reason.belongs_to(packet), "{reason:?} in {packet:?}");
    }
    let values = |list: &[ReasonCode]| list.iter().map(|r| r.value()).collect::<BTreeSet<u8>>();
    let (said, wanted) = (values(said), values(at_least));
    assert!(said.is_superset(&wanted), "{said:?} lacks of {wanted:?}");
}

fn connack(kit: &Kit, connect: Connect<'_>) -> ReasonCode {
    let mut raw = Raw::open(kit.address(), V5);
    raw.send(&Packet::Connect(connect));
    match raw.recv() {
        Said::ConnAck(reason, _) => reason,
        other => panic!("not a CONNACK: {other:?}"),
    }
}

#[tokio::test]
async fn connack_says_what_connack_may_say() {
    let lab = Lab::start_with(|config| config.group_clients_max = Some(1));
    let kit = &lab.0;
    let (good, blocked) = (lab.device("good"), lab.device("blocked"));
    let client_id = blocked.client_id.clone();
    let block = AdminCall::Block { client_id };
    kit.broker.bus().administer(block).await.unwrap();
    let packet = connect_packet(&good, V5);
    let method = properties(&[Property::AuthenticationMethod("SCRAM-SHA-1")]);
    let other_group = format!("GID_none@@@{}", good.client_id.device());
    let (client_id, password) = ("nobody", Some(&b"!"[..]));
    let said = [
        connack(
            kit,
            Connect {
                client_id,
                ..packet
            },
        ),
        connack(kit, Connect { password, ..packet }),
        connack(
            kit,
            Connect {
                client_id: &other_group,
                ..packet
            },
        ),
        connack(kit, connect_packet(&blocked, V5)),
        connack(
            kit,
            Connect {
                properties: method.as_properties(),
                ..packet
            },
        ),
    ];
    let first = Raw::connect(kit.address(), &good, V5);
    let full = connack(kit, connect_packet(&lab.device("second"), V5));
    drop(first);
    let said = [&said[..], &[full]].concat();
    check(
        PacketType::ConnAck,
        &said,
        &[
            ReasonCode::ClientIdentifierNotValid,
            ReasonCode::BadUserNameOrPassword,
            ReasonCode::NotAuthorized,
            ReasonCode::Banned,
            ReasonCode::BadAuthenticationMethod,
            ReasonCode::QuotaExceeded,
        ],
    );
}

/// What is said about messages that break a rule, and to those that break none.
fn answers(delivery: fn(u16) -> Delivery) -> Vec<ReasonCode> {
    let lab = Lab::start();
    let _subscriber = lab.subscriber("sub", "lab/heard", QoS::ExactlyOnce);
    let mut raw = lab.client("pub", V5);
    let long = "x".repeat(64 * 1024 + 1);
    let text = properties(&[Property::PayloadFormatIndicator(true)]);
    let messages: [(&str, &[u8], bool); 6] = [
        ("lab/heard", b"x", false),
        ("lab/unheard", b"x", false),
        ("csg_cmd/x", b"x", false),
        ("lab//x", b"x", false),
        ("lab/heard", long.as_bytes(), false),
        ("lab/heard", b"\xff", true),
    ];
    let mut said = Vec::new();
    for (n, (topic, payload, is_text)) in (1..).zip(messages) {
        raw.send(&Packet::Publish(Publish {
            delivery: delivery(n),
            retain: false,
            topic,
            properties: if is_text {
                text.as_properties()
            } else {
                mqtt_codec::Properties::NONE
            },
            payload,
        }));
        match raw.recv() {
            Said::PubAck(_, reason, _) | Said::PubRec(_, reason, _) => said.push(reason),
            other => panic!("{topic}: {other:?}"),
        }
    }
    said
}

const ANSWERS: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
];

#[test]
fn puback_says_what_puback_may_say() {
    check(PacketType::PubAck, &answers(qos1), &ANSWERS);
}

#[test]
fn pubrec_says_what_pubrec_may_say() {
    check(PacketType::PubRec, &answers(qos2), &ANSWERS);
}

fn farewell(raw: &mut Raw) -> ReasonCode {
    match raw.recv() {
        Said::Disconnect(reason, _) => reason,
        other => panic!("not a DISCONNECT: {other:?}"),
    }
}

/// Does something that ends the connection.
fn provoked(lab: &Lab, name: &str, provoke: impl FnOnce(&mut Raw)) -> ReasonCode {
    let mut raw = lab.client(name, V5);
    provoke(&mut raw);
    farewell(&mut raw)
}

#[tokio::test]
async fn disconnect_says_what_disconnect_may_say() {
    let lab = Lab::start();
    let taken = lab.device("taken");
    let mut old = Raw::connect(lab.0.address(), &taken, V5);
    let _new = Raw::connect(lab.0.address(), &taken, V5);
    let closed = lab.device("closed");
    let mut operator = Raw::connect(lab.0.address(), &closed, V5);
    let client_id = format!("{LAB}@@@closed").parse().unwrap();
    let close = AdminCall::CloseConnection { client_id };
    lab.0.broker.bus().administer(close).await.unwrap();
    let alias = |number| [Property::TopicAlias(number)];
    let mut said = vec![
        farewell(&mut old),
        farewell(&mut operator),
        provoked(&lab, "twice", |raw| {
            let device = lab.device("twice");
            raw.send(&Packet::Connect(connect_packet(&device, V5)));
        }),
        provoked(&lab, "reserved", |raw| raw.send_bytes(&[0xc1, 0])),
        provoked(&lab, "alias", |raw| {
            raw.say_with("lab/x", "m", Delivery::AtMostOnce, &alias(u16::MAX));
        }),
        provoked(&lab, "topic", |raw| {
            raw.say("lab//x", "m", Delivery::AtMostOnce);
        }),
        provoked(&lab, "right", |raw| {
            raw.say("csg_cmd/x", "m", Delivery::AtMostOnce);
        }),
        provoked(&lab, "long", |raw| {
            raw.send_bytes(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
        }),
        provoked(&lab, "unreleased", |raw| {
            for n in 1..=mqtt_broker::limits::RECEIVE_MAX + 1 {
                raw.say("lab/x", "m", qos2(n));
            }
            let mut left = mqtt_broker::limits::RECEIVE_MAX;
            while left > 0 {
                assert!(matches!(raw.recv(), Said::PubRec(..)));
                left -= 1;
            }
        }),
    ];
    let mut last = lab.client("last", V5);
    lab.0.broker.shutdown();
    said.push(farewell(&mut last));
    check(
        PacketType::Disconnect,
        &said,
        &[
            ReasonCode::SessionTakenOver,
            ReasonCode::AdministrativeAction,
            ReasonCode::ProtocolError,
            ReasonCode::MalformedPacket,
            ReasonCode::TopicAliasInvalid,
            ReasonCode::TopicNameInvalid,
            ReasonCode::NotAuthorized,
            ReasonCode::PacketTooLarge,
            ReasonCode::ReceiveMaximumExceeded,
            ReasonCode::ServerShuttingDown,
        ],
    );
}
