//! Keys that gateways encrypt with: made with a share, sent to its gateway, shown by an export.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{FakeGateway, Fixture, code, share, until};

const OWN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn path(gateway: &FakeGateway) -> String {
    format!("/api/v1/gateways/{}/shares", gateway.id)
}

fn encrypted(name: &str, prefix: &str, encryption: Value) -> Value {
    let mut settings = share(name, prefix);
    settings["client_encryption"] = encryption;
    settings
}

/// The key that the gateway of a share got, and its id.
async fn sent(gateway: &FakeGateway) -> (String, String) {
    let intent = gateway.next_intent().await;
    let last = intent.shares.last().unwrap();
    let encryption = last.client_encryption.clone().unwrap();
    (encryption.key.expose().to_owned(), encryption.key_id)
}

#[tokio::test]
async fn a_key_is_made_sent_to_the_gateway_and_shown_by_an_export_only() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let new = encrypted("plans", "p/", json!({}));
    let made = f.post(&path(&gateway), new).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    let (key, key_id) = sent(&gateway).await;
    assert_eq!((key.len(), key_id.len()), (64, 32));
    let one = format!("{}/plans", path(&gateway));
    let shown = f.get(&one).await;
    assert_eq!(
        shown["settings"]["client_encryption"],
        json!({"key_id": key_id})
    );
    let exported = f.post(&format!("{one}/key"), Value::Null).await;
    assert_eq!(exported.0, StatusCode::OK);
    assert_eq!(exported.1, json!({"key": key, "key_id": key_id}));
    let created = f.audit_entry("share.create", "succeeded").await;
    let export = f.audit_entry("share.export_key", "succeeded").await;
    assert!(export.to_string().contains(&key_id));
    for visible in [made.1, shown, created, export] {
        assert!(!visible.to_string().contains(&key));
    }
}

#[tokio::test]
async fn a_share_keeps_its_key_whatever_else_is_changed() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let one = format!("{}/plans", path(&gateway));
    let new = encrypted("plans", "p/", json!({"key": OWN}));
    f.post(&path(&gateway), new).await;
    let (key, key_id) = sent(&gateway).await;
    assert_eq!(key, OWN);
    for same in [
        Value::Null,
        json!({}),
        json!({"key_id": key_id}),
        json!({"key": OWN}),
    ] {
        let mut changed = encrypted("plans", "p/", same);
        changed["bucket"]["session_token"] = json!("lent");
        let answer = f.put(&one, changed).await;
        assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
        assert_eq!(sent(&gateway).await, (key.clone(), key_id.clone()));
    }
    let other = json!({"key": OWN.replace('0', "1")});
    for other in [other, json!({"key_id": "0".repeat(32)})] {
        let answer = f.put(&one, encrypted("plans", "p/", other)).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
    }
    f.post(&path(&gateway), share("open", "o/")).await;
    let late = encrypted("open", "o/", json!({}));
    let answer = f.put(&format!("{}/open", path(&gateway)), late).await;
    assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
    let message = answer.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("make another share"), "{message}");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    for (bad, why) in [
        (json!({"key": "hush"}), "64 hexadecimal digits"),
        (json!({"key": "0".repeat(64)}), "no key"),
        (json!({"key_id": "0".repeat(32)}), "no share has key"),
        (
            json!({"key": OWN, "key_id": "0".repeat(32)}),
            "leave the id out",
        ),
    ] {
        let answer = f.post(&path(&gateway), encrypted("plans", "p/", bad)).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(why) && !message.contains("hush"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn gateways_over_the_same_objects_have_the_same_key_or_none() {
    let f = Fixture::start().await;
    let (one, two) = (f.join_gateway().await, f.join_gateway().await);
    let many = |encryption: Value| {
        let mut settings = encrypted("plans", "p/", encryption);
        settings["writers"] = json!("many");
        settings
    };
    f.post(&path(&one), many(json!({}))).await;
    let (key, key_id) = sent(&one).await;
    for other in [Value::Null, json!({}), json!({"key": OWN})] {
        let answer = f.post(&path(&two), many(other)).await;
        assert_eq!(code(&answer), (409, "PREFIX_OVERLAP"));
    }
    let same = f.post(&path(&two), many(json!({"key_id": key_id}))).await;
    assert_eq!(same.0, StatusCode::CREATED, "{}", same.1);
    assert_eq!(sent(&two).await, (key, key_id));

    // While another share has the key, nothing is lost with this one.
    let first = format!("{}/plans", path(&one));
    assert_eq!(f.delete(&first).await.0, StatusCode::NO_CONTENT);
    let last = format!("{}/plans", path(&two));
    let refused = f.delete(&last).await;
    assert_eq!(code(&refused), (409, "CONFLICT"));
    assert!(refused.1.to_string().contains("export-key"));
    let with_gateway = format!("/api/v1/gateways/{}?force=true", two.id);
    assert_eq!(code(&f.delete(&with_gateway).await), (409, "CONFLICT"));
    let forgotten = f.delete(&format!("{last}?forget_key=true")).await;
    assert_eq!(forgotten.0, StatusCode::NO_CONTENT);
    assert_eq!(f.delete(&with_gateway).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_gateway_that_does_not_know_encryption_is_asked_for_none() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let old = model::GatewayStatus {
        features: vec!["unheard_of".into()],
        ..gateway.status(0, 0)
    };
    gateway.report(old.clone());
    f.until_gateway(&gateway.id, |g| {
        g["status"]["features"] == json!(["unheard_of"])
    })
    .await;
    let new = || encrypted("plans", "p/", json!({}));
    let answer = f.post(&path(&gateway), new()).await;
    assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
    let message = answer.1["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("`client_encryption`") && message.contains("upgrade it first"),
        "{message}"
    );
    let plain = f.post(&path(&gateway), share("open", "o/")).await;
    assert_eq!(plain.0, StatusCode::CREATED, "{}", plain.1);

    // It goes back to its old version after the share was made.
    gateway.report_status(1, 0);
    f.until_gateway(&gateway.id, |g| {
        g["status"]["features"][0] == "client_encryption"
    })
    .await;
    let made = f.post(&path(&gateway), new()).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    gateway.report(old);
    let one = format!("{}/plans", path(&gateway));
    until("the share says why", async || {
        !f.get(&one).await["error"].is_null()
    })
    .await;
    let shown = f.get(&one).await;
    let message = shown["error"]["message"].as_str().unwrap();
    assert!(message.contains("upgrade it first"), "{message}");
    assert_eq!(shown["in_sync"], false);
}
