//! Subscription identifiers, options, overlaps.

use mqtt_codec::{
    Delivery, FilterList, Packet, Properties, Property,
    ProtocolVersion::{V5, V311},
    QoS, ReasonCode, Subscribe, SubscribeOptions, Unsubscribe,
};

use crate::{
    lab::{Lab, id, qos1, qos2},
    raw::Said,
};

const NOW: Delivery = Delivery::AtMostOnce;

fn granted(reason: ReasonCode) -> Said {
    Said::SubAck(vec![reason])
}

#[test]
fn overlapping_subscriptions_give_one_copy_with_the_highest_qos_and_all_identifiers() {
    let lab = Lab::start();
    let mut raw = lab.client("sub", V5);
    for (filter, qos, id) in [
        ("lab/#", QoS::AtMostOnce, 1),
        ("lab/x", QoS::ExactlyOnce, 2),
        ("lab/+", QoS::AtLeastOnce, 268_435_455),
    ] {
        let id = Property::SubscriptionIdentifier(id);
        let said = raw.subscribe_with(filter, SubscribeOptions::qos(qos), &[id]);
        assert!(matches!(said, Said::SubAck(..)), "{said:?}");
    }
    raw.subscribe(&[("lab/x/#", QoS::AtMostOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "m", qos2(1));
    let mut seen = raw.see();
    assert_eq!(seen.delivery.qos(), QoS::ExactlyOnce);
    seen.properties.sort();
    let ids = [1, 2, 268_435_455].map(|id| format!("SubscriptionIdentifier({id})"));
    assert_eq!(seen.properties, ids);
    assert!(raw.is_silent());
    // A subscription without an identifier has none to tell.
    publisher.say("lab/y", "m", NOW);
    let seen = raw.see();
    assert_eq!(seen.properties.len(), 2);
}

#[test]
fn a_new_subscription_with_the_same_filter_replaces_the_old() {
    let lab = Lab::start();
    let mut raw = lab.client("sub", V5);
    let mut publisher = lab.client("pub", V5);
    let mut check = |id: &[Property<'_>], qos: QoS, code: ReasonCode, want: &[&str]| {
        let said = raw.subscribe_with("lab/x", SubscribeOptions::qos(qos), id);
        assert_eq!(said, granted(code));
        publisher.say("lab/x", "m", qos1(1));
        let seen = raw.see();
        assert_eq!(seen.properties, want);
        assert_eq!(seen.delivery.qos(), qos);
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
        assert!(raw.is_silent());
    };
    let id = Property::SubscriptionIdentifier;
    check(
        &[id(5)],
        QoS::AtLeastOnce,
        ReasonCode::GrantedQoS1,
        &["SubscriptionIdentifier(5)"],
    );
    check(
        &[id(6)],
        QoS::AtMostOnce,
        ReasonCode::Success,
        &["SubscriptionIdentifier(6)"],
    );
    check(&[], QoS::AtMostOnce, ReasonCode::Success, &[]);
}

#[test]
fn no_local_keeps_a_client_s_own_messages_from_it() {
    let lab = Lab::start();
    let mut raw = lab.client("both", V5);
    let options = SubscribeOptions {
        no_local: true,
        ..SubscribeOptions::qos(QoS::AtLeastOnce)
    };
    raw.subscribe_with("lab/x", options, &[]);
    let mut other = lab.client("other", V5);
    for n in ["1", "2"] {
        raw.say("lab/x", "own", NOW);
        other.say("lab/x", n, NOW);
    }
    assert_eq!([raw.see().payload, raw.see().payload], ["1", "2"]);
    // Without the option it gets its own.
    raw.subscribe(&[("lab/x", QoS::AtMostOnce)]);
    raw.say("lab/x", "own", NOW);
    assert_eq!(raw.see().payload, "own");
}

#[test]
fn unsubscribing_ends_delivery_and_says_what_there_was() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut raw = lab.client("sub", version);
        raw.subscribe(&[("lab/x", QoS::AtMostOnce), ("lab/+", QoS::AtMostOnce)]);
        let said = raw.unsubscribe(&["lab/x", "lab/none"]);
        let codes = match version {
            V311 => vec![],
            V5 => vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted],
        };
        assert_eq!(said, Said::UnsubAck(codes));
        let mut publisher = lab.client("pub", version);
        publisher.say("lab/x", "by the other filter", NOW);
        assert_eq!(raw.see().payload, "by the other filter");
        raw.unsubscribe(&["lab/+"]);
        publisher.say("lab/x", "m", qos1(1));
        publisher.recv();
        assert!(raw.is_silent());
    }
}

#[test]
fn every_filter_gets_its_code_in_its_place() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let mut raw = lab.client("sub", version);
        let codes = raw.subscribe(&[
            ("lab/a", QoS::AtLeastOnce),
            ("csg_cmd/#", QoS::AtMostOnce),
            ("lab/b", QoS::ExactlyOnce),
            ("lab/c#", QoS::AtMostOnce),
        ]);
        let failure = |reason| match version {
            V311 => ReasonCode::UnspecifiedError,
            V5 => reason,
        };
        let want = [
            ReasonCode::GrantedQoS1,
            failure(ReasonCode::NotAuthorized),
            ReasonCode::GrantedQoS2,
            failure(ReasonCode::TopicFilterInvalid),
        ];
        assert_eq!(codes, want);
    }
}

#[test]
fn topics_and_filters_are_matched_level_by_level_and_case_counts() {
    let lab = Lab::start();
    let check = |filter: &str, topic: &str, matches: bool| {
        let mut raw = lab.subscriber("sub", filter, QoS::AtMostOnce);
        let mut publisher = lab.client("pub", V5);
        publisher.say(topic, "m", qos1(1));
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
        assert_eq!(!raw.is_silent(), matches, "{filter} {topic}");
    };
    check("lab/#", "lab", true);
    check("lab/+/c", "lab/b/c", true);
    check("lab/+", "lab/b/c", false);
    check("lab/A", "lab/a", false);
    check("lab/+/#", "lab/b", true);
}

/// SUBSCRIBE or UNSUBSCRIBE with this identifier, and its answer.
fn answer(raw: &mut crate::raw::Raw, n: u16, filter: &str, subscribe: bool) -> (Vec<u8>, String) {
    let mut filters = FilterList::new();
    let (packet_id, properties) = (id(n), Properties::NONE);
    if subscribe {
        let options = SubscribeOptions::qos(QoS::AtMostOnce);
        filters.push_with(filter, options, V5).unwrap();
        let filters = filters.for_subscribe(V5);
        raw.send(&Packet::Subscribe(Subscribe {
            packet_id,
            properties,
            filters,
        }));
    } else {
        filters.push(filter).unwrap();
        let filters = filters.for_unsubscribe();
        raw.send(&Packet::Unsubscribe(Unsubscribe {
            packet_id,
            properties,
            filters,
        }));
    }
    let answer = raw.recv_as(|packet| {
        let (codes, properties) = match packet {
            Packet::SubAck(ack) => (ack.codes, ack.properties),
            Packet::UnsubAck(ack) => (ack.codes, ack.properties),
            other => panic!("{other:?}"),
        };
        let reason = properties.reason_string().unwrap_or_default().to_owned();
        (codes.iter().map(ReasonCode::value).collect(), reason)
    });
    answer.expect("the connection is closed")
}

#[test]
fn a_refused_filter_comes_with_words_for_who_asks() {
    let lab = Lab::start();
    let check = |filter: &str, reason: ReasonCode, words: &str| {
        let mut raw = lab.client("sub", V5);
        let (codes, text) = answer(&mut raw, 1, filter, true);
        assert_eq!(codes, [reason.value()]);
        assert!(text.contains(words), "{text}");
        let mut quiet = lab.client_with("quiet", &[Property::RequestProblemInformation(false)]);
        assert_eq!(answer(&mut quiet, 1, filter, true), (codes, String::new()));
    };
    check(
        "csg_cmd/#",
        ReasonCode::NotAuthorized,
        "may not subscribe to `csg_cmd/#`",
    );
    check("#", ReasonCode::TopicFilterInvalid, "1 characters");
    check(
        "$share/x",
        ReasonCode::TopicFilterInvalid,
        "$share/<name>/<filter>",
    );
    check(
        "$share/x/lab/a+",
        ReasonCode::TopicFilterInvalid,
        "stand alone",
    );
    let mut raw = lab.client("sub", V5);
    assert_eq!(answer(&mut raw, 1, "lab/x", true), (vec![0], String::new()));
}

#[test]
fn an_identifier_in_use_is_refused() {
    let lab = Lab::start();
    let mut raw = lab.client("one", V5);
    raw.subscribe(&[("lab/x", QoS::AtMostOnce)]);
    raw.say("lab/y", "m", qos2(5));
    assert!(matches!(raw.recv(), Said::PubRec(5, ..)));
    let in_use = ReasonCode::PacketIdentifierInUse.value();
    assert_eq!(answer(&mut raw, 5, "lab/z", true).0, [in_use]);
    assert_eq!(answer(&mut raw, 5, "lab/x", false).0, [in_use]);
    // Nothing was done: the old subscription is there, the new one is not.
    assert_eq!(raw.release(5), ReasonCode::Success);
    assert_eq!(answer(&mut raw, 5, "lab/z", false).0, [0x11]);
    assert_eq!(answer(&mut raw, 5, "lab/x", false).0, [0]);
}

#[test]
fn of_a_packet_with_more_filters_than_a_client_may_have_the_others_are_refused() {
    let lab = Lab::start();
    let mut client = lab.client("many", V5);
    let codes = client.subscribe(&[("lab/x", QoS::AtLeastOnce); 1_000]);
    let (granted, refused) = codes.split_at(30);
    assert!(granted.iter().all(|code| *code == ReasonCode::GrantedQoS1));
    assert!(
        refused
            .iter()
            .all(|code| *code == ReasonCode::QuotaExceeded)
    );
}
