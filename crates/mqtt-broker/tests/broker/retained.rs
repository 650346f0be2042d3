//! Retained messages (MQTT 5, 3.3.1.3 and 3.8.3.1).

use mqtt_codec::{
    Delivery, Packet, PacketId, Properties, Property, ProtocolVersion::V5, Publish, QoS,
    ReasonCode, RetainHandling, SubscribeOptions,
};

use crate::{
    lab::{Lab, properties, qos1},
    raw::{Raw, Said},
};

pub(crate) fn retain(publisher: &mut Raw, topic: &str, payload: &str, list: &[Property<'_>]) {
    let properties = properties(list);
    publisher.send(&Packet::Publish(Publish {
        delivery: qos1(1),
        retain: true,
        topic,
        properties: properties.as_properties(),
        payload: payload.as_bytes(),
    }));
    assert!(matches!(publisher.recv(), Said::PubAck(1, ..)));
}

fn options(retain_handling: RetainHandling) -> SubscribeOptions {
    SubscribeOptions {
        retain_handling,
        ..SubscribeOptions::qos(QoS::AtLeastOnce)
    }
}

#[test]
fn the_last_message_comes_with_the_subscription_until_it_is_deleted() {
    let lab = Lab::start();
    let mut publisher = lab.client("pub", V5);
    retain(&mut publisher, "lab/x", "old", &[]);
    retain(&mut publisher, "lab/x", "new", &[]);
    let mut one = lab.subscriber("one", "lab/+", QoS::AtMostOnce);
    let seen = one.see();
    assert_eq!((seen.payload.as_str(), seen.retain), ("new", true));
    assert_eq!(seen.delivery, Delivery::AtMostOnce);
    // A message to those who have subscribed is not a retained one.
    retain(&mut publisher, "lab/x", "live", &[]);
    let seen = one.see();
    assert_eq!((seen.payload.as_str(), seen.retain), ("live", false));
    retain(&mut publisher, "lab/x", "", &[]);
    assert_eq!(one.see().payload, "");
    assert!(lab.subscriber("two", "lab/#", QoS::AtLeastOnce).is_silent());
    assert_eq!(lab.0.broker.metrics().messages_retained, 0);
}

#[test]
fn a_retained_message_of_qos_0_takes_the_place_of_one_of_qos_1() {
    let lab = Lab::start();
    let mut publisher = lab.client("pub", V5);
    retain(&mut publisher, "lab/x", "one", &[]);
    publisher.send(&Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: true,
        topic: "lab/x",
        properties: Properties::NONE,
        payload: b"zero",
    }));
    publisher.say("lab/x", "not retained", qos1(2));
    publisher.recv();
    let seen = lab.subscriber("sub", "lab/x", QoS::AtLeastOnce).see();
    assert_eq!(
        (seen.payload.as_str(), seen.delivery),
        ("zero", Delivery::AtMostOnce)
    );
}

#[test]
fn each_subscription_says_whether_it_wants_them() {
    let lab = Lab::start();
    retain(&mut lab.client("pub", V5), "lab/x", "kept", &[]);
    let mut raw = lab.client("sub", V5);
    raw.subscribe_with("lab/#", options(RetainHandling::DoNotSend), &[]);
    assert!(raw.is_silent());
    raw.subscribe_with("lab/#", options(RetainHandling::SendIfNew), &[]);
    assert!(raw.is_silent(), "it is not new");
    let id = [Property::SubscriptionIdentifier(7)];
    raw.subscribe_with("lab/x", options(RetainHandling::SendIfNew), &id);
    let seen = raw.see();
    assert_eq!(seen.properties, ["SubscriptionIdentifier(7)"]);
    raw.subscribe_with("lab/x", options(RetainHandling::Send), &[]);
    assert_eq!(raw.see().payload, "kept");
}

#[test]
fn retain_as_published_keeps_the_flag() {
    let lab = Lab::start();
    let mut raw = lab.client("sub", V5);
    let wants = SubscribeOptions {
        retain_as_published: true,
        ..SubscribeOptions::qos(QoS::AtMostOnce)
    };
    raw.subscribe_with("lab/x", wants, &[]);
    let mut publisher = lab.client("pub", V5);
    retain(&mut publisher, "lab/x", "flagged", &[]);
    assert!(raw.see().retain);
    publisher.say("lab/x", "plain", qos1(2));
    assert!(!raw.see().retain);
}

#[test]
fn they_survive_a_kill_and_a_shared_subscription_brings_none() {
    let lab = Lab::start();
    retain(&mut lab.client("pub", V5), "lab/x", "kept", &[]);
    let killed = Lab(lab.0.after_kill());
    assert_eq!(
        killed
            .subscriber("sub", "lab/x", QoS::AtLeastOnce)
            .see()
            .payload,
        "kept"
    );
    assert!(
        killed
            .subscriber("two", "$share/a/lab/x", QoS::AtLeastOnce)
            .is_silent()
    );
}

#[test]
fn more_than_fit_at_once_all_come() {
    let lab = Lab::start();
    let mut publisher = lab.client("pub", V5);
    for n in 0..400 {
        retain(&mut publisher, &format!("lab/{n}"), "kept", &[]);
    }
    let mut raw = lab.subscriber("sub", "lab/#", QoS::AtLeastOnce);
    let mut topics = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let seen = raw.see();
        raw.send(&Packet::PubAck(mqtt_codec::Ack::success(seen.packet_id())));
        topics.insert(seen.topic);
    }
    assert_eq!(topics.len(), 400);
}

#[test]
fn who_may_not_subscribe_gets_none() {
    let lab = Lab::start();
    retain(&mut lab.client("pub", V5), "lab/x", "kept", &[]);
    let device = lab.0.device("gw-one");
    let mut raw = Raw::connect(lab.0.address(), &device, V5);
    assert_eq!(
        raw.subscribe(&[("lab/#", QoS::AtLeastOnce)]),
        [ReasonCode::NotAuthorized]
    );
    assert!(raw.is_silent());
    raw.publish("lab/x", b"", Some(PacketId::MIN.get()));
    assert!(matches!(
        raw.recv(),
        Said::PubAck(1, ReasonCode::NotAuthorized, _)
    ));
}

#[test]
fn what_comes_while_retained_messages_wait_does_not_pass_them() {
    const MESSAGES: usize = 200;
    let lab = Lab::start();
    let mut publisher = lab.client("pub", V5);
    // More than sockets and buffers hold.
    let old = "o".repeat(60_000);
    for n in 0..MESSAGES {
        retain(&mut publisher, &format!("lab/list/{n}"), &old, &[]);
    }
    let mut slow = lab.subscriber("slow", "lab/list/#", QoS::AtMostOnce);
    for n in 0..MESSAGES {
        let topic = format!("lab/list/{n}");
        publisher.say(&topic, "new", Delivery::AtMostOnce);
    }
    publisher.ping();
    let mut last = std::collections::HashMap::new();
    for _ in 0..2 * MESSAGES {
        let seen = slow.see();
        last.insert(seen.topic, seen.payload.len());
    }
    assert_eq!(last.len(), MESSAGES);
    assert!(last.values().all(|len| *len == "new".len()));
}
