//! Keys that the console borrows from roles, and renews, with a service that checks signatures.

use std::time::Duration;

use model::BucketSettings;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::FakeSts;

use crate::support::{FakeGateway, Fixture, code, share, until};

const ID: &str = "AKIA-long-lived";
const SECRET: &str = "the-long-lived-secret";

fn path(gateway: &FakeGateway) -> String {
    format!("/api/v1/gateways/{}/shares", gateway.id)
}

/// Settings of a share whose role lends at `service`.
fn with_role(service: &FakeSts) -> Value {
    let mut settings = share("projects", "p/");
    settings["bucket"]["access_key_id"] = json!(ID);
    settings["bucket"]["secret_access_key"] = json!(SECRET);
    settings["bucket"]["bucket"] = json!("only-lent");
    settings["bucket"]["role"] = json!({
        "arn": "arn:aws:iam::123456789012:role/gateway",
        "sts_endpoint": service.endpoint(),
    });
    settings
}

/// The bucket of the next intent, which must have keys of `service`.
async fn next_bucket(gateway: &FakeGateway, service: &FakeSts) -> (u64, BucketSettings) {
    let intent = gateway.next_intent().await;
    let sent = serde_json::to_string(&intent).unwrap();
    assert!(!sent.contains(SECRET) && !sent.contains(ID), "{sent}");
    let bucket = intent.shares[0].bucket.clone();
    let lent = service.keys(&bucket.access_key_id).unwrap();
    assert_eq!(bucket.secret_access_key.expose(), lent.secret);
    assert_eq!(bucket.session_token.expose(), lent.token);
    assert_eq!(bucket.role, None);
    (intent.version, bucket)
}

#[tokio::test]
async fn a_gateway_has_lent_keys_only_and_gets_others_before_those_are_over() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    service.lend_for(Duration::from_secs(6));
    let gateway = f.join_gateway().await;
    let made = f.post(&path(&gateway), with_role(&service)).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    let mut before = next_bucket(&gateway, &service).await;
    assert_eq!(before.0, 1, "the share comes with its first keys");
    let asked = service.calls().pop().unwrap();
    assert_eq!(asked["DurationSeconds"], "3600");
    let session = format!("causeway-{}-projects", gateway.id);
    assert_eq!(asked["RoleSessionName"], session);
    for _ in 0..2 {
        let next = next_bucket(&gateway, &service).await;
        assert_eq!(next.0, before.0 + 1, "each renewal is a version");
        assert_ne!(next.1.access_key_id, before.1.access_key_id);
        let over = service.keys(&before.1.access_key_id).unwrap().expires_at;
        assert!(f.clock.wall() < over, "they come in time");
        before = next;
    }
    let shown = f.get(&format!("{}/projects", path(&gateway))).await;
    assert_eq!(shown["keys"]["good"], true);
    assert_eq!(shown["keys"]["error"], Value::Null);
    assert!(shown["keys"]["expires_at"].is_u64());
    assert_eq!(shown["settings"]["bucket"]["access_key_id"], ID);
    assert_eq!(shown["settings"]["bucket"]["role"]["lifetime_s"], 3_600);
    let audit = f.audit_entry("share.borrow_keys", "succeeded").await;
    assert_eq!(audit["actor"], "system");
    for visible in [made.1, shown, audit] {
        let text = visible.to_string();
        assert!(
            !text.contains(SECRET) && !text.contains("lent-secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_role_that_lends_no_more_is_told_and_found_again_by_itself() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    service.lend_for(Duration::from_secs(6));
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), with_role(&service)).await;
    next_bucket(&gateway, &service).await;
    service.refuse(403, "AccessDenied");
    let one = format!("{}/projects", path(&gateway));
    until("the failure is shown", async || {
        let shown = f.get(&one).await;
        let error = shown["keys"]["error"]["message"].as_str();
        error.is_some_and(|message| message.contains("AccessDenied"))
    })
    .await;
    until("the keys are over", async || {
        f.get(&one).await["keys"]["good"] == false
    })
    .await;
    let shown = f.get(&one).await;
    assert_eq!(shown["error"]["code"], "BUCKET_ACCESS_DENIED", "{shown}");
    let back = FakeGateway::reconnect(&f, &gateway.id);
    let intent = back.next_intent().await;
    let bucket = &intent.shares[0].bucket;
    assert!(
        bucket.lacks_keys(),
        "none are better than those of the role: {bucket:?}"
    );
    assert!(!serde_json::to_string(&intent).unwrap().contains(SECRET));

    service.relent();
    service.lend_for(Duration::from_secs(600));
    next_bucket(&back, &service).await;
    let shown = f.get(&one).await;
    assert_eq!(
        (&shown["keys"]["good"], &shown["error"]),
        (&json!(true), &Value::Null)
    );
    f.audit_entry("share.borrow_keys", "succeeded").await;
    let events = f
        .get(&format!("/api/v1/gateways/{}/events", gateway.id))
        .await;
    let events = events["items"].as_array().unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|e| e["severity"].as_str().unwrap())
        .collect();
    assert_eq!(told.last(), Some(&"warning"), "{events:?}");
    assert_eq!(told.first(), Some(&"info"), "{events:?}");
    assert!(
        events[0]["message"]
            .as_str()
            .unwrap()
            .contains("lends keys again")
    );
}

#[tokio::test]
async fn another_console_goes_on_with_what_is_due() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    service.lend_for(Duration::from_secs(3));
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), with_role(&service)).await;
    let (_, first) = next_bucket(&gateway, &service).await;
    let f = f.crash_and_restart().await;
    until("other keys come", async || {
        next_bucket(&gateway, &service).await.1.access_key_id != first.access_key_id
    })
    .await;
    drop(f);
}

#[tokio::test]
async fn the_role_is_tried_before_a_share_is_accepted() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    let dry = format!("{}?dry_run=true", path(&gateway));
    let well = f.post(&dry, with_role(&service)).await;
    assert_eq!(well.0, StatusCode::OK, "{}", well.1);
    assert_eq!(well.1["keys"]["good"], true);
    let mut wrong = with_role(&service);
    wrong["bucket"]["secret_access_key"] = json!("mistyped");
    for path in [&dry, &path(&gateway)] {
        let answer = f.post(path, wrong.clone()).await;
        assert_eq!(code(&answer), (422, "BUCKET_ACCESS_DENIED"));
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(message.contains("enter it again"), "{message}");
        assert!(!message.contains("mistyped"), "{message}");
    }
    let checks = f.post(&format!("{}/check", path(&gateway)), wrong).await.1;
    let checks = checks["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|c| c["name"] == name).unwrap()["ok"].clone();
    assert_eq!((of("role"), of("bucket")), (json!(false), Value::Null));
    service.refuse(503, "ServiceUnavailable");
    let away = f.post(&dry, with_role(&service)).await;
    assert_eq!(code(&away), (422, "BUCKET_UNREACHABLE"));
    assert_eq!(f.gateway(&gateway.id).await["intent_version"], 0);
}

#[tokio::test]
async fn a_role_that_cannot_be_is_refused_with_what_to_do() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    for (pointer, value, says) in [
        (
            "/bucket/role/arn",
            json!("acs:ram::1:role/a"),
            "arn:aws:iam::",
        ),
        ("/bucket/role/arn", json!("gateway"), "copy it"),
        (
            "/bucket/role",
            json!({"arn": "arn:aws:iam::1:role/a", "lifetime_s": 60}),
            "900 to",
        ),
        (
            "/bucket/role",
            json!({"arn": "arn:aws:iam::1:role/a", "sts_endpoint": "sts.example"}),
            "https://host",
        ),
        ("/bucket/provider", json!("oss"), "acs:ram::"),
        (
            "/bucket/session_token",
            json!("lent"),
            "without a session token",
        ),
        ("/bucket/secret_access_key", json!(""), "access key"),
    ] {
        let mut settings = with_role(&service);
        settings["bucket"]["session_token"] = json!("");
        *settings.pointer_mut(pointer).unwrap() = value;
        let answer = f.post(&path(&gateway), settings).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"), "{}", answer.1);
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    assert!(
        service.calls().is_empty(),
        "nobody is asked with such settings"
    );
}

#[tokio::test]
async fn the_keys_of_a_role_never_become_those_of_a_gateway() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), with_role(&service)).await;
    next_bucket(&gateway, &service).await;
    let one = format!("{}/projects", path(&gateway));
    // As a page sends it that changes something else.
    let mut same = with_role(&service);
    same["bucket"]["secret_access_key"] = json!("");
    same["squash"] = json!("none");
    let answer = f.put(&one, same).await;
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    next_bucket(&gateway, &service).await;

    let mut without = with_role(&service);
    without["bucket"].as_object_mut().unwrap().remove("role");
    without["bucket"]["bucket"] = json!("only-lent");
    without["bucket"]["secret_access_key"] = json!("");
    let answer = f.put(&one, without.clone()).await;
    assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
    without["bucket"]["access_key_id"] = json!("LENT-by-hand");
    without["bucket"]["secret_access_key"] = json!("by-hand");
    let answer = f.put(&one, without).await;
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    assert_eq!(answer.1["keys"], Value::Null);
    let intent = gateway.next_intent().await;
    let secret = &intent.shares[0].bucket.secret_access_key;
    assert_eq!(secret.expose(), "by-hand");
}

/// Makes the share, and deletes it while it has something to upload; its gateway has heard of both.
async fn removed_with_bytes(f: &Fixture, gateway: &FakeGateway, service: &FakeSts) -> String {
    f.post(&path(gateway), with_role(service)).await;
    next_bucket(gateway, service).await;
    gateway.report_status(1, 42);
    f.until_gateway(&gateway.id, |g| !g["status"].is_null())
        .await;
    let one = format!("{}/projects", path(gateway));
    // Without force: nothing is lost.
    let (status, share) = f.delete(&one).await;
    assert_eq!(
        (status, &share["removing"]),
        (StatusCode::ACCEPTED, &json!(true))
    );
    assert_eq!(share["in_sync"], false);
    let intent = gateway.next_intent().await;
    assert_eq!((intent.version, intent.shares.len()), (2, 0));
    assert!(!intent.retired[0].bucket.lacks_keys());
    one
}

#[tokio::test]
async fn a_share_that_is_removed_is_lent_keys_until_its_gateway_has_emptied_it() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    service.lend_for(Duration::from_secs(6));
    let gateway = f.join_gateway().await;
    let one = removed_with_bytes(&f, &gateway, &service).await;
    let f = f.crash_and_restart().await;
    let lent = service.lent().len();
    until("it is lent other keys", async || {
        let intent = gateway.next_intent().await;
        let sent = serde_json::to_string(&intent).unwrap();
        assert!(!sent.contains(SECRET) && !sent.contains(ID), "{sent}");
        intent.version > 2 && intent.shares.is_empty() && service.lent().len() > lent
    })
    .await;
    service.lend_for(Duration::from_secs(600));
    gateway.report_status(3, 7);
    until("what is left is shown", async || {
        let shown = f.get(&one).await;
        shown["removing"] == true && shown["status"]["dirty_bytes"] == 7
    })
    .await;
    let mut emptied = gateway.status(3, 0);
    emptied.shares.clear();
    gateway.report(emptied);
    until("it is gone", async || {
        f.get(&path(&gateway)).await["items"] == json!([])
    })
    .await;
    let audit = f.audit_entry("share.forget", "succeeded").await;
    assert_eq!(audit["actor"], "system");
    until("its gateway hears of it", async || {
        gateway.next_intent().await.retired.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_share_that_is_removed_can_be_wanted_again() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    let one = removed_with_bytes(&f, &gateway, &service).await;
    let mut elsewhere = with_role(&service);
    elsewhere["bucket"]["prefix"] = json!("elsewhere/");
    let answer = f.post(&path(&gateway), elsewhere).await;
    assert_eq!(code(&answer), (409, "CONFLICT"), "{}", answer.1);
    let mut other_name = with_role(&service);
    other_name["name"] = json!("other");
    let answer = f.post(&path(&gateway), other_name).await;
    assert_eq!(code(&answer), (409, "PREFIX_OVERLAP"), "{}", answer.1);
    let message = answer.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("is being removed"), "{message}");

    let answer = f.post(&path(&gateway), with_role(&service)).await;
    assert_eq!(answer.0, StatusCode::CREATED, "{}", answer.1);
    let intent = gateway.next_intent().await;
    assert_eq!((intent.shares.len(), intent.retired.len()), (1, 0));
    assert_eq!(f.get(&one).await["removing"], false);
}

#[tokio::test]
async fn a_share_that_is_removed_can_be_mended_and_given_up() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    let one = removed_with_bytes(&f, &gateway, &service).await;
    let mut same = with_role(&service);
    same["upload_delay_ms"] = json!(1);
    let dry = f.put(&format!("{one}?dry_run=true"), same.clone()).await;
    assert_eq!(dry.1["removing"], true, "{}", dry.1);
    let answer = f.put(&one, same).await;
    assert_eq!(
        (answer.0, &answer.1["removing"]),
        (StatusCode::OK, &json!(true))
    );
    let intent = gateway.next_intent().await;
    assert_eq!(
        (intent.shares.len(), intent.retired[0].upload_delay_ms),
        (0, 1)
    );

    let version = f.gateway(&gateway.id).await["intent_version"].clone();
    for query in ["", "?force=true", "?force=true&forget_key=true"] {
        let (status, share) = f.delete(&format!("{one}{query}")).await;
        assert_eq!(
            (status, &share["removing"]),
            (StatusCode::ACCEPTED, &json!(true)),
            "{query}"
        );
    }
    let shown = f.gateway(&gateway.id).await;
    assert_eq!(shown["intent_version"], version, "nothing was changed");
    let audit = f.audit_entry("share.delete", "succeeded").await;
    assert_eq!(audit["details"]["gives_up"], false, "{audit}");
    let given_up = f.delete(&format!("{one}?give_up=true")).await;
    assert_eq!(given_up.0, StatusCode::NO_CONTENT);
    assert_eq!(gateway.next_intent().await.retired, []);
    assert_eq!(f.get(&path(&gateway)).await["items"], json!([]));
    let audit = f.audit_entry("share.delete", "succeeded").await;
    assert_eq!(audit["details"]["gives_up"], true, "{audit}");
}

#[tokio::test]
async fn a_share_that_is_not_being_removed_cannot_be_given_up() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    let one = removed_with_bytes(&f, &gateway, &service).await;
    // Made again, when somebody who saw it being removed gives it up.
    let made = f.post(&path(&gateway), with_role(&service)).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    let given_up = f.delete(&format!("{one}?give_up=true&force=true")).await;
    assert_eq!(code(&given_up), (409, "CONFLICT"), "{}", given_up.1);
    assert_eq!(f.get(&one).await["removing"], false);
}

#[tokio::test]
async fn a_gateway_that_empties_a_share_is_deleted_only_by_force() {
    let f = Fixture::start().await;
    let service = FakeSts::start(ID, SECRET);
    let gateway = f.join_gateway().await;
    removed_with_bytes(&f, &gateway, &service).await;
    // What it holds may be unknown: its gateway is away, or has just begun.
    gateway.report_status(2, 0);
    let one = format!("/api/v1/gateways/{}", gateway.id);
    until("it tells of no bytes", async || {
        f.get(&one).await["status"]["shares"][0]["dirty_bytes"] == 0
    })
    .await;
    let refused = f.delete(&one).await;
    assert_eq!(code(&refused), (409, "CONFLICT"), "{}", refused.1);
    let message = refused.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("removed (projects)"), "{message}");
    let forced = f.delete(&format!("{one}?force=true")).await;
    assert_eq!(forced.0, StatusCode::NO_CONTENT, "{}", forced.1);
}
