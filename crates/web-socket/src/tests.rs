#![expect(
    clippy::indexing_slicing,
    reason = "a test that is wrong about lengths may panic"
)]

use proptest::prelude::*;

use super::*;
use crate::{limits::HEAD_LEN_MAX, upgrade::UpgradeError};

const MASK: [u8; 4] = [1, 0x20, 0xff, 7];

/// What a server makes of `bytes` of a client that come in pieces of `piece`: data and answers.
fn server_hears(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, bool), FrameError> {
    let mut decoder = Decoder::of_client();
    let (mut data, mut out, mut closed) = (Vec::new(), Vec::new(), false);
    for part in bytes.chunks(piece.max(1)) {
        let mut buf = part.to_vec();
        let decoded = decoder.decode(&mut buf, Role::Server, &mut out)?;
        data.extend_from_slice(&buf[..decoded.len]);
        closed = decoded.closed;
    }
    Ok((data, out, closed))
}

/// A frame of a client, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![
        first,
        0x80 | u8::try_from(payload.len()).unwrap(),
        0,
        0,
        0,
        0,
    ];
    bytes.extend_from_slice(payload);
    bytes
}

proptest! {
    #[test]
    fn any_cut_of_any_frames_gives_the_same_bytes(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 1..4),
        piece in 1_usize..5_000,
    ) {
        let mut bytes = Vec::new();
        for part in &parts {
            encode_binary(Role::Client(MASK), part, &mut bytes);
        }
        let (data, out, closed) = server_hears(&bytes, piece).unwrap();
        prop_assert_eq!(data, parts.concat());
        prop_assert!(out.is_empty() && !closed);
    }

    #[test]
    fn nothing_that_comes_makes_a_decoder_fall(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        piece in 1_usize..50,
    ) {
        let result = server_hears(&bytes, piece);
        prop_assert_eq!(result.clone().ok(), server_hears(&bytes, 1_000).ok().filter(|_| result.is_ok()));
    }
}

#[test]
fn the_server_of_one_side_is_understood_by_the_other() {
    let mut bytes = Vec::new();
    encode_binary(Role::Server, b"hello", &mut bytes);
    assert_eq!(bytes, b"\x82\x05hello");
    let mut decoder = Decoder::of_server();
    let decoded = decoder.decode(&mut bytes, Role::Client(MASK), &mut Vec::new());
    assert_eq!(decoded.unwrap().len, 5);
    assert_eq!(&bytes[..5], b"hello");
}

#[test]
fn a_ping_amid_fragments_is_answered_and_divides_nothing() {
    let bytes = [
        frame(0x02, b"ab"),
        frame(0x89, b"are you there"),
        frame(0x00, b"cd"),
        frame(0x8a, b"unasked"),
        frame(0x80, b"ef"),
    ]
    .concat();
    for piece in 1..bytes.len() {
        let (data, out, closed) = server_hears(&bytes, piece).unwrap();
        assert_eq!(data, b"abcdef");
        assert_eq!(out, b"\x8a\x0dare you there");
        assert!(!closed);
    }
}

#[test]
fn a_close_is_answered_and_the_last_word() {
    let bytes = [
        frame(0x88, &[3, 0xe8, b'b', b'y', b'e']),
        frame(0x82, b"late"),
    ]
    .concat();
    let (data, out, closed) = server_hears(&bytes, bytes.len()).unwrap();
    assert_eq!((data, out, closed), (vec![], vec![0x88, 2, 3, 0xe8], true));
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let check = |bytes: &[u8], error| assert_eq!(server_hears(bytes, 3), Err(error), "{bytes:?}");
    check(&[0xc2, 0x80, 0, 0, 0, 0], FrameError::ReservedBits);
    check(&[0x82, 0x01, 0], FrameError::Masking);
    check(&frame(0x81, b"text"), FrameError::Text);
    check(&frame(0x83, b""), FrameError::Opcode(3));
    check(&frame(0x80, b"no beginning"), FrameError::Fragments);
    check(
        &[frame(2, b"a"), frame(2, b"b")].concat(),
        FrameError::Fragments,
    );
    check(&frame(0x09, b"in fragments"), FrameError::Control);
    check(&[0x89, 0xfe, 0, 126], FrameError::Control);
    check(&[0x82, 0xfe, 0, 125], FrameError::Length);
    check(
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        FrameError::Length,
    );
    check(
        &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
        FrameError::TooBig(1 << 63),
    );
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn the_handshake_of_the_standards_example_is_accepted() {
    let request = upgrade::request("mq.example", "/mqtt", KEY);
    for len in 0..request.len() {
        let part = upgrade::parse_request(&request.as_bytes()[..len], "/mqtt");
        assert_eq!(part, Ok(None));
    }
    let bytes = [request.as_bytes(), b"\x82"].concat();
    let accepted = upgrade::parse_request(&bytes, "/mqtt").unwrap().unwrap();
    assert_eq!(accepted.len, request.len());
    // RFC 6455, 1.3.
    assert!(accepted.response.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    let response = accepted.response.as_bytes();
    assert_eq!(
        upgrade::parse_response(response, KEY),
        Ok(Some(response.len()))
    );
    let other = upgrade::key([0; 16]);
    assert_eq!(
        upgrade::parse_response(response, &other),
        Err(UpgradeError::Mismatch)
    );
    assert_eq!(
        upgrade::parse_response(b"HTTP/1.1 403 Forbidden\r\n\r\n", KEY),
        Err(UpgradeError::Refused(403))
    );
}

#[test]
fn other_requests_are_refused_with_their_reason() {
    let good = upgrade::request("mq.example", "/mqtt", KEY);
    let check = |from: &str, to: &str| {
        let changed = good.replace(from, to);
        upgrade::parse_request(changed.as_bytes(), "/mqtt").unwrap_err()
    };
    assert_eq!(check("/mqtt HTTP", "/ HTTP"), UpgradeError::Path);
    assert_eq!(check("GET", "POST"), UpgradeError::NoUpgrade);
    assert_eq!(check(": 13", ": 8"), UpgradeError::NoUpgrade);
    assert_eq!(check(KEY, "c2hvcnQ="), UpgradeError::NoUpgrade);
    assert_eq!(check(": mqtt", ": chat"), UpgradeError::Subprotocol);
    assert_eq!(check("GET", "\0"), UpgradeError::Malformed);
    let long = format!("GET /mqtt HTTP/1.1\r\nX: {}", "x".repeat(HEAD_LEN_MAX));
    let refused = upgrade::parse_request(long.as_bytes(), "/mqtt");
    assert_eq!(refused, Err(UpgradeError::Malformed));
    let listed = good.replace(": mqtt", ": mqttv3.1, MQTT");
    assert!(
        upgrade::parse_request(listed.as_bytes(), "/mqtt")
            .unwrap()
            .is_some()
    );
}
