//! What an idle client with a P2P route costs the broker: what resident memory grows by with each
//! thousand of them.
//!
//! It is measured in steps, and the middle one counts: a step in which a buffer became longer than
//! ever, since the disk was slow for a moment, says nothing of clients. The broker lives in a process of its own, and so do the clients, so that only the broker is
//! measured. It knows all clients before the first measurement: credentials are told apart.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

use clock::Clock;
use model::{Credential, Secret};
use mqtt_broker::{Broker, BrokerConfig, TlsListener};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

use crate::peer::{GROUP, client_id, connect_bytes, secret};

const STEPS: usize = 7;
const TCP_BYTES_MAX: usize = 900;
const TLS_BYTES_MAX: usize = 8_000;

/// The test.
pub(crate) fn run() {
    let count = crate::number("CAUSEWAY_IDLE_CLIENTS", 2_000);
    for (transport, count, max) in [
        ("tcp", count, TCP_BYTES_MAX),
        ("tls", count / 4, TLS_BYTES_MAX),
    ] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["idle-broker", transport, &count.to_string()]);
        let out = command.stderr(Stdio::inherit()).output().unwrap();
        assert!(out.status.success(), "{transport}: {}", out.status);
        let bytes: usize = String::from_utf8(out.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let all = count * (1 + STEPS);
        println!("{transport}: {bytes} bytes an idle client, up to {all} of them");
        // Nothing at all would mean that nothing was measured.
        assert!((100..=max).contains(&bytes), "{transport}: {bytes} bytes");
    }
}

fn name(n: usize) -> String {
    format!("idle-{n:07}")
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024
}

/// The process of the broker, which prints the bytes.
pub(crate) fn broker(transport: &str, count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(dir.path(), "causeway");
    config.groups = vec![GROUP.parse().unwrap()];
    let address = "127.0.0.1:0".parse().unwrap();
    let ca_file = (transport == "tls").then(|| dir.path().join("ca.der"));
    match &ca_file {
        Some(file) => config.tls = Some(tls_listener(file)),
        None => config.tcp = Some(address),
    }
    let broker = Broker::start(config, Clock::system()).unwrap();
    let credentials: Vec<_> = (0..count * (1 + STEPS)).map(credential).collect();
    // In small parts, and kept to the end: memory that is free again would hide what clients take.
    for part in credentials.chunks(100) {
        broker.registry().register(part).unwrap();
    }
    let address = broker.tls_address().or(broker.tcp_address()).unwrap();
    let mut clients = Command::new(std::env::current_exe().unwrap());
    clients.args(["idle-clients", &address.to_string(), &count.to_string()]);
    clients.args(&ca_file);
    clients.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut clients = clients.spawn().unwrap();
    let mut go = clients.stdin.take().unwrap();
    let mut ready = BufReader::new(clients.stdout.take().unwrap());
    // The first ones make room that others find.
    let first = measure(&mut go, &mut ready);
    let mut grown: Vec<usize> = (0..STEPS)
        .scan(first, |before, _| {
            let now = measure(&mut go, &mut ready);
            let grown = now.saturating_sub(std::mem::replace(before, now));
            Some(grown / count)
        })
        .collect();
    eprintln!("{transport}: {grown:?} bytes an idle client in steps");
    assert_eq!(
        broker.metrics().clients,
        (count * (1 + STEPS)) as u64,
        "all are connected"
    );
    grown.sort_unstable();
    println!("{}", grown[STEPS / 2]);
    drop((go, credentials));
    clients.wait().unwrap();
}

fn measure(go: &mut ChildStdin, ready: &mut BufReader<ChildStdout>) -> usize {
    writeln!(go).unwrap();
    let mut line = String::new();
    ready.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "the clients' process has ended");
    resident_bytes()
}

fn credential(n: usize) -> (model::ClientId, Credential, Option<model::Timestamp>) {
    let name = name(n);
    let credential = Credential {
        access_key_id: format!("key-{name}"),
        secret: Secret::new(secret(&name)),
    };
    (client_id(&name), credential, None)
}

fn tls_listener(ca_file: &Path) -> TlsListener {
    let cert = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    fs::write(ca_file, cert.cert.der()).unwrap();
    TlsListener {
        address: "127.0.0.1:0".parse().unwrap(),
        cert_chain: vec![cert.cert.der().clone()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(cert.signing_key.serialize_der())),
    }
}

/// The process of the clients: after each line as many more connect.
pub(crate) fn clients(address: &str, count: usize, ca_file: Option<&str>) {
    let tls = ca_file.map(|path| trust(&PathBuf::from(path)));
    let mut plain = Vec::new();
    let mut secure = Vec::new();
    let lines = std::io::stdin().lock().lines();
    for (round, _line) in lines.enumerate() {
        for n in round * count..(round + 1) * count {
            let socket = TcpStream::connect(address).unwrap();
            match &tls {
                None => plain.push(greet(socket, n)),
                Some(config) => {
                    let name = ServerName::try_from("localhost").unwrap();
                    let records = ClientConnection::new(Arc::clone(config), name).unwrap();
                    secure.push(greet(StreamOwned::new(records, socket), n));
                }
            }
        }
        println!("ready");
    }
}

fn trust(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from(fs::read(certificate).unwrap());
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn greet<S: Read + Write>(mut stream: S, n: usize) -> S {
    stream.write_all(&connect_bytes(&name(n), true)).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "connected");
    stream
}
