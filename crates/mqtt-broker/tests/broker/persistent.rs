//! Sessions that outlive their connection, and the broker.

use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use mqtt_codec::{
    Ack, Connect, Delivery, Disconnect, Packet, Properties, Property,
    ProtocolVersion::{self, V5, V311},
    QoS, ReasonCode,
};

use crate::{
    kit::{Device, Kit},
    lab::{Lab, id, properties, qos1, qos2},
    raw::{Raw, Said, connect_packet},
};

const OK: ReasonCode = ReasonCode::Success;

/// Connects, keeping the session for `expiry_s`; whether it was there.
pub(crate) fn keep(
    lab: &Lab,
    device: &Device,
    version: ProtocolVersion,
    expiry_s: u32,
) -> (Raw, bool) {
    open(
        lab,
        device,
        version,
        (false, &[Property::SessionExpiryInterval(expiry_s)]),
    )
}

fn open(
    lab: &Lab,
    device: &Device,
    version: ProtocolVersion,
    (clean_start, list): (bool, &[Property<'_>]),
) -> (Raw, bool) {
    let properties = properties(list);
    let mut raw = Raw::open(lab.0.address(), version);
    raw.send(&Packet::Connect(Connect {
        clean_start,
        properties: if version == V5 {
            properties.as_properties()
        } else {
            Properties::NONE
        },
        ..connect_packet(device, version)
    }));
    let present = raw.recv_as(|packet| match packet {
        Packet::ConnAck(ack) if ack.reason == OK => ack.session_present,
        other => panic!("not let in: {other:?}"),
    });
    (raw, present.expect("the connection is closed"))
}

/// A client that has subscribed to `lab/#` and gone.
fn away(lab: &Lab, version: ProtocolVersion) -> Device {
    let device = lab.device("sub");
    let (mut raw, present) = keep(lab, &device, version, 3_600);
    assert!(!present);
    raw.subscribe(&[("lab/#", QoS::ExactlyOnce)]);
    raw.hang_up();
    wait_until_gone(lab);
    device
}

fn wait_until_gone(lab: &Lab) {
    wait_until_clients(lab, 0);
}

/// No more than these are connected.
fn wait_until_clients(lab: &Lab, left: u64) {
    let clock = Clock::system();
    let start = clock.now();
    while lab.0.broker.metrics().clients > left {
        assert!(
            clock.now() - start < crate::kit::PATIENCE,
            "the client stays"
        );
        std::thread::yield_now();
    }
}

#[test]
fn what_comes_while_a_client_is_away_waits_for_it() {
    for version in [V311, V5] {
        let lab = Lab::start();
        let device = away(&lab, version);
        let mut publisher = lab.client("pub", V5);
        publisher.say("lab/x", "zero", Delivery::AtMostOnce);
        publisher.say("lab/x", "one", qos1(1));
        assert_eq!(publisher.recv(), Said::PubAck(1, OK, String::new()));
        publisher.say("lab/y", "two", qos2(2));
        assert_eq!(publisher.recv(), Said::PubRec(2, OK, String::new()));
        publisher.release(2);
        assert_eq!(lab.0.broker.metrics().messages_waiting, 2);

        let (mut raw, present) = keep(&lab, &device, version, 3_600);
        assert!(present);
        let first = raw.see();
        assert_eq!((first.payload.as_str(), first.delivery), ("one", qos1(1)));
        let second = raw.see();
        assert_eq!((second.payload.as_str(), second.delivery), ("two", qos2(2)));
        raw.send(&Packet::PubAck(Ack::success(id(1))));
        raw.send(&Packet::PubRec(Ack::success(id(2))));
        assert_eq!(raw.recv(), Said::PubRel(2, OK));
        raw.send(&Packet::PubComp(Ack::success(id(2))));
        raw.ping();
        assert_eq!(lab.0.broker.metrics().messages_waiting, 0);
        publisher.say("lab/x", "live", qos1(3));
        assert_eq!(raw.see().payload, "live");
    }
}

#[test]
fn the_metrics_say_what_waits() {
    let lab = Lab::start();
    away(&lab, V5);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/a", "m", qos1(1));
    assert!(matches!(publisher.recv(), Said::PubAck(1, OK, _)));
    let page = lab.0.broker.exposition();
    for line in [
        "causeway_mqtt_sessions_persistent 1",
        "causeway_mqtt_messages_waiting 1",
        "causeway_mqtt_messages_retained 0",
        "causeway_mqtt_offline_stored_total 1",
        "causeway_mqtt_offline_failures_total 0",
    ] {
        assert!(page.lines().any(|l| l == line), "no `{line}` in\n{page}");
    }
}

#[test]
fn what_was_not_acknowledged_comes_again_with_dup_and_its_identifier() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "one", qos1(1));
    publisher.recv();
    publisher.say("lab/x", "two", qos2(2));
    publisher.recv();
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    let (one, two) = (raw.see(), raw.see());
    raw.send(&Packet::PubRec(Ack::success(two.packet_id())));
    assert_eq!(raw.recv(), Said::PubRel(2, OK));
    raw.hang_up();

    // Whoever answered PUBREC gets PUBREL, not the message; also over a restart.
    let lab = Lab(lab.0.restart());
    let (mut raw, present) = keep(&lab, &device, V5, 3_600);
    assert!(present);
    let again = raw.see();
    assert_eq!(again.payload, one.payload);
    let packet_id = one.packet_id();
    assert_eq!(
        again.delivery,
        Delivery::AtLeastOnce {
            packet_id,
            dup: true
        }
    );
    assert_eq!(raw.recv(), Said::PubRel(2, OK));
}

#[test]
fn an_acknowledged_message_is_on_disk() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let mut publisher = lab.client("pub", V5);
    for n in 1..=20 {
        publisher.say("lab/x", &n.to_string(), qos1(n));
        assert_eq!(publisher.recv(), Said::PubAck(n, OK, String::new()));
        // The instant after PUBACK is when it counts.
        if n % 5 == 0 {
            let killed = Lab(lab.0.after_kill());
            assert_eq!(killed.0.broker.metrics().messages_waiting, u64::from(n));
            let (mut raw, present) = keep(&killed, &device, V5, 3_600);
            assert!(present);
            assert_eq!(raw.see().payload, "1");
        }
    }
}

#[test]
fn a_publisher_s_identifier_is_known_over_a_kill() {
    let lab = Lab::start();
    let device = lab.device("pub");
    let mut subscriber = lab.subscriber("sub", "lab/x", QoS::ExactlyOnce);
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    raw.say("lab/x", "once", qos2(9));
    assert_eq!(raw.recv(), Said::PubRec(9, OK, String::new()));
    assert_eq!(subscriber.see().payload, "once");
    let killed = Lab(lab.0.after_kill());
    let mut subscriber = killed.subscriber("sub", "lab/x", QoS::ExactlyOnce);
    let (mut raw, present) = keep(&killed, &device, V5, 3_600);
    assert!(present);
    let (packet_id, dup) = (id(9), true);
    raw.say("lab/x", "once", Delivery::ExactlyOnce { packet_id, dup });
    assert_eq!(raw.recv(), Said::PubRec(9, OK, String::new()));
    assert_eq!(raw.release(9), OK);
    assert!(subscriber.is_silent(), "it was given out before");
}

#[test]
fn p2p_waits_for_a_persistent_session_and_for_no_other() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let mut publisher = lab.client("pub", V5);
    let topic = format!("lab/p2p/{}", device.client_id);
    publisher.say(&topic, "waits", qos1(1));
    assert_eq!(publisher.recv(), Said::PubAck(1, OK, String::new()));
    publisher.say(&topic.replace("sub", "none"), "refused", qos1(2));
    let Said::PubAck(2, ReasonCode::NoMatchingSubscribers, _) = publisher.recv() else {
        panic!("nobody can get it");
    };
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    assert_eq!(raw.see().payload, "waits");
    publisher.say(&topic, "live", qos1(3));
    assert_eq!(raw.see().payload, "live");
}

#[tokio::test]
async fn the_console_hears_offline_at_once_even_if_a_session_could_keep_its_message() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let lab = Lab::of(kit);
    let (raw, _) = keep(&lab, &device, V5, 3_600);
    raw.hang_up();
    wait_until_gone(&lab);
    let parent = "csg_cmd".parse().unwrap();
    let sent = lab
        .0
        .broker
        .bus()
        .send(&parent, &device.client_id, "x".into())
        .await;
    assert!(
        matches!(sent, Err(message_bus::BusError::Offline { .. })),
        "{sent:?}"
    );
}

#[test]
fn subscriptions_end_with_unsubscribe_and_with_a_clean_start() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    raw.unsubscribe(&["lab/#"]);
    raw.hang_up();
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "nobody", qos1(1));
    let Said::PubAck(1, ReasonCode::NoMatchingSubscribers, _) = publisher.recv() else {
        panic!("it is not subscribed any more");
    };
    let (_raw, present) = open(&lab, &device, V5, (true, &[]));
    assert!(!present);
    assert_eq!(lab.0.broker.metrics().sessions_persistent, 0);
}

#[test]
fn a_disconnect_may_end_the_session_or_make_it_last() {
    let lab = Lab::start();
    let device = lab.device("sub");
    let bye = |raw: &mut Raw, expiry_s| {
        let list = properties(&[Property::SessionExpiryInterval(expiry_s)]);
        let (reason, properties) = (OK, list.as_properties());
        raw.send(&Packet::Disconnect(Disconnect { reason, properties }));
    };
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    bye(&mut raw, 0);
    assert_eq!(raw.recv(), Said::Closed);
    wait_until_gone(&lab);
    let (mut raw, present) = keep(&lab, &device, V5, 0);
    assert!(!present);
    bye(&mut raw, 60);
    raw.ends_with(ReasonCode::ProtocolError);
}

#[test]
fn who_takes_a_live_session_over_gets_its_messages() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let (mut old, _) = keep(&lab, &device, V5, 3_600);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "one", qos1(1));
    assert_eq!(old.see().payload, "one");
    let (mut new, present) = keep(&lab, &device, V5, 3_600);
    assert!(present);
    old.ends_with(ReasonCode::SessionTakenOver);
    assert_eq!(new.see().payload, "one");
    publisher.say("lab/x", "two", qos1(2));
    assert_eq!(new.see().payload, "two");
}

#[test]
fn a_session_ends_by_the_clock() {
    let clock = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let lab = Lab::of(Kit::start_at(clock.clone(), |_| {}));
    let device = lab.device("sub");
    let (raw, _) = keep(&lab, &device, V5, 10);
    raw.hang_up();
    wait_until_gone(&lab);
    clock.advance(Duration::from_secs(9));
    let (raw, present) = keep(&lab, &device, V5, 10);
    assert!(present);
    raw.hang_up();
    wait_until_gone(&lab);
    clock.advance(Duration::from_secs(11));
    let start = Clock::system().now();
    while lab.0.broker.metrics().sessions_persistent > 0 {
        let waited = Clock::system().now() - start;
        assert!(waited < crate::kit::PATIENCE, "the session stays");
        std::thread::yield_now();
    }
    assert!(!keep(&lab, &device, V5, 10).1);
}

#[test]
fn more_than_the_client_takes_at_once_comes_as_it_acknowledges() {
    let lab = Lab::start();
    let device = away(&lab, V5);
    let mut publisher = lab.client("pub", V5);
    for n in 1..=300 {
        publisher.say("lab/x", &n.to_string(), qos1(n));
    }
    for n in 1..=300 {
        assert_eq!(
            publisher.recv(),
            Said::PubAck(n, OK, String::new()),
            "in order"
        );
    }
    let list = [
        Property::SessionExpiryInterval(60),
        Property::ReceiveMaximum(3),
    ];
    let (mut raw, _) = open(&lab, &device, V5, (false, &list));
    for n in 1..=300 {
        let seen = raw.see();
        assert_eq!(seen.payload, n.to_string());
        if n == 3 {
            assert!(raw.is_silent(), "three are on their way");
        }
        if n >= 3 {
            raw.send(&Packet::PubAck(Ack::success(id(n - 2))));
        }
    }
}

#[test]
fn a_member_of_a_shared_subscription_ends_what_was_begun_with_it() {
    let lab = Lab::start();
    let device = lab.device("sub");
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    raw.subscribe(&[("$share/all/lab/x", QoS::ExactlyOnce)]);
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "begun", qos2(1));
    let begun = raw.see();
    raw.hang_up();
    let mut other = lab.subscriber("other", "$share/all/lab/x", QoS::ExactlyOnce);
    let (mut raw, _) = keep(&lab, &device, V5, 3_600);
    let again = raw.see();
    assert_eq!(again.packet_id(), begun.packet_id());
    assert_eq!(again.payload, "begun");
    assert!(other.is_silent());
}

#[test]
fn a_message_of_qos_2_to_one_client_comes_once_though_its_publisher_lost_the_answer() {
    let lab = Lab::start();
    let mut receiver = lab.client("sub", V5);
    let device = lab.device("pub");
    let (mut publisher, _) = keep(&lab, &device, V5, 600);
    let topic = format!("lab/p2p/{}@@@sub", crate::lab::LAB);
    publisher.say(&topic, "once", qos2(7));
    assert_eq!(receiver.see().payload, "once");
    publisher.hang_up();
    wait_until_clients(&lab, 1);
    let (mut publisher, present) = keep(&lab, &device, V5, 600);
    assert!(present);
    let packet_id = id(7);
    let again = Delivery::ExactlyOnce {
        packet_id,
        dup: true,
    };
    publisher.say(&topic, "once", again);
    assert_eq!(publisher.recv(), Said::PubRec(7, OK, String::new()));
    assert_eq!(publisher.release(7), OK);
    assert!(receiver.is_silent());
}

#[test]
fn a_connect_that_fails_takes_no_session_from_who_has_it() {
    let lab = Lab::start();
    let device = lab.device("sub");
    let (mut subscriber, _) = keep(&lab, &device, V5, 600);
    subscriber.subscribe(&[("lab/x", QoS::AtLeastOnce)]);
    // No CONNACK is so short.
    let wishes = properties(&[
        Property::SessionExpiryInterval(600),
        Property::MaximumPacketSize(10),
    ]);
    let mut other = Raw::open(lab.0.address(), V5);
    other.send(&Packet::Connect(Connect {
        clean_start: false,
        properties: wishes.as_properties(),
        ..connect_packet(&device, V5)
    }));
    let said = other.recv();
    assert!(
        matches!(said, Said::ConnAck(ReasonCode::PacketTooLarge, _)),
        "{said:?}"
    );
    let mut publisher = lab.client("pub", V5);
    publisher.say("lab/x", "still", qos1(1));
    assert_eq!(subscriber.see().payload, "still");
}
