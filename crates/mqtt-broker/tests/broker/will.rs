//! Wills: when they are published, and when not (MQTT 5, 3.1.2.5 and 3.1.3.2.2).

use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use mqtt_codec::{
    Connect, Delivery, Disconnect, Packet, Properties, Property, ProtocolVersion::V5, QoS,
    ReasonCode, Will,
};

use crate::{
    kit::{Device, Kit},
    lab::{Lab, properties},
    raw::{Raw, Said, connect_packet},
};

struct Asks {
    expiry_s: u32,
    delay_s: u32,
    clean_start: bool,
}

fn with_will(lab: &Lab, device: &Device, asks: &Asks) -> Raw {
    let mut raw = Raw::open(lab.0.address(), V5);
    let list = properties(&[Property::SessionExpiryInterval(asks.expiry_s)]);
    let will_list = properties(&[
        Property::WillDelayInterval(asks.delay_s),
        Property::ContentType("t"),
    ]);
    raw.send(&Packet::Connect(Connect {
        clean_start: asks.clean_start,
        properties: list.as_properties(),
        will: Some(Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: "lab/will",
            properties: will_list.as_properties(),
            payload: b"gone",
        }),
        ..connect_packet(device, V5)
    }));
    assert_eq!(
        raw.recv(),
        Said::ConnAck(ReasonCode::Success, String::new())
    );
    raw
}

fn start() -> (Clock, Lab) {
    let clock = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let lab = Lab::of(Kit::start_at(clock.clone(), |_| {}));
    (clock, lab)
}

const DELAYED: Asks = Asks {
    expiry_s: 100,
    delay_s: 20,
    clean_start: false,
};

#[test]
fn a_will_comes_at_once_is_retained_and_says_its_properties() {
    let lab = Lab::start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    with_will(
        &lab,
        &device,
        &Asks {
            expiry_s: 0,
            delay_s: 20,
            clean_start: true,
        },
    )
    .hang_up();
    let seen = watcher.see();
    assert_eq!((seen.payload.as_str(), seen.retain), ("gone", false));
    assert_eq!(
        seen.properties,
        ["ContentType(\"t\")"],
        "no delay is passed on"
    );
    let mut late = lab.subscriber("late", "lab/will", QoS::AtLeastOnce);
    assert!(late.see().retain);
}

#[test]
fn a_will_waits_for_its_delay_and_who_comes_back_leaves_none() {
    let (clock, lab) = start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    with_will(&lab, &device, &DELAYED).hang_up();
    assert!(watcher.is_silent());
    clock.advance(Duration::from_secs(19));
    watcher.ping();
    assert!(watcher.is_silent());
    let back = with_will(&lab, &device, &DELAYED);
    clock.advance(Duration::from_secs(60));
    watcher.ping();
    assert!(watcher.is_silent(), "the first will was cancelled");
    back.hang_up();
    assert!(watcher.is_silent());
    clock.advance(Duration::from_secs(21));
    assert_eq!(watcher.see().payload, "gone");
}

#[test]
fn a_client_that_hangs_up_behind_its_last_message_is_gone_at_once() {
    let lab = Lab::start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    for _ in 0..200 {
        let mut raw = Raw::open(lab.0.address(), V5);
        raw.send(&Packet::Connect(Connect {
            // Only its end tells that it is gone.
            keep_alive_s: 0,
            will: Some(Will {
                qos: QoS::AtMostOnce,
                retain: false,
                topic: "lab/will",
                properties: Properties::NONE,
                payload: b"gone",
            }),
            ..connect_packet(&device, V5)
        }));
        assert!(matches!(raw.recv(), Said::ConnAck(ReasonCode::Success, _)));
        raw.say("lab/last", "m", Delivery::AtMostOnce);
        raw.end();
        assert_eq!(watcher.see().payload, "gone");
    }
}

#[test]
fn a_delayed_will_comes_when_its_session_is_not_gone_on_with() {
    let (_clock, lab) = start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    for expiry_s in [100, 0] {
        with_will(&lab, &device, &DELAYED).hang_up();
        watcher.ping();
        assert!(watcher.is_silent());
        let asks = Asks {
            expiry_s,
            clean_start: true,
            ..DELAYED
        };
        let new = with_will(&lab, &device, &asks);
        assert_eq!(watcher.see().payload, "gone");
        assert!(watcher.is_silent(), "once");
        let end = Disconnect {
            reason: ReasonCode::Success,
            properties: Properties::NONE,
        };
        let mut new = new;
        new.send(&Packet::Disconnect(end));
        assert_eq!(new.recv(), Said::Closed);
    }
}

#[test]
fn a_delayed_will_comes_when_its_session_ends() {
    let (clock, lab) = start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    with_will(
        &lab,
        &device,
        &Asks {
            expiry_s: 5,
            delay_s: 90,
            clean_start: false,
        },
    )
    .hang_up();
    assert!(watcher.is_silent());
    clock.advance(Duration::from_secs(6));
    assert_eq!(watcher.see().payload, "gone");
    // A clean start over a live session ends that, too.
    let _old = with_will(&lab, &device, &DELAYED);
    let _new = with_will(
        &lab,
        &device,
        &Asks {
            clean_start: true,
            ..DELAYED
        },
    );
    assert_eq!(watcher.see().payload, "gone");
}

#[test]
fn a_taken_over_connection_leaves_its_will_unless_that_was_delayed() {
    let lab = Lab::start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    let _old = with_will(&lab, &device, &DELAYED);
    let mut new = with_will(
        &lab,
        &device,
        &Asks {
            delay_s: 0,
            ..DELAYED
        },
    );
    assert!(watcher.is_silent());
    let _newest = with_will(&lab, &device, &DELAYED);
    assert!(matches!(
        new.recv(),
        Said::Disconnect(ReasonCode::SessionTakenOver, _)
    ));
    assert_eq!(watcher.see().payload, "gone");
}

#[test]
fn a_goodbye_takes_the_will_away_unless_it_says_otherwise() {
    let lab = Lab::start();
    let mut watcher = lab.subscriber("watch", "lab/will", QoS::AtLeastOnce);
    let device = lab.device("dev");
    for reason in [ReasonCode::Success, ReasonCode::DisconnectWithWill] {
        let mut raw = with_will(
            &lab,
            &device,
            &Asks {
                delay_s: 0,
                ..DELAYED
            },
        );
        let properties = Properties::NONE;
        raw.send(&Packet::Disconnect(Disconnect { reason, properties }));
        assert_eq!(raw.recv(), Said::Closed);
    }
    assert_eq!(watcher.see().payload, "gone");
    assert!(watcher.is_silent(), "one of two");
}
