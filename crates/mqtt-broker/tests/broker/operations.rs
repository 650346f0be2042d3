//! What an operator sees of a broker, and how it is emptied before it stops.

use std::time::Duration;

use bytes::Bytes;
use message_bus::{BusEvent, Presence, PresenceKind};
use mqtt_broker::{Drain, Elsewhere, Rate};
use mqtt_codec::{Delivery, Packet, Property, ProtocolVersion, QoS, ReasonCode};

use crate::{
    kit::{Kit, PATIENCE, next, next_uplink, wait_until},
    lab::Lab,
    raw::{Raw, Said},
    wire::{Wire, socket},
};

use ProtocolVersion::{V5, V311};

/// The value of one line of the metrics.
fn metric(kit: &Kit, line: &str) -> u64 {
    let page = kit.broker.exposition();
    let found = page.lines().find_map(|l| l.strip_prefix(line));
    let value = found.unwrap_or_else(|| panic!("no `{line}` in\n{page}"));
    value.trim().parse().unwrap()
}

/// Waits until it has this value.
fn wait_for_metric(kit: &Kit, line: &str, value: u64) {
    let clock = clock::Clock::system();
    let end = clock.now() + PATIENCE;
    while metric(kit, line) != value {
        assert!(clock.now() < end, "{line} is {}", metric(kit, line));
        std::thread::yield_now();
    }
}

#[test]
fn a_drained_broker_sends_its_clients_elsewhere_and_takes_no_new_ones() {
    let kit = Kit::start();
    let (new, old) = (kit.device("gw-new"), kit.device("gw-old"));
    let mut wire = Wire(Box::new(socket(kit.address())));
    assert_eq!(wire.connect(&new, V5).unwrap(), ReasonCode::Success);
    let mut silent = Raw::connect(kit.address(), &old, V311);
    assert!(kit.broker.is_ready());
    kit.broker.drain(Drain {
        elsewhere: Elsewhere::ForGood,
        server_reference: Some("mq2.example:8883".into()),
        window: Duration::from_secs(3_600),
    });
    assert!(!kit.broker.is_ready());
    let told = wire.recv(V5, |packet| match packet {
        Packet::Disconnect(bye) => {
            let mut properties = bye.properties.into_iter();
            let reference = properties.find_map(|p| match p {
                Property::ServerReference(text) => Some(text.to_owned()),
                _ => None,
            });
            (bye.reason, reference)
        }
        other => panic!("not a DISCONNECT: {other:?}"),
    });
    let reference = Some("mq2.example:8883".to_owned());
    assert_eq!(told.unwrap(), (ReasonCode::ServerMoved, reference));
    // 3.1.1 has no word for it. A few clients do not wait for the end of the window.
    assert_eq!(silent.recv(), Said::Closed);
    wait_for_metric(&kit, "causeway_mqtt_connections", 0);
    assert_eq!(metric(&kit, "causeway_mqtt_sent_away_total"), 2);
    // Each event loop closes its own listening socket.
    wait_until(|| std::net::TcpStream::connect(kit.address()).is_err());
}

#[tokio::test]
async fn many_clients_go_within_the_window_and_not_all_at_once() {
    const WINDOW: Duration = Duration::from_secs(2);
    let kit = Kit::start_with(|config| config.threads = 1);
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let devices: Vec<_> = (0..300).map(|n| kit.device(&format!("gw-{n}"))).collect();
    let clients: Vec<_> = devices
        .iter()
        .map(|device| Raw::connect(kit.address(), device, V5))
        .collect();
    kit.broker.drain(Drain {
        elsewhere: Elsewhere::ForNow,
        server_reference: None,
        window: WINDOW,
    });
    let count = clients.len();
    for mut client in clients {
        let told = client.recv();
        assert!(matches!(
            told,
            Said::Disconnect(ReasonCode::UseAnotherServer, _)
        ));
    }
    // By the broker's clock: a machine that is busy may let the clients read when most have gone.
    let mut gone = Vec::new();
    while gone.len() < count {
        let at = next(&mut receiver, |event| match event {
            BusEvent::Presence(Presence {
                kind: PresenceKind::TcpClean { .. },
                at,
                ..
            }) => Some(at),
            _ => None,
        });
        gone.push(at.await);
    }
    let (first, last) = (*gone.iter().min().unwrap(), *gone.iter().max().unwrap());
    assert!(last.since(first) > WINDOW / 4, "{gone:?}");
    assert!(last.since(first) < PATIENCE, "{gone:?}");
}

#[tokio::test]
async fn metrics_tell_of_topics_listeners_and_latency() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let bus = kit.broker.bus();
    let mut receiver = bus.receive().await.unwrap();
    let mut raw = Raw::connect(kit.address(), &device, V5);
    raw.publish("csg_status/gw-one", b"12345", None);
    next_uplink(&mut receiver).await;
    let parent = "csg_cmd".parse().unwrap();
    let sent = bus.send(&parent, &device.client_id, Bytes::from_static(b"123"));
    sent.await.unwrap();
    raw.recv();
    let topic = |what: &str, parent: &str| {
        let line = format!("causeway_mqtt_topic_{what}_total{{parent_topic=\"{parent}\"}}");
        metric(&kit, &line)
    };
    assert_eq!(topic("messages_in", "csg_status"), 1);
    assert_eq!(topic("bytes_in", "csg_status"), 5);
    assert_eq!(topic("messages_out", "csg_cmd"), 1);
    assert_eq!(topic("bytes_out", "csg_cmd"), 3);
    assert_eq!(topic("dropped", "csg_cmd"), 0);
    let tcp = |what: &str| metric(&kit, &format!("causeway_mqtt_listener_{what}"));
    assert_eq!(tcp("connections{listener=\"tcp\",protocol=\"tcp\"}"), 1);
    assert_eq!(tcp("connects_total{listener=\"tcp\"}"), 1);
    let connects = "causeway_mqtt_connect_seconds_count{listener=\"tcp\"}";
    assert_eq!(metric(&kit, connects), 1);
    let group = "causeway_mqtt_group_clients{group=\"GID_csg_local\"}";
    assert_eq!(metric(&kit, group), 1);
    // Noted behind the write to the socket.
    let delivered = "causeway_mqtt_deliver_seconds_count{parent_topic=\"csg_cmd\"}";
    wait_for_metric(&kit, delivered, 1);

    let wrong = "tcp\",reason=\"not_authorized\"}";
    let wrong = format!("refused_total{{listener=\"{wrong}");
    let mut stranger = Raw::open(kit.address(), V5);
    stranger.send(&Packet::Connect(crate::raw::connect_packet(
        &crate::kit::Device::new("gw-stranger"),
        V5,
    )));
    assert!(matches!(stranger.recv(), Said::ConnAck(..)));
    assert_eq!(stranger.recv(), Said::Closed);
    wait_for_metric(&kit, &format!("causeway_mqtt_listener_{wrong}"), 1);
}

#[tokio::test]
async fn who_does_not_keep_up_is_listed_the_worst_first() {
    let kit = Kit::start();
    let (slow, slower) = (kit.device("gw-slow"), kit.device("gw-slower"));
    let bus = kit.broker.bus();
    let window = Property::ReceiveMaximum(1);
    let mut first = Raw::connect_with(kit.address(), &slow, window);
    let _second = Raw::connect_with(kit.address(), &slower, window);
    let parent = "csg_cmd".parse().unwrap();
    for (device, n) in [(&slow, 4), (&slower, 9)] {
        for _ in 0..n {
            let message = Bytes::from_static(b"0123456789");
            bus.send(&parent, &device.client_id, message).await.unwrap();
        }
    }
    let list = kit.broker.slow_consumers(10).await;
    let told: Vec<_> = list.iter().map(|s| (&s.client_id, s.waiting)).collect();
    assert_eq!(told, [(&slower.client_id, 8), (&slow.client_id, 3)]);
    assert_eq!(kit.broker.slow_consumers(1).await.len(), 1);
    for _ in 0..4 {
        let Said::Publish { packet_id, .. } = first.recv() else {
            panic!("not a message")
        };
        let ack = mqtt_codec::Ack::success(packet_id.unwrap());
        first.send(&Packet::PubAck(ack));
    }
    first.ping();
    let list = kit.broker.slow_consumers(10).await;
    assert_eq!(list.len(), 1, "who has caught up is not slow any more");
}

#[tokio::test]
async fn a_client_that_publishes_too_fast_is_slowed_and_loses_nothing() {
    let rate = Rate {
        per_second: 40,
        burst: 10,
    };
    let kit = Kit::start_with(|config| config.publish_rate = Some(rate));
    let device = kit.device("gw-fast");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let clock = clock::Clock::system();
    let start = clock.now();
    let mut raw = Raw::connect(kit.address(), &device, V5);
    for n in 0..40_u16 {
        raw.publish("csg_event/gw-fast", &n.to_be_bytes(), Some(n + 1));
    }
    for n in 0..40_u16 {
        assert_eq!(
            next_uplink(&mut receiver).await.payload[..],
            n.to_be_bytes()
        );
    }
    let took = clock.now().saturating_duration_since(start);
    assert!(took > Duration::from_millis(400), "{took:?}");
    assert!(metric(&kit, "causeway_mqtt_throttled_total") > 0);
    assert!(matches!(raw.recv(), Said::PubAck(1, ..)));
}

/// Deliveries that took longer than two and a half seconds, and all of them.
fn deliveries(kit: &Kit, parent: &str) -> (u64, u64) {
    let (name, of) = (
        "causeway_mqtt_deliver_seconds",
        format!("parent_topic=\"{parent}\""),
    );
    let within = metric(kit, &format!("{name}_bucket{{{of},le=\"2.500000\"}}"));
    let all = metric(kit, &format!("{name}_count{{{of}}}"));
    (all - within, all)
}

#[tokio::test]
async fn a_message_is_as_late_as_its_client_s_answers_and_its_socket_make_it() {
    let clock = clock::Clock::manual(model::Timestamp::from_millis(1_000_000));
    let kit = Kit::start_at(clock.clone(), |_| {});
    let (bus, parent) = (kit.broker.bus(), "csg_cmd".parse().unwrap());
    let device = kit.device("gw-one");
    let mut raw = Raw::connect_with(kit.address(), &device, Property::ReceiveMaximum(1));
    for _ in 0..2 {
        let message = Bytes::from_static(b"123");
        bus.send(&parent, &device.client_id, message).await.unwrap();
    }
    let Said::Publish { packet_id, .. } = raw.recv() else {
        panic!("not a message")
    };
    wait_until(|| deliveries(&kit, "csg_cmd") == (0, 1));
    clock.advance(Duration::from_secs(3));
    raw.send(&Packet::PubAck(mqtt_codec::Ack::success(
        packet_id.unwrap(),
    )));
    assert!(matches!(raw.recv(), Said::Publish { .. }));
    wait_until(|| deliveries(&kit, "csg_cmd") == (1, 2));
}

/// Publishes to a client that does not read, until its socket and buffers are full; what.
fn overfill(lab: &Lab, publisher: &mut Raw) -> String {
    let payload = "m".repeat(60_000);
    while lab.0.broker.metrics().messages_dropped == 0 {
        publisher.say("lab/x", &payload, Delivery::AtMostOnce);
        publisher.ping();
    }
    payload
}

#[test]
fn a_message_that_its_socket_does_not_take_is_not_delivered_yet() {
    let clock = clock::Clock::manual(model::Timestamp::from_millis(1_000_000));
    let lab = Lab::of(Kit::start_at(clock.clone(), |_| {}));
    let mut deaf = lab.subscriber("deaf", "lab/x", QoS::AtMostOnce);
    let mut publisher = lab.client("pub", V5);
    let payload = overfill(&lab, &mut publisher);
    let (late, with_kernel) = deliveries(&lab.0, "lab");
    assert_eq!(late, 0);
    clock.advance(Duration::from_secs(3));
    let all = lab.0.broker.metrics().messages_out;
    assert!(
        with_kernel < all,
        "{with_kernel} of {all} are with the kernel"
    );
    for _ in 0..all {
        assert_eq!(deaf.see().payload.len(), payload.len());
    }
    wait_until(|| deliveries(&lab.0, "lab").1 == all);
    assert!(deliveries(&lab.0, "lab").0 >= all - with_kernel);
}

#[test]
fn a_client_that_goes_while_its_socket_has_taken_part_of_a_message_harms_nobody() {
    let lab = Lab::start();
    let deaf = lab.subscriber("deaf", "lab/x", QoS::AtMostOnce);
    let mut publisher = lab.client("pub", V5);
    overfill(&lab, &mut publisher);
    deaf.hang_up();
    wait_until(|| lab.0.broker.metrics().clients == 1);
    publisher.ping();
}
