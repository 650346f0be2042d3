use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_478_400_000);

fn later(days: u32) -> Timestamp {
    NOW.plus(DAY * days)
}

fn certificate(dir: &Path, hosts: &[&str], now: Timestamp) -> CertificateDer<'static> {
    let authority = Authority::open(dir, now).unwrap();
    authority
        .server("broker", hosts, now)
        .unwrap()
        .chain
        .remove(0)
}

#[test]
fn keys_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), &[], NOW);
    for key in ["ca.key", "broker.key"] {
        let mode = fs::metadata(dir.path().join(key))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn a_later_start_keeps_the_authority_and_a_good_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = certificate(dir.path(), &["mq.example.com"], NOW);
    let authority = Authority::open(dir.path(), NOW).unwrap();
    assert_eq!(
        certificate(dir.path(), &["mq.example.com"], later(300)),
        first
    );
    assert_eq!(
        Authority::open(dir.path(), later(300)).unwrap().pem(),
        authority.pem()
    );
}

#[test]
fn a_certificate_near_its_end_or_for_other_names_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let first = certificate(dir.path(), &["mq.example.com"], NOW);
    let renewed = certificate(dir.path(), &["mq.example.com"], later(310));
    assert_ne!(first, renewed);
    assert_ne!(certificate(dir.path(), &["192.0.2.7"], later(310)), renewed);
}

#[test]
fn a_certificate_of_another_authority_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let first = certificate(dir.path(), &[], NOW);
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    assert_ne!(certificate(dir.path(), &[], NOW), first);
}

#[test]
fn a_lost_authority_key_is_an_error_and_not_a_new_authority() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), &[], NOW);
    fs::remove_file(dir.path().join("ca.key")).unwrap();
    let error = Authority::open(dir.path(), NOW).unwrap_err();
    assert!(error.to_string().contains("ca.key is missing"), "{error}");
}

#[test]
fn tls_clients_that_trust_the_authority_accept_its_servers() {
    use rustls::{RootCertStore, client::WebPkiServerVerifier, client::danger::ServerCertVerifier};

    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path(), NOW).unwrap();
    let server = authority
        .server("broker", &["mq.example.com"], NOW)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .unwrap();
    let check = |name: &str, now: Timestamp| {
        let name = name.to_owned().try_into().unwrap();
        let now =
            rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
        verifier
            .verify_server_cert(&server.chain[0], &[], &name, &[], now)
            .is_ok()
    };
    for name in ["mq.example.com", "localhost", "127.0.0.1", "::1"] {
        assert!(check(name, NOW), "{name}");
    }
    assert!(!check("other.example.com", NOW));
    assert!(!check("mq.example.com", later(400)));
}
