//! The client against a broker that is not ours: Debian's mosquitto, over TLS.

#![expect(
    clippy::unwrap_used,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

use std::{
    fs,
    net::TcpListener as StdTcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use model::Secret;
use mqtt_client::{Client, ConnectError, ConnectOptions, Security};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A mosquitto that knows user `me`, password `right`, and ends with the test.
struct Mosquitto {
    process: Child,
    port: u16,
    /// Of its secure WebSocket.
    web_port: u16,
    ca_pem: String,
    dir: TempDir,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Mosquitto {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca_pem = write_certificates(dir.path());
        let passwords = dir.path().join("passwords");
        let run = Command::new("mosquitto_passwd")
            .args(["-b", "-c"])
            .arg(&passwords)
            .args(["me", "right"])
            .status();
        assert!(run.unwrap().success());
        let (port, web_port) = (free_port(), free_port());
        let path = |name: &str| dir.path().join(name).display().to_string();
        let certificate = format!(
            "certfile {}\nkeyfile {}\n",
            path("cert.pem"),
            path("key.pem")
        );
        let config = format!(
            "listener {port} 127.0.0.1\n{certificate}\
             listener {web_port} 127.0.0.1\nprotocol websockets\n{certificate}\
             allow_anonymous false\npassword_file {}\nuser root\n",
            path("passwords"),
        );
        fs::write(path("mosquitto.conf"), config).unwrap();
        let process = Command::new("mosquitto")
            .args(["-c", &path("mosquitto.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed");
        let mosquitto = Self {
            process,
            port,
            web_port,
            ca_pem,
            dir,
        };
        let clock = Clock::system();
        let end = clock.now() + PATIENCE;
        for port in [port, web_port] {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(clock.now() < end, "mosquitto does not listen");
                clock.sleep(Duration::from_millis(5)).await;
            }
        }
        mosquitto
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            client_id: "GID_test@@@gw-1".into(),
            user_name: "me".into(),
            password: Secret::new("right"),
            brokers: vec![format!("localhost:{}", self.port).parse().unwrap()],
            security: Security::Tls {
                ca_pem: self.ca_pem.clone(),
            },
            proxy: None,
            keep_alive: Duration::from_secs(10),
        }
    }
}

/// Never the same twice, and none that the kernel gives to whoever connects meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if StdTcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Writes `cert.pem` and `key.pem` for localhost; returns the authority.
fn write_certificates(dir: &Path) -> String {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // OpenSSL takes a certificate for self-signed if its subject is its issuer's.
    server
        .distinguished_name
        .push(rcgen::DnType::CommonName, "localhost");
    let certificate = server.signed_by(&key, &issuer).unwrap();
    fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(dir.join("ca.pem"), &ca_pem).unwrap();
    ca_pem
}

async fn refusal(options: &ConnectOptions) -> ConnectError {
    let mut failure = Client::connect(options, Clock::system()).await.unwrap_err();
    failure.attempts.remove(0)
}

#[tokio::test]
async fn what_is_published_reaches_a_subscriber() {
    let broker = Mosquitto::start().await;
    // Without `stdbuf` its lines stay in its buffer.
    let mut subscriber = tokio::process::Command::new("stdbuf")
        .args([
            "-oL",
            "mosquitto_sub",
            "-h",
            "localhost",
            "-p",
            &broker.port.to_string(),
        ])
        .args([
            "-u",
            "me",
            "-P",
            "right",
            "-q",
            "1",
            "-C",
            "2",
            "-t",
            "csg_status/#",
            "-d",
        ])
        .arg("--cafile")
        .arg(broker.dir.path().join("ca.pem"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(subscriber.stdout.take().unwrap()).lines();
    let clock = Clock::system();
    let mut next = async || {
        tokio::select! {
            line = lines.next_line() => line.unwrap().expect("the subscriber goes on"),
            () = clock.sleep(PATIENCE) => panic!("the subscriber says nothing"),
        }
    };
    while !next().await.contains("received SUBACK") {}

    let (client, _deliveries) = Client::connect(&broker.options(), Clock::system())
        .await
        .unwrap();
    let long = "x".repeat(64 * 1024);
    for payload in ["hello", &long] {
        let sent = client
            .publish("csg_status/gw-1", Bytes::from(payload.to_owned()))
            .await
            .unwrap();
        sent.await.unwrap();
        while next().await != payload {}
    }
    client.disconnect().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_a_broken_network() {
    let broker = Mosquitto::start().await;
    let options = ConnectOptions {
        password: Secret::new("wrong"),
        ..broker.options()
    };
    let error = refusal(&options).await;
    assert!(
        matches!(error, ConnectError::NotAuthorized { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let broker = Mosquitto::start().await;
    let other = tempfile::tempdir().unwrap();
    let ca_pem = write_certificates(other.path());
    let options = ConnectOptions {
        security: Security::Tls { ca_pem },
        ..broker.options()
    };
    let error = refusal(&options).await;
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn the_second_address_is_tried_when_the_first_is_dead() {
    let broker = Mosquitto::start().await;
    let mut options = broker.options();
    let dead = format!("127.0.0.1:{}", free_port());
    options.brokers.insert(0, dead.parse().unwrap());
    let (client, _) = Client::connect(&options, Clock::system()).await.unwrap();
    assert_eq!(client.broker(), &options.brokers[1]);

    options.brokers.pop();
    let failure = Client::connect(&options, Clock::system())
        .await
        .unwrap_err();
    assert!(failure.to_string().contains(&dead), "{failure}");
}

/// A proxy that lets `me:secret` through.
async fn proxy() -> (String, Task) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = spawn_named("proxy", async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            spawn_named("tunnel", async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                if !head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n") {
                    let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                    return client.write_all(refusal).await.unwrap();
                }
                let target = head.split(' ').nth(1).unwrap();
                let mut broker = TcpStream::connect(target).await.unwrap();
                client
                    .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    .await
                    .unwrap();
                drop(tokio::io::copy_bidirectional(&mut client, &mut broker).await);
            })
            .detach();
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_proxy_is_gone_through_with_its_login() {
    let broker = Mosquitto::start().await;
    let (address, _serving) = proxy().await;
    let through = |login: &str| ConnectOptions {
        proxy: Some(format!("http://{login}{address}").parse().unwrap()),
        ..broker.options()
    };
    let (client, _) = Client::connect(&through("me:secret@"), Clock::system())
        .await
        .unwrap();
    let sent = client
        .publish("csg_status/gw-1", Bytes::from_static(b"x"))
        .await
        .unwrap();
    sent.await.unwrap();
    let error = refusal(&through("")).await;
    assert!(error.to_string().contains("407"), "{error}");
}

#[tokio::test]
async fn a_secure_web_socket_carries_the_same_through_a_proxy_too() {
    let broker = Mosquitto::start().await;
    let (address, _serving) = proxy().await;
    let web = format!("wss://localhost:{}/mqtt", broker.web_port);
    let direct = ConnectOptions {
        brokers: vec![web.parse().unwrap()],
        ..broker.options()
    };
    let proxied = ConnectOptions {
        proxy: Some(format!("http://me:secret@{address}").parse().unwrap()),
        ..direct.clone()
    };
    for options in [direct, proxied] {
        let connected = Client::connect(&options, Clock::system()).await;
        let (client, _deliveries) = connected.unwrap();
        for len in [1, 100, 64 * 1024] {
            let payload = Bytes::from(vec![b'x'; len]);
            let sent = client.publish("csg_status/gw-1", payload).await;
            sent.unwrap().await.unwrap();
        }
        client.disconnect().await;
    }
}

#[tokio::test]
async fn a_port_without_a_web_socket_is_told_so() {
    let broker = Mosquitto::start().await;
    let web = format!("wss://localhost:{}/mqtt", broker.port);
    let options = ConnectOptions {
        brokers: vec![web.parse().unwrap()],
        ..broker.options()
    };
    let error = refusal(&options).await;
    assert!(matches!(error, ConnectError::WebSocket { .. }), "{error:?}");
}

#[tokio::test]
async fn a_broker_that_is_killed_is_noticed_at_once() {
    let mut broker = Mosquitto::start().await;
    let (client, mut deliveries) = Client::connect(&broker.options(), Clock::system())
        .await
        .unwrap();
    broker.process.kill().unwrap();
    let clock = Clock::system();
    tokio::select! {
        _reason = client.closed() => {}
        () = clock.sleep(PATIENCE) => panic!("not noticed"),
    }
    assert!(deliveries.recv().await.is_none());
    assert!(
        client
            .publish("csg_status/gw-1", Bytes::new())
            .await
            .is_err()
    );
}
