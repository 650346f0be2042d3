//! Shared subscriptions: each message to one member, whatever becomes of the others.

use mqtt_codec::{
    Ack, Delivery, Packet, Property,
    ProtocolVersion::{V5, V311},
    QoS, ReasonCode, SubscribeOptions,
};

use crate::{
    kit::wait_until,
    lab::{Lab, qos1, qos2},
    raw::{Raw, Said},
};

/// All that comes to each, until nothing more does.
fn payloads(raw: &mut Raw) -> Vec<String> {
    let mut all = Vec::new();
    raw.send(&Packet::PingReq);
    loop {
        let next = raw.recv_as(|packet| match packet {
            Packet::Publish(p) => Some(String::from_utf8(p.payload.to_vec()).unwrap()),
            Packet::PingResp => None,
            other => panic!("{other:?}"),
        });
        match next.expect("the connection is closed") {
            Some(payload) => all.push(payload),
            None => return all,
        }
    }
}

/// The same, once `count` have come to all together: they may sit in other event loops.
fn spread(members: &mut [Raw], count: usize) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new(); members.len()];
    let until = std::time::Duration::from_secs(20);
    let clock = clock::Clock::system();
    let begin = clock.now();
    while all.iter().map(Vec::len).sum::<usize>() < count {
        assert!(clock.now().duration_since(begin) < until, "{all:?}");
        for (raw, mine) in members.iter_mut().zip(&mut all) {
            mine.extend(payloads(raw));
        }
    }
    all
}

#[test]
fn each_message_goes_to_one_member_in_turn() {
    let lab = Lab::start();
    let mut members: Vec<Raw> = (0..4)
        .map(|n| {
            // MQTT 3.1.1 clients share as well.
            let mut raw = lab.client(&format!("m{n}"), if n == 0 { V311 } else { V5 });
            let codes = raw.subscribe(&[("$share/a/lab/#", QoS::AtLeastOnce)]);
            assert_eq!(codes, [ReasonCode::GrantedQoS1]);
            raw
        })
        .collect();
    let mut publisher = lab.client("pub", V5);
    for n in 0..40 {
        publisher.say("lab/x", &n.to_string(), Delivery::AtMostOnce);
    }
    publisher.ping();
    let all = spread(&mut members, 40);
    assert!(all.iter().all(|mine| mine.len() == 10), "{all:?}");
    assert!(members.iter_mut().all(|raw| payloads(raw).is_empty()));
}

#[test]
fn other_groups_and_plain_subscribers_get_their_own_copy() {
    let lab = Lab::start();
    let mut all: Vec<Raw> = ["$share/a/lab/x", "$share/b/lab/x", "lab/x"]
        .iter()
        .zip(["a", "b", "c"])
        .map(|(filter, name)| lab.subscriber(name, filter, QoS::AtMostOnce))
        .collect();
    lab.client("pub", V5)
        .say("lab/x", "m", Delivery::AtMostOnce);
    for raw in &mut all {
        assert_eq!(raw.see().payload, "m");
        assert!(payloads(raw).is_empty());
    }
}

#[test]
fn a_member_s_granted_qos_and_identifier_count() {
    let lab = Lab::start();
    let mut member = lab.client("m", V5);
    let id = Property::SubscriptionIdentifier(77);
    let options = SubscribeOptions::qos(QoS::AtMostOnce);
    let said = member.subscribe_with("$share/a/lab/x", options, &[id]);
    assert_eq!(said, Said::SubAck(vec![ReasonCode::Success]));
    lab.client("pub", V5).say("lab/x", "m", qos1(1));
    let seen = member.see();
    assert_eq!(seen.delivery, Delivery::AtMostOnce);
    assert_eq!(seen.properties, ["SubscriptionIdentifier(77)"]);
}

#[test]
fn no_local_with_a_shared_subscription_is_a_protocol_error() {
    let lab = Lab::start();
    let mut raw = lab.client("m", V5);
    let options = SubscribeOptions {
        no_local: true,
        ..SubscribeOptions::qos(QoS::AtMostOnce)
    };
    let said = raw.subscribe_with("$share/a/lab/x", options, &[]);
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::ProtocolError, _)),
        "{said:?}"
    );
}

#[test]
fn a_share_name_or_filter_that_is_none_is_refused() {
    let lab = Lab::start();
    let mut raw = lab.client("m", V5);
    for bad in [
        "$share/a",
        "$share//lab",
        "$share/a+b/lab",
        "$share/a#/lab",
        "$share/a/#",
    ] {
        let codes = raw.subscribe(&[(bad, QoS::AtMostOnce)]);
        assert_eq!(codes, [ReasonCode::TopicFilterInvalid], "{bad}");
    }
    let codes = raw.subscribe(&[("$share/a/csg_cmd/#", QoS::AtMostOnce)]);
    assert_eq!(codes, [ReasonCode::NotAuthorized]);
}

#[test]
fn who_leaves_gets_nothing_more() {
    let lab = Lab::start();
    let mut stays = lab.subscriber("stays", "$share/a/lab/x", QoS::AtMostOnce);
    let mut leaves = lab.subscriber("leaves", "$share/a/lab/x", QoS::AtMostOnce);
    let gone = lab.subscriber("gone", "$share/a/lab/x", QoS::AtMostOnce);
    let said = leaves.unsubscribe(&["$share/a/lab/x", "$share/b/lab/x"]);
    let none = ReasonCode::NoSubscriptionExisted;
    assert_eq!(said, Said::UnsubAck(vec![ReasonCode::Success, none]));
    gone.hang_up();
    wait_until(|| lab.0.broker.metrics().clients <= 2);
    let mut publisher = lab.client("pub", V5);
    (0..9).for_each(|n| publisher.say("lab/x", &n.to_string(), Delivery::AtMostOnce));
    let members = std::slice::from_mut(&mut stays);
    assert_eq!(spread(members, 9)[0].len(), 9);
    assert!(payloads(&mut leaves).is_empty());
}

#[test]
fn a_refusal_does_not_send_the_message_to_another_member() {
    let lab = Lab::start();
    let mut members: Vec<Raw> = ["a", "b"]
        .map(|name| lab.subscriber(name, "$share/g/lab/x", QoS::ExactlyOnce))
        .into();
    lab.client("pub", V5).say("lab/x", "m", qos2(1));
    let first = members[0].see();
    let refusal = Ack {
        reason: ReasonCode::ImplementationSpecificError,
        ..Ack::success(first.packet_id())
    };
    members[0].send(&Packet::PubRec(refusal));
    members[0].ping();
    assert!(payloads(&mut members[1]).is_empty());
}

#[test]
fn what_a_lost_member_had_not_been_sent_goes_to_the_others() {
    let lab = Lab::start();
    let mut slow = lab.client_with("slow", &[Property::ReceiveMaximum(1)]);
    slow.subscribe(&[("$share/g/lab/x", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    for n in 1..=5 {
        publisher.say("lab/x", &n.to_string(), qos2(n));
        assert!(matches!(publisher.recv(), Said::PubRec(..)));
    }
    assert_eq!(slow.see().payload, "1");
    let mut other = lab.subscriber("other", "$share/g/lab/x", QoS::ExactlyOnce);
    slow.hang_up();
    // The first was begun with the member that is gone: nobody else gets it.
    let seen: Vec<String> = (0..4).map(|_| other.see().payload).collect();
    assert_eq!(seen, ["2", "3", "4", "5"]);
    assert!(other.is_silent());
}

#[test]
fn a_member_that_is_full_is_passed_over() {
    let lab = Lab::start();
    // Never answers: one in flight, and then a full queue.
    let mut stuck = lab.client_with("stuck", &[Property::ReceiveMaximum(1)]);
    stuck.subscribe(&[("$share/g/lab/x", QoS::AtLeastOnce)]);
    let mut healthy = lab.subscriber("healthy", "$share/g/lab/x", QoS::AtLeastOnce);
    let mut publisher = lab.client("pub", V5);
    let count = 2 * (mqtt_broker::limits::QUEUE_TOPIC_LEN_MAX + 50);
    let mut got = 0;
    for n in 0..count {
        publisher.say("lab/x", &n.to_string(), qos1(1));
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
        // Between healthy's event loop and this test the message may be on its way.
        while got < n / 2 {
            let seen = healthy.see();
            healthy.send(&Packet::PubAck(Ack::success(seen.packet_id())));
            got += 1;
        }
    }
    stuck.ping_after_messages();
    assert_eq!(lab.0.broker.metrics().slow_clients_closed, 0);
    let queued = mqtt_broker::limits::QUEUE_TOPIC_LEN_MAX + 1;
    while got < count - queued {
        let seen = healthy.see();
        healthy.send(&Packet::PubAck(Ack::success(seen.packet_id())));
        got += 1;
    }
}

/// A member whose session outlives its connection.
fn lasting(lab: &Lab, name: &str) -> Raw {
    let expiry = Property::SessionExpiryInterval(600);
    lab.client_with(name, &[expiry])
}

#[test]
fn what_a_persistent_member_gets_is_on_disk_when_it_is_acknowledged() {
    let lab = Lab::start();
    let names = ["a", "b", "c", "d"];
    // They sit in both event loops, and nobody answers.
    let _members = names.map(|name| {
        let mut raw = lasting(&lab, name);
        raw.subscribe(&[("$share/g/lab/x", QoS::ExactlyOnce)]);
        raw
    });
    let mut publisher = lab.client("pub", V5);
    let mut sent = Vec::new();
    for n in 1..=12 {
        let delivery = if n % 2 == 0 { qos1(n) } else { qos2(n) };
        publisher.say("lab/x", &n.to_string(), delivery);
        let said = publisher.recv();
        assert!(
            matches!(
                said,
                Said::PubAck(_, ReasonCode::Success, _) | Said::PubRec(_, ReasonCode::Success, _)
            ),
            "{said:?}"
        );
        sent.push(n.to_string());
        let after = Lab(lab.0.after_kill());
        let mut members = names.map(|name| after.resume(name));
        let all = spread(&mut members, sent.len());
        let mut found: Vec<String> = all.into_iter().flatten().collect();
        found.sort_by_key(|text| text.parse::<u16>().unwrap());
        assert_eq!(found, sent);
    }
}

#[test]
fn a_persistent_member_that_subscribes_by_itself_too_gets_both_copies() {
    let lab = Lab::start();
    let mut member = lasting(&lab, "m");
    member.subscribe(&[
        ("$share/g/lab/x", QoS::AtLeastOnce),
        ("lab/x", QoS::AtLeastOnce),
    ]);
    let mut publisher = lab.client("pub", V5);
    for n in 1..=3 {
        publisher.say("lab/x", &n.to_string(), qos1(n));
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
    }
    let seen: Vec<String> = (0..6).map(|_| member.see().payload).collect();
    assert_eq!(seen, ["1", "1", "2", "2", "3", "3"]);
    assert!(member.is_silent());
}

impl Raw {
    /// It is still served.
    fn ping_after_messages(&mut self) {
        assert_eq!(payloads(self).len(), 1);
    }
}
