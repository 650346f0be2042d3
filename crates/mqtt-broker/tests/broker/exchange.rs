//! The order of packets, their identifiers and flags, and what ends a connection.

use mqtt_codec::{
    Ack, Connect, Delivery, Disconnect, FilterList, Packet, Properties, Property,
    ProtocolVersion::{V5, V311},
    Publish, QoS, ReasonCode, Subscribe, SubscribeOptions, Unsubscribe, Will, encode,
};

use crate::{
    kit::wait_until,
    lab::{Lab, id, properties, qos1, qos2},
    raw::{Raw, Said, connect_packet},
};

const NOW: Delivery = Delivery::AtMostOnce;

#[test]
fn messages_of_a_publisher_come_in_its_order() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.client("sub", version);
        subscriber.subscribe(&[("lab/#", QoS::ExactlyOnce)]);
        let mut publisher = lab.client("pub", version);
        let count = 150;
        for n in 1..=count {
            publisher.say("lab/q1", &n.to_string(), qos1(n));
            publisher.say("lab/q2", &n.to_string(), qos2(n + count));
            publisher.send(&Packet::PubRel(Ack::success(id(n + count))));
        }
        let (mut next_1, mut next_2, mut left) = (1, 1, 2 * count);
        while left > 0 {
            let seen = subscriber.recv_as(|packet| match packet {
                Packet::Publish(p) => {
                    let n: u16 = std::str::from_utf8(p.payload).unwrap().parse().unwrap();
                    Some((p.delivery, n))
                }
                Packet::PubRel(_) => None,
                other => panic!("{other:?}"),
            });
            match seen.unwrap() {
                Some((Delivery::AtLeastOnce { packet_id, .. }, n)) => {
                    assert_eq!(n, next_1);
                    next_1 += 1;
                    subscriber.send(&Packet::PubAck(Ack::success(packet_id)));
                }
                Some((Delivery::ExactlyOnce { packet_id, .. }, n)) => {
                    assert_eq!(n, next_2);
                    next_2 += 1;
                    subscriber.send(&Packet::PubRec(Ack::success(packet_id)));
                    subscriber.send(&Packet::PubComp(Ack::success(packet_id)));
                }
                Some((Delivery::AtMostOnce, _)) => panic!("QoS 0"),
                None => continue,
            }
            left -= 1;
        }
    }
}

#[test]
fn acknowledgements_come_in_the_order_of_what_they_answer() {
    let lab = Lab::start();
    let mut raw = lab.client("pub", V311);
    for n in 1..=20 {
        raw.say("lab/x", "m", if n % 2 == 0 { qos1(n) } else { qos2(n) });
    }
    for n in 1..=20 {
        let said = raw.recv();
        let got = match said {
            Said::PubAck(got, ..) if n % 2 == 0 => got,
            Said::PubRec(got, ..) if n % 2 == 1 => got,
            other => panic!("{other:?}"),
        };
        assert_eq!(got, n);
    }
}

#[test]
fn dup_is_not_passed_on() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.client("sub", version);
        subscriber.subscribe(&[("lab/x", QoS::ExactlyOnce)]);
        let mut publisher = lab.client("pub", version);
        let (packet_id, dup) = (id(3), true);
        publisher.say("lab/x", "m", Delivery::AtLeastOnce { packet_id, dup });
        publisher.say("lab/x", "m", Delivery::ExactlyOnce { packet_id, dup });
        let (first, second) = (subscriber.see(), subscriber.see());
        assert_eq!(first.delivery, qos1(first.packet_id().get()));
        assert_eq!(second.delivery, qos2(second.packet_id().get()));
        assert_ne!(first.packet_id(), second.packet_id());
    }
}

#[test]
fn after_its_puback_an_identifier_means_a_new_message() {
    let lab = Lab::start();
    let mut subscriber = lab.subscriber("sub", "lab/x", QoS::AtMostOnce);
    let mut publisher = lab.client("pub", V5);
    for (payload, dup) in [("first", false), ("second", true)] {
        let packet_id = id(9);
        publisher.say("lab/x", payload, Delivery::AtLeastOnce { packet_id, dup });
        assert_eq!(
            publisher.recv(),
            Said::PubAck(9, ReasonCode::Success, String::new())
        );
        assert_eq!(subscriber.see().payload, payload);
    }
}

#[test]
fn answers_carry_the_identifier_of_what_they_answer() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut raw = lab.client("one", version);
        let mut filters = FilterList::new();
        let options = SubscribeOptions::qos(QoS::AtMostOnce);
        filters.push_with("lab/x", options, version).unwrap();
        raw.send(&Packet::Subscribe(Subscribe {
            packet_id: id(1_234),
            properties: Properties::NONE,
            filters: filters.for_subscribe(version),
        }));
        let mut filters = FilterList::new();
        filters.push("lab/none").unwrap();
        raw.send(&Packet::Unsubscribe(Unsubscribe {
            packet_id: id(4_321),
            properties: Properties::NONE,
            filters: filters.for_unsubscribe(),
        }));
        let answered = |packet: Packet<'_>| match packet {
            Packet::SubAck(ack) => ack.packet_id.get(),
            Packet::UnsubAck(ack) => ack.packet_id.get(),
            other => panic!("{other:?}"),
        };
        assert_eq!(raw.recv_as(answered), Some(1_234));
        assert_eq!(raw.recv_as(answered), Some(4_321));
    }
}

#[test]
fn a_message_that_was_begun_is_completed_after_unsubscribing() {
    let lab = Lab::start();
    let mut subscriber = lab.subscriber("sub", "lab/x", QoS::ExactlyOnce);
    lab.client("pub", V5).say("lab/x", "m", qos2(1));
    let n = subscriber.see().packet_id();
    subscriber.unsubscribe(&["lab/x"]);
    subscriber.send(&Packet::PubRec(Ack::success(n)));
    assert_eq!(
        subscriber.recv(),
        Said::PubRel(n.get(), ReasonCode::Success)
    );
    subscriber.send(&Packet::PubComp(Ack::success(n)));
    subscriber.ping();
}

#[test]
fn everything_but_messages_goes_on_while_the_receive_maximum_is_reached() {
    let lab = Lab::start();
    let mut raw = lab.client_with("one", &[Property::ReceiveMaximum(1)]);
    raw.subscribe(&[("lab/x", QoS::AtLeastOnce)]);
    let mut publisher = lab.client("pub", V5);
    for n in 1..=3 {
        publisher.say("lab/x", &n.to_string(), qos1(n));
        publisher.recv();
    }
    let first = raw.see();
    raw.ping();
    raw.say("lab/y", "m", qos2(7));
    assert!(matches!(raw.recv(), Said::PubRec(7, ..)));
    assert_eq!(raw.release(7), ReasonCode::Success);
    raw.subscribe(&[("lab/z", QoS::AtMostOnce)]);
    // QoS 0 has no quota.
    publisher.say("lab/z", "unhindered", NOW);
    assert_eq!(raw.see().payload, "unhindered");
    raw.send(&Packet::PubAck(Ack::success(first.packet_id())));
    assert_eq!(raw.see().payload, "2");
}

#[test]
fn what_follows_a_refused_connect_is_not_read() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.subscriber("sub", "lab/x", QoS::AtMostOnce);
        let device = lab.device("bad");
        let mut bytes = Vec::new();
        let password = Some(&b"wrong"[..]);
        let connect = connect_packet(&device, version);
        let packet = Packet::Connect(Connect {
            password,
            ..connect
        });
        encode(&packet, version, &mut bytes).unwrap();
        let publish = Publish {
            delivery: NOW,
            retain: false,
            topic: "lab/x",
            properties: Properties::NONE,
            payload: b"smuggled",
        };
        encode(&Packet::Publish(publish), version, &mut bytes).unwrap();
        let mut raw = Raw::open(lab.0.address(), version);
        raw.send_bytes(&bytes);
        let refused = raw.recv_as(|packet| match packet {
            Packet::ConnAck(ack) => (ack.reason.is_failure(), ack.session_present),
            other => panic!("{other:?}"),
        });
        assert_eq!(refused, Some((true, false)));
        assert_eq!(raw.recv(), Said::Closed);
        assert!(subscriber.is_silent());
    }
}

#[test]
fn packets_behind_connect_need_not_wait_for_connack() {
    let lab = Lab::start();
    let device = lab.device("eager");
    let mut raw = Raw::open(lab.0.address(), V5);
    let mut bytes = Vec::new();
    encode(
        &Packet::Connect(connect_packet(&device, V5)),
        V5,
        &mut bytes,
    )
    .unwrap();
    encode(&Packet::PingReq, V5, &mut bytes).unwrap();
    raw.send_bytes(&bytes);
    assert_eq!(
        raw.recv(),
        Said::ConnAck(ReasonCode::Success, String::new())
    );
    assert_eq!(raw.recv(), Said::PingResp);
}

#[test]
fn a_second_connect_ends_the_connection() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let device = lab.device("one");
        let mut raw = Raw::connect(lab.0.address(), &device, version);
        raw.send(&Packet::Connect(connect_packet(&device, version)));
        match version {
            V5 => raw.ends_with(ReasonCode::ProtocolError),
            V311 => assert_eq!(raw.recv(), Said::Closed),
        }
    }
}

#[test]
fn a_client_without_clean_session_must_have_a_name() {
    let lab = Lab::start();
    let device = lab.device("one");
    for (version, clean_start) in [(V311, false), (V311, true), (V5, true)] {
        let mut raw = Raw::open(lab.0.address(), version);
        raw.send(&Packet::Connect(Connect {
            client_id: "",
            clean_start,
            ..connect_packet(&device, version)
        }));
        let said = raw.recv();
        assert!(
            matches!(said, Said::ConnAck(ReasonCode::ClientIdentifierNotValid, _)),
            "{said:?}"
        );
        assert_eq!(raw.recv(), Said::Closed);
    }
}

#[test]
fn reserved_bits_of_a_fixed_header_are_malformed() {
    for first in [0x60, 0x80, 0xa0, 0xe1, 0xf1, 0xc1, 0x41, 0x51, 0x71] {
        let lab = Lab::start();
        let mut raw = lab.client("one", V5);
        raw.send_bytes(&[first, 0x02, 0x00, 0x01]);
        raw.ends_with(ReasonCode::MalformedPacket);
        let mut old = lab.client("two", V311);
        old.send_bytes(&[first, 0x02, 0x00, 0x01]);
        assert_eq!(old.recv(), Said::Closed);
    }
}

#[test]
fn text_that_is_not_utf_8_ends_the_connection() {
    let lab = Lab::start();
    for bad in [
        &[0xc3, 0x28][..],
        &[0xed, 0xa0, 0x80],
        &[0x00],
        &[0xf4, 0x90, 0x80, 0x80],
    ] {
        let len = u8::try_from(bad.len()).unwrap();
        let topic = [&[0x30, len + 3, 0x00, len][..], bad, &[0x00]].concat();
        let filter = [
            &[0x82, len + 6, 0x00, 0x01, 0x00, 0x00, len][..],
            bad,
            &[0x00],
        ]
        .concat();
        for bytes in [topic, filter] {
            let mut raw = lab.client("one", V5);
            raw.send_bytes(&bytes);
            raw.ends_with(ReasonCode::MalformedPacket);
        }
        let mut old = lab.client("two", V311);
        old.send_bytes(&[&[0x30, len + 2, 0x00, len][..], bad].concat());
        assert_eq!(old.recv(), Said::Closed);
    }
}

#[test]
fn a_will_is_a_message_like_any_other() {
    let lab = Lab::start();
    let mut subscriber = lab.subscriber("sub", "lab/will", QoS::ExactlyOnce);
    let list = properties(&[
        Property::UserProperty("b", "1"),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::UserProperty("a", "2"),
    ]);
    let device = lab.device("lost");
    let mut raw = Raw::open(lab.0.address(), V5);
    raw.send(&Packet::Connect(Connect {
        will: Some(Will {
            qos: QoS::ExactlyOnce,
            retain: false,
            properties: list.as_properties(),
            topic: "lab/will",
            payload: b"gone",
        }),
        ..connect_packet(&device, V5)
    }));
    assert_eq!(
        raw.recv(),
        Said::ConnAck(ReasonCode::Success, String::new())
    );
    // Goodbye with the will: it is published although the client is polite.
    raw.send(&Packet::Disconnect(Disconnect {
        reason: ReasonCode::DisconnectWithWill,
        properties: Properties::NONE,
    }));
    let seen = subscriber.see();
    assert_eq!(
        (&*seen.payload, seen.delivery.qos()),
        ("gone", QoS::ExactlyOnce)
    );
    assert!(!seen.retain);
    let want = [
        "MessageExpiryInterval(60)",
        "UserProperty(\"b\", \"1\")",
        "ContentType(\"text/plain\")",
        "UserProperty(\"a\", \"2\")",
    ];
    assert_eq!(seen.properties, want);
}

#[test]
fn a_lost_client_without_a_will_leaves_none() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.subscriber("sub", "lab/#", QoS::AtMostOnce);
        lab.client("lost", version).hang_up();
        wait_until(|| lab.0.broker.metrics().clients <= 1);
        assert!(subscriber.is_silent());
    }
}

#[test]
fn only_a_message_with_retain_changes_what_is_kept() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut publisher = lab.client("pub", version);
        let mut publish = |payload: &[u8], retain: bool, delivery: Delivery| {
            publisher.send(&Packet::Publish(Publish {
                delivery,
                retain,
                topic: "lab/x",
                properties: Properties::NONE,
                payload,
            }));
            publisher.ping_after_answers();
        };
        let kept = |name: &str| {
            let mut raw = lab.client(name, version);
            raw.subscribe(&[("lab/x", QoS::ExactlyOnce)]);
            (!raw.is_silent()).then(|| raw.see().payload)
        };
        publish(b"first", true, qos1(1));
        publish(b"passing", false, qos1(1));
        publish(b"", false, NOW);
        assert_eq!(kept("a").as_deref(), Some("first"));
        // QoS 0 replaces it as well, and an empty one removes it.
        publish(b"second", true, NOW);
        assert_eq!(kept("b").as_deref(), Some("second"));
        publish(b"", true, NOW);
        assert_eq!(kept("c"), None);
    }
}

impl Raw {
    /// All before it was handled, whatever was answered.
    fn ping_after_answers(&mut self) {
        self.send(&Packet::PingReq);
        while self.recv() != Said::PingResp {}
    }
}

#[test]
fn a_will_that_no_rule_allows_refuses_the_connection() {
    let lab = Lab::start();
    let device = lab.device("one");
    let text = properties(&[Property::PayloadFormatIndicator(true)]);
    let check = |will: Will<'_>, reason: ReasonCode| {
        let mut raw = Raw::open(lab.0.address(), V5);
        raw.send(&Packet::Connect(Connect {
            will: Some(will),
            ..connect_packet(&device, V5)
        }));
        let said = raw.recv();
        assert!(
            matches!(&said, Said::ConnAck(got, _) if *got == reason),
            "{said:?}"
        );
        assert_eq!(raw.recv(), Said::Closed);
    };
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::NONE,
        topic: "lab/x",
        payload: b"\xff",
    };
    let topic = "lab//x";
    check(Will { topic, ..will }, ReasonCode::TopicNameInvalid);
    let topic = "csg_cmd/x";
    check(Will { topic, ..will }, ReasonCode::NotAuthorized);
    let properties = text.as_properties();
    check(
        Will { properties, ..will },
        ReasonCode::PayloadFormatInvalid,
    );
}
