//! Authorities of the registry: their devices come with certificates and without passwords.

use message_bus::{
    AdminAnswer, AdminCall,
    admin::{
        CertificateQuery, CertificateState, CertificatesPage, DeviceCertificate, NewAuthority,
        TrustedAuthority,
    },
};
use mqtt_codec::{Connect, Packet, ProtocolVersion::V5, ReasonCode};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{
    kit::{Device, GROUP, Kit},
    raw::connect_packet,
    wire::{Wire, socket, tls},
};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "devices");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        self.issue_numbered(name, None)
    }

    fn issue_numbered(&self, name: &str, serial: Option<&[u8]>) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.serial_number = serial.map(SerialNumber::from_slice);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

fn ask(kit: &Kit, call: AdminCall) -> Result<AdminAnswer, message_bus::BusError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(kit.broker.bus().administer(call))
}

fn code(kit: &Kit) -> String {
    match ask(kit, AdminCall::RegistrationCode).unwrap() {
        AdminAnswer::RegistrationCode(code) => code,
        other => panic!("{other:?}"),
    }
}

fn authorities(kit: &Kit) -> Vec<TrustedAuthority> {
    match ask(kit, AdminCall::Authorities).unwrap() {
        AdminAnswer::Authorities(authorities) => authorities,
        other => panic!("{other:?}"),
    }
}

/// What a device with a certificate for `name` hears, if the handshake succeeds.
fn connect(
    kit: &Kit,
    server: &CertificateDer<'static>,
    (certificate, key): &(rcgen::Certificate, KeyPair),
    client_id: &str,
) -> Option<(ReasonCode, Wire)> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let own = Some((vec![certificate.der().clone()], key));
    let address = kit.broker.tls_address().unwrap();
    let line = tls(socket(address), "localhost", server, own).ok()?;
    let mut wire = Wire(Box::new(line));
    let device = Device::new("gw-1");
    let packet = Packet::Connect(Connect {
        client_id,
        user_name: None,
        password: None,
        ..connect_packet(&device, V5)
    });
    wire.send(&packet, V5);
    let reason = wire.recv(V5, |packet| match packet {
        Packet::ConnAck(ack) => ack.reason,
        other => panic!("not a CONNACK: {other:?}"),
    });
    Some((reason.unwrap(), wire))
}

/// Device certificates of an authority, asked for one by one.
fn certificates_of(kit: &Kit, authority: &str) -> Vec<DeviceCertificate> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = CertificateQuery {
            authority: authority.to_owned(),
            after,
            limit: 1,
        };
        let page = ask(kit, AdminCall::DeviceCertificates { query }).unwrap();
        let AdminAnswer::DeviceCertificates(CertificatesPage { items, next }) = page else {
            panic!("another answer")
        };
        assert_eq!(items.len(), 1);
        all.extend(items);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

#[test]
fn a_certificate_made_inactive_closes_its_own_device_only() {
    let (kit, server_pem) = Kit::start_tls();
    let server = rustls_pki_types::pem::PemObject::from_pem_slice(server_pem.as_bytes()).unwrap();
    let ours = Authority::new();
    let proof = ours.issue(&code(&kit)).0;
    let authority = NewAuthority {
        name: "devices".into(),
        certificate_pem: ours.pem.clone(),
        verification_pem: proof.pem(),
    };
    ask(&kit, AdminCall::RegisterAuthority { authority }).unwrap();
    let connect = |name: &str, serial: &[u8]| {
        let device = ours.issue_numbered(name, Some(serial));
        connect(&kit, &server, &device, &format!("{GROUP}@@@{name}"))
            .unwrap()
            .1
    };
    let (mut short, mut long) = (connect("gw-1", &[0x12]), connect("gw-2", &[0x12, 0x34]));
    let authority = authorities(&kit).remove(0).serial;
    let seen = certificates_of(&kit, &authority);
    let serials: Vec<&str> = seen.iter().map(|c| &*c.serial).collect();
    assert!(serials[1].starts_with(serials[0]), "{serials:?}");
    let inactivate = AdminCall::SetDeviceCertificate {
        authority: authority.clone(),
        serial: serials[0].to_owned(),
        state: CertificateState::Inactive,
    };
    ask(&kit, inactivate).unwrap();
    let gone = short.recv(V5, |packet| matches!(packet, Packet::Disconnect(_)));
    assert!(gone.unwrap());
    long.send(&Packet::PingReq, V5);
    let alive = long.recv(V5, |packet| matches!(packet, Packet::PingResp));
    assert!(alive.unwrap());
    // It stays so, though that it came was written down after it was made inactive.
    let kit = kit.restart();
    let kept = certificates_of(&kit, &authority);
    let state = |serial: &str| kept.iter().find(|c| c.serial == serial).unwrap().state;
    assert_eq!(state(serials[0]), CertificateState::Inactive);
    assert_eq!(state(serials[1]), CertificateState::Active);
}

#[test]
fn devices_of_a_registered_authority_come_in_until_they_are_made_inactive() {
    let (kit, server_pem) = Kit::start_tls();
    let server = rustls_pki_types::pem::PemObject::from_pem_slice(server_pem.as_bytes()).unwrap();
    let ours = Authority::new();
    let client_id = format!("{GROUP}@@@gw-1");
    let register = |verification: &rcgen::Certificate| AdminCall::RegisterAuthority {
        authority: NewAuthority {
            name: "devices".into(),
            certificate_pem: ours.pem.clone(),
            verification_pem: verification.pem(),
        },
    };
    let wrong = ours.issue("another code").0;
    assert!(ask(&kit, register(&wrong)).is_err());
    let stolen = Authority::new().issue(&code(&kit)).0;
    assert!(ask(&kit, register(&stolen)).is_err(), "the key is not held");
    let proof = ours.issue(&code(&kit)).0;
    ask(&kit, register(&proof)).unwrap();

    let device = ours.issue("gw-1");
    let (reason, _wire) = connect(&kit, &server, &device, &client_id).unwrap();
    assert_eq!(reason, ReasonCode::Success);
    let other = connect(&kit, &server, &device, &format!("{GROUP}@@@gw-2")).unwrap();
    assert_eq!(other.0, ReasonCode::NotAuthorized, "another's certificate");

    let authority = authorities(&kit).remove(0);
    assert_eq!(
        (authority.devices, authority.state),
        (1, CertificateState::Active)
    );
    let seen = certificates_of(&kit, &authority.serial);
    assert_eq!(seen[0].client_id, client_id);
    let serial = seen[0].serial.clone();
    let inactivate = AdminCall::SetDeviceCertificate {
        authority: authority.serial.clone(),
        serial,
        state: CertificateState::Inactive,
    };
    ask(&kit, inactivate).unwrap();
    let again = connect(&kit, &server, &device, &client_id).unwrap();
    assert_eq!(again.0, ReasonCode::NotAuthorized);

    let serial = authority.serial;
    let delete = AdminCall::DeleteAuthority {
        serial: serial.clone(),
    };
    assert!(ask(&kit, delete.clone()).is_err(), "it is active");
    let state = CertificateState::Inactive;
    ask(&kit, AdminCall::SetAuthority { serial, state }).unwrap();
    ask(&kit, delete).unwrap();
    assert!(authorities(&kit).is_empty());
}
