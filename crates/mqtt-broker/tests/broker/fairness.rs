//! Commands are never behind telemetry, wherever messages wait: shown by order, not by clock.

use bytes::Bytes;
use message_bus::{AdminAnswer, AdminCall, BusError, Precedence, TopicClass};
use mqtt_codec::{Ack, Delivery, Packet, Property, ProtocolVersion::V5, QoS, ReasonCode};

use crate::{
    administration::ask,
    kit::{Kit, next_uplink, wait_until},
    lab::{LAB, Lab, qos1},
    raw::{Raw, Said},
};

/// Makes `alarm` a parent topic of commands.
async fn with_alarms(lab: &Lab) {
    let registry = lab.0.broker.registry();
    let parent = "alarm".parse().unwrap();
    registry.create_parent_topic(&parent).unwrap();
    let access = mqtt_broker::Access::PublishAndSubscribe;
    registry
        .grant(&LAB.parse().unwrap(), &parent, access)
        .unwrap();
    let precedence = Precedence {
        class: TopicClass::Command,
        weight: 8,
    };
    ask(&lab.0, AdminCall::SetPrecedence { parent, precedence }).await;
}

fn acknowledge(raw: &mut Raw) -> String {
    let seen = raw.see();
    raw.send(&Packet::PubAck(Ack::success(seen.packet_id())));
    seen.topic
}

#[tokio::test]
async fn a_command_is_the_next_of_what_waits_for_a_client_and_others_keep_a_floor() {
    let lab = Lab::start();
    with_alarms(&lab).await;
    let mut slow = lab.client_with("slow", &[Property::ReceiveMaximum(1)]);
    slow.subscribe(&[("lab/#", QoS::AtLeastOnce), ("alarm/#", QoS::AtLeastOnce)]);
    let mut publisher = lab.client("pub", V5);
    let mut say = |topic: &str| {
        publisher.say(topic, "m", qos1(1));
        assert!(matches!(publisher.recv(), Said::PubAck(..)));
    };
    (0..100).for_each(|_| say("lab/x"));
    (0..45).for_each(|_| say("alarm/x"));
    assert_eq!(acknowledge(&mut slow), "lab/x", "it was on its way");
    let order: Vec<String> = (0..48).map(|_| acknowledge(&mut slow)).collect();
    let others: Vec<usize> = (0..48).filter(|n| order[*n] == "lab/x").collect();
    assert_eq!(others, [15, 31, 47]);
}

#[tokio::test]
async fn a_topic_that_fills_a_client_s_queue_leaves_room_for_commands() {
    let kit = Kit::start();
    let device = kit.device("gw-slow");
    let mut raw = Raw::connect_with(kit.address(), &device, Property::ReceiveMaximum(1));
    let bus = kit.broker.bus();
    let (cmd, intent) = ("csg_cmd".parse().unwrap(), "csg_intent".parse().unwrap());
    let large = Bytes::from(vec![7; 60_000]);
    let full = loop {
        if let Err(full) = bus.send(&intent, &device.client_id, large.clone()).await {
            break full;
        }
    };
    assert!(matches!(full, BusError::Full { .. }));
    let command = Bytes::from_static(b"command");
    bus.send(&cmd, &device.client_id, command).await.unwrap();
    assert!(acknowledge(&mut raw).starts_with("csg_intent/"));
    assert!(acknowledge(&mut raw).starts_with("csg_cmd/"));
}

/// Uplink: telemetry saturates the console's queue, and a result is the next that it gets.
#[tokio::test]
async fn a_result_overtakes_saturated_bulk_and_status_on_the_way_to_the_console() {
    let kit = Kit::start();
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let bulk = kit.device("gw-bulk");
    let mut bulk = Raw::connect(kit.address(), &bulk, V5);
    // The broker does not read it any more once it waits, and the kernel may be full by then.
    bulk.write_for_at_most(std::time::Duration::from_secs(1));
    let status = kit.device("gw-status");
    let mut status = Raw::connect(kit.address(), &status, V5);
    let result = kit.device("gw-result");
    let mut result = Raw::connect(kit.address(), &result, V5);
    let payload = vec![7; 30_000];
    // Bulk of QoS 1 waits for room, status is dropped.
    for n in 1..=3_000_u16 {
        bulk.publish("csg_bulk/gw-bulk", &payload, Some(n));
        if metric(&kit, "causeway_mqtt_stalls_total") > 0 {
            break;
        }
    }
    wait_until(|| metric(&kit, "causeway_mqtt_stalls_total") > 0);
    while metric(&kit, "causeway_mqtt_messages_dropped_total") == 0 {
        status.publish("csg_status/gw-status", &payload, None);
    }
    for n in 1..=15 {
        result.publish("csg_result/gw-result", b"done", Some(n));
        assert_eq!(
            result.recv(),
            Said::PubAck(n, ReasonCode::Success, String::new())
        );
    }
    // The first event is who is online, and presence is of the same lane.
    let mut parents = Vec::new();
    while parents.len() < 16 {
        let uplink = next_uplink(&mut receiver).await;
        parents.push(uplink.topic.parent().to_owned());
    }
    let results = parents.iter().filter(|p| *p == "csg_result").count();
    assert!(results >= 14, "{parents:?}");
    drop(receiver);
}

fn metric(kit: &Kit, name: &str) -> u64 {
    let page = kit.broker.exposition();
    let line = page.lines().find_map(|l| l.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// Work that is left over in an event loop: a broadcast that has begun does not hold up others.
#[tokio::test]
async fn a_broadcast_is_given_out_in_parts_in_order_and_once_to_each() {
    let lab = Lab::start_with(|config| config.threads = 2);
    let mut all: Vec<Raw> = (0..300)
        .map(|n| lab.subscriber(&format!("s{n}"), "lab/all", QoS::AtLeastOnce))
        .collect();
    let mut publisher = lab.client("pub", V5);
    for n in 1..=40 {
        publisher.say("lab/all", &n.to_string(), qos1(n));
    }
    // A few in between that are for few.
    let mut other = lab.subscriber("other", "lab/few", QoS::AtMostOnce);
    publisher.say("lab/few", "few", Delivery::AtMostOnce);
    assert_eq!(other.see().payload, "few");
    for raw in &mut all {
        for n in 1..=40_u16 {
            let seen = raw.see();
            let packet_id = seen.packet_id();
            assert_eq!((seen.payload, packet_id.get()), (n.to_string(), n));
            raw.send(&Packet::PubAck(Ack::success(packet_id)));
        }
    }
    for raw in &mut all {
        raw.ping();
    }
}

#[tokio::test]
async fn who_comes_or_goes_during_a_broadcast_gets_what_it_subscribed_to_and_no_more() {
    let lab = Lab::start_with(|config| config.threads = 1);
    let mut all: Vec<Raw> = (0..200)
        .map(|n| lab.subscriber(&format!("s{n}"), "lab/all", QoS::AtMostOnce))
        .collect();
    let mut publisher = lab.client("pub", V5);
    for round in 0..20 {
        for n in 0..5 {
            publisher.say("lab/all", &format!("{round} {n}"), Delivery::AtMostOnce);
        }
        // Another takes the place of one that goes, and wants something else.
        let gone = all.pop().unwrap();
        gone.hang_up();
        let mut new = lab.client(&format!("n{round}"), V5);
        new.subscribe(&[("lab/none", QoS::AtMostOnce)]);
        new.ping();
    }
    publisher.say("lab/all", "last", Delivery::AtMostOnce);
    for raw in &mut all {
        let mut last = String::new();
        while last != "last" {
            last = raw.see().payload;
        }
    }
}

#[tokio::test]
async fn precedence_is_set_kept_and_refused_where_it_must_be() {
    let lab = Lab::start();
    with_alarms(&lab).await;
    let bus = lab.0.broker.bus();
    let call = |parent: &str, weight| AdminCall::SetPrecedence {
        parent: parent.parse().unwrap(),
        precedence: Precedence {
            class: TopicClass::Normal,
            weight,
        },
    };
    let of_fleet = bus.administer(call("csg_bulk", 8)).await.unwrap_err();
    assert!(matches!(of_fleet, BusError::Conflict { .. }));
    let too_heavy = bus.administer(call("lab", 65)).await.unwrap_err();
    assert!(matches!(too_heavy, BusError::Refused { .. }));
    let nowhere = bus.administer(call("nowhere", 8)).await.unwrap_err();
    assert!(matches!(nowhere, BusError::NotFound { .. }));
    ask(&lab.0, call("lab", 3)).await;
    drop(bus);

    let kit = lab.0.restart();
    let AdminAnswer::ParentTopics(topics) = ask(&kit, AdminCall::ParentTopics).await else {
        panic!("another answer")
    };
    let of = |parent: &str| {
        let found = topics.iter().find(|topic| topic.parent == parent);
        let precedence = found.unwrap().precedence;
        (precedence.class, precedence.weight)
    };
    assert_eq!(of("alarm"), (TopicClass::Command, 8));
    assert_eq!(of("lab"), (TopicClass::Normal, 3));
    assert_eq!(of("csg_cmd").0, TopicClass::Command);
    assert_eq!(of("csg_bulk"), (TopicClass::Normal, 1));
}
