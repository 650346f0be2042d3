//! What is not MQTT ends its own connection and nothing else; silence ends it too.

use std::{io::Write as _, time::Duration};

use clock::Clock;
use model::Timestamp;
use mqtt_broker::{Broker, ListenerConfig};
use mqtt_codec::{
    Connect, Packet,
    ProtocolVersion::{V5, V311},
    ReasonCode, encode,
};

use crate::{
    kit::{self, Kit, wait_until},
    raw::{Raw, Said, connect_packet},
    wire::web_deaf,
};

#[test]
fn garbage_closes_its_own_connection_only() {
    let kit = Kit::start();
    let mut bystander = Raw::connect(kit.address(), &kit.device("gw-good"), V5);
    let check = |bytes: &[u8]| {
        let mut raw = Raw::open(kit.address(), V5);
        raw.send_bytes(bytes);
        assert_eq!(raw.recv(), Said::Closed, "{bytes:?}");
    };
    check(b"GET / HTTP/1.1\r\n\r\n");
    check(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    check(&[0x10, 0xff, 0xff, 0xff, 0xff, 0x01]);
    check(&[0x10, 0xff, 0xff, 0xff, 0x7f]);
    check(&[0xc0, 0x00]);
    check(&[0x00, 0x00]);
    check(&[0x10, 0x02, 0x00, 0x04]);
    bystander.ping();
    assert_eq!(kit.broker.metrics().packets_malformed, 6);
}

#[test]
fn garbage_after_connect_is_named() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let check = |bytes: &[u8], reason: ReasonCode| {
        let mut raw = Raw::connect(kit.address(), &device, V5);
        raw.send_bytes(bytes);
        let said = raw.recv();
        assert!(
            matches!(&said, Said::Disconnect(got, text) if *got == reason && !text.is_empty()),
            "{said:?}"
        );
        assert_eq!(raw.recv(), Said::Closed);
    };
    check(&[0x30, 0x02, 0x00, 0x05], ReasonCode::MalformedPacket);
    check(&[0x82, 0x03, 0x00, 0x01, 0x00], ReasonCode::ProtocolError);
    check(
        &[0x30, 0x05, 0x00, 0x02, 0xff, 0xfe, 0x00],
        ReasonCode::MalformedPacket,
    );
    check(&[0x20, 0x03, 0x00, 0x00, 0x00], ReasonCode::ProtocolError);
    check(&[0xd0, 0x00], ReasonCode::ProtocolError);
    let mut again = Vec::new();
    encode(
        &Packet::Connect(connect_packet(&device, V5)),
        V5,
        &mut again,
    )
    .unwrap();
    check(&again, ReasonCode::ProtocolError);
}

#[test]
fn another_protocol_level_is_answered() {
    let kit = Kit::start();
    let mut raw = Raw::open(kit.address(), V311);
    raw.send_bytes(b"\x10\x0d\x00\x04MQTT\x09\x02\x00\x3c\x00\x01a");
    let said = raw.recv();
    assert_eq!(
        said,
        Said::ConnAck(ReasonCode::UnsupportedProtocolVersion, String::new())
    );
}

#[test]
fn packets_may_come_in_any_pieces() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut bytes = Vec::new();
    encode(
        &Packet::Connect(connect_packet(&device, V5)),
        V5,
        &mut bytes,
    )
    .unwrap();
    (0..100).for_each(|_| encode(&Packet::PingReq, V5, &mut bytes).unwrap());
    for piece_len in [1, 7, bytes.len()] {
        let mut raw = Raw::open(kit.address(), V5);
        bytes
            .chunks(piece_len)
            .for_each(|piece| raw.send_bytes(piece));
        assert_eq!(
            raw.recv(),
            Said::ConnAck(ReasonCode::Success, String::new())
        );
        (0..100).for_each(|_| assert_eq!(raw.recv(), Said::PingResp));
    }
}

#[test]
fn silence_ends_a_connection() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_000_000));
    let broker = Broker::start(kit::config(&dir), clock.clone()).unwrap();
    let kit = Kit { broker, dir };
    let mut stranger = Raw::open(kit.address(), V5);
    // A byte now and then does not help.
    stranger.send_bytes(&[0x10]);
    let device = kit.device("gw-quiet");
    let mut quiet = Raw::open(kit.address(), V5);
    quiet.send(&Packet::Connect(Connect {
        keep_alive_s: 10,
        ..connect_packet(&device, V5)
    }));
    assert!(matches!(
        quiet.recv(),
        Said::ConnAck(ReasonCode::Success, _)
    ));

    // The stranger's ten seconds count from when its event loop has seen it.
    wait_until(|| kit.broker.metrics().accepted >= 2);

    clock.advance(Duration::from_secs(9));
    quiet.ping();
    clock.advance(Duration::from_secs(2));
    assert_eq!(stranger.recv(), Said::Closed);
    // 13 seconds of silence: less than one and a half times ten.
    clock.advance(Duration::from_secs(11));
    quiet.ping();
    clock.advance(Duration::from_secs(17));
    let said = quiet.recv();
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::KeepAliveTimeout, _)),
        "{said:?}"
    );
    assert_eq!(kit.broker.metrics().keep_alive_timeouts, 1);
}

#[test]
fn connections_have_a_limit() {
    let kit = Kit::start_with(|config| config.connections_max = 2);
    let (one, two) = (kit.device("gw-one"), kit.device("gw-two"));
    let mut first = Raw::connect(kit.address(), &one, V5);
    let second = Raw::connect(kit.address(), &two, V5);
    let mut third = Raw::open(kit.address(), V5);
    third.send(&Packet::Connect(connect_packet(&one, V5)));
    let said = third.recv();
    assert!(
        matches!(said, Said::ConnAck(ReasonCode::QuotaExceeded, _)),
        "{said:?}"
    );
    assert_eq!(third.recv(), Said::Closed);
    first.ping();
    second.hang_up();
    // The seat is free once the broker has noticed.
    let mut third = loop {
        let mut raw = Raw::open(kit.address(), V5);
        raw.send(&Packet::Connect(connect_packet(&two, V5)));
        if matches!(raw.recv(), Said::ConnAck(ReasonCode::Success, _)) {
            break raw;
        }
    };
    third.ping();
}

#[test]
fn who_says_nothing_without_end_keeps_nobody_waiting() {
    let kit = Kit::start_with(|config| {
        config.listeners.push(ListenerConfig {
            web_socket_path: Some("/mqtt".into()),
            ..ListenerConfig::new("web", "127.0.0.1:0".parse().unwrap())
        });
    });
    let address = kit.broker.listener_address("web").unwrap();
    // As a client, so that no time-out ends it.
    let flood = web_deaf(address, &kit.device("gw-flood"));
    let mut other = Raw::connect(kit.address(), &kit.device("gw-other"), V5);
    let (sent, flows) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let mut line = flood.try_clone().unwrap();
        scope.spawn(move || {
            // Frames without a byte in them.
            let nothing = [0x82, 0x80, 0, 0, 0, 0].repeat(64 * 1024);
            while line.write_all(&nothing).is_ok() {
                sent.send(()).ok();
            }
        });
        for _ in 0..20 {
            // More than the kernel holds.
            flows.iter().take(16).for_each(drop);
            other.ping();
        }
        flood.shutdown(std::net::Shutdown::Both).ok();
    });
}
