//! What the traces say of connections and messages.

use message_bus::{
    AdminAnswer, AdminCall,
    admin::{MessageToSend, TraceEntry, TraceOf, TraceQuery},
};
use model::Timestamp;
use mqtt_codec::{
    Ack, Connect, Delivery, Disconnect, Packet, Properties, Property,
    ProtocolVersion::{V5, V311},
    QoS, ReasonCode, Will,
};

use crate::{
    administration::ask,
    kit::{Device, Kit, wait_until},
    lab::{LAB, Lab, id, qos1, qos2},
    persistent::keep,
    raw::{Raw, Said, connect_packet},
};

async fn traces(kit: &Kit, of: TraceOf, client: &str, message: Option<&str>) -> Vec<String> {
    let query = TraceQuery {
        of,
        client_id: (!client.is_empty()).then(|| client.parse().unwrap()),
        message_id: message.map(str::to_owned),
        begin: Timestamp::from_millis(0),
        end: Timestamp::from_millis(u64::MAX),
        reverse: false,
        cursor: None,
        limit: 100,
    };
    match ask(kit, AdminCall::Traces { query }).await {
        AdminAnswer::Traces(page) => {
            let line = |e: &TraceEntry| format!("{:?} {}", e.action, e.code);
            page.items.iter().map(line).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn traces_say_what_became_of_connections_and_messages() {
    let kit = Kit::start();
    let (one, two) = (kit.device("gw-1"), kit.device("gw-2"));
    let mut first = Raw::connect(kit.address(), &one, V5);
    let mut second = Raw::connect(kit.address(), &one, V5);
    assert!(matches!(
        first.recv(),
        Said::Disconnect(ReasonCode::SessionTakenOver, _)
    ));
    second.send(&Packet::Disconnect(Disconnect {
        reason: ReasonCode::Success,
        properties: Properties::NONE,
    }));
    assert_eq!(second.recv(), Said::Closed);
    let mut wrong = two.clone();
    wrong.password = one.password.clone();
    let mut refused = Raw::open(kit.address(), V5);
    refused.send(&Packet::Connect(connect_packet(&wrong, V5)));
    refused.recv();
    let of_one = traces(&kit, TraceOf::Devices, one.client_id.as_str(), None).await;
    let mut sorted = of_one.clone();
    sorted.sort();
    let all = [
        "Close client_id_conflict",
        "Close disconnected_by_client",
        "Connect accepted",
        "Connect accepted",
        "Disconnect disconnected_by_client",
    ];
    assert_eq!(sorted, all, "{of_one:?}");
    // Written down behind the answer.
    let mut of_two = Vec::new();
    while of_two.is_empty() {
        of_two = traces(&kit, TraceOf::Devices, two.client_id.as_str(), None).await;
    }
    assert_eq!(of_two, ["Connect not_authorized"]);

    let mut receiver = Raw::connect(kit.address(), &two, V5);
    let message = MessageToSend {
        topic: format!("csg_cmd/p2p/{}", two.client_id).parse().unwrap(),
        payload: b"hello".as_slice().into(),
    };
    let AdminAnswer::Sent(sent) = ask(&kit, AdminCall::Send { message }).await else {
        panic!("another answer")
    };
    receiver.recv();
    receiver.publish("csg_event/gw-2", b"1", Some(1));
    receiver.recv();
    receiver.publish("csg_status/gw-2", b"1", Some(2));
    receiver.recv();
    let of_message = traces(&kit, TraceOf::Messages, "", Some(&sent.message_id)).await;
    let acked = ["Pub accepted", "Sub delivered"];
    assert_eq!(of_message, acked, "nothing was acknowledged");
    // Not status: telemetry is not traced unless it is asked for.
    let of_two = traces(&kit, TraceOf::Messages, two.client_id.as_str(), None).await;
    assert_eq!(of_two, ["Sub delivered", "Pub accepted"]);
}

/// Traces of messages of a client of the lab.
async fn of(lab: &Lab, name: &str) -> Vec<String> {
    traces(&lab.0, TraceOf::Messages, &format!("{LAB}@@@{name}"), None).await
}

#[tokio::test]
async fn acknowledgements_and_refusals_of_receivers_are_traced() {
    let lab = Lab::start();
    let mut raw = lab.client_with("sub", &[Property::ReceiveMaximum(1)]);
    raw.subscribe(&[("lab/x", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "one", qos1(1));
    publisher.recv();
    publisher.say("lab/x", "two", qos2(2));
    publisher.recv();
    let one = raw.see();
    raw.send(&Packet::PubAck(Ack::success(one.packet_id())));
    let two = raw.see();
    raw.send(&Packet::PubRec(Ack {
        reason: ReasonCode::QuotaExceeded,
        ..Ack::success(two.packet_id())
    }));
    raw.ping();
    let mut told = of(&lab, "sub").await;
    // Event loops write down what they do side by side, to the millisecond.
    told.sort();
    let want = [
        "Acked accepted",
        "Acked refused",
        "Sub delivered",
        "Sub waits",
    ];
    assert_eq!(told, want);
}

#[tokio::test]
async fn what_waits_for_a_persistent_session_is_traced_and_counted_when_it_is_sent() {
    let lab = Lab::start();
    let device = lab.device("sub");
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    raw.subscribe(&[("lab/#", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "while it is here", qos1(1));
    publisher.recv();
    let here = raw.see();
    raw.send(&Packet::PubAck(Ack::success(here.packet_id())));
    raw.ping();
    raw.hang_up();
    wait_until(|| lab.0.broker.metrics().clients == 1);
    publisher.say("lab/x", "while it is away", qos2(2));
    publisher.recv();
    assert_eq!(of(&lab, "sub").await, ["Sub delivered", "Acked accepted"]);

    // The number of a message outlives the broker.
    let lab = Lab(lab.0.restart());
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    let away = raw.see();
    raw.send(&Packet::PubRec(Ack::success(away.packet_id())));
    assert!(matches!(raw.recv(), Said::PubRel(..)));
    raw.send(&Packet::PubComp(Ack::success(away.packet_id())));
    raw.ping();
    let want = [
        "Sub delivered",
        "Acked accepted",
        "PushOffline delivered",
        "Acked accepted",
    ];
    assert_eq!(of(&lab, "sub").await, want);
    let page = lab.0.broker.exposition();
    let line = "causeway_mqtt_topic_messages_out_total{parent_topic=\"lab\"} 1\n";
    assert!(page.contains(line), "{page}");
}

#[tokio::test]
async fn messages_that_a_rule_refuses_are_traced_with_the_reason() {
    let lab = Lab::start();
    let mut new = lab.client("new", V5);
    new.say("csg_cmd/x", "m", qos1(1));
    assert!(matches!(
        new.recv(),
        Said::PubAck(1, ReasonCode::NotAuthorized, _)
    ));
    new.say("lab//x", "m", qos2(2));
    assert!(matches!(
        new.recv(),
        Said::PubRec(2, ReasonCode::TopicNameInvalid, _)
    ));
    new.say("lab/x", &"m".repeat(65_537), qos1(3));
    assert!(matches!(
        new.recv(),
        Said::PubAck(3, ReasonCode::QuotaExceeded, _)
    ));
    let want = [
        "Pub not_authorized",
        "Pub topic_name_invalid",
        "Pub quota_exceeded",
    ];
    assert_eq!(of(&lab, "new").await, want);
    // MQTT 3.1.1 cannot say no.
    let mut old = lab.client("old", V311);
    old.say("csg_cmd/x", "m", Delivery::AtMostOnce);
    assert_eq!(old.recv(), Said::Closed);
    assert_eq!(of(&lab, "old").await, ["Pub not_authorized"]);
    assert_eq!(lab.0.broker.metrics().messages_refused, 4);
}

#[tokio::test]
async fn wills_and_retained_messages_are_traced() {
    let lab = Lab::start();
    let device: Device = lab.device("lost");
    let mut lost = Raw::open(lab.0.address(), V5);
    lost.send(&Packet::Connect(Connect {
        will: Some(Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: Properties::NONE,
            topic: "lab/will",
            payload: b"gone",
        }),
        ..connect_packet(&device, V5)
    }));
    lost.recv();
    lost.hang_up();
    wait_until(|| lab.0.broker.metrics().messages_retained == 1);
    assert_eq!(of(&lab, "lost").await, ["Pub accepted"]);
    let mut late = lab.subscriber("late", "lab/will", QoS::AtLeastOnce);
    let seen = late.see();
    assert!(seen.retain && seen.packet_id() == id(1));
    late.send(&Packet::PubAck(Ack::success(id(1))));
    late.ping();
    assert_eq!(of(&lab, "late").await, ["Sub delivered", "Acked accepted"]);
}

#[tokio::test]
async fn of_a_message_to_many_some_receivers_are_traced_and_the_others_are_counted() {
    let lab = Lab::start_with(|config| config.threads = 1);
    let mut all: Vec<Raw> = (0..100)
        .map(|n| lab.subscriber(&format!("s{n}"), "lab/all", QoS::AtMostOnce))
        .collect();
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/all", "all", qos1(1));
    for raw in &mut all {
        assert_eq!(raw.see().payload, "all");
    }
    let mut traced = 0;
    for n in 0..100 {
        traced += of(&lab, &format!("s{n}")).await.len();
    }
    assert_eq!(traced, 64);
    let AdminAnswer::Instance(instance) = ask(&lab.0, AdminCall::Instance).await else {
        panic!("another answer");
    };
    assert_eq!(instance.traces_dropped, 36);
}
