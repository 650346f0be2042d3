//! Several listeners: TLS, WebSocket, balancers, certificates of both sides, limits of each.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use message_bus::{BusEvent, PresenceKind};
use mqtt_broker::{
    BrokerConfig, ClientAuthentication, ListenerConfig, ListenerLimits, Rate, TlsSettings,
};
use mqtt_codec::{Delivery, Packet, Properties, ProtocolVersion, Publish, QoS, ReasonCode};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{
    kit::{Device, Kit, next, next_uplink},
    lab::Lab,
    raw::{Raw, Said, connect_packet},
    retained::retain,
    wire::{Own, Wire, socket, tls, tls_of, web, web_deaf},
};

use ProtocolVersion::{V5, V311};

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn with_listener(listener: ListenerConfig) -> (Kit, SocketAddr) {
    let name = listener.name.clone();
    let kit = Kit::start_with(|config: &mut BrokerConfig| config.listeners.push(listener));
    let address = kit.broker.listener_address(&name).unwrap();
    (kit, address)
}

fn web_listener() -> ListenerConfig {
    ListenerConfig {
        web_socket_path: Some("/mqtt".into()),
        ..ListenerConfig::new("web", any())
    }
}

/// Connects, says something and hears something.
async fn talk(kit: &Kit, wire: &mut Wire, device: &Device, version: ProtocolVersion) {
    let bus = kit.broker.bus();
    let mut receiver = bus.receive().await.unwrap();
    let reason = wire.connect(device, version).unwrap();
    assert_eq!(reason, ReasonCode::Success);
    let payload = vec![0x5a; 60_000];
    let topic = format!("csg_status/{}", device.client_id.device());
    wire.send(
        &Packet::Publish(Publish {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic: &topic,
            properties: Properties::NONE,
            payload: &payload,
        }),
        version,
    );
    assert_eq!(next_uplink(&mut receiver).await.payload, payload);
    let parent = "csg_cmd".parse().unwrap();
    let message = Bytes::from(vec![1; 50_000]);
    let sent = bus.send(&parent, &device.client_id, message.clone()).await;
    sent.unwrap();
    let heard = wire.recv(version, |packet| match packet {
        Packet::Publish(publish) => publish.payload.to_vec(),
        other => panic!("not a message: {other:?}"),
    });
    assert_eq!(heard.unwrap(), message);
    wire.ping(version);
}

#[tokio::test]
async fn mqtt_goes_through_web_sockets_however_it_is_cut_into_frames() {
    let (kit, address) = with_listener(web_listener());
    for (n, frame_len) in [1, 7, 200, 65_536].into_iter().enumerate() {
        let device = kit.device(&format!("gw-web{n}"));
        let mut wire = web(socket(address), "/mqtt", frame_len);
        talk(&kit, &mut wire, &device, if n % 2 == 0 { V5 } else { V311 }).await;
    }
}

#[tokio::test]
async fn mqtt_goes_through_secure_web_sockets() {
    let own = Own::of("localhost");
    let (kit, address) = with_listener(ListenerConfig {
        tls: Some(TlsSettings::new(vec![own.server()])),
        ..web_listener()
    });
    let device = kit.device("gw-wss");
    let line = tls(socket(address), "localhost", &own.der, None).unwrap();
    talk(&kit, &mut web(line, "/mqtt", 1_000), &device, V5).await;
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_with_keys_of_both_kinds() {
    for (own, kind) in [(Own::of("localhost"), "ec"), (Own::rsa("localhost"), "rsa")] {
        let (kit, address) = with_listener(ListenerConfig {
            tls: Some(TlsSettings::new(vec![own.server()])),
            ..ListenerConfig::new("secure", any())
        });
        for (versions, number) in [
            ([&rustls::version::TLS12], "12"),
            ([&rustls::version::TLS13], "13"),
        ] {
            let certificates = (&own.der, None);
            let line = tls_of(&versions, socket(address), "localhost", certificates).unwrap();
            let spoken = line.conn.protocol_version().unwrap();
            assert_eq!(spoken, versions[0].version);
            let device = kit.device(&format!("gw-{kind}-{number}"));
            talk(&kit, &mut Wire(Box::new(line)), &device, V5).await;
        }
    }
}

#[test]
fn what_is_no_web_socket_gets_an_answer_that_http_knows() {
    let (kit, address) = with_listener(web_listener());
    let check = |request: &[u8], status: &str| {
        let mut line = socket(address);
        line.write_all(request).unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(status), "{answer}");
    };
    check(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404");
    check(b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426");
    check(b"\x10\x0c\0\x04MQTT\r\n\r\n", "HTTP/1.1 400");
    drop(kit);
}

#[test]
fn a_text_frame_ends_the_connection_with_its_code() {
    let (_kit, address) = with_listener(web_listener());
    let mut line = socket(address);
    let request = web_socket::upgrade::request("x", "/mqtt", &web_socket::upgrade::key([1; 16]));
    line.write_all(request.as_bytes()).unwrap();
    line.write_all(b"\x81\x80\0\0\0\0").unwrap();
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    // 1003, and then the broker's own goodbye.
    let close = [0x88, 2, 3, 0xeb];
    assert!(answer.windows(4).any(|w| w == close), "{answer:?}");
}

fn proxy_header(source: &str) -> Vec<u8> {
    let source: SocketAddr = source.parse().unwrap();
    let IpAddr::V4(ip) = source.ip() else {
        panic!("an address of IPv4")
    };
    let mut bytes = proxy_protocol::SIGNATURE.to_vec();
    bytes.extend([0x21, 0x11, 0, 12]);
    bytes.extend(ip.octets());
    bytes.extend([127, 0, 0, 1]);
    bytes.extend(source.port().to_be_bytes());
    bytes.extend([0x22, 0xb3]);
    bytes
}

#[tokio::test]
async fn a_balancer_says_whom_it_connects() {
    let own = Own::of("localhost");
    let (kit, address) = with_listener(ListenerConfig {
        balancers: vec!["127.0.0.0/8".parse().unwrap()],
        tls: Some(TlsSettings::new(vec![own.server()])),
        ..ListenerConfig::new("balanced", any())
    });
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let device = kit.device("gw-far");
    let mut line = socket(address);
    for byte in proxy_header("192.0.2.7:4711") {
        line.write_all(&[byte]).unwrap();
    }
    let mut wire = Wire(Box::new(tls(line, "localhost", &own.der, None).unwrap()));
    assert_eq!(wire.connect(&device, V5).unwrap(), ReasonCode::Success);
    let address = next(&mut receiver, |event| match event {
        BusEvent::Presence(presence) => match presence.kind {
            PresenceKind::Connect { address, .. } => Some(address),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(address.await, "192.0.2.7:4711");
}

#[test]
fn only_balancers_are_believed_and_they_must_speak() {
    let (kit, address) = with_listener(ListenerConfig {
        balancers: vec!["192.0.2.0/24".parse().unwrap()],
        ..ListenerConfig::new("elsewhere", any())
    });
    let device = kit.device("gw-liar");
    let mut liar = Raw::open(address, V5);
    liar.send_bytes(&proxy_header("192.0.2.7:4711"));
    liar.send(&Packet::Connect(connect_packet(&device, V5)));
    assert_eq!(liar.recv(), Said::Closed);
    Raw::connect(address, &device, V5).ping();

    let (kit, address) = with_listener(ListenerConfig {
        balancers: vec!["127.0.0.1/32".parse().unwrap()],
        ..ListenerConfig::new("here", any())
    });
    let device = kit.device("gw-direct");
    let mut direct = Raw::open(address, V5);
    direct.send(&Packet::Connect(connect_packet(&device, V5)));
    assert_eq!(direct.recv(), Said::Closed);
}

#[test]
fn a_client_gets_the_certificate_of_the_name_it_asks_for_and_new_ones_without_a_restart() {
    let (first, second) = (Own::of("one.example"), Own::of("*.two.example"));
    let (kit, address) = with_listener(ListenerConfig {
        tls: Some(TlsSettings::new(vec![first.server(), second.server()])),
        ..ListenerConfig::new("names", any())
    });
    let device = kit.device("gw-sni");
    let shown = |name: &str, own: &Own| tls(socket(address), name, &own.der, None).is_ok();
    assert!(shown("one.example", &first));
    assert!(shown("mq.two.example", &second));
    assert!(!shown("mq.two.example", &first));
    let line = tls(socket(address), "one.example", &first.der, None).unwrap();
    let mut old = Wire(Box::new(line));
    assert_eq!(old.connect(&device, V5).unwrap(), ReasonCode::Success);

    let renewed = Own::of("one.example");
    let wrong = mqtt_broker::ServerCertificate {
        chain: vec![renewed.der.clone()],
        key: first.key(),
    };
    let broker = &kit.broker;
    assert!(broker.replace_certificates("names", vec![wrong]).is_err());
    assert!(shown("one.example", &first), "a bad file changes nothing");
    let good = vec![renewed.server()];
    broker.replace_certificates("names", good).unwrap();
    assert!(shown("one.example", &renewed));
    assert!(!shown("one.example", &first));
    old.ping(V5);
    assert!(broker.replace_certificates("tcp", vec![]).is_err());
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, der }
    }

    fn client(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (vec![cert.der().clone()], key)
    }
}

#[test]
fn client_certificates_are_verified_against_authorities_that_can_change() {
    let (own, ours, others) = (
        Own::of("localhost"),
        Authority::new("a"),
        Authority::new("b"),
    );
    let mut settings = TlsSettings::new(vec![own.server()]);
    settings.client_authentication = ClientAuthentication::Required;
    let (kit, address) = with_listener(ListenerConfig {
        tls: Some(settings),
        ..ListenerConfig::new("mutual", any())
    });
    let device = kit.device("gw-mutual");
    let connects = |certificate| {
        let line = tls(socket(address), "localhost", &own.der, certificate);
        line.is_ok_and(|line| Wire(Box::new(line)).connect(&device, V5).is_ok())
    };
    assert!(!connects(Some(ours.client("gw"))), "nobody is known yet");
    let broker = &kit.broker;
    let authorities = vec![ours.der.clone()];
    broker
        .replace_client_authorities("mutual", authorities)
        .unwrap();
    assert!(connects(Some(ours.client("gw"))));
    assert!(!connects(Some(others.client("gw"))));
    assert!(!connects(None));
    let authorities = vec![others.der.clone()];
    broker
        .replace_client_authorities("mutual", authorities)
        .unwrap();
    assert!(!connects(Some(ours.client("gw"))));
    assert!(connects(Some(others.client("gw"))));
}

fn answer(address: SocketAddr, device: &Device, version: ProtocolVersion) -> (Raw, ReasonCode) {
    let mut raw = Raw::open(address, version);
    raw.send(&Packet::Connect(connect_packet(device, version)));
    match raw.recv() {
        Said::ConnAck(reason, _) => (raw, reason),
        other => panic!("not a CONNACK: {other:?}"),
    }
}

#[test]
fn clients_that_come_too_fast_are_told_to_come_back() {
    let rate = Rate {
        per_second: 5,
        burst: 2,
    };
    let (kit, address) = with_listener(ListenerConfig {
        limits: ListenerLimits {
            connect_rate: Some(rate),
            ..ListenerLimits::default()
        },
        ..ListenerConfig::new("paced", any())
    });
    let devices: Vec<Device> = (0..30).map(|n| kit.device(&format!("gw-{n}"))).collect();
    let answers: Vec<_> = devices.iter().map(|d| answer(address, d, V5)).collect();
    let count = |reason| answers.iter().filter(|(_, r)| *r == reason).count();
    let (welcome, busy) = (count(ReasonCode::Success), count(ReasonCode::ServerBusy));
    assert!(welcome >= 2 && busy > 0, "{welcome} welcome, {busy} busy");
    assert_eq!(welcome + busy, devices.len());
    assert_eq!(kit.broker.metrics().refused_full, 0, "there is room");
    for (raw, reason) in answers {
        if reason == ReasonCode::ServerBusy {
            let mut raw = raw;
            assert_eq!(raw.recv(), Said::Closed);
        }
    }
    // Whoever comes back is let in at last.
    for device in &devices {
        while answer(address, device, V311).1 != ReasonCode::Success {
            std::thread::yield_now();
        }
    }
}

#[test]
fn connections_beyond_those_of_a_listener_or_a_group_are_told_so() {
    let (kit, address) = with_listener(ListenerConfig {
        limits: ListenerLimits {
            connections_max: 1,
            ..ListenerLimits::default()
        },
        ..ListenerConfig::new("small", any())
    });
    let (one, two) = (kit.device("gw-one"), kit.device("gw-two"));
    let (_first, welcome) = answer(address, &one, V5);
    assert_eq!(welcome, ReasonCode::Success);
    assert_eq!(answer(address, &two, V5).1, ReasonCode::QuotaExceeded);
    // 3.1.1 has code 3 for it: the server is unavailable.
    assert_eq!(answer(address, &two, V311).1, ReasonCode::ServerUnavailable);
    Raw::connect(kit.address(), &two, V5).ping();

    let kit = Kit::start_with(|config| config.group_clients_max = Some(1));
    let (one, two) = (kit.device("gw-one"), kit.device("gw-two"));
    let _first = Raw::connect(kit.address(), &one, V5);
    assert_eq!(answer(kit.address(), &two, V5).1, ReasonCode::QuotaExceeded);
    // Whoever is there already may come again, and takes its own place.
    let again = Raw::connect(kit.address(), &one, V5);
    again.hang_up();
    while answer(kit.address(), &two, V5).1 != ReasonCode::Success {
        std::thread::yield_now();
    }
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_cut() {
    let own = Own::of("localhost");
    let (_kit, address) = with_listener(ListenerConfig {
        tls: Some(TlsSettings::new(vec![own.server()])),
        limits: ListenerLimits {
            // Long enough for a handshake on a machine that is busy.
            handshake_timeout: Duration::from_secs(3),
            ..ListenerLimits::default()
        },
        ..ListenerConfig::new("hasty", any())
    });
    let mut silent = socket(address);
    silent.write_all(&[22, 3, 1]).unwrap();
    let mut idle = tls(socket(address), "localhost", &own.der, None).unwrap();
    assert_eq!(silent.read(&mut [0; 10]).unwrap(), 0);
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).unwrap(), 0, "close_notify");
}

#[test]
fn a_client_that_never_reads_its_pongs_is_not_read_for_ever() {
    let (kit, address) = with_listener(web_listener());
    let device = kit.device("gw-pings");
    let mut line = web_deaf(address, &device);
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.extend([b'x'; 125]);
    let pings = ping.repeat(1_000);
    line.set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut sent = 0;
    // The kernel's buffers on both ways fill up, then nothing more goes.
    while line.write_all(&pings).is_ok() {
        sent += pings.len();
        assert!(sent < 256 << 20, "the broker takes pings without end");
    }
    Raw::connect(kit.address(), &kit.device("gw-other"), V5).ping();
}

/// Until the broker has written all that it can.
fn rests(lab: &Lab) {
    let mut before = u64::MAX;
    loop {
        (0..200).for_each(|_| std::thread::yield_now());
        let now = lab.0.broker.metrics().bytes_out;
        if now == before {
            return;
        }
        before = now;
    }
}

#[test]
fn a_slow_reader_behind_a_layer_gets_all_that_waits_though_it_pings_meanwhile() {
    const MESSAGES: usize = 300;
    let (kit, address) = with_listener(ListenerConfig {
        balancers: vec!["127.0.0.1/32".parse().unwrap()],
        ..ListenerConfig::new("balanced", any())
    });
    let lab = Lab::of(kit);
    let mut publisher = lab.client("pub", V5);
    let payload = "z".repeat(60_000);
    for n in 0..MESSAGES {
        retain(&mut publisher, &format!("lab/list/{n}"), &payload, &[]);
    }
    let device = lab.device("slow");
    let mut slow = Raw::open(address, V5);
    slow.send_bytes(&proxy_header("192.0.2.7:4711"));
    slow.send(&Packet::Connect(connect_packet(&device, V5)));
    assert!(matches!(slow.recv(), Said::ConnAck(ReasonCode::Success, _)));
    slow.subscribe(&[("lab/list/#", QoS::AtMostOnce)]);
    let mut messages = 0;
    while messages < MESSAGES {
        match slow.recv() {
            Said::Publish { .. } => messages += 1,
            Said::PingResp => continue,
            other => panic!("{other:?}"),
        }
        if messages % 8 == 0 {
            // The broker writes what goes, and then reads this.
            rests(&lab);
            slow.send(&Packet::PingReq);
            rests(&lab);
        }
    }
}
