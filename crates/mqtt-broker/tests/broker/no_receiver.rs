//! Who publishes to one client that is not there hears so at once.

use mqtt_codec::{
    Delivery,
    ProtocolVersion::{V5, V311},
    ReasonCode,
};

use crate::{
    lab::{Lab, qos1, qos2},
    raw::Said,
};

const GONE: &str = "lab/p2p/GID_lab@@@gone";
const NOTICE: &str = "$SYS/noReceiverNotice";

#[test]
fn a_sender_of_mqtt_3_1_1_gets_a_notice_behind_its_answer() {
    let lab = Lab::start();
    let mut raw = lab.client("old", V311);
    raw.say(GONE, "x", qos1(7));
    assert!(matches!(raw.recv(), Said::PubAck(7, ..)));
    let seen = raw.see();
    assert_eq!(seen.topic, NOTICE);
    assert_eq!(
        seen.payload,
        format!(r#"{{"topic":"{GONE}","packetId":7}}"#)
    );
    raw.say(GONE, "x", qos2(8));
    assert!(matches!(raw.recv(), Said::PubRec(8, ..)));
    assert!(raw.see().payload.ends_with(r#""packetId":8}"#));
    raw.say(GONE, "x", Delivery::AtMostOnce);
    assert_eq!(raw.see().payload, format!(r#"{{"topic":"{GONE}"}}"#));
    // Who is there is no reason for a notice.
    let mut there = lab.client("there", V311);
    raw.say("lab/p2p/GID_lab@@@there", "x", qos1(9));
    assert_eq!(there.see().payload, "x");
    assert!(matches!(raw.recv(), Said::PubAck(9, ..)));
    assert!(raw.is_silent());
}

#[test]
fn a_sender_of_mqtt_5_has_it_in_the_answer_or_gets_the_notice_if_there_is_none() {
    let lab = Lab::start();
    let mut raw = lab.client("new", V5);
    raw.say(GONE, "x", qos1(7));
    let said = raw.recv();
    assert!(matches!(
        said,
        Said::PubAck(7, ReasonCode::NoMatchingSubscribers, _)
    ));
    raw.say(GONE, "x", Delivery::AtMostOnce);
    assert_eq!(raw.see().topic, NOTICE);
    assert!(raw.is_silent());
}
