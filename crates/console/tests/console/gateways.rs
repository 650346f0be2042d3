//! Gateways: bundles, joining, presence, deletion.

use std::time::Duration;

use model::{Downlink, ReplyBody};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{FakeGateway, Fixture, as_bus, code, read_bundle};

#[tokio::test]
async fn a_gateway_joins_with_its_bundle_once_and_gets_a_credential_of_its_own() {
    let f = Fixture::start().await;
    let (id, bundle) = f.create_gateway().await;
    assert_eq!(bundle.brokers, ["broker.example:8883"]);
    assert_eq!(f.gateway(&id).await["state"], "activating");
    assert!(f.gateway(&id).await["bundle_expires_at"].is_number());
    let once = &bundle.credential.access_key_id;

    // It may be cut off before it has stored its credential: the same one is offered again.
    let first = FakeGateway::connect(&f, &id, once);
    let Downlink::Credential(offered) = first.next_downlink().await else {
        panic!("a credential comes first");
    };
    let again = FakeGateway::connect(&f, &id, once);
    assert_eq!(
        again.next_downlink().await,
        Downlink::Credential(offered.clone())
    );
    assert_eq!(f.gateway(&id).await["state"], "activating");

    let gateway = FakeGateway::connect(&f, &id, &offered.access_key_id);
    gateway.next_intent().await;
    f.until_gateway(&id, |g| {
        g["state"] == "online" && g["bundle_expires_at"].is_null()
    })
    .await;
    assert!(
        FakeGateway::try_connect(&f, &id, once).is_none(),
        "the bundle is used up"
    );
    f.audit_entry("gateway.activate", "succeeded").await;
}

#[tokio::test]
async fn a_client_of_another_group_is_not_the_gateway_whose_name_it_has() {
    let f = Fixture::start().await;
    let (gateway, other) = (f.join_gateway().await, f.join_gateway().await);
    let id = gateway.id.clone();
    gateway.client.disconnect();
    f.until_gateway(&id, |g| g["state"] == "offline").await;
    let before = f.gateway(&id).await;
    let credential = model::Credential {
        access_key_id: "another".into(),
        secret: model::Secret::new("s"),
    };
    let namesake = format!("GID_other@@@{id}").parse().unwrap();
    let registered = as_bus(&f.bus).register(&namesake, &credential, None);
    registered.await.unwrap();
    let client = f.bus.connect(&namesake, "another").unwrap();
    let status = serde_json::to_vec(&model::StatusMessage(model::GatewayStatus {
        gateway: id.clone(),
        ..other.status(0, 7)
    }));
    let topic = format!("csg_status/{id}").parse().unwrap();
    client.publish(&topic, status.unwrap().into());
    // What comes later is known, so what came before has been seen.
    other.report_status(0, 5);
    f.until_gateway(&other.id, |g| !g["status"].is_null()).await;
    assert_eq!(f.gateway(&id).await, before);
}

#[tokio::test]
async fn a_new_bundle_voids_the_one_before() {
    let f = Fixture::start().await;
    let (id, old) = f.create_gateway().await;
    let path = format!("/api/v1/gateways/{id}/bundle");
    let (status, answer) = f.post(&path, json!({})).await;
    assert_eq!(status, StatusCode::CREATED);
    let text = answer["bundle"].as_str().unwrap();
    assert_eq!(answer["command"], format!("causeway gateway join {text}"));
    let new = read_bundle(text);
    assert!(FakeGateway::try_connect(&f, &id, &old.credential.access_key_id).is_none());
    assert!(FakeGateway::try_connect(&f, &id, &new.credential.access_key_id).is_some());
}

#[tokio::test]
async fn a_bundle_is_good_for_a_day() {
    let f = Fixture::with_manual_clock().await;
    let (id, bundle) = f.create_gateway().await;
    f.clock
        .advance(Duration::from_hours(24) + Duration::from_millis(1));
    assert!(FakeGateway::try_connect(&f, &id, &bundle.credential.access_key_id).is_none());
}

#[tokio::test]
async fn a_gateway_that_joins_again_takes_the_place_of_the_lost_one() {
    let f = Fixture::start().await;
    let lost = f.join_gateway().await;
    let (_, answer) = f
        .post(&format!("/api/v1/gateways/{}/bundle", lost.id), json!({}))
        .await;
    let bundle = read_bundle(answer["bundle"].as_str().unwrap());
    let before = f.bus.credentials(&lost.client_id).len();
    assert_eq!(before, 2, "its own, and the one in the bundle");
    let first = FakeGateway::connect(&f, &lost.id, &bundle.credential.access_key_id);
    let Downlink::Credential(own) = first.next_downlink().await else {
        panic!("a credential comes first");
    };
    let gateway = FakeGateway::connect(&f, &lost.id, &own.access_key_id);
    gateway.next_intent().await;
    crate::support::until("only the new credential is good", async || {
        let keys = f.bus.credentials(&lost.client_id);
        keys.len() == 1 && keys[0].access_key_id == own.access_key_id
    })
    .await;
}

#[tokio::test]
async fn the_page_knows_state_round_trip_and_the_age_of_the_report() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let ping = gateway.next_command("status.get").await;
    gateway.reply(&ping, ReplyBody::Delivered);
    gateway.report_status(0, 42);
    f.until_gateway(&gateway.id, |g| {
        g["round_trip_ms"].is_number() && g["status"]["shares"][0]["dirty_bytes"] == 42
    })
    .await;
    assert_eq!(f.get("/api/v1/overview").await["dirty_bytes"], 42);
    let commands = f.get("/api/v1/commands").await;
    assert_eq!(commands["items"], json!([]), "nobody issued the ping");

    let (id, client) = (gateway.id.clone(), gateway.client);
    client.disconnect();
    f.until_gateway(&id, |g| g["state"] == "offline").await;
    assert!(f.gateway(&id).await["status_at"].is_number());
    assert_eq!(f.get("/api/v1/overview").await["gateways"]["offline"], 1);
}

#[tokio::test]
async fn history_is_kept_and_given_by_step() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    for n in 1..=5_u64 {
        gateway.report_status(0, n * 100);
        f.until_gateway(&gateway.id, |g| {
            g["status"]["shares"][0]["dirty_bytes"] == n * 100
        })
        .await;
        f.clock.advance(Duration::from_secs(5));
    }
    let path = format!("/api/v1/gateways/{}/metrics?step=5000", gateway.id);
    let whole = async |path: &str| {
        let history = f.get(path).await;
        history["series"]["dirty_bytes"]
            .as_array()
            .map_or(0, Vec::len)
    };
    crate::support::until("the reports are stored", async || whole(&path).await == 5).await;
    let share = format!("{path}&share=projects");
    assert_eq!(whole(&share).await, 5);
    let none = f.get(&format!("{path}&share=other")).await;
    assert_eq!(none["series"], json!({}));
    let upside_down = format!("/api/v1/gateways/{}/metrics?from=5&to=4", gateway.id);
    let answer = f
        .call_as(&f.token, reqwest::Method::GET, &upside_down, None)
        .await;
    assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
}

#[tokio::test]
async fn a_gateway_with_unprotected_bytes_is_deleted_only_by_force() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    gateway.report_status(0, 42);
    f.until_gateway(&gateway.id, |g| !g["status"].is_null())
        .await;
    let path = format!("/api/v1/gateways/{}", gateway.id);
    assert_eq!(code(&f.delete(&path).await), (409, "CONFLICT"));
    let forced = f.delete(&format!("{path}?force=true")).await;
    assert_eq!(forced.0, StatusCode::NO_CONTENT);
    assert_eq!(code(&f.delete(&path).await), (404, "NOT_FOUND"));
    let sessions = as_bus(&f.bus).sessions(&gateway.client_id).await.unwrap();
    assert!(sessions.is_empty(), "it is expelled");
    assert_eq!(f.bus.credentials(&gateway.client_id), []);
}

#[tokio::test]
async fn events_are_kept_newest_first_and_bad_messages_do_no_harm() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    for message in ["first", "second"] {
        let event = json!({"at": 1, "type": "notice", "severity": "warning",
            "share": "projects", "message": message});
        gateway.publish("csg_event", &event);
    }
    gateway.publish("csg_event", &json!({"type": "who-knows"}));
    gateway.publish("csg_status", &json!([]));
    gateway.publish("csg_result", &json!("no reply"));
    let path = format!("/api/v1/gateways/{}/events", gateway.id);
    crate::support::until("both events are there", async || {
        f.get(&path).await["items"].as_array().unwrap().len() == 2
    })
    .await;
    let page = f.get(&format!("{path}?limit=1")).await;
    assert_eq!(page["items"][0]["message"], "second");
    let next = f
        .get(&format!(
            "{path}?limit=1&cursor={}",
            page["next"].as_str().unwrap()
        ))
        .await;
    assert_eq!(next["items"][0]["message"], "first");
    assert!(next["next"].is_null());
}

#[tokio::test]
async fn names_and_ids_that_make_no_sense_are_refused() {
    let f = Fixture::start().await;
    for name in ["", "  ", "a\u{7}b", &"x".repeat(65)] {
        let answer = f.post("/api/v1/gateways", json!({"name": name})).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"), "{name:?}");
    }
    for (path, want) in [
        ("/api/v1/gateways/gw-none", (404, "NOT_FOUND")),
        ("/api/v1/gateways/..%2F..", (400, "INVALID_ARGUMENT")),
        ("/api/v1/commands/7", (400, "INVALID_ARGUMENT")),
        ("/api/v1/gateways/gw-none/events", (404, "NOT_FOUND")),
        ("/api/v1/nothing", (404, "NOT_FOUND")),
    ] {
        let answer = f.call_as(&f.token, reqwest::Method::GET, path, None).await;
        assert_eq!(code(&answer), want, "{path}");
    }
}

#[tokio::test]
async fn a_gateway_that_came_while_the_queue_was_away_is_online_when_it_is_back() {
    let f = Fixture::start().await;
    let (id, bundle) = f.create_gateway().await;
    // Another receiver takes over: the console loses the queue, and asks for it again.
    let usurper = as_bus(&f.bus).receive().await.unwrap();
    let client = FakeGateway::connect(&f, &id, &bundle.credential.access_key_id);
    drop(usurper);
    let Downlink::Credential(own) = client.next_downlink().await else {
        panic!("a credential comes first");
    };
    f.until_gateway(&id, |g| g["online_since"].is_number())
        .await;
    let gateway = FakeGateway::connect(&f, &id, &own.access_key_id);
    gateway.next_intent().await;
    f.until_gateway(&id, |g| g["state"] == "online").await;
}
