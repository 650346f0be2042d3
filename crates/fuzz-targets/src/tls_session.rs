//! A client whose bytes are changed on their way: nothing panics, and nothing is heard that it
//! did not say.
//!
//! The first byte chooses the version of TLS, or that the rest is no client at all; then come
//! steps of two bytes: what is done, and a number.

use std::{
    io::Write as _,
    sync::{Arc, LazyLock},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tls_session::{Handshake, Progress, Records, limits::HANDSHAKE_INPUT_LEN_MAX};

/// Clients of TLS 1.2 and 1.3, and a server for both.
type Configs = ([Arc<ClientConfig>; 2], Arc<ServerConfig>);

static CONFIGS: LazyLock<Configs> = LazyLock::new(|| {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let client = |version| {
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        Arc::new(client)
    };
    let clients = [client(&TLS12), client(&TLS13)];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS12, &TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    server.enable_secret_extraction = true;
    server.send_tls13_tickets = 0;
    (clients, Arc::new(server))
});

struct Line {
    client: ClientConnection,
    server: Records,
    /// From the client, not yet delivered.
    under_way: Vec<u8>,
    /// Delivered, and not a whole record.
    input: Vec<u8>,
    said: Vec<u8>,
    heard: usize,
    /// What was sent is no longer what arrives.
    changed: bool,
}

/// The connection cannot go on.
struct Over;

impl Line {
    fn connect(version: u8) -> Self {
        let (clients, server) = &*CONFIGS;
        let name = ServerName::try_from("localhost").unwrap();
        let config = Arc::clone(&clients[usize::from(version % 2)]);
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut handshake = Box::new(Handshake::new(Arc::clone(server)).unwrap());
        loop {
            let mut out = Vec::new();
            let progress = handshake.advance(&client_says(&mut client), &mut out);
            client_hears(&mut client, &out);
            match progress.unwrap() {
                Progress::More(more) => handshake = more,
                Progress::Done(done) => {
                    return Self {
                        client,
                        server: done.records,
                        under_way: Vec::new(),
                        input: done.rest,
                        said: Vec::new(),
                        heard: 0,
                        changed: false,
                    };
                }
            }
        }
    }

    fn step(&mut self, what: u8, number: u8) -> Result<(), Over> {
        let at = usize::from(number) % self.under_way.len().max(1);
        match what % 8 {
            0 => {
                let text = vec![number; usize::from(number) * 100];
                if self.client.writer().write_all(&text).is_ok() {
                    self.said.extend(text);
                }
            }
            // TLS 1.2 has no such thing.
            1 => drop(self.client.refresh_traffic_keys()),
            2 => {
                if let Some(byte) = self.under_way.get_mut(at) {
                    *byte ^= 1 << (what >> 5);
                    self.changed = true;
                }
            }
            3 => {
                self.changed |= !self.under_way.is_empty();
                self.under_way.truncate(at);
            }
            4 => {
                let record = [20 + what / 8 % 5, 3, 3, 0, number];
                self.under_way.extend(record);
                self.under_way.extend(vec![what; usize::from(number)]);
                self.changed = true;
            }
            5 => {
                self.changed |= !self.under_way.is_empty();
                self.under_way.extend_from_within(..);
            }
            6 => self.client.send_close_notify(),
            _ => return self.deliver(usize::from(number) * 16),
        }
        self.under_way.extend(client_says(&mut self.client));
        Ok(())
    }

    /// Delivers some bytes, or all of them for 0.
    fn deliver(&mut self, len: usize) -> Result<(), Over> {
        let len = if len == 0 { usize::MAX } else { len };
        let part = self.under_way.drain(..len.min(self.under_way.len()));
        self.input.extend(part);
        let mut out = Vec::new();
        let opened = self.server.open(&mut self.input, &mut out);
        let Ok(opened) = opened else {
            assert!(self.changed, "{opened:?}");
            return Err(Over);
        };
        let plain = &self.input[..opened.plain_len];
        assert!(self.said[self.heard..].starts_with(plain));
        self.heard += opened.plain_len;
        self.input.drain(..opened.used);
        client_hears(&mut self.client, &out);
        if opened.closed { Err(Over) } else { Ok(()) }
    }
}

fn client_says(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn client_hears(client: &mut ClientConnection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets().unwrap();
    }
}

fn no_client(bytes: &[u8], piece: usize) {
    let mut handshake = Box::new(Handshake::new(Arc::clone(&CONFIGS.1)).unwrap());
    let mut out = Vec::new();
    for part in bytes.chunks(piece) {
        match handshake.advance(part, &mut out) {
            Ok(Progress::More(more)) => handshake = more,
            Ok(Progress::Done(_)) => panic!("nobody proved anything"),
            Err(_) => break,
        }
    }
    assert!(out.len() <= HANDSHAKE_INPUT_LEN_MAX);
}

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else {
        return;
    };
    if first >= 128 {
        return no_client(rest, usize::from(first - 127));
    }
    let mut line = Line::connect(first);
    let (steps, _) = rest.as_chunks::<2>();
    for &[what, number] in steps {
        if line.step(what, number).is_err() {
            return;
        }
    }
    if line.deliver(0).is_ok() && !line.changed {
        assert_eq!(line.heard, line.said.len());
    }
}
