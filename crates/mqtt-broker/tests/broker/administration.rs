//! What an administrator asks of a broker, and what becomes of the clients.

use message_bus::{
    AdminAnswer, AdminCall, BusError,
    admin::{
        Access, BlockedQuery, ClientSession, ClientsQuery, CredentialQuery, InstanceSettings,
        MessageToSend,
    },
};
use model::{ClientId, Credential};
use mqtt_codec::{Packet, ProtocolVersion::V5, QoS, ReasonCode};

use crate::{
    kit::{Device, GROUP, Kit},
    raw::{Raw, Said, connect_packet},
};

pub(crate) async fn ask(kit: &Kit, call: AdminCall) -> AdminAnswer {
    kit.broker.bus().administer(call).await.unwrap()
}

async fn refusal(kit: &Kit, call: AdminCall) -> BusError {
    kit.broker.bus().administer(call).await.unwrap_err()
}

fn conflict(error: BusError, words: &str) {
    let BusError::Conflict { reason } = error else {
        panic!("no conflict: {error:?}")
    };
    assert!(reason.contains(words), "{reason}");
}

async fn sessions(kit: &Kit, client_ids: Vec<ClientId>) -> Vec<ClientSession> {
    match ask(kit, AdminCall::Sessions { client_ids }).await {
        AdminAnswer::Clients(page) => page.items,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_in_use_or_the_fleets_is_not_deleted() {
    let kit = Kit::start();
    let (group, parent) = ("GID_shop".parse().unwrap(), "orders".parse().unwrap());
    ask(&kit, AdminCall::CreateGroup { group }).await;
    ask(&kit, AdminCall::CreateParentTopic { parent }).await;
    let (group, parent) = ("GID_shop".parse().unwrap(), "orders".parse().unwrap());
    let access = Access::Publish;
    let grant = AdminCall::Grant {
        parent,
        group,
        access,
    };
    ask(&kit, grant.clone()).await;
    ask(&kit, grant).await; // twice is as good as once

    let delete = |parent: &str| AdminCall::DeleteParentTopic {
        parent: parent.parse().unwrap(),
    };
    let remove = |group: &str| AdminCall::DeleteGroup {
        group: group.parse().unwrap(),
    };
    conflict(
        refusal(&kit, delete("orders")).await,
        "`GID_shop` has rights",
    );
    conflict(refusal(&kit, delete("csg_cmd")).await, "the fleet's");
    conflict(refusal(&kit, remove(GROUP)).await, "the fleet's");
    let nothing = refusal(&kit, delete("other")).await;
    assert_eq!(nothing.to_string(), "there is no parent topic `other`");

    let client_id: ClientId = "GID_shop@@@one".parse().unwrap();
    let register = AdminCall::RegisterDevice {
        client_id: client_id.clone(),
        rights: None,
    };
    ask(&kit, register.clone()).await;
    conflict(refusal(&kit, register).await, "refresh it");
    conflict(refusal(&kit, remove("GID_shop")).await, "1 of its devices");
    ask(&kit, AdminCall::UnregisterDevice { client_id }).await;
    ask(&kit, remove("GID_shop")).await;
    ask(&kit, delete("orders")).await;
}

#[tokio::test]
async fn a_device_credential_is_refreshed_listed_and_withdrawn() {
    let kit = Kit::start();
    let client_id: ClientId = format!("{GROUP}@@@gw-1").parse().unwrap();
    let of = |client_id: &ClientId| client_id.clone();
    let issue = |answer: AdminAnswer| match answer {
        AdminAnswer::Issued(issued) => Device::with(
            issued.client_id.unwrap().parse().unwrap(),
            Credential {
                access_key_id: issued.access_key_id,
                secret: issued.secret,
            },
        ),
        other => panic!("{other:?}"),
    };
    let rights = None;
    let register = AdminCall::RegisterDevice {
        client_id: of(&client_id),
        rights,
    };
    let old = issue(ask(&kit, register).await);
    let mut raw = Raw::connect(kit.address(), &old, V5);
    let refresh = AdminCall::RefreshDevice {
        client_id: of(&client_id),
    };
    let new = issue(ask(&kit, refresh).await);
    assert!(matches!(
        raw.recv(),
        Said::Disconnect(ReasonCode::NotAuthorized, _)
    ));
    let mut refused = Raw::open(kit.address(), V5);
    refused.send(&Packet::Connect(connect_packet(&old, V5)));
    assert!(matches!(
        refused.recv(),
        Said::ConnAck(ReasonCode::NotAuthorized, _)
    ));
    Raw::connect(kit.address(), &new, V5);

    for n in 2..=5 {
        kit.device(&format!("gw-{n}"));
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let query = CredentialQuery {
            group: GROUP.parse().unwrap(),
            after,
            limit: 2,
        };
        let AdminAnswer::DeviceCredentials(page) =
            ask(&kit, AdminCall::DeviceCredentials { query }).await
        else {
            panic!("another answer")
        };
        seen.extend(page.items.into_iter().map(|c| c.client_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: Vec<String> = (1..=5).map(|n| format!("{GROUP}@@@gw-{n}")).collect();
    assert_eq!(seen, all);
    let nobody: ClientId = format!("{GROUP}@@@nobody").parse().unwrap();
    let unknown = AdminCall::Device { client_id: nobody };
    assert!(matches!(
        refusal(&kit, unknown).await,
        BusError::NotFound { .. }
    ));
}

#[tokio::test]
async fn a_blocked_client_is_closed_and_stays_out_until_it_is_unblocked() {
    let kit = Kit::start();
    let device = kit.device("gw-1");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let client_id = device.client_id.clone();
    ask(&kit, AdminCall::Block { client_id }).await;
    assert!(matches!(
        raw.recv(),
        Said::Disconnect(ReasonCode::AdministrativeAction, _)
    ));
    let mut refused = Raw::open(kit.address(), V5);
    refused.send(&Packet::Connect(connect_packet(&device, V5)));
    assert!(matches!(
        refused.recv(),
        Said::ConnAck(ReasonCode::Banned, _)
    ));
    let (blocked, next) = blocked(&kit, None).await;
    assert_eq!((blocked, next), (vec![device.client_id.to_string()], None));
    let client_id = device.client_id.clone();
    ask(&kit, AdminCall::Unblock { client_id }).await;
    Raw::connect(kit.address(), &device, V5);
}

/// Two of the clients that are blocked, behind `after`.
async fn blocked(kit: &Kit, after: Option<String>) -> (Vec<String>, Option<String>) {
    let query = BlockedQuery { after, limit: 2 };
    let AdminAnswer::BlockedClients(page) = ask(kit, AdminCall::BlockedClients { query }).await
    else {
        panic!("another answer")
    };
    let ids = page.items.into_iter().map(|blocked| blocked.client_id);
    (ids.collect(), page.next)
}

#[tokio::test]
async fn blocked_clients_come_in_pages() {
    let kit = Kit::start();
    let all: Vec<String> = (1..=5).map(|n| format!("{GROUP}@@@gw-{n}")).collect();
    for id in all.iter().rev() {
        let client_id = id.parse().unwrap();
        ask(&kit, AdminCall::Block { client_id }).await;
    }
    let (first, next) = blocked(&kit, None).await;
    assert_eq!((&*first, next.as_ref()), (&all[..2], Some(&all[1])));
    // Who is let in again meanwhile leads nobody astray.
    let client_id = all[1].parse().unwrap();
    ask(&kit, AdminCall::Unblock { client_id }).await;
    let (second, next) = blocked(&kit, next).await;
    assert_eq!((&*second, next.as_ref()), (&all[2..4], Some(&all[3])));
    let (third, next) = blocked(&kit, next).await;
    assert_eq!((&*third, next), (&all[4..], None));
}

#[tokio::test]
async fn sessions_say_who_is_connected_how_and_to_what_it_subscribes() {
    let kit = Kit::start();
    let device = kit.device("gw-1");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    raw.subscribe(&[
        ("csg_cmd/a/+", QoS::AtLeastOnce),
        ("csg_cmd/#", QoS::AtMostOnce),
    ]);
    let nobody: ClientId = format!("{GROUP}@@@nobody").parse().unwrap();
    let found = sessions(&kit, vec![device.client_id.clone(), nobody.clone()]).await;
    assert!(found[0].online && !found[1].online);
    assert_eq!(found[0].credential.as_deref(), Some("key-gw-1"));
    let filters: Vec<_> = found[0]
        .subscriptions
        .iter()
        .map(|s| (&*s.filter, s.qos))
        .collect();
    assert_eq!(filters, [("csg_cmd/#", 0), ("csg_cmd/a/+", 1)]);

    let too_many = AdminCall::Sessions {
        client_ids: vec![nobody.clone(); 101],
    };
    assert!(matches!(
        refusal(&kit, too_many).await,
        BusError::Refused { .. }
    ));
    let query = ClientsQuery {
        group: Some(GROUP.parse().unwrap()),
        after: None,
        limit: 10,
    };
    let AdminAnswer::Clients(page) = ask(&kit, AdminCall::Clients { query }).await else {
        panic!("another answer")
    };
    assert_eq!(page.items.len(), 1);

    let client_id = device.client_id.clone();
    ask(&kit, AdminCall::CloseConnection { client_id }).await;
    assert!(matches!(
        raw.recv(),
        Said::Disconnect(ReasonCode::AdministrativeAction, _)
    ));
    let close = AdminCall::CloseConnection { client_id: nobody };
    assert!(matches!(
        refusal(&kit, close).await,
        BusError::Offline { .. }
    ));
}

#[tokio::test]
async fn a_message_sent_by_an_administrator_reaches_subscribers_or_one_client() {
    let kit = Kit::start();
    let devices = [kit.device("gw-1"), kit.device("gw-2")];
    let mut raws = devices
        .each_ref()
        .map(|d| Raw::connect(kit.address(), d, V5));
    for raw in &mut raws {
        raw.subscribe(&[("csg_cmd/all", QoS::AtLeastOnce)]);
    }
    let send = |topic: &str| AdminCall::Send {
        message: MessageToSend {
            topic: topic.parse().unwrap(),
            payload: b"hello".as_slice().into(),
        },
    };
    let receivers = |answer: AdminAnswer| match answer {
        AdminAnswer::Sent(sent) => sent.receivers,
        other => panic!("{other:?}"),
    };
    assert_eq!(receivers(ask(&kit, send("csg_cmd/all")).await), 2);
    for raw in &mut raws {
        assert!(matches!(raw.recv(), Said::Publish { topic, .. } if topic == "csg_cmd/all"));
    }
    assert_eq!(receivers(ask(&kit, send("csg_cmd/none")).await), 0);
    let p2p = format!("csg_cmd/p2p/{}", devices[0].client_id);
    assert_eq!(receivers(ask(&kit, send(&p2p)).await), 1);
    assert!(matches!(raws[0].recv(), Said::Publish { topic, .. } if topic == p2p));

    let away = refusal(&kit, send("csg_cmd/p2p/GID_csg_local@@@away")).await;
    assert!(matches!(away, BusError::Offline { .. }));
    let up = refusal(&kit, send("csg_status/gw-1")).await;
    assert!(matches!(up, BusError::Refused { .. }));
    let nowhere = refusal(&kit, send("nowhere/x")).await;
    assert!(matches!(nowhere, BusError::NotFound { .. }));
}

#[tokio::test]
async fn settings_bound_subscriptions_and_payloads_at_once() {
    let kit = Kit::start();
    let device = kit.device("gw-1");
    let mut raw = Raw::connect(kit.address(), &device, V5);
    let settings = InstanceSettings {
        subscriptions_max: 1,
        payload_bytes_max: 1_024,
        ..InstanceSettings::default()
    };
    ask(&kit, AdminCall::SetSettings { settings }).await;
    let codes = raw.subscribe(&[
        ("csg_cmd/a", QoS::AtLeastOnce),
        ("csg_cmd/b", QoS::AtLeastOnce),
    ]);
    assert_eq!(codes, [ReasonCode::GrantedQoS1, ReasonCode::QuotaExceeded]);
    raw.publish("csg_event/gw-1", &[0; 1_025], Some(1));
    assert!(matches!(
        raw.recv(),
        Said::PubAck(1, ReasonCode::QuotaExceeded, _)
    ));
    let settings = InstanceSettings {
        payload_bytes_max: 65_537,
        ..settings
    };
    let refused = refusal(&kit, AdminCall::SetSettings { settings }).await;
    assert!(matches!(refused, BusError::Refused { .. }));
}
