//! Shares: checks before one is accepted, and the intent that follows.

use model::{ErrorCode, Failure, ShareReport};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{FakeGateway, Fixture, code, share, until};

fn path(gateway: &FakeGateway) -> String {
    format!("/api/v1/gateways/{}/shares", gateway.id)
}

#[tokio::test]
async fn a_share_becomes_the_gateways_intent_with_its_secret_and_nobody_else_sees_it() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let made = f.post(&path(&gateway), share("projects", "p")).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    assert_eq!(
        made.1["settings"]["bucket"]["prefix"], "p/",
        "a prefix is a directory"
    );
    let intent = gateway.next_intent().await;
    assert_eq!(intent.version, 1);
    let bucket = &intent.shares[0].bucket;
    assert_eq!(bucket.secret_access_key.expose(), "very-secret-key");

    gateway.report_status(1, 0);
    let one = format!("{}/projects", path(&gateway));
    until("the share is in sync", async || {
        f.get(&one).await["in_sync"] == true
    })
    .await;
    let shown = f.get(&one).await;
    let mount = shown["mount_command"].as_str().unwrap();
    assert!(
        mount.ends_with("10.0.0.5:/projects /mnt/projects"),
        "{mount}"
    );
    let audit = f.audit_entry("share.create", "succeeded").await;
    for visible in [made.1, shown, audit] {
        assert!(!visible.to_string().contains("very-secret-key"));
    }
}

#[tokio::test]
async fn each_bad_setting_gets_its_error_and_changes_nothing() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let with = |pointer: &str, value: Value| {
        let mut settings = share("projects", "p/");
        *settings.pointer_mut(pointer).unwrap() = value;
        settings
    };
    for (settings, want) in [
        (
            with("/name", json!("Not a name")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/name", json!("x".repeat(256))),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/prefix", json!("../up/")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/endpoint", json!("ftp://x")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/endpoint", json!("https://x/path")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/bucket", json!("a/b")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/secret_access_key", json!("")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/access/0/cidr", json!("10.0.0.0/33")),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/cache_bytes_max", json!(1)),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            with("/bucket/bucket", json!("missing")),
            (422, "BUCKET_NOT_FOUND"),
        ),
        (
            with("/bucket/bucket", json!("denied")),
            (422, "BUCKET_ACCESS_DENIED"),
        ),
        (
            with("/bucket/bucket", json!("far-away")),
            (422, "BUCKET_UNREACHABLE"),
        ),
        (json!({"name": "projects"}), (400, "INVALID_ARGUMENT")),
        (json!("nonsense"), (400, "INVALID_ARGUMENT")),
    ] {
        let answer = f.post(&path(&gateway), settings).await;
        assert_eq!(code(&answer), want, "{}", answer.1);
        assert!(answer.1["error"]["message"].as_str().unwrap().len() > 10);
    }
    assert_eq!(f.gateway(&gateway.id).await["intent_version"], 0);
}

#[tokio::test]
async fn shares_of_which_a_gateway_could_not_be_told_are_refused() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let rule = |n: usize| json!({"cidr": format!("10.1.{n}.0/24"), "access": "read_write"});
    let rules: Vec<_> = (0..256).map(rule).collect();
    let mut version = 0;
    let refused = loop {
        let mut settings = share(&format!("s{version}"), &format!("p{version}"));
        settings["access"] = json!(rules);
        let answer = f.post(&path(&gateway), settings).await;
        if answer.0 != StatusCode::CREATED {
            break answer;
        }
        version += 1;
        assert_eq!(gateway.next_intent().await.version, version);
    };
    assert_eq!(code(&refused), (429, "BUSY"), "{}", refused.1);
    let advice = refused.1["error"]["message"].as_str().unwrap();
    assert!(version > 3 && advice.contains("fewer shares"), "{advice}");
    // A share that is there cannot outgrow it either; a small one still fits.
    let small = share("small", "small");
    let made = f.post(&path(&gateway), small.clone()).await;
    assert_eq!(made.0, StatusCode::CREATED, "{}", made.1);
    let mut grown = small;
    grown["access"] = json!(rules);
    let answer = f.put(&format!("{}/small", path(&gateway)), grown).await;
    assert_eq!(code(&answer), (429, "BUSY"), "{}", answer.1);
}

#[tokio::test]
async fn what_no_engine_can_do_is_refused() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    for (engine, says) in [
        (json!({"uploads": {"part_bytes": 1}}), "5 to 64 MiB"),
        (json!({"mode": "safe"}), "write_through"),
        (
            json!({"bandwidth": {"limits": {"upload_bytes_per_s": 1}}}),
            "16 KiB",
        ),
    ] {
        let mut settings = share("projects", "p/");
        settings["engine"] = engine;
        let answer = f.post(&path(&gateway), settings).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(f.gateway(&gateway.id).await["intent_version"], 0);
}

#[tokio::test]
async fn a_prefix_is_owned_once_across_all_gateways() {
    let f = Fixture::start().await;
    let (one, two) = (f.join_gateway().await, f.join_gateway().await);
    f.post(&path(&one), share("projects", "team/")).await;
    let overlap = f.post(&path(&two), share("other", "team/a/")).await;
    assert_eq!(code(&overlap), (409, "PREFIX_OVERLAP"));
    assert!(
        overlap.1["error"]["message"]
            .as_str()
            .unwrap()
            .contains("projects")
    );
    let twice = f.post(&path(&one), share("projects", "else/")).await;
    assert_eq!(code(&twice), (409, "CONFLICT"));
    let beside = f.post(&path(&two), share("other", "team2/")).await;
    assert_eq!(beside.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_full_or_small_cache_disk_refuses_a_share() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    gateway.report_status(0, 0);
    f.until_gateway(&gateway.id, |g| !g["status"].is_null())
        .await;
    let mut large = share("large", "p/");
    large["cache_bytes_max"] = json!(200_u64 << 30);
    let answer = f.post(&path(&gateway), large).await;
    assert_eq!(code(&answer), (422, "CACHE_DISK_FULL"));
}

#[tokio::test]
async fn a_dry_run_and_a_check_change_nothing() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let dry = format!("{}?dry_run=true", path(&gateway));
    assert_eq!(
        f.post(&dry, share("projects", "p/")).await.0,
        StatusCode::OK
    );
    let check = format!("{}/check", path(&gateway));
    let (status, answer) = f.post(&check, share("projects", "../p/")).await;
    assert_eq!(status, StatusCode::OK);
    let found: Vec<String> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}={}", c["name"].as_str().unwrap(), c["ok"]))
        .collect();
    let want = [
        "name=true",
        "prefix=false",
        "access=true",
        "engine=true",
        "cache=true",
        "overlap=true",
        "bucket=null",
    ];
    assert_eq!(found, want);
    assert_eq!(f.get(&path(&gateway)).await["items"], json!([]));
    assert_eq!(f.gateway(&gateway.id).await["intent_version"], 0);
}

#[tokio::test]
async fn a_share_is_changed_without_giving_its_secret_again() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), share("projects", "p/")).await;
    gateway.next_intent().await;
    let one = format!("{}/projects", path(&gateway));
    let mut changed = share("projects", "p/");
    changed["bucket"]["secret_access_key"] = json!("");
    changed["upload_delay_ms"] = json!(1);
    let answer = f.put(&one, changed.clone()).await;
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    let intent = gateway.next_intent().await;
    assert_eq!((intent.version, intent.shares[0].upload_delay_ms), (2, 1));
    let secret = &intent.shares[0].bucket.secret_access_key;
    assert_eq!(secret.expose(), "very-secret-key");

    changed["bucket"]["prefix"] = json!("elsewhere/");
    assert_eq!(code(&f.put(&one, changed).await), (400, "INVALID_ARGUMENT"));
    let other = format!("{}/other", path(&gateway));
    assert_eq!(
        code(&f.put(&other, share("other", "o/")).await),
        (404, "NOT_FOUND")
    );
}

#[tokio::test]
async fn a_session_token_stays_with_its_secret_and_nobody_sees_it() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let one = format!("{}/projects", path(&gateway));
    let mut lent = share("projects", "p/");
    lent["bucket"]["session_token"] = json!("lent-token");
    f.post(&path(&gateway), lent.clone()).await;
    let token = async || {
        let intent = gateway.next_intent().await;
        intent.shares[0].bucket.session_token.expose().to_owned()
    };
    assert_eq!(token().await, "lent-token");
    assert!(!f.get(&one).await.to_string().contains("lent-token"));
    for (secret, new, expected) in [
        ("", "", "lent-token"),
        ("", "another-token", "another-token"),
        ("very-secret-key", "", ""),
    ] {
        lent["bucket"]["secret_access_key"] = json!(secret);
        lent["bucket"]["session_token"] = json!(new);
        let upload_delay_ms = lent["upload_delay_ms"].as_u64().unwrap_or(0) + 1;
        lent["upload_delay_ms"] = json!(upload_delay_ms);
        let answer = f.put(&one, lent.clone()).await;
        assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
        assert_eq!(token().await, expected);
    }
    lent["bucket"]["session_token"] = json!("two\nlines");
    assert_eq!(code(&f.put(&one, lent).await), (400, "INVALID_ARGUMENT"));
}

#[tokio::test]
async fn a_share_with_unprotected_bytes_is_deleted_only_by_force() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), share("projects", "p/")).await;
    gateway.next_intent().await;
    gateway.report_status(1, 42);
    f.until_gateway(&gateway.id, |g| !g["status"].is_null())
        .await;
    let one = format!("{}/projects", path(&gateway));
    assert_eq!(code(&f.delete(&one).await), (409, "CONFLICT"));
    let forced = f.delete(&format!("{one}?force=true")).await;
    assert_eq!(forced.0, StatusCode::NO_CONTENT);
    let intent = gateway.next_intent().await;
    assert_eq!((intent.version, intent.shares.len()), (2, 0));
}

#[tokio::test]
async fn intent_that_changed_while_a_gateway_was_away_is_sent_when_it_is_back() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let id = gateway.id.clone();
    gateway.client.disconnect();
    f.until_gateway(&id, |g| g["state"] == "offline").await;
    let shares = format!("/api/v1/gateways/{id}/shares");
    assert_eq!(
        f.post(&shares, share("projects", "p/")).await.0,
        StatusCode::CREATED
    );
    let back = FakeGateway::reconnect(&f, &id);
    assert_eq!(back.next_intent().await.version, 1);
}

#[tokio::test]
async fn a_gateway_that_reports_an_old_version_gets_its_intent_again() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), share("projects", "p/")).await;
    // This message is "lost".
    assert_eq!(gateway.next_intent().await.version, 1);
    f.clock.advance(std::time::Duration::from_secs(11));
    gateway.report_status(0, 0);
    assert_eq!(gateway.next_intent().await.version, 1);
}

#[tokio::test]
async fn an_error_that_the_gateway_reports_is_the_shares() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    f.post(&path(&gateway), share("projects", "p/")).await;
    let error = Failure::new(ErrorCode::BucketAccessDenied, "the keys were changed");
    let part = ShareReport {
        name: "projects".parse().unwrap(),
        error: Some(error),
    };
    gateway.report_intent(1, vec![part]);
    let one = format!("{}/projects", path(&gateway));
    until("the error is shown", async || {
        f.get(&one).await["error"]["code"] == "BUCKET_ACCESS_DENIED"
    })
    .await;
    assert_eq!(f.get(&one).await["in_sync"], false);
}
