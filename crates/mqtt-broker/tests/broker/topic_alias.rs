//! Topic aliases, each direction with its own.

use std::collections::BTreeMap;

use mqtt_broker::limits::{TOPIC_ALIASES_IN_MAX, TOPIC_ALIASES_OUT_MAX};
use mqtt_codec::{
    Delivery, Packet, Properties, Property, ProtocolVersion::V5, Publish, QoS, ReasonCode,
};

use crate::{
    lab::{Lab, qos1, qos2},
    raw::Said,
};

const NOW: Delivery = Delivery::AtMostOnce;

#[test]
fn a_client_s_alias_stands_for_its_topic() {
    let lab = Lab::start();
    let mut subscriber = lab.subscriber("sub", "lab/#", QoS::ExactlyOnce);
    let mut publisher = lab.client("pub", V5);
    let alias = Property::TopicAlias(TOPIC_ALIASES_IN_MAX);
    publisher.say_with("lab/a", "1", NOW, &[alias]);
    publisher.say_with("", "2", qos1(1), &[alias]);
    publisher.say_with("", "3", qos2(2), &[alias]);
    publisher.say_with("lab/b", "4", NOW, &[alias]);
    publisher.say_with("", "5", NOW, &[alias]);
    for (topic, payload) in [
        ("lab/a", "1"),
        ("lab/a", "2"),
        ("lab/a", "3"),
        ("lab/b", "4"),
        ("lab/b", "5"),
    ] {
        let seen = subscriber.see();
        assert_eq!((&*seen.topic, &*seen.payload), (topic, payload));
        // It is the publisher's own.
        assert!(seen.properties.is_empty(), "{seen:?}");
    }
}

#[test]
fn an_alias_that_means_nothing_ends_the_connection() {
    let lab = Lab::start();
    let check = |topic: &str, number: u16, reason: ReasonCode| {
        let mut raw = lab.client("pub", V5);
        raw.say_with(topic, "m", NOW, &[Property::TopicAlias(number)]);
        raw.ends_with(reason);
    };
    check("", 1, ReasonCode::ProtocolError);
    check(
        "lab/a",
        TOPIC_ALIASES_IN_MAX + 1,
        ReasonCode::TopicAliasInvalid,
    );
    check("lab/a", 0, ReasonCode::TopicAliasInvalid);
}

#[test]
fn an_alias_ends_with_its_connection() {
    let lab = Lab::start();
    let mut first = lab.client("pub", V5);
    first.say_with("lab/a", "m", qos1(1), &[Property::TopicAlias(1)]);
    assert!(matches!(first.recv(), Said::PubAck(..)));
    first.hang_up();
    let mut second = lab.client("pub", V5);
    second.say_with("", "m", NOW, &[Property::TopicAlias(1)]);
    second.ends_with(ReasonCode::ProtocolError);
}

#[test]
fn what_the_store_has_does_not_pass_the_alias_that_it_goes_by() {
    let lab = Lab::start();
    let list = [
        Property::TopicAliasMaximum(5),
        Property::SessionExpiryInterval(600),
    ];
    for round in 0..100 {
        let mut raw = lab.client_with(&format!("client-{round}"), &list);
        raw.subscribe(&[("lab/#", QoS::AtLeastOnce)]);
        // The first answer waits for the disk, and the message behind it for that.
        let publish = |topic, delivery| {
            Packet::Publish(Publish {
                delivery,
                retain: false,
                topic,
                properties: Properties::NONE,
                payload: b"m",
            })
        };
        raw.send_all(&[
            publish("lab/o", qos1(1)),
            publish("lab/t", NOW),
            publish("lab/t", qos1(2)),
        ]);
        let mut names = BTreeMap::new();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let found = raw.recv_as(|packet| match packet {
                Packet::Publish(publish) => {
                    let alias = publish.properties.iter().find_map(|p| match p {
                        Property::TopicAlias(number) => Some(number),
                        _ => None,
                    });
                    Some((publish.topic.to_owned(), alias))
                }
                Packet::PubAck(_) => None,
                other => panic!("{other:?}"),
            });
            let Some((topic, alias)) = found.expect("the connection is closed") else {
                continue;
            };
            if !topic.is_empty() {
                names.extend(alias.map(|alias| (alias, topic.clone())));
                seen.push(topic);
                continue;
            }
            let name = alias.and_then(|alias| names.get(&alias));
            seen.push(name.expect("an alias that nobody has heard of").clone());
        }
        seen.sort();
        assert_eq!(seen, ["lab/o", "lab/t", "lab/t"]);
    }
}

#[test]
fn a_client_gets_as_many_aliases_as_it_takes_and_no_more() {
    let lab = Lab::start();
    let check = |max: Option<u16>, topics: u16| {
        let list: Vec<_> = max.map(Property::TopicAliasMaximum).into_iter().collect();
        let mut subscriber = lab.client_with("sub", &list);
        subscriber.subscribe(&[("lab/+", QoS::AtMostOnce)]);
        let mut publisher = lab.client("pub", V5);
        let usable = max.unwrap_or(0).min(TOPIC_ALIASES_OUT_MAX);
        for round in 0..2 {
            for n in 1..=topics {
                publisher.say(&format!("lab/{n}"), "m", NOW);
                let seen = subscriber.see();
                let alias = format!("TopicAlias({n})");
                let want = if n <= usable { vec![alias] } else { vec![] };
                assert_eq!(seen.properties, want);
                let known = round > 0 && n <= usable;
                let topic = if known {
                    String::new()
                } else {
                    format!("lab/{n}")
                };
                assert_eq!(seen.topic, topic);
            }
        }
    };
    check(None, 2);
    check(Some(0), 2);
    check(Some(2), 4);
    check(Some(u16::MAX), TOPIC_ALIASES_OUT_MAX + 2);
}
