//! What a broker keeps, whatever ends it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use clock::Clock;
use mqtt_broker::{Broker, BrokerError, RegistryError};
use mqtt_codec::{ProtocolVersion::V5, ReasonCode};

use crate::{
    kit::{Kit, config, next_presence},
    raw::{Raw, Said},
};

/// `kill -9` leaves the files as they are at that instant, so a copy of them is what it leaves.
#[tokio::test]
async fn credentials_survive_kill_9_and_channel_ids_are_never_used_twice() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let raw = Raw::connect(kit.address(), &device, V5);
    let (before, _) = next_presence(&mut receiver, &device).await;
    let copy = tempfile::tempdir().unwrap();
    fs::copy(
        kit.dir.path().join("registry.journal"),
        copy.path().join("registry.journal"),
    )
    .unwrap();
    raw.hang_up();

    let broker = Broker::start(config(&copy), Clock::system()).unwrap();
    let mut receiver = broker.bus().receive().await.unwrap();
    Raw::connect(broker.tcp_address().unwrap(), &device, V5).ping();
    let (after, _) = next_presence(&mut receiver, &device).await;
    assert!(after > before);
}

#[test]
fn secrets_are_for_the_broker_only() {
    let kit = Kit::start();
    let mode = fs::metadata(kit.dir.path().join("registry.journal"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn two_brokers_do_not_share_a_directory_or_a_port() {
    let kit = Kit::start();
    let second = Broker::start(config(&kit.dir), Clock::system());
    assert!(matches!(
        second,
        Err(BrokerError::Registry(RegistryError::InUse { .. }))
    ));
    let other_dir = tempfile::tempdir().unwrap();
    let mut other = config(&other_dir);
    other.tcp = Some(kit.address());
    let error = Broker::start(other, Clock::system())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!("listener `tcp` cannot listen on {}", kit.address())
    );
}

#[test]
fn shutdown_says_goodbye_and_frees_the_port() {
    let kit = Kit::start();
    let device = kit.device("gw-one");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    kit.broker.shutdown();
    let said = raw.recv();
    assert!(
        matches!(said, Said::Disconnect(ReasonCode::ServerShuttingDown, _)),
        "{said:?}"
    );
    assert_eq!(raw.recv(), Said::Closed);
    let address = kit.address();
    let mut config = config(&kit.dir);
    config.tcp = Some(address);
    drop(kit.broker);
    Broker::start(config, Clock::system()).unwrap();
}
