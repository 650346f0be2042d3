//! Whoever does not know the secret learns nothing and breaks nothing.

use std::time::Duration;

use bus_link::{BusLinkClient, BusLinkError, ClientConfig};
use clock::Clock;
use message_bus::{BusError, MessageBus as _};
use model::Secret;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::fixture::{Fixture, LONG, client_id};

/// Why a console that cannot get in is not up.
async fn reason(config: ClientConfig, wanted: &str) {
    let console = BusLinkClient::connect(config, Clock::system()).unwrap();
    let clock = Clock::system();
    let until = clock.now() + LONG;
    while clock.now() < until {
        match console.sessions(&client_id("gw-1")).await {
            Err(BusError::Unreachable { reason }) if reason.contains(wanted) => return,
            Err(_not_yet) => clock.sleep(Duration::from_millis(5)).await,
            Ok(_) => panic!("it got in"),
        }
    }
    panic!("never said {wanted}");
}

#[tokio::test]
async fn a_console_with_another_secret_is_told_so() {
    let fixture = Fixture::start().await;
    let config = ClientConfig {
        secret: Secret::new("guessed"),
        ..fixture.config()
    };
    reason(config, "the secret of the bus link is wrong").await;
}

#[tokio::test]
async fn a_broker_of_another_authority_is_not_spoken_to() {
    let (fixture, other) = (Fixture::start().await, Fixture::start().await);
    let config = ClientConfig {
        ca_pem: other.ca_pem.clone(),
        ..fixture.config()
    };
    reason(config, "certificate").await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let fixture = Fixture::start().await;
    let connect = |change: fn(&mut ClientConfig)| {
        let mut config = fixture.config();
        change(&mut config);
        BusLinkClient::connect(config, Clock::system()).unwrap_err()
    };
    assert!(matches!(
        connect(|c| c.secret = Secret::default()),
        BusLinkError::NoSecret
    ));
    assert!(matches!(
        connect(|c| c.address = "host".into()),
        BusLinkError::Address(_)
    ));
    assert!(matches!(
        connect(|c| c.address = "a b:1".into()),
        BusLinkError::Address(_)
    ));
    assert!(matches!(
        connect(|c| c.ca_pem = "none".into()),
        BusLinkError::Tls(_)
    ));
}

#[tokio::test]
async fn noise_on_the_port_harms_nobody() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    for noise in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 4_096],
        &[0x16, 3, 1, 0xff, 0xff],
    ] {
        let mut stream = TcpStream::connect(fixture.server.address()).await.unwrap();
        stream.write_all(noise).await.unwrap();
        stream.shutdown().await.unwrap();
        // Closed, or an alert and closed; a reset is fine too.
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    assert_eq!(console.sessions(&client_id("gw-1")).await, Ok(Vec::new()));
}

#[tokio::test]
async fn noise_inside_tls_ends_that_link_alone() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls_pki_types::pem::PemObject::from_pem_slice(fixture.ca_pem.as_bytes());
    roots.add(ca.unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let text = br#"{"type":"call","id":1,"call":{"call":"expel","client_id":"GID_test@@@gw-1"}}"#;
    let mut unproved = Vec::new();
    unproved.extend_from_slice(&u32::try_from(text.len() + 4).unwrap().to_be_bytes());
    unproved.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
    unproved.extend_from_slice(text);
    for noise in [vec![0xff; 64], vec![0; 64], unproved] {
        let stream = TcpStream::connect(fixture.server.address()).await.unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(&noise).await.unwrap();
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said).await);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains("hello") && !said.contains("reply"), "{said}");
    }
    assert_eq!(console.sessions(&client_id("gw-1")).await, Ok(Vec::new()));
}
