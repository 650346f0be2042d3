//! Each rule of the queue refuses with its own words.

use model::{ClientId, Credential, Secret, Timestamp};
use mqtt_codec::{Connect, Packet, ProtocolVersion, QoS, ReasonCode};

use crate::{
    kit::{Device, Kit, wait_until},
    raw::{Raw, Said, connect_packet},
};

use ProtocolVersion::{V5, V311};

fn connect(kit: &Kit, connect: Connect<'_>) -> Said {
    let mut raw = Raw::open(kit.address(), connect.version);
    raw.send(&Packet::Connect(connect));
    let said = raw.recv();
    assert_eq!(raw.recv(), Said::Closed, "after {said:?}");
    said
}

/// Both versions refuse: 5 with reason and words, 3.1.1 with the return code that comes nearest.
fn check_connect(kit: &Kit, packet: Connect<'_>, reason: ReasonCode, words: &str) {
    let Said::ConnAck(got, text) = connect(kit, packet) else {
        panic!("no CONNACK")
    };
    assert_eq!(got, reason, "{text}");
    assert!(text.contains(words), "{text}");
    let version = V311;
    let old = connect(kit, Connect { version, ..packet });
    assert_eq!(old, Said::ConnAck(reason, String::new()));
}

#[test]
fn a_client_id_must_follow_the_rule_and_its_group_must_exist() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let check = |client_id: &str, reason: ReasonCode, words: &str| {
        let good = connect_packet(&device, V5);
        check_connect(&kit, Connect { client_id, ..good }, reason, words);
    };
    let invalid = ReasonCode::ClientIdentifierNotValid;
    let long = format!("GID_csg_local@@@{}", "x".repeat(49));
    assert_eq!(long.len(), 65);
    check(&long, invalid, "65 characters");
    check("", invalid, "@@@");
    check("csg@@@a", invalid, "GID_");
    let refused = ReasonCode::NotAuthorized;
    check(
        "GID_other@@@gw-one",
        refused,
        "Group ID `GID_other` does not exist",
    );
}

#[test]
fn a_credential_must_exist_and_fit() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let good = connect_packet(&device, V5);
    let check_user = |user_name: Option<&str>, reason: ReasonCode, words: &str| {
        let password = user_name.and(good.password);
        check_connect(
            &kit,
            Connect {
                user_name,
                password,
                ..good
            },
            reason,
            words,
        );
    };
    let (bad, refused) = (ReasonCode::BadUserNameOrPassword, ReasonCode::NotAuthorized);
    check_user(
        Some("me"),
        bad,
        "must read Signature, Token or DeviceCredential|",
    );
    check_user(None, bad, "must read");
    check_user(Some("Password|key-gw-one|causeway"), bad, "must read");
    let unknown = "does not exist for this client";
    check_user(Some("Signature|key-gw-one|causeway"), refused, unknown);
    check_user(
        Some("DeviceCredential|key-gw-one|other"),
        bad,
        "another instance",
    );
    check_user(
        Some("DeviceCredential|key-none|causeway"),
        refused,
        "used up or withdrawn",
    );
    let password = Some(&b"!"[..]);
    check_connect(&kit, Connect { password, ..good }, bad, "not the signature");
    let client_id = "GID_csg_local@@@gw-two";
    let elsewhere = Connect { client_id, ..good };
    check_connect(&kit, elsewhere, refused, "does not exist for this client");
    wait_until(|| kit.broker.metrics().connects_refused == 16);
}

#[test]
fn an_expired_credential_is_named_so_to_who_can_sign() {
    let kit = Kit::start();
    let late = Device::new("gw-late");
    let expires_at = Some(Timestamp::from_millis(5));
    let expired = [(late.client_id.clone(), late.credential.clone(), expires_at)];
    kit.broker.registry().register(&expired).unwrap();
    let signed = connect_packet(&late, V5);
    check_connect(
        &kit,
        signed,
        ReasonCode::NotAuthorized,
        "expired at 1970-01-01",
    );
    let password = Some(&b"eA=="[..]);
    let unsigned = Connect { password, ..signed };
    check_connect(
        &kit,
        unsigned,
        ReasonCode::BadUserNameOrPassword,
        "not the signature",
    );
}

#[test]
fn a_client_may_have_several_credentials_and_not_too_many() {
    let kit = Kit::start();
    let client_id: ClientId = "GID_csg_local@@@gw-many".parse().unwrap();
    let credential = |n: usize| Credential {
        access_key_id: format!("key-{n}"),
        secret: Secret::new(format!("secret-{n}")),
    };
    for n in 0..mqtt_broker::limits::CREDENTIALS_MAX {
        let device = kit.add(Device::with(client_id.clone(), credential(n)));
        Raw::connect(kit.address(), &device, V5).ping();
    }
    let error = kit
        .broker
        .registry()
        .register(&[(client_id, credential(99), None)])
        .unwrap_err();
    assert!(
        error.to_string().contains("too many credentials"),
        "{error}"
    );
}

#[test]
fn a_message_must_follow_the_rules_of_topics_and_rights() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let mut check = |topic: &str, reason: ReasonCode, words: &str| {
        raw.publish(topic, b"x", Some(7));
        let said = raw.recv();
        let Said::PubAck(7, got, text) = &said else {
            panic!("{said:?}")
        };
        assert_eq!(*got, reason, "{text}");
        assert!(text.contains(words), "{text}");
        // QoS 0 and 3.1.1 know no such answer: there the connection ends.
        let mut unanswered = Raw::connect(kit.address(), &kit.device("gw-zero"), V5);
        unanswered.publish(topic, b"x", None);
        let said = unanswered.recv();
        let Said::Disconnect(got, text) = &said else {
            panic!("{said:?}")
        };
        assert_eq!(*got, reason);
        assert!(!text.is_empty());
        let mut old = Raw::connect(kit.address(), &kit.device("gw-old"), V311);
        old.publish(topic, b"x", Some(7));
        assert_eq!(old.recv(), Said::Closed);
    };
    let (invalid, refused) = (ReasonCode::TopicNameInvalid, ReasonCode::NotAuthorized);
    check(&"t".repeat(65), invalid, "65 characters");
    check("csg_event//x", invalid, "not empty");
    check(
        "unheard_of/gw-one",
        refused,
        "parent topic `unheard_of` does not exist",
    );
    check(
        "csg_cmd/p2p/GID_csg_local@@@gw-two",
        refused,
        "may not publish on",
    );
    check(
        "csg_event/gw-two",
        refused,
        "may publish on `csg_event/gw-one` only",
    );
    check(
        "csg_event",
        refused,
        "may publish on `csg_event/gw-one` only",
    );
    check("csg_event/p2p/GID_csg_local@@@gw-two", refused, "only");
    raw.ping();
}

#[test]
fn a_payload_has_a_limit() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let payload = vec![0; mqtt_broker::limits::PAYLOAD_LEN_MAX + 1];
    raw.publish("csg_event/gw-one", &payload, Some(1));
    let said = raw.recv();
    let Said::PubAck(1, ReasonCode::QuotaExceeded, text) = said else {
        panic!("{said:?}")
    };
    assert!(text.contains("65537 bytes; 65536 are allowed"), "{text}");
    raw.publish("csg_event/gw-one", &payload[1..], Some(2));
    assert_eq!(
        raw.recv(),
        Said::PubAck(2, ReasonCode::Success, String::new())
    );
    raw.publish("csg_event/gw-one", &vec![0; 200_000], Some(3));
    let said = raw.recv();
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::PacketTooLarge, _)),
        "{said:?}"
    );
}

#[test]
fn a_subscription_must_follow_the_rules() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let codes = raw.subscribe(&[
        ("csg_cmd/#", QoS::AtMostOnce),
        ("csg_cmd/+/x", QoS::ExactlyOnce),
        ("csg_event/#", QoS::AtMostOnce),
        ("unheard_of/#", QoS::AtMostOnce),
        ("#", QoS::AtMostOnce),
        ("$share/a/csg_cmd/#", QoS::AtMostOnce),
    ]);
    let want = [
        ReasonCode::Success,
        ReasonCode::GrantedQoS2,
        ReasonCode::NotAuthorized,
        ReasonCode::NotAuthorized,
        ReasonCode::TopicFilterInvalid,
        ReasonCode::Success,
    ];
    assert_eq!(codes, want);
    for n in 3..mqtt_broker::limits::SUBSCRIPTIONS_MAX {
        let codes = raw.subscribe(&[(&format!("csg_cmd/{n}"), QoS::AtMostOnce)]);
        assert_eq!(codes, [ReasonCode::Success]);
    }
    let one_more = raw.subscribe(&[("csg_cmd/31", QoS::AtMostOnce)]);
    assert_eq!(one_more, [ReasonCode::QuotaExceeded]);
    let one_more = raw.subscribe(&[("$share/b/csg_cmd/#", QoS::AtMostOnce)]);
    assert_eq!(one_more, [ReasonCode::QuotaExceeded]);
    let again = raw.subscribe(&[("csg_cmd/#", QoS::AtLeastOnce)]);
    assert_eq!(again, [ReasonCode::GrantedQoS1]);
}
