//! What the standard forbids is refused, each for its own reason.
#![expect(
    clippy::unwrap_used,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

use mqtt_codec::{DecodeError, Limits, ProtocolVersion, ReasonCode, decode, decode_behind};

const V5: Limits = Limits {
    version: ProtocolVersion::V5,
    packet_len_max: 1_000,
};
const V311: Limits = Limits {
    version: ProtocolVersion::V311,
    packet_len_max: 1_000,
};

fn check(bytes: &[u8], want: DecodeError) {
    assert_eq!(decode(bytes, V5).unwrap_err(), want, "{bytes:02x?}");
}

fn check_311(bytes: &[u8], want: DecodeError) {
    assert_eq!(decode(bytes, V311).unwrap_err(), want, "{bytes:02x?}");
}

#[test]
fn fixed_header() {
    check(&[0x00, 0x00], DecodeError::PacketType(0));
    check_311(&[0xf0, 0x00], DecodeError::PacketType(15));
    check(&[0xc1, 0x00], DecodeError::HeaderFlags);
    check(&[0x80, 0x00], DecodeError::HeaderFlags);
    check(&[0x60, 0x00], DecodeError::HeaderFlags);
    check(&[0xc0, 0x01, 0x00], DecodeError::Trailing);
    check(
        &[0x30, 0x80, 0x80, 0x80, 0x80],
        DecodeError::VariableByteInteger,
    );
    check(&[0xc0, 0x80, 0x00], DecodeError::VariableByteInteger);
    check(
        &[0x30, 0xe8, 0x07],
        DecodeError::TooLarge {
            len: 1_003,
            max: 1_000,
        },
    );
    assert_eq!(
        DecodeError::TooLarge { len: 2, max: 1 }.reason(),
        ReasonCode::PacketTooLarge
    );
}

#[test]
fn nothing_is_said_before_all_is_there() {
    let packet = [0x30, 0x06, 0x00, 0x01, b'a', 0x00, b'x', b'y'];
    for len in 0..packet.len() {
        assert_eq!(decode(&packet[..len], V5), Ok(None), "{len}");
    }
    assert_eq!(decode(&packet, V5).unwrap().unwrap().1, packet.len());
}

#[test]
fn connect() {
    check(b"\x10\x06\x00\x04MQTX", DecodeError::ProtocolName);
    check(b"\x10\x07\x00\x04MQTT\x03", DecodeError::ProtocolLevel(3));
    assert_eq!(
        DecodeError::ProtocolLevel(3).reason(),
        ReasonCode::UnsupportedProtocolVersion
    );
    let flags =
        |level: u8, flags: u8| vec![0x10, 0x08, 0x00, 0x04, b'M', b'Q', b'T', b'T', level, flags];
    check(&flags(5, 0x01), DecodeError::Flags);
    // Will details without a will; in 3.1.1 a password without a user name.
    check(&flags(5, 0x08), DecodeError::Flags);
    check(&flags(5, 0x20), DecodeError::Flags);
    check(&flags(4, 0x40), DecodeError::Flags);
    check(&flags(5, 0x40), DecodeError::Truncated);
    let will_qos_3 = b"\x10\x0e\x00\x04MQTT\x04\x1e\x00\x00\x00\x00\x00\x00";
    check(will_qos_3, DecodeError::QoS);
}

#[test]
fn publish() {
    check(&[0x36, 0x03, 0x00, 0x01, b'a'], DecodeError::QoS);
    check(&[0x38, 0x04, 0x00, 0x01, b'a', 0x00], DecodeError::QoS);
    check(
        &[0x32, 0x06, 0x00, 0x01, b'a', 0x00, 0x00, 0x00],
        DecodeError::PacketId,
    );
    check(&[0x30, 0x03, 0x00, 0x00, 0x00], DecodeError::TopicName);
    check(
        &[0x30, 0x04, 0x00, 0x01, b'+', 0x00],
        DecodeError::TopicName,
    );
    check(
        &[0x30, 0x04, 0x00, 0x01, b'#', 0x00],
        DecodeError::TopicName,
    );
    check(&[0x30, 0x04, 0x00, 0x01, 0x00, 0x00], DecodeError::String);
    check(
        &[0x30, 0x05, 0x00, 0x02, 0xc3, 0x28, 0x00],
        DecodeError::String,
    );
    check(
        &[0x30, 0x05, 0x00, 0x05, b'a', 0x00, 0x00],
        DecodeError::Truncated,
    );
    // A surrogate, and more than Unicode has.
    check(
        &[0x30, 0x06, 0x00, 0x03, 0xed, 0xa0, 0x80, 0x00],
        DecodeError::String,
    );
    check(
        &[0x30, 0x07, 0x00, 0x04, 0xf4, 0x90, 0x80, 0x80, 0x00],
        DecodeError::String,
    );
    // An empty name is right where an alias stands for it.
    assert!(
        decode(&[0x30, 0x06, 0x00, 0x00, 0x03, 0x23, 0x00, 0x01], V5)
            .unwrap()
            .is_some()
    );
}

#[test]
fn properties() {
    let publish = |properties: &[u8]| {
        let len = u8::try_from(properties.len()).unwrap();
        let mut bytes = vec![0x30, len + 4, 0x00, 0x01, b'a', len];
        bytes.extend(properties);
        bytes
    };
    check(&publish(&[0x7f, 0x00]), DecodeError::UnknownProperty(0x7f));
    check(
        &publish(&[0x24, 0x00]),
        DecodeError::MisplacedProperty(0x24),
    );
    check(&publish(&[0x01, 0x02]), DecodeError::PropertyValue(0x01));
    check(
        &publish(&[0x23, 0x00, 0x00]),
        DecodeError::PropertyValue(0x23),
    );
    check(
        &publish(&[0x08, 0x00, 0x01, b'+']),
        DecodeError::PropertyValue(0x08),
    );
    check(
        &publish(&[0x01, 0x01, 0x01, 0x01]),
        DecodeError::DuplicateProperty(0x01),
    );
    check(&publish(&[0x02, 0x00]), DecodeError::Truncated);
    check(&publish(&[0x0b, 0x00]), DecodeError::PropertyValue(0x0b));
    // User properties, and in PUBLISH subscription identifiers, may repeat.
    let repeated = publish(&[0x26, 0, 0, 0, 0, 0x26, 0, 0, 0, 0, 0x0b, 1, 0x0b, 2]);
    assert!(decode(&repeated, V5).unwrap().is_some());
    let subscribe = [
        0x82, 0x0b, 0x00, 0x01, 0x04, 0x0b, 1, 0x0b, 2, 0x00, 0x01, b'a', 0x00,
    ];
    check(&subscribe, DecodeError::DuplicateProperty(0x0b));
}

#[test]
fn subscribe_and_answers() {
    check(&[0x82, 0x03, 0x00, 0x01, 0x00], DecodeError::EmptyList);
    check(
        &[0x82, 0x06, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00],
        DecodeError::TopicFilter,
    );
    let options = |byte| [0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, b'a', byte];
    check(&options(0x40), DecodeError::Flags);
    check(&options(0x30), DecodeError::Flags);
    check(&options(0x03), DecodeError::QoS);
    check_311(
        &[0x82, 0x06, 0x00, 0x01, 0x00, 0x01, b'a', 0x04],
        DecodeError::Flags,
    );
    check(&[0xa2, 0x03, 0x00, 0x01, 0x00], DecodeError::EmptyList);
    check(
        &[0x90, 0x04, 0x00, 0x01, 0x00, 0x8e],
        DecodeError::ReasonCode(0x8e),
    );
    check_311(
        &[0x90, 0x03, 0x00, 0x01, 0x87],
        DecodeError::ReasonCode(0x87),
    );
    check_311(&[0xb0, 0x03, 0x00, 0x01, 0x00], DecodeError::Trailing);
    check(
        &[0x40, 0x03, 0x00, 0x01, 0x04],
        DecodeError::ReasonCode(0x04),
    );
    check(&[0xe0, 0x01, 0x10], DecodeError::ReasonCode(0x10));
    check(&[0x20, 0x03, 0x01, 0x87, 0x00], DecodeError::Flags);
    check_311(&[0x20, 0x02, 0x00, 0x06], DecodeError::ReasonCode(0x06));
}

#[test]
fn every_reason_code_is_found_by_its_value() {
    for reason in ReasonCode::ALL {
        assert_eq!(ReasonCode::from_value(reason.value()), Some(*reason));
    }
    assert_eq!(ReasonCode::ALL.len(), 43);
}

#[test]
fn a_known_topic_is_not_taken_for_another() {
    let publish = |topic: &[u8]| [&[0x30, 0x05, 0x00, 0x02], topic, b"x"].concat();
    let limits = Limits {
        version: ProtocolVersion::V311,
        packet_len_max: 100,
    };
    for topic in [b"ab", b"ac", b"a+", b"a\0", b"a\xff"] {
        let bytes = publish(topic);
        assert_eq!(
            decode_behind(&bytes, limits, Some("ab")),
            decode(&bytes, limits),
            "{topic:?}"
        );
    }
}
