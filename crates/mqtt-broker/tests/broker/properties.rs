//! Properties: what goes on unchanged, what runs down, and what CONNECT and CONNACK agree on.

use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use mqtt_broker::Broker;
use mqtt_codec::{
    Ack, Auth, Connect, Delivery, Packet, Property,
    ProtocolVersion::{V5, V311},
    QoS, ReasonCode,
};

use crate::{
    kit::{self, Kit, wait_until},
    lab::{Lab, properties, qos1, qos2},
    persistent::keep,
    raw::{Raw, Said, connect_packet},
};

const NOW: Delivery = Delivery::AtMostOnce;

#[test]
fn what_belongs_to_a_message_goes_on_unchanged_and_in_order() {
    let lab = Lab::start();
    let mut new = lab.subscriber("new", "lab/x", QoS::AtMostOnce);
    let mut old = lab.client("old", V311);
    old.subscribe(&[("lab/x", QoS::AtMostOnce)]);
    let list = [
        Property::UserProperty("b", "2"),
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::UserProperty("a", "1"),
        Property::ResponseTopic("lab/answers"),
        Property::CorrelationData(&[0, 255, 7]),
        Property::UserProperty("b", "\u{feff}2"),
    ];
    let mut publisher = lab.client("pub", V5);
    publisher.say_with("lab/x", "m", qos1(1), &list);
    let want: Vec<String> = list.iter().map(|p| format!("{p:?}")).collect();
    assert_eq!(new.see().properties, want);
    assert_eq!(old.see().payload, "m");
}

#[test]
fn a_payload_that_is_not_the_text_it_says_is_refused() {
    let lab = Lab::start();
    let mut raw = lab.client("pub", V5);
    let list = properties(&[Property::PayloadFormatIndicator(true)]);
    let publish = |delivery| {
        Packet::Publish(mqtt_codec::Publish {
            delivery,
            retain: false,
            topic: "lab/x",
            properties: list.as_properties(),
            payload: &[0xc3, 0x28],
        })
    };
    raw.send(&publish(qos1(1)));
    let said = raw.recv();
    assert!(
        matches!(&said, Said::PubAck(1, ReasonCode::PayloadFormatInvalid, text) if !text.is_empty()),
        "{said:?}"
    );
    raw.send(&publish(NOW));
    raw.ends_with(ReasonCode::PayloadFormatInvalid);
}

/// A lab whose time stands still.
fn timed() -> (Lab, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_000_000));
    let broker = Broker::start(kit::config(&dir), clock.clone()).unwrap();
    (Lab::of(Kit { broker, dir }), clock)
}

#[test]
fn an_expiry_interval_runs_down_while_a_message_waits() {
    let (lab, clock) = timed();
    let mut subscriber = lab.client_with("sub", &[Property::ReceiveMaximum(1)]);
    subscriber.subscribe(&[("lab/x", QoS::AtLeastOnce)]);
    let mut publisher = lab.client("pub", V5);
    for (payload, expiry_s) in [("at once", 30), ("late", 30), ("too late", 4), ("last", 5)] {
        let expiry = Property::MessageExpiryInterval(expiry_s);
        publisher.say_with("lab/x", payload, qos1(1), &[expiry]);
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
    }
    let first = subscriber.see();
    assert_eq!(first.properties, ["MessageExpiryInterval(30)"]);
    clock.advance(Duration::from_millis(4_100));
    subscriber.send(&Packet::PubAck(Ack::success(first.packet_id())));
    let late = subscriber.see();
    let late_id = late.packet_id();
    assert_eq!(
        (&*late.payload, late.properties),
        ("late", vec!["MessageExpiryInterval(26)".into()])
    );
    subscriber.send(&Packet::PubAck(Ack::success(late_id)));
    let last = subscriber.see();
    assert_eq!(
        (&*last.payload, last.properties),
        ("last", vec!["MessageExpiryInterval(1)".into()])
    );
}

#[test]
fn an_exchange_goes_on_although_the_message_has_expired() {
    let (lab, clock) = timed();
    let mut subscriber = lab.subscriber("sub", "lab/x", QoS::ExactlyOnce);
    let mut publisher = lab.client("pub", V5);
    let expiry = Property::MessageExpiryInterval(1);
    publisher.say_with("lab/x", "m", qos2(1), &[expiry]);
    assert!(matches!(
        publisher.recv(),
        Said::PubRec(1, ReasonCode::Success, _)
    ));
    let n = subscriber.see().packet_id();
    clock.advance(Duration::from_secs(5));
    publisher.say_with("lab/x", "m", qos2(1), &[expiry]);
    assert!(matches!(
        publisher.recv(),
        Said::PubRec(1, ReasonCode::Success, _)
    ));
    assert_eq!(publisher.release(1), ReasonCode::Success);
    subscriber.send(&Packet::PubRec(Ack::success(n)));
    assert_eq!(
        subscriber.recv(),
        Said::PubRel(n.get(), ReasonCode::Success)
    );
    subscriber.send(&Packet::PubComp(Ack::success(n)));
    subscriber.ping();
    // One that has expired before it is given out is answered all the same.
    publisher.say_with("lab/x", "m", qos2(2), &[Property::MessageExpiryInterval(0)]);
    assert!(matches!(
        publisher.recv(),
        Said::PubRec(2, ReasonCode::Success, _)
    ));
    assert_eq!(publisher.release(2), ReasonCode::Success);
    assert!(subscriber.is_silent());
}

#[test]
fn what_was_sent_once_does_not_expire() {
    let (lab, clock) = timed();
    let device = lab.device("sub");
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    raw.subscribe(&[("lab/x", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    let mut publish = |n: u16| {
        let expiry = Property::MessageExpiryInterval(5);
        publisher.say_with("lab/x", &n.to_string(), qos2(n), &[expiry]);
        assert!(matches!(publisher.recv(), Said::PubRec(..)));
        assert_eq!(publisher.release(n), ReasonCode::Success);
    };
    publish(1);
    assert_eq!(raw.see().payload, "1");
    raw.hang_up();
    wait_until(|| lab.0.broker.metrics().clients <= 1);
    publish(2);
    clock.advance(Duration::from_secs(6));
    let (mut raw, present) = keep(&lab, &device, V5, 3_600);
    assert!(present);
    let again = raw.see();
    let (packet_id, dup) = (again.packet_id(), true);
    assert_eq!(again.delivery, Delivery::ExactlyOnce { packet_id, dup });
    assert_eq!(again.payload, "1");
    assert_eq!(again.properties, ["MessageExpiryInterval(0)"]);
    // The second was never sent, and has expired.
    assert!(raw.is_silent());
}

#[test]
fn connack_says_what_there_is() {
    let lab = Lab::start();
    let device = lab.device("one");
    let list = properties(&[Property::RequestResponseInformation(true)]);
    let mut raw = Raw::open(lab.0.address(), V5);
    raw.send(&Packet::Connect(Connect {
        keep_alive_s: 900,
        properties: list.as_properties(),
        ..connect_packet(&device, V5)
    }));
    let said = raw.recv_as(|packet| match packet {
        Packet::ConnAck(ack) => {
            assert!(!ack.session_present);
            ack.properties
                .iter()
                .map(|p| format!("{p:?}"))
                .collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    });
    let said = said.unwrap();
    for want in [
        "ServerKeepAlive(480)",
        "ResponseInformation(\"p2p/GID_lab@@@one\")",
        "ReceiveMaximum(1024)",
        "TopicAliasMaximum(32)",
        "MaximumPacketSize(131072)",
    ] {
        assert!(said.iter().any(|p| p == want), "{want} in {said:?}");
    }
    // Unsaid: all of QoS, wildcards, identifiers and shared subscriptions are there.
    for missing in [
        "MaximumQoS",
        "Wildcard",
        "SubscriptionIdentifier",
        "Shared",
        "Assigned",
    ] {
        assert!(!said.iter().any(|p| p.contains(missing)), "{said:?}");
    }
}

#[test]
fn a_request_is_answered_p2p_by_whoever_got_it() {
    let lab = Lab::start();
    let mut responder = lab.subscriber("responder", "lab/requests", QoS::AtLeastOnce);
    let mut requester = lab.client("requester", V5);
    let list = [
        Property::ResponseTopic("lab/p2p/GID_lab@@@requester"),
        Property::CorrelationData(b"42"),
    ];
    requester.say_with("lab/requests", "?", NOW, &list);
    assert_eq!(responder.see().properties.len(), 2);
    responder.say_with("lab/p2p/GID_lab@@@requester", "!", NOW, &list[1..]);
    let seen = requester.see();
    assert_eq!(seen.payload, "!");
    assert_eq!(seen.properties, ["CorrelationData([52, 50])"]);
}

#[test]
fn reasons_are_given_only_to_who_asks() {
    let lab = Lab::start();
    let mut raw = lab.client_with("quiet", &[Property::RequestProblemInformation(false)]);
    raw.say("lab//x", "m", qos1(1));
    assert_eq!(
        raw.recv(),
        Said::PubAck(1, ReasonCode::TopicNameInvalid, String::new())
    );
    raw.send(&Packet::PubRel(Ack::success(crate::lab::id(9))));
    assert!(matches!(
        raw.recv(),
        Said::PubComp(9, ReasonCode::PacketIdentifierNotFound)
    ));
}

#[test]
fn authentication_that_was_not_agreed_on_is_refused() {
    let lab = Lab::start();
    let device = lab.device("one");
    let list = properties(&[Property::AuthenticationMethod("SCRAM-SHA-1")]);
    let mut raw = Raw::open(lab.0.address(), V5);
    raw.send(&Packet::Connect(Connect {
        properties: list.as_properties(),
        ..connect_packet(&device, V5)
    }));
    let said = raw.recv();
    assert!(
        matches!(said, Said::ConnAck(ReasonCode::BadAuthenticationMethod, _)),
        "{said:?}"
    );
    assert_eq!(raw.recv(), Said::Closed);
    let mut raw = lab.client("two", V5);
    raw.send(&Packet::Auth(Auth {
        reason: ReasonCode::ReAuthenticate,
        properties: list.as_properties(),
    }));
    raw.ends_with(ReasonCode::ProtocolError);
    // Before CONNECT it is as out of place as any other packet.
    let mut stranger = Raw::open(lab.0.address(), V5);
    stranger.send(&Packet::Auth(Auth {
        reason: ReasonCode::ContinueAuthentication,
        properties: list.as_properties(),
    }));
    assert_eq!(stranger.recv(), Said::Closed);
}

#[test]
fn a_client_does_not_send_subscription_identifiers_with_messages() {
    let lab = Lab::start();
    let mut raw = lab.client("one", V5);
    raw.say_with("lab/x", "m", NOW, &[Property::SubscriptionIdentifier(1)]);
    raw.ends_with(ReasonCode::ProtocolError);
}
