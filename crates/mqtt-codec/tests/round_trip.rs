//! What is encoded is decoded to the same; whatever is decoded is decoded without panic.
#![expect(
    clippy::unwrap_used,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

use mqtt_codec::{
    Ack, Auth, Codes, ConnAck, Connect, Delivery, Disconnect, FilterList, Limits, Packet, PacketId,
    PacketType, Properties, PropertiesBuf, Property, ProtocolVersion, Publish, QoS, ReasonCode,
    RetainHandling, SubAck, Subscribe, SubscribeOptions, UnsubAck, Unsubscribe, Will, decode,
    encode,
};
use proptest::prelude::*;

fn version() -> impl Strategy<Value = ProtocolVersion> {
    prop_oneof![Just(ProtocolVersion::V311), Just(ProtocolVersion::V5)]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,20}"
}

fn name() -> impl Strategy<Value = String> {
    "[^\\x00+#]{1,20}"
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (qos(), packet_id(), any::<bool>()).prop_map(|(qos, packet_id, dup)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    })
}

/// None in 3.1.1.
fn properties(version: ProtocolVersion, all: &[Property<'_>]) -> PropertiesBuf {
    let mut buf = PropertiesBuf::new();
    if version == ProtocolVersion::V5 {
        all.iter().for_each(|property| buf.push(*property).unwrap());
    }
    buf
}

fn reason(packet: PacketType) -> impl Strategy<Value = ReasonCode> {
    let all: Vec<_> = ReasonCode::ALL
        .iter()
        .copied()
        .filter(|reason| reason.belongs_to(packet))
        .collect();
    prop::sample::select(all)
}

/// 3.1.1 says success, whatever it is.
fn in_version(reason: ReasonCode, version: ProtocolVersion) -> ReasonCode {
    match version {
        ProtocolVersion::V5 => reason,
        ProtocolVersion::V311 => ReasonCode::Success,
    }
}

fn check(packet: &Packet<'_>, version: ProtocolVersion) {
    let mut encoded = vec![0xaa];
    encode(packet, version, &mut encoded).unwrap();
    let limits = Limits {
        version,
        packet_len_max: u32::MAX,
    };
    let (decoded, len) = decode(&encoded[1..], limits).unwrap().unwrap();
    assert_eq!((&decoded, len), (packet, encoded.len() - 1));
    encoded.truncate(encoded.len() - 1);
    assert!(
        decode(&encoded[1..], limits).is_ok_and(|d| d.is_none()),
        "cut"
    );
}

proptest! {
    #[test]
    fn connect(
        version in version(), client_id in text(), keep_alive_s: u16, clean_start: bool,
        will in prop::option::of((qos(), any::<bool>(), name(), bytes(), any::<u32>())),
        login in prop::option::of((text(), prop::option::of(bytes()))),
    ) {
        let all = [
            Property::SessionExpiryInterval(7), Property::ReceiveMaximum(9),
            Property::MaximumPacketSize(11), Property::TopicAliasMaximum(0),
            Property::RequestProblemInformation(true), Property::RequestResponseInformation(false),
            Property::AuthenticationMethod("m"), Property::AuthenticationData(b"d"),
            Property::UserProperty("k", "v"),
        ];
        let of_connect = properties(version, &all);
        let delay = will.as_ref().map_or(0, |w| w.4);
        let of_will = properties(version, &[Property::WillDelayInterval(delay)]);
        let will = will.as_ref().map(|(qos, retain, topic, payload, _)| Will {
            qos: *qos, retain: *retain, properties: of_will.as_properties(), topic, payload,
        });
        check(&Packet::Connect(Connect {
            version, clean_start, keep_alive_s, properties: of_connect.as_properties(),
            client_id: &client_id, will,
            user_name: login.as_ref().map(|(name, _)| name.as_str()),
            password: login.as_ref().and_then(|(_, password)| password.as_deref()),
        }), version);
    }

    #[test]
    fn connack(version in version(), reason in reason(PacketType::ConnAck), text in text()) {
        let all = [
            Property::AssignedClientIdentifier("id"), Property::ServerKeepAlive(3),
            Property::ResponseInformation("r"), Property::ServerReference("s"),
            Property::ReasonString(&text), Property::MaximumQoS(true),
            Property::RetainAvailable(false), Property::WildcardSubscriptionAvailable(true),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
        ];
        let properties = properties(version, &all);
        let session_present = reason == ReasonCode::Success;
        // Return codes of 3.1.1 come back as the reason that is their name.
        let reason = match version {
            ProtocolVersion::V5 => reason,
            ProtocolVersion::V311 if reason.return_code() == 3 => ReasonCode::ServerUnavailable,
            ProtocolVersion::V311 if reason.return_code() == 5 => ReasonCode::NotAuthorized,
            ProtocolVersion::V311 => reason,
        };
        let properties = properties.as_properties();
        check(&Packet::ConnAck(ConnAck { session_present, reason, properties }), version);
    }

    #[test]
    fn publish(
        version in version(), delivery in delivery(), retain: bool, topic in name(),
        payload in prop::collection::vec(any::<u8>(), 0..20_000), text in text(),
    ) {
        let all = [
            Property::PayloadFormatIndicator(true), Property::MessageExpiryInterval(5),
            Property::ContentType(&text), Property::ResponseTopic("r"),
            Property::CorrelationData(&[0, 255]), Property::SubscriptionIdentifier(268_435_455),
            Property::TopicAlias(3), Property::UserProperty(&text, ""),
        ];
        let buf = properties(version, &all);
        let properties = buf.as_properties();
        if version == ProtocolVersion::V5 {
            prop_assert_eq!(properties.iter().collect::<Vec<_>>(), all);
        }
        let publish = Publish { delivery, retain, topic: &topic, properties, payload: &payload };
        check(&Packet::Publish(publish), version);
    }

    #[test]
    fn acknowledgements(
        version in version(), packet_id in packet_id(), text in prop::option::of(text()),
        puback in reason(PacketType::PubAck), pubrel in reason(PacketType::PubRel),
    ) {
        let all: Vec<_> = text.as_deref().map(Property::ReasonString).into_iter().collect();
        let buf = properties(version, &all);
        let ack = |reason| {
            let reason = in_version(reason, version);
            Ack { packet_id, reason, properties: buf.as_properties() }
        };
        check(&Packet::PubAck(ack(puback)), version);
        check(&Packet::PubRec(ack(puback)), version);
        check(&Packet::PubRel(ack(pubrel)), version);
        check(&Packet::PubComp(ack(pubrel)), version);
    }

    #[test]
    fn subscriptions(
        version in version(), packet_id in packet_id(),
        filters in prop::collection::vec((name(), qos(), any::<bool>()), 1..10),
    ) {
        let with_options = |qos, no_local| match version {
            ProtocolVersion::V311 => SubscribeOptions::qos(qos),
            ProtocolVersion::V5 => SubscribeOptions {
                qos, no_local, retain_as_published: !no_local,
                retain_handling: RetainHandling::SendIfNew,
            },
        };
        let (mut subscribe, mut unsubscribe) = (FilterList::new(), FilterList::new());
        for (filter, qos, no_local) in &filters {
            subscribe.push_with(filter, with_options(*qos, *no_local), version).unwrap();
            unsubscribe.push(filter).unwrap();
        }
        let buf = properties(version, &[Property::SubscriptionIdentifier(1)]);
        let list = subscribe.for_subscribe(version);
        prop_assert_eq!(list.iter().count(), filters.len());
        let properties = buf.as_properties();
        check(&Packet::Subscribe(Subscribe { packet_id, properties, filters: list }), version);
        let (filters, properties) = (unsubscribe.for_unsubscribe(), Properties::NONE);
        check(&Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters }), version);
        let (granted, done): (&[u8], &[u8]) = match version {
            ProtocolVersion::V311 => (&[0, 1, 2, 0x80], &[]),
            ProtocolVersion::V5 => (&[0, 1, 2, 0x87, 0x97], &[0, 0x11]),
        };
        let codes = Codes::from_values(granted);
        check(&Packet::SubAck(SubAck { packet_id, properties, codes }), version);
        let codes = Codes::from_values(done);
        check(&Packet::UnsubAck(UnsubAck { packet_id, properties, codes }), version);
    }

    #[test]
    fn the_rest(version in version(), bye in reason(PacketType::Disconnect), text in text()) {
        check(&Packet::PingReq, version);
        check(&Packet::PingResp, version);
        let buf = properties(version, &[Property::ReasonString(&text)]);
        let (reason, properties) = (in_version(bye, version), buf.as_properties());
        check(&Packet::Disconnect(Disconnect { reason, properties }), version);
        let auth = Packet::Auth(Auth { reason: ReasonCode::ReAuthenticate, properties });
        match version {
            ProtocolVersion::V5 => check(&auth, version),
            ProtocolVersion::V311 => assert!(encode(&auth, version, &mut Vec::new()).is_err()),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(version in version(), input in bytes()) {
        decode_all(&input, version);
    }

    #[test]
    fn arbitrary_bodies_never_panic_and_what_is_accepted_can_be_said_again(
        version in version(), first: u8, body in prop::collection::vec(any::<u8>(), 0..127),
    ) {
        let mut input = vec![first, u8::try_from(body.len()).unwrap()];
        input.extend(&body);
        decode_all(&input, version);
    }
}

fn decode_all(input: &[u8], version: ProtocolVersion) {
    let limits = Limits {
        version,
        packet_len_max: 10_000,
    };
    if let Ok(Some((packet, len))) = decode(input, limits) {
        assert!(len <= input.len());
        let version = match &packet {
            Packet::Connect(connect) => connect.version,
            _ => version,
        };
        let mut again = Vec::new();
        encode(&packet, version, &mut again).unwrap();
        let (same, _) = decode(&again, Limits { version, ..limits })
            .unwrap()
            .unwrap();
        assert_eq!(same, packet);
    }
}
