//! The send-message API reaches whom a message of a client would reach.

use message_bus::{AdminAnswer, AdminCall, admin::MessageToSend};
use mqtt_codec::{Ack, Packet, ProtocolVersion::V5, QoS};

use crate::{
    administration::ask,
    kit::wait_until,
    lab::{Lab, qos1},
    persistent::keep,
};

/// How many got it.
async fn send(lab: &Lab, topic: &str, payload: &str) -> u64 {
    let message = MessageToSend {
        topic: topic.parse().unwrap(),
        payload: payload.to_owned().into(),
    };
    match ask(&lab.0, AdminCall::Send { message }).await {
        AdminAnswer::Sent(sent) => sent.receivers,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn persistent_sessions_get_it_connected_or_not_and_over_a_restart() {
    let lab = Lab::start();
    let (here, away) = (lab.device("here"), lab.device("away"));
    let (mut connected, _) = keep(&lab, &here, V5, 3_600);
    connected.subscribe(&[("lab/x", QoS::AtLeastOnce)]);
    let (mut gone, _) = keep(&lab, &away, V5, 3_600);
    gone.subscribe(&[("lab/#", QoS::AtLeastOnce)]);
    gone.hang_up();
    wait_until(|| lab.0.broker.metrics().clients == 1);
    let mut plain = lab.subscriber("plain", "lab/x", QoS::AtLeastOnce);

    assert_eq!(send(&lab, "lab/x", "to all").await, 3);
    assert_eq!(plain.see().payload, "to all");
    let seen = connected.see();
    assert_eq!(
        (&*seen.payload, seen.delivery.qos()),
        ("to all", QoS::AtLeastOnce)
    );
    connected.send(&Packet::PubAck(Ack::success(seen.packet_id())));
    connected.ping();
    let p2p = format!("lab/p2p/{}", away.client_id);
    assert_eq!(send(&lab, &p2p, "to one").await, 1);

    // What the API has said it has sent is on disk.
    let lab = Lab(lab.0.after_kill());
    let (mut back, present) = keep(&lab, &away, V5, 3_600);
    assert!(present);
    assert_eq!(back.see().payload, "to all");
    assert_eq!(back.see().payload, "to one");
}

#[tokio::test]
async fn one_member_of_each_shared_subscription_gets_it() {
    let lab = Lab::start();
    let mut members: Vec<_> = (0..4)
        .map(|n| lab.subscriber(&format!("m{n}"), "$share/g/lab/x", QoS::AtLeastOnce))
        .collect();
    let mut other = lab.subscriber("other", "$share/h/lab/#", QoS::AtLeastOnce);
    for n in 0..4 {
        assert_eq!(send(&lab, "lab/x", &n.to_string()).await, 2);
    }
    let mut got: Vec<String> = members.iter_mut().map(|raw| raw.see().payload).collect();
    got.sort();
    assert_eq!(got, ["0", "1", "2", "3"]);
    for n in 0..4 {
        let seen = other.see();
        assert_eq!((seen.payload, seen.delivery), (n.to_string(), qos1(n + 1)));
    }
    assert_eq!(send(&lab, "lab/none", "m").await, 1);
}
