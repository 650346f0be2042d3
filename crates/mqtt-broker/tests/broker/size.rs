//! The client's maximum packet size binds the broker.

use mqtt_codec::{Connect, Delivery, Packet, Property, ProtocolVersion::V5, QoS, ReasonCode};

use crate::{
    lab::{Lab, properties, qos1},
    raw::{Raw, Said, connect_packet},
};

#[test]
fn a_message_that_is_too_long_for_a_client_is_not_sent_to_it() {
    let lab = Lab::start();
    // CONNACK has to fit, too.
    let max = 100;
    let mut small = lab.client_with("small", &[Property::MaximumPacketSize(max)]);
    let mut large = lab.client("large", V5);
    for raw in [&mut small, &mut large] {
        raw.subscribe(&[("lab/x", QoS::AtLeastOnce)]);
    }
    let mut publisher = lab.client("pub", V5);
    // Type, length, topic with its length, identifier, properties' length: 12 bytes.
    for len in [89, 88] {
        let payload = "x".repeat(len);
        publisher.say("lab/x", &payload, qos1(1));
        assert!(matches!(
            publisher.recv(),
            Said::PubAck(1, ReasonCode::Success, _)
        ));
        assert_eq!(large.see().payload, payload);
    }
    assert_eq!(small.see().payload.len(), 88);
    small.ping();
}

#[test]
fn an_alias_does_not_make_a_message_too_long() {
    let lab = Lab::start();
    let limits = [
        Property::MaximumPacketSize(100),
        Property::TopicAliasMaximum(5),
    ];
    let mut small = lab.client_with("small", &limits);
    small.subscribe(&[("lab/x", QoS::AtMostOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", &"x".repeat(90), Delivery::AtMostOnce);
    let seen = small.see();
    assert_eq!((&*seen.topic, seen.properties.len()), ("lab/x", 0));
    publisher.say("lab/x", "short", Delivery::AtMostOnce);
    assert_eq!(small.see().properties, ["TopicAlias(1)"]);
}

#[test]
fn a_reason_that_does_not_fit_is_left_out() {
    let lab = Lab::start();
    let mut small = lab.client_with("small", &[Property::MaximumPacketSize(50)]);
    small.say("lab//x", "m", qos1(3));
    let said = small.recv();
    assert_eq!(
        said,
        Said::PubAck(3, ReasonCode::TopicNameInvalid, String::new())
    );
    assert_eq!(
        small.subscribe(&[("csg_cmd/#", QoS::AtMostOnce)]),
        [ReasonCode::NotAuthorized]
    );
    let many = [("lab/x", QoS::AtMostOnce); 60];
    // 60 codes make more than 50 bytes, so the answer cannot be given.
    let mut list = mqtt_codec::FilterList::new();
    for (filter, qos) in many {
        list.push_with(filter, mqtt_codec::SubscribeOptions::qos(qos), V5)
            .unwrap();
    }
    small.send(&Packet::Subscribe(mqtt_codec::Subscribe {
        packet_id: crate::lab::id(1),
        properties: mqtt_codec::Properties::NONE,
        filters: list.for_subscribe(V5),
    }));
    let said = small.recv();
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::PacketTooLarge, _)),
        "{said:?}"
    );
}

#[test]
fn an_unsubscription_that_cannot_be_answered_is_one_and_takes_none_of_others() {
    let lab = Lab::start_with(|config| config.threads = 1);
    let mut small = lab.client_with("small", &[Property::MaximumPacketSize(50)]);
    small.subscribe(&[("lab/x", QoS::AtMostOnce)]);
    let mut second = lab.subscriber("second", "lab/x", QoS::AtMostOnce);
    let mut third = lab.subscriber("third", "lab/x", QoS::AtMostOnce);
    // 60 codes make more than 50 bytes.
    let said = small.unsubscribe(&[&["lab/x"][..], &["lab/other"; 59]].concat());
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::PacketTooLarge, _)),
        "{said:?}"
    );
    // Those behind it have moved to other places in the list, and know that.
    assert_eq!(
        second.unsubscribe(&["lab/x"]),
        Said::UnsubAck(vec![ReasonCode::Success])
    );
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "to the third alone", Delivery::AtMostOnce);
    assert_eq!(third.see().payload, "to the third alone");
    second.ping();
    assert_eq!(
        third.unsubscribe(&["lab/x"]),
        Said::UnsubAck(vec![ReasonCode::Success])
    );
    publisher.ping();
}

#[test]
fn a_client_that_takes_no_connack_gets_none() {
    let lab = Lab::start();
    let device = lab.device("tiny");
    let check = |max: u32, want: &Said| {
        let properties = properties(&[Property::MaximumPacketSize(max)]);
        let mut raw = Raw::open(lab.0.address(), V5);
        raw.send(&Packet::Connect(Connect {
            properties: properties.as_properties(),
            ..connect_packet(&device, V5)
        }));
        assert_eq!(&raw.recv(), want);
        assert_eq!(raw.recv(), Said::Closed);
    };
    check(4, &Said::Closed);
    check(6, &Said::ConnAck(ReasonCode::PacketTooLarge, String::new()));
}
