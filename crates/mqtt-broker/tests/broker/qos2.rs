//! `QoS` 2 in both directions, step by step, with the answers that go wrong.

use mqtt_broker::{Access, limits::BACKLOG_LEN_MAX};
use mqtt_codec::{
    Ack, Delivery, Packet, Property,
    ProtocolVersion::{V5, V311},
    QoS, ReasonCode,
};

use crate::{
    bus::fill_backlog,
    kit::{Device, next_uplink},
    lab::{LAB, Lab, id, qos1, qos2},
    persistent::keep,
    raw::{Raw, Said},
};

const OK: ReasonCode = ReasonCode::Success;

fn received(n: u16) -> Said {
    Said::PubRec(n, OK, String::new())
}

#[test]
fn a_message_of_qos_2_arrives_once_however_often_it_is_sent() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.subscriber("sub", "lab/x", QoS::ExactlyOnce);
        let mut publisher = lab.client("pub", version);
        for dup in [false, true, true] {
            let packet_id = id(7);
            publisher.say("lab/x", "once", Delivery::ExactlyOnce { packet_id, dup });
            assert_eq!(publisher.recv(), received(7));
        }
        assert_eq!(publisher.release(7), OK);
        let seen = subscriber.see();
        assert_eq!((seen.payload.as_str(), seen.delivery), ("once", qos2(1)));
        assert!(subscriber.is_silent());
        // The identifier is free: the next message with it is another one.
        publisher.say("lab/x", "again", qos2(7));
        assert_eq!(publisher.recv(), received(7));
        assert_eq!(subscriber.see().payload, "again");
    }
}

#[test]
fn a_release_of_nothing_is_answered() {
    let lab = Lab::start();
    let mut new = lab.client("new", V5);
    assert_eq!(new.release(9), ReasonCode::PacketIdentifierNotFound);
    assert_eq!(lab.client("old", V311).release(9), OK);
}

#[test]
fn a_delivery_of_qos_2_goes_through_all_its_steps() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut subscriber = lab.client("sub", version);
        let codes = subscriber.subscribe(&[("lab/+", QoS::ExactlyOnce)]);
        assert_eq!(codes, [ReasonCode::GrantedQoS2]);
        let mut publisher = lab.client("pub", version);
        publisher.say("lab/x", "m", qos2(1));
        assert_eq!(publisher.recv(), received(1));
        let n = subscriber.see().packet_id();
        // PUBREC may come again: PUBREL is said again.
        for _ in 0..2 {
            subscriber.send(&Packet::PubRec(Ack::success(n)));
            assert_eq!(subscriber.recv(), Said::PubRel(n.get(), OK));
        }
        subscriber.send(&Packet::PubComp(Ack::success(n)));
        subscriber.send(&Packet::PubComp(Ack::success(n)));
        subscriber.ping();
    }
}

#[test]
fn the_lower_of_published_and_granted_qos_counts() {
    let lab = Lab::start();
    let mut publisher = lab.client("pub", V5);
    for (name, granted) in [
        ("q0", QoS::AtMostOnce),
        ("q1", QoS::AtLeastOnce),
        ("q2", QoS::ExactlyOnce),
    ] {
        let mut subscriber = lab.subscriber(name, &format!("lab/{name}"), granted);
        for (n, published) in [Delivery::AtMostOnce, qos1(2), qos2(3)]
            .into_iter()
            .enumerate()
        {
            publisher.say(&format!("lab/{name}"), &n.to_string(), published);
            let seen = subscriber.see();
            assert_eq!(seen.payload, n.to_string());
            assert_eq!(seen.delivery.qos(), granted.min(published.qos()));
        }
        assert!(matches!(publisher.recv(), Said::PubAck(2, ..)));
        assert_eq!(publisher.recv(), received(3));
        publisher.release(3);
    }
}

#[test]
fn an_answer_of_another_qos_is_a_protocol_error() {
    let check = |published: Delivery, answer: u8| {
        let lab = Lab::start();
        let mut subscriber = lab.subscriber("sub", "lab/x", QoS::ExactlyOnce);
        lab.client("pub", V5).say("lab/x", "m", published);
        let [high, low] = subscriber.see().packet_id().get().to_be_bytes();
        subscriber.send_bytes(&[answer, 2, high, low]);
        subscriber.ends_with(ReasonCode::ProtocolError);
    };
    let (puback, pubrec, pubcomp) = (0x40, 0x50, 0x70);
    check(qos1(1), pubrec);
    check(qos1(1), pubcomp);
    check(qos2(1), puback);
    check(qos2(1), pubcomp);
}

#[test]
fn a_pubrec_for_nothing_is_told_so_in_pubrel() {
    let lab = Lab::start();
    let mut raw = lab.client("one", V5);
    raw.send(&Packet::PubRec(Ack::success(id(5))));
    let unknown = ReasonCode::PacketIdentifierNotFound;
    assert_eq!(raw.recv(), Said::PubRel(5, unknown));
    raw.send(&Packet::PubAck(Ack::success(id(5))));
    raw.send(&Packet::PubComp(Ack::success(id(5))));
    raw.ping();
}

#[test]
fn a_receiver_s_refusal_ends_a_message_and_frees_its_place() {
    let lab = Lab::start();
    let mut subscriber = lab.client_with("sub", &[Property::ReceiveMaximum(1)]);
    subscriber.subscribe(&[("lab/x", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "refused", qos2(1));
    publisher.say("lab/x", "next", qos2(2));
    let n = subscriber.see().packet_id();
    assert!(subscriber.is_silent(), "beyond the receive maximum");
    let reason = ReasonCode::QuotaExceeded;
    let refusal = Ack {
        reason,
        ..Ack::success(n)
    };
    subscriber.send(&Packet::PubRec(refusal));
    let seen = subscriber.see();
    assert_eq!(seen.payload, "next");
    // PUBREC that accepts does not free the place yet, PUBCOMP does.
    publisher.say("lab/x", "last", qos1(3));
    subscriber.send(&Packet::PubRec(Ack::success(seen.packet_id())));
    assert!(matches!(subscriber.recv(), Said::PubRel(..)));
    assert!(subscriber.is_silent());
    subscriber.send(&Packet::PubComp(Ack::success(seen.packet_id())));
    assert_eq!(subscriber.see().payload, "last");
}

#[test]
fn a_client_beyond_the_receive_maximum_is_told_so() {
    let lab = Lab::start();
    let max = mqtt_broker::limits::RECEIVE_MAX;
    let mut new = lab.client("new", V5);
    for n in 1..=max {
        new.say("lab/x", "m", qos2(n));
        assert!(matches!(new.recv(), Said::PubRec(..)));
    }
    // Those that are there may come again; one more may not.
    new.say("lab/x", "m", qos2(max));
    assert!(matches!(new.recv(), Said::PubRec(..)));
    new.say("lab/x", "m", qos2(max + 1));
    new.ends_with(ReasonCode::ReceiveMaximumExceeded);
    // MQTT 3.1.1 has no such rule.
    let mut old = lab.client("old", V311);
    for n in 1..=max + 1 {
        old.say("lab/x", "m", qos2(n));
        assert_eq!(old.recv(), received(n));
    }
}

#[test]
fn an_identifier_in_use_is_refused_to_another_message() {
    let lab = Lab::start();
    let mut raw = lab.client("one", V5);
    raw.say("lab/x", "m", qos2(4));
    assert!(matches!(raw.recv(), Said::PubRec(4, ..)));
    raw.say("lab/x", "m", qos1(4));
    let said = raw.recv();
    assert!(
        matches!(said, Said::PubAck(4, ReasonCode::PacketIdentifierInUse, _)),
        "{said:?}"
    );
    // A refusal of QoS 2 leaves the identifier free at once.
    raw.say("lab//x", "m", qos2(5));
    let said = raw.recv();
    assert!(
        matches!(said, Said::PubRec(5, ReasonCode::TopicNameInvalid, _)),
        "{said:?}"
    );
    assert_eq!(raw.release(5), ReasonCode::PacketIdentifierNotFound);
    raw.say("lab/x", "m", qos2(5));
    assert_eq!(
        raw.recv(),
        Said::PubRec(5, ReasonCode::NoMatchingSubscribers, String::new())
    );
}

const TOPIC: &str = "csg_result/gw-one/two";

/// A message that a subscriber has, and for which there is no room with the console; both clients,
/// and who has sent it.
fn half_given(lab: &Lab) -> (Raw, Raw, Device) {
    let (group, results) = (LAB.parse().unwrap(), "csg_result".parse().unwrap());
    let registry = lab.0.broker.registry();
    registry.grant(&group, &results, Access::Subscribe).unwrap();
    let mut subscriber = lab.subscriber("sub", TOPIC, QoS::ExactlyOnce);
    let device = lab.0.device("gw-one");
    let mut publisher = keep(lab, &device, V5, 600).0;
    fill_backlog(&mut publisher, "csg_result/gw-one");
    publisher.say(TOPIC, "once", qos2(7));
    assert_eq!(subscriber.see().payload, "once");
    assert!(publisher.is_silent(), "the console does not have it");
    (subscriber, publisher, device)
}

#[tokio::test]
async fn what_some_have_of_a_publisher_that_was_lost_comes_to_the_others_only() {
    for is_taken_over in [false, true] {
        let lab = Lab::start();
        let (mut subscriber, lost, device) = half_given(&lab);
        let lost = is_taken_over.then_some(lost);
        let mut publisher = keep(&lab, &device, V5, 600).0;
        let (packet_id, dup) = (id(7), true);
        for _ in 0..2 {
            let again = Delivery::ExactlyOnce { packet_id, dup };
            publisher.say(TOPIC, "once", again);
        }
        assert!(publisher.is_silent(), "the console does not have it yet");
        let mut receiver = lab.0.broker.bus().receive().await.unwrap();
        for _ in 0..BACKLOG_LEN_MAX {
            assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"before");
        }
        assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"once");
        assert_eq!(publisher.recv(), received(7));
        assert_eq!(publisher.recv(), received(7));
        assert_eq!(publisher.release(7), OK);
        assert!(subscriber.is_silent(), "it came twice");
        // The identifier is free again.
        publisher.say(TOPIC, "next", qos2(7));
        assert_eq!(publisher.recv(), received(7));
        assert_eq!(subscriber.see().payload, "next");
        assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"next");
        drop(lost);
    }
}

#[test]
fn a_session_that_begins_anew_knows_nothing_of_what_was_half_given() {
    let lab = Lab::start();
    let (mut subscriber, lost, device) = half_given(&lab);
    lost.hang_up();
    let mut publisher = Raw::connect(lab.0.address(), &device, V5);
    publisher.say(TOPIC, "another", qos2(7));
    assert_eq!(subscriber.see().payload, "another");
}

#[test]
fn who_has_forgotten_what_was_half_given_may_use_its_identifier_again() {
    let lab = Lab::start();
    let (mut subscriber, lost, device) = half_given(&lab);
    lost.hang_up();
    let mut publisher = keep(&lab, &device, V5, 600).0;
    publisher.say(TOPIC, "another", qos2(7));
    assert_eq!(subscriber.see().payload, "another");
}
