//! `$SYS/broker/…`: the broker tells of itself to whoever may hear it.

use std::collections::BTreeMap;

use mqtt_broker::{Access, limits::STATISTICS_EVERY_S};
use mqtt_codec::{Delivery, ProtocolVersion::V5, QoS, ReasonCode};

use crate::{
    kit::Kit,
    lab::{LAB, Lab},
};

fn grant(lab: &Lab) {
    let registry = lab.0.broker.registry();
    let (group, parent) = (LAB.parse().unwrap(), "$SYS".parse().unwrap());
    registry.create_parent_topic(&parent).unwrap();
    let publish = registry.grant(&group, &parent, Access::PublishAndSubscribe);
    assert!(publish.is_err(), "only the broker publishes there");
    registry.grant(&group, &parent, Access::Subscribe).unwrap();
}

#[test]
fn numbers_come_to_whoever_has_the_right_and_to_nobody_else() {
    let clock = clock::Clock::manual(model::Timestamp::from_millis(1_000_000));
    let lab = Lab::of(Kit::start_at(clock.clone(), |_| {}));
    let mut raw = lab.client("watcher", V5);
    let every = [("$SYS/#", QoS::AtMostOnce)];
    assert_eq!(raw.subscribe(&every), [ReasonCode::NotAuthorized]);
    grant(&lab);
    assert_eq!(raw.subscribe(&every), [ReasonCode::Success]);
    let mut one = lab.subscriber("one", "$SYS/broker/clients/+", QoS::AtMostOnce);
    raw.say("lab/x", "12345", Delivery::AtMostOnce);
    raw.ping();
    clock.advance(std::time::Duration::from_secs(STATISTICS_EVERY_S.into()));
    let mut told = BTreeMap::new();
    let last = "$SYS/broker/topics/lab/messages/received";
    while !told.contains_key(last) {
        let seen = raw.see();
        told.insert(seen.topic, seen.payload);
    }
    assert_eq!(told["$SYS/broker/clients/connected"], "2");
    assert_eq!(told[last], "1");
    assert_eq!(told["$SYS/broker/version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(one.see().topic, "$SYS/broker/clients/connected");
    assert!(one.is_silent());
}

#[test]
fn nobody_publishes_there_but_the_broker() {
    let lab = Lab::start();
    grant(&lab);
    let mut raw = lab.client("liar", V5);
    raw.say("$SYS/broker/uptime", "0", crate::lab::qos1(1));
    let said = raw.recv();
    assert!(
        matches!(
            said,
            crate::raw::Said::PubAck(1, ReasonCode::TopicNameInvalid, _)
        ),
        "{said:?}"
    );
}
