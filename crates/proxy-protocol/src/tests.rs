#![expect(
    clippy::indexing_slicing,
    reason = "a test that is wrong about lengths may panic"
)]

use super::*;

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &len, rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x22, 0xb3];

#[test]
fn a_peer_is_named_however_the_header_is_cut() {
    let mut bytes = header(0x21, 0x11, &V4);
    let len = bytes.len();
    bytes.extend_from_slice(b"\x10MQTT");
    for part in 0..len {
        assert_eq!(decode(&bytes[..part]), Ok(None), "{part}");
    }
    let peer = Source::Peer("192.0.2.7:12345".parse().unwrap());
    assert_eq!(decode(&bytes), Ok(Some((peer, len))));
}

#[test]
fn ipv6_and_what_follows_the_addresses_are_understood() {
    let mut rest = vec![0; 36];
    rest[0] = 0x20;
    rest[1] = 0x01;
    rest[15] = 9;
    rest[32] = 1;
    // A checksum, which a balancer may add.
    rest.extend_from_slice(&[3, 0, 4, 1, 2, 3, 4]);
    let bytes = header(0x21, 0x21, &rest);
    let peer = Source::Peer("[2001::9]:256".parse().unwrap());
    assert_eq!(decode(&bytes), Ok(Some((peer, bytes.len()))));
}

#[test]
fn checks_of_health_and_strange_families_name_nobody() {
    let bytes = header(0x20, 0, &[]);
    assert_eq!(decode(&bytes), Ok(Some((Source::Balancer, 16))));
    let bytes = header(0x21, 0x31, &[0; 216]);
    assert_eq!(decode(&bytes), Ok(Some((Source::Unknown, 232))));
}

#[test]
fn what_is_no_header_is_refused() {
    let check = |bytes: &[u8]| decode(bytes).unwrap_err();
    assert_eq!(check(b"PROXY TCP4 1.2.3.4"), DecodeError::Signature);
    assert_eq!(check(&header(0x22, 0x11, &V4)), DecodeError::Command(0x22));
    assert_eq!(check(&header(0x11, 0x11, &V4)), DecodeError::Command(0x11));
    assert_eq!(check(&header(0x21, 0x11, &V4[..11])), DecodeError::TooShort);
    assert_eq!(check(&header(0x21, 0x21, &V4)), DecodeError::TooShort);
    let long = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat();
    assert_eq!(check(&long), DecodeError::TooLong(65_551));
}
