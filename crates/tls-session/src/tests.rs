#![expect(
    clippy::indexing_slicing,
    reason = "a test that is wrong about lengths may panic"
)]

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedCipherSuite,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

use super::*;

struct Pair {
    client: ClientConnection,
    server: Records,
    /// Half records.
    input: Vec<u8>,
}

fn configs(suite: SupportedCipherSuite) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let cert = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.cert.der().clone()).unwrap();
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![suite],
        ..aws_lc_rs::default_provider()
    });
    let versions = [suite.version()];
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(cert.signing_key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.cert.der().clone()], key)
        .unwrap();
    server.enable_secret_extraction = true;
    server.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(server))
}

/// Whether a suite can be used with the P-256 certificate of these tests.
fn usable(suite: &SupportedCipherSuite) -> bool {
    !format!("{:?}", suite.suite()).contains("RSA")
}

fn client_says(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn client_hears(client: &mut ClientConnection, mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        let state = client.process_new_packets().unwrap();
        let mut part = vec![0; state.plaintext_bytes_to_read()];
        client.reader().read_exact(&mut part).unwrap();
        plain.extend(part);
    }
    plain
}

impl Pair {
    /// With `first` said by the client in the same bytes as its last handshake message, and all
    /// bytes of the client arriving in pieces of `piece`.
    fn connect(suite: SupportedCipherSuite, first: &[u8], piece: usize) -> (Self, Vec<u8>) {
        let (client_config, server_config) = configs(suite);
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(client_config, name).unwrap();
        client.writer().write_all(first).unwrap();
        let mut handshake = Box::new(Handshake::new(server_config).unwrap());
        loop {
            let said = client_says(&mut client);
            assert!(!said.is_empty(), "the handshake goes on");
            let mut pieces = said.chunks(piece);
            while let Some(bytes) = pieces.next() {
                let mut out = Vec::new();
                let progress = handshake.advance(bytes, &mut out).unwrap();
                client_hears(&mut client, &out);
                match progress {
                    Progress::More(more) => handshake = more,
                    Progress::Done(done) => {
                        let mut heard = done.plain;
                        let (server, input) = (done.records, done.rest);
                        let mut pair = Self {
                            client,
                            server,
                            input,
                        };
                        let rest: Vec<u8> = pieces.flatten().copied().collect();
                        heard.extend(pair.server_hears(&rest));
                        // In TLS 1.2 the client speaks after the server's last message.
                        let said = client_says(&mut pair.client);
                        heard.extend(pair.server_hears(&said));
                        return (pair, heard);
                    }
                }
            }
        }
    }

    fn server_hears(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(bytes);
        let mut out = Vec::new();
        let opened = self.server.open(&mut self.input, &mut out).unwrap();
        let plain = self.input[..opened.plain_len].to_vec();
        self.input.drain(..opened.used);
        client_hears(&mut self.client, &out);
        plain
    }

    fn client_to_server(&mut self, text: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        for part in text.chunks(32 * 1024) {
            self.client.writer().write_all(part).unwrap();
            let said = client_says(&mut self.client);
            for piece in said.chunks(9_999) {
                heard.extend(self.server_hears(piece));
            }
        }
        heard
    }

    fn server_to_client(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.server.seal(text, &mut out).unwrap();
        client_hears(&mut self.client, &out)
    }
}

#[test]
fn every_suite_of_both_versions_carries_what_is_said() {
    let long: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut tried = 0;
    for &suite in aws_lc_rs::ALL_CIPHER_SUITES.iter().filter(|s| usable(s)) {
        for piece in [1, 700, 1 << 20] {
            let (mut pair, heard) = Pair::connect(suite, b"first words", piece);
            assert_eq!(heard, b"first words", "{suite:?}");
            for text in [&b"x"[..], &long] {
                assert_eq!(pair.client_to_server(text), text, "{suite:?}");
                assert_eq!(pair.server_to_client(text), text, "{suite:?}");
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 18, "three suites of TLS 1.3 and three of TLS 1.2");
}

fn tls13() -> Pair {
    Pair::connect(
        aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
        b"",
        4_096,
    )
    .0
}

#[test]
fn a_client_may_ask_for_new_keys() {
    let mut pair = tls13();
    for round in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        assert_eq!(
            pair.client_to_server(b"with new keys"),
            b"with new keys",
            "{round}"
        );
        assert_eq!(pair.server_to_client(b"here too"), b"here too", "{round}");
    }
}

#[test]
fn nobody_may_ask_for_new_keys_all_the_time() {
    let mut pair = tls13();
    let mut said = Vec::new();
    for _ in 0..100 {
        pair.client.refresh_traffic_keys().unwrap();
        said.extend(client_says(&mut pair.client));
    }
    let opened = pair.server.open(&mut said, &mut Vec::new());
    assert!(matches!(opened, Err(TlsError::Unexpected)));
}

#[test]
fn a_key_of_tls_13_has_a_successor_before_it_is_used_up() {
    let mut pair = tls13();
    pair.server.expire_send_key();
    // The client cannot follow a counter that jumps, so this looks at the server alone.
    let mut out = Vec::new();
    pair.server.seal(b"more", &mut out).unwrap();
    let first = usize::from(u16::from_be_bytes([out[3], out[4]])) + 5;
    assert!(out.len() > first, "a KeyUpdate goes before");
    let suite = aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let (mut pair, _) = Pair::connect(suite, b"", 4_096);
    pair.server.expire_send_key();
    let refused = pair.server.seal(b"more", &mut Vec::new());
    assert!(matches!(refused, Err(TlsError::KeysUsedUp)));
}

#[test]
fn both_sides_can_close() {
    let mut pair = tls13();
    let mut out = Vec::new();
    pair.server.close(&mut out);
    let mut bytes = &out[..];
    pair.client.read_tls(&mut bytes).unwrap();
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
    pair.client.send_close_notify();
    let mut said = client_says(&mut pair.client);
    let opened = pair.server.open(&mut said, &mut Vec::new()).unwrap();
    assert!(opened.closed);
}

#[test]
fn a_changed_record_is_refused_and_the_peer_is_told() {
    let mut pair = tls13();
    pair.client.writer().write_all(b"pay 1").unwrap();
    let mut said = client_says(&mut pair.client);
    *said.last_mut().unwrap() ^= 1;
    let mut out = Vec::new();
    let opened = pair.server.open(&mut said, &mut out);
    assert!(matches!(opened, Err(TlsError::BadRecord)));
    let mut bytes = &out[..];
    pair.client.read_tls(&mut bytes).unwrap();
    let told = pair.client.process_new_packets().unwrap_err();
    assert_eq!(
        told,
        rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac)
    );
}

#[test]
fn records_out_of_place_are_refused() {
    let check = |bytes: &[u8]| tls13().server.open(&mut bytes.to_vec(), &mut Vec::new());
    let plain_alert = [21, 3, 3, 0, 2, 1, 0];
    assert!(matches!(check(&plain_alert), Err(TlsError::Unexpected)));
    let too_long = [23, 3, 3, 0xff, 0xff];
    assert!(matches!(check(&too_long), Err(TlsError::RecordTooLong)));
    let too_short = [23, 3, 3, 0, 3, 1, 2, 3];
    assert!(matches!(check(&too_short), Err(TlsError::BadRecord)));
    let http = b"GET / HTTP/1.1\r\n";
    assert!(matches!(check(http), Err(TlsError::Unexpected)));
}

#[test]
fn what_is_no_handshake_is_answered_with_an_alert() {
    let (_, config) = configs(aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let handshake = Box::new(Handshake::new(config).unwrap());
    let mut out = Vec::new();
    let refused = handshake.advance(&[22, 3, 1, 0, 4, 9, 0, 0, 0], &mut out);
    assert!(
        matches!(refused, Err(TlsError::Handshake(_))),
        "{refused:?}"
    );
    assert_eq!(out.first(), Some(&21), "an alert");
}

/// Found by the noise of `fuzz-targets`: ten bytes ended whoever handed them to rustls.
#[test]
fn the_head_of_a_message_that_is_too_long_is_refused() {
    let (_, config) = configs(aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let mut handshake = Box::new(Handshake::new(config).unwrap());
    let mut out = Vec::new();
    for byte in [22, 3, 1, 0, 5, 1, 0x3c, 0, 1, 0] {
        match handshake.advance(&[byte], &mut out) {
            Ok(Progress::More(more)) => handshake = more,
            Ok(Progress::Done(_)) => panic!("nobody has proved anything"),
            Err(error) => {
                assert!(matches!(error, TlsError::Handshake(_)), "{error:?}");
                return;
            }
        }
    }
    panic!("it is waited for");
}
