//! What the console sees: delivery, offline, presence, credentials, back-pressure.

use bytes::Bytes;
use message_bus::{BusError, BusEvent, EVENTS_MAX};
use model::ParentTopic;
use mqtt_broker::{
    Access,
    limits::{BACKLOG_LEN_MAX, QUEUE_BYTES_MAX, QUEUE_TOPIC_LEN_MAX},
};
use mqtt_codec::{
    Ack, Connect, Disconnect, Packet, PacketId, Properties, Property,
    ProtocolVersion::{V5, V311},
    Publish, QoS, ReasonCode, Will,
};

use crate::{
    kit::{Device, Kit, next, next_presence, next_uplink},
    lab::{LAB, Lab, qos1, qos2},
    persistent::keep,
    raw::{Raw, Said, connect_packet},
};

fn parent() -> ParentTopic {
    "csg_cmd".parse().unwrap()
}

#[tokio::test]
async fn a_message_to_nobody_is_refused_at_once() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let client_id = device.client_id.clone();
    let sent = kit
        .broker
        .bus()
        .send(&parent(), &client_id, Bytes::new())
        .await;
    assert_eq!(sent, Err(BusError::Offline { client_id }));

    let group = "GID_operator".parse().unwrap();
    kit.broker.registry().create_group(&group).unwrap();
    kit.broker
        .registry()
        .grant(&group, &parent(), Access::Publish)
        .unwrap();
    let operator = kit.add(Device::of_group("GID_operator", "op"));
    let mut raw = Raw::connect(kit.address(), &operator, V5);
    let topic = format!("csg_cmd/p2p/{}", device.client_id);
    raw.publish(&topic, b"x", Some(1));
    let said = raw.recv();
    assert!(
        matches!(said, Said::PubAck(1, ReasonCode::NoMatchingSubscribers, _)),
        "{said:?}"
    );
    let mut target = Raw::connect(kit.address(), &device, V311);
    raw.publish(&topic, b"y", Some(2));
    assert_eq!(
        raw.recv(),
        Said::PubAck(2, ReasonCode::Success, String::new())
    );
    let said = target.recv();
    assert!(
        matches!(&said, Said::Publish { payload, .. } if payload == b"y"),
        "{said:?}"
    );
}

#[tokio::test]
async fn every_client_is_reached_whatever_event_loop_it_is_on() {
    let kit = Kit::start();
    let bus = kit.broker.bus();
    let mut clients: Vec<_> = (0..20)
        .map(|n| {
            let device = kit.device(&format!("gw-{n}"));
            (Raw::connect(kit.address(), &device, V5), device)
        })
        .collect();
    for (raw, device) in &mut clients {
        let payload = Bytes::from(device.client_id.to_string());
        let channel = bus
            .send(&parent(), &device.client_id, payload.clone())
            .await
            .unwrap();
        assert_eq!(
            bus.sessions(&device.client_id).await.unwrap()[0].channel,
            channel
        );
        let said = raw.recv();
        assert!(
            matches!(&said, Said::Publish { payload: got, .. } if *got == payload),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn presence_tells_how_a_client_came_and_went() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let early = Raw::connect(kit.address(), &kit.device("gw-early"), V5);
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let first = next(&mut receiver, Some).await;
    let BusEvent::Online { channels } = first else {
        panic!("{first:?}")
    };
    assert_eq!(channels.len(), 1);
    assert_eq!(channels[0].client_id.device(), "gw-early");
    early.hang_up();

    let mut polite = Raw::connect(kit.address(), &device, V5);
    let reason = ReasonCode::Success;
    polite.send(&Packet::Disconnect(Disconnect {
        reason,
        properties: Properties::NONE,
    }));
    let (channel, event) = next_presence(&mut receiver, &device).await;
    assert_eq!(event, "connect");
    assert_eq!(
        next_presence(&mut receiver, &device).await,
        (channel, "disconnect".into())
    );
    let gone = next_presence(&mut receiver, &device).await;
    assert_eq!(gone, (channel, "tcpclean: disconnected by client".into()));

    Raw::connect(kit.address(), &device, V5).hang_up();
    let (again, event) = next_presence(&mut receiver, &device).await;
    assert!(again != channel && event == "connect");
    assert_eq!(
        next_presence(&mut receiver, &device).await,
        (again, "tcpclean: closed by client".into())
    );
    assert_eq!(
        kit.broker.bus().sessions(&device.client_id).await,
        Ok(vec![])
    );
}

#[tokio::test]
async fn a_withdrawn_credential_closes_its_connection_and_no_other() {
    let kit = Kit::start();
    let bus = kit.broker.bus();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    bus.withdraw(&device.client_id, "another").await.unwrap();
    raw.ping();
    bus.withdraw(&device.client_id, &device.credential.access_key_id)
        .await
        .unwrap();
    assert_eq!(bus.sessions(&device.client_id).await, Ok(vec![]));
    let said = raw.recv();
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::NotAuthorized, _)),
        "{said:?}"
    );
    let mut again = Raw::open(kit.address(), V5);
    again.send(&Packet::Connect(connect_packet(&device, V5)));
    assert!(matches!(
        again.recv(),
        Said::ConnAck(ReasonCode::NotAuthorized, _)
    ));

    kit.add(device.clone());
    let mut raw = Raw::connect(kit.address(), &device, V311);
    bus.expel(&device.client_id).await.unwrap();
    assert_eq!(raw.recv(), Said::Closed);
}

#[tokio::test]
async fn a_will_is_published_for_the_lost_and_not_for_the_polite() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let will = |payload| Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::NONE,
        topic: "csg_event/gw-one",
        payload,
    };
    let connect = |payload: &'static [u8]| {
        let mut raw = Raw::open(kit.address(), V5);
        let will = Some(will(payload));
        raw.send(&Packet::Connect(Connect {
            will,
            ..connect_packet(&device, V5)
        }));
        assert!(matches!(raw.recv(), Said::ConnAck(ReasonCode::Success, _)));
        raw
    };
    let reason = ReasonCode::Success;
    let mut polite = connect(b"polite");
    polite.send(&Packet::Disconnect(Disconnect {
        reason,
        properties: Properties::NONE,
    }));
    assert_eq!(polite.recv(), Said::Closed);
    connect(b"lost").hang_up();
    assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"lost");
}

#[tokio::test]
async fn a_full_receiver_withholds_acknowledgements_and_loses_nothing() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let publish = |raw: &mut Raw, n: usize| {
        let id = u16::try_from(n % 60_000 + 1).unwrap();
        raw.publish("csg_event/gw-one", n.to_string().as_bytes(), Some(id));
    };
    for n in 0..EVENTS_MAX {
        publish(&mut raw, n);
        assert!(matches!(
            raw.recv(),
            Said::PubAck(_, ReasonCode::Success, _)
        ));
    }
    publish(&mut raw, EVENTS_MAX);
    raw.send(&Packet::PingReq);
    assert!(
        raw.is_silent(),
        "an acknowledgement came before its message had room"
    );
    // Another lane has room: another client's results are not held up.
    let other = kit.device("gw-other");
    let mut result = Raw::connect(kit.address(), &other, V5);
    result.publish("csg_result/gw-other", b"done", Some(1));
    assert!(matches!(
        result.recv(),
        Said::PubAck(1, ReasonCode::Success, _)
    ));
    for n in 0..=EVENTS_MAX {
        let uplink = next(&mut receiver, |event| match event {
            BusEvent::Uplink(uplink) if uplink.topic.parent() == "csg_event" => Some(uplink),
            _ => None,
        });
        assert_eq!(&uplink.await.payload[..], n.to_string().as_bytes());
    }
    assert!(matches!(
        raw.recv(),
        Said::PubAck(_, ReasonCode::Success, _)
    ));
    assert_eq!(raw.recv(), Said::PingResp);
    assert_eq!(kit.broker.metrics().stalls, 1);
}

#[tokio::test]
async fn what_comes_while_no_receiver_is_attached_waits_for_it() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V311);
    for n in 0..BACKLOG_LEN_MAX {
        raw.publish("csg_result/gw-one", n.to_string().as_bytes(), Some(1));
        assert!(matches!(raw.recv(), Said::PubAck(..)));
    }
    raw.publish("csg_result/gw-one", b"one more", Some(2));
    assert!(raw.is_silent());
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    for n in 0..BACKLOG_LEN_MAX {
        assert_eq!(
            &next_uplink(&mut receiver).await.payload[..],
            n.to_string().as_bytes()
        );
    }
    assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"one more");
    assert!(matches!(raw.recv(), Said::PubAck(2, ..)));
}

#[tokio::test]
async fn late_status_is_dropped_and_counted() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let _receiver = kit.broker.bus().receive().await.unwrap();
    let mut raw = Raw::connect(kit.address(), &device, V5);
    for _ in 0..EVENTS_MAX + 10 {
        raw.publish("csg_status/gw-one", b"x", Some(1));
        assert!(matches!(
            raw.recv(),
            Said::PubAck(1, ReasonCode::Success, _)
        ));
    }
    assert_eq!(kit.broker.metrics().messages_dropped, 10);
}

#[tokio::test]
async fn a_client_gets_no_more_than_it_can_take_and_the_bus_is_told() {
    let kit = Kit::start();
    let bus = kit.broker.bus();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect_with(kit.address(), &device, Property::ReceiveMaximum(3));
    let total = 3 + QUEUE_TOPIC_LEN_MAX;
    for n in 0..total {
        let payload = Bytes::from(n.to_string());
        bus.send(&parent(), &device.client_id, payload)
            .await
            .unwrap();
    }
    let client_id = device.client_id.clone();
    let full = bus.send(&parent(), &client_id, Bytes::new()).await;
    assert_eq!(full, Err(BusError::Full { client_id }));
    let mut in_flight: Vec<PacketId> = Vec::new();
    for n in 0..total {
        if in_flight.len() == 3 {
            if n == 3 {
                assert!(
                    raw.is_silent(),
                    "more than the receive maximum was in flight"
                );
            }
            raw.send(&Packet::PubAck(Ack::success(in_flight.remove(0))));
        }
        match raw.recv() {
            Said::Publish {
                payload,
                packet_id: Some(id),
                ..
            } => {
                assert_eq!(payload, n.to_string().as_bytes());
                in_flight.push(id);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_late_gets_all_that_was_accepted_for_it() {
    let kit = Kit::start();
    let bus = kit.broker.bus();
    let device = kit.device("gw-deaf");
    let mut deaf = Raw::connect(kit.address(), &device, V5);
    let payload = Bytes::from(vec![7; 60_000]);
    let mut sent = 0;
    while bus
        .send(&parent(), &device.client_id, payload.clone())
        .await
        .is_ok()
    {
        sent += 1;
        let most = 64 + QUEUE_BYTES_MAX / payload.len();
        assert!(sent <= most, "messages pile up without bound");
    }
    let mut other = Raw::connect(kit.address(), &kit.device("gw-other"), V5);
    other.ping();
    // It wakes up: all that was accepted comes, in order, as soon as it acknowledges.
    for _ in 0..sent {
        match deaf.recv() {
            Said::Publish {
                packet_id: Some(id),
                payload,
                ..
            } => {
                assert_eq!(payload.len(), 60_000);
                deaf.send(&Packet::PubAck(Ack::success(id)));
            }
            other => panic!("{other:?}"),
        }
    }
    deaf.ping();
}

#[tokio::test]
async fn take_overs_across_event_loops_leave_exactly_one_channel_online() {
    const TIMES: usize = 30;
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let mut connections: Vec<_> = (0..TIMES)
        .map(|_| Raw::connect(kit.address(), &device, V5))
        .collect();
    let (mut newest, mut online) = (0, std::collections::BTreeSet::new());
    for _ in 0..2 * TIMES - 1 {
        let (channel, event) = next_presence(&mut receiver, &device).await;
        if event == "connect" {
            assert!(channel > newest);
            newest = channel;
            online.insert(channel);
        } else {
            assert_eq!(event, "tcpclean: clientId conflict");
            assert!(online.remove(&channel), "gone before it came");
        }
        assert!(
            !online.is_empty(),
            "a client that is connected looked offline"
        );
    }
    assert_eq!(online.into_iter().collect::<Vec<_>>(), [newest]);
    assert_eq!(
        kit.broker.bus().sessions(&device.client_id).await.unwrap()[0]
            .channel
            .0,
        newest
    );
    connections.pop().unwrap().ping();
    for mut old in connections {
        assert!(matches!(
            old.recv(),
            Said::Disconnect(ReasonCode::SessionTakenOver, _)
        ));
    }
}

/// Publishes as much as is kept for a console that is not there.
pub(crate) fn fill_backlog(raw: &mut Raw, topic: &str) {
    for _ in 0..BACKLOG_LEN_MAX {
        raw.publish(topic, b"before", Some(1));
        assert!(matches!(raw.recv(), Said::PubAck(..)));
    }
}

#[tokio::test]
async fn what_a_publisher_of_qos_2_could_not_give_before_it_was_lost_is_given_when_it_comes_again()
{
    let lab = Lab::start();
    let device = lab.0.device("gw-one");
    let topic = "csg_result/gw-one";
    let come = || keep(&lab, &device, V5, 600).0;
    let mut raw = come();
    fill_backlog(&mut raw, topic);
    raw.say(topic, "two", qos2(7));
    assert!(raw.is_silent());
    let mut raw = come();
    let mut receiver = lab.0.broker.bus().receive().await.unwrap();
    for _ in 0..BACKLOG_LEN_MAX {
        assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"before");
    }
    raw.say(topic, "two", qos2(7));
    assert_eq!(
        raw.recv(),
        Said::PubRec(7, ReasonCode::Success, String::new())
    );
    assert_eq!(&next_uplink(&mut receiver).await.payload[..], b"two");
}

#[tokio::test]
async fn a_retained_message_is_there_for_new_subscribers_though_others_have_no_room() {
    let lab = Lab::start();
    let registry = lab.0.broker.registry();
    let (group, results) = (LAB.parse().unwrap(), "csg_result".parse().unwrap());
    registry.grant(&group, &results, Access::Subscribe).unwrap();
    let device = lab.0.device("gw-one");
    let topic = "csg_result/gw-one";
    let mut raw = Raw::connect(lab.0.address(), &device, V5);
    fill_backlog(&mut raw, topic);
    raw.send(&Packet::Publish(Publish {
        delivery: qos1(1),
        retain: true,
        topic,
        properties: Properties::NONE,
        payload: b"now",
    }));
    assert!(raw.is_silent());
    let mut late = lab.subscriber("late", "csg_result/#", QoS::AtLeastOnce);
    assert_eq!(late.see().payload, "now");
}
