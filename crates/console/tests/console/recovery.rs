//! A console that is killed and started again on the same database.

use std::time::Duration;

use model::{ErrorCode, Failure, ReplyBody};
use serde_json::{Value, json};

use crate::support::{FakeGateway, Fixture, share, until};

async fn issue(f: &Fixture, gateway: &FakeGateway) -> String {
    let body = json!({"method": "share.sync", "params": {"share": "projects"}});
    let (_, issued) = f
        .post(&format!("/api/v1/gateways/{}/commands", gateway.id), body)
        .await;
    issued["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn after_a_crash_pending_commands_are_asked_about_and_none_is_sent_twice() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    let (ran, never) = (issue(&f, &gateway).await, issue(&f, &gateway).await);
    for _ in 0..2 {
        gateway.next_command("share.sync").await;
    }
    let f = f.crash_and_restart().await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let question = gateway.next_command("command.get").await;
        let about = question.params["id"].as_str().unwrap().to_owned();
        let body = if about == ran {
            let result = serde_json::to_value(ReplyBody::Finished {
                result: Value::Null,
            });
            ReplyBody::Finished {
                result: result.unwrap(),
            }
        } else {
            let error = Failure::new(ErrorCode::NotFound, "never seen");
            ReplyBody::Failed { error }
        };
        gateway.reply(&question, body.clone());
        asked.push((about, body));
    }
    f.until_command(&ran, "finished").await;
    assert_eq!(
        f.command(&never).await["state"],
        "pending",
        "it may still be on its way"
    );
    f.clock.advance(Duration::from_secs(31));
    let question = gateway.next_command("command.get").await;
    assert_eq!(question.params["id"].as_str(), Some(never.as_str()));
    let error = Failure::new(ErrorCode::NotFound, "never seen");
    gateway.reply(&question, ReplyBody::Failed { error });
    f.until_command(&never, "not_executed").await;
    f.audit_entry("command.issue", "failed").await;
    assert_eq!(f.get("/api/v1/audit/verify").await["intact"], true);
}

#[tokio::test]
async fn after_a_crash_a_gateway_that_is_gone_leaves_its_commands_unknown_until_it_is_back() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    let command = issue(&f, &gateway).await;
    let id = gateway.id.clone();
    gateway.client.disconnect();
    let f = f.crash_and_restart().await;
    f.clock.advance(Duration::from_secs(31));
    f.until_command(&command, "unknown").await;
    let back = FakeGateway::reconnect(&f, &id);
    let question = back.next_command("command.get").await;
    let result = serde_json::to_value(ReplyBody::Finished {
        result: Value::Null,
    })
    .unwrap();
    back.reply(&question, ReplyBody::Finished { result });
    f.until_command(&command, "finished").await;
}

#[tokio::test]
async fn after_a_crash_shares_credentials_and_logins_are_what_they_were() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let shares = format!("/api/v1/gateways/{}/shares", gateway.id);
    f.post(&shares, share("projects", "p/")).await;
    assert_eq!(gateway.next_intent().await.version, 1);
    let keys = f.bus.credentials(&gateway.client_id);
    let token = f.token.clone();
    let f = f.crash_and_restart().await;
    assert_eq!(
        gateway.next_intent().await.version,
        1,
        "whoever is online gets it anew"
    );
    assert_eq!(f.bus.credentials(&gateway.client_id), keys);
    let (status, shares) = f.call_as(&token, reqwest::Method::GET, &shares, None).await;
    assert!(status.is_success());
    assert_eq!(shares["items"].as_array().unwrap().len(), 1);
    assert_eq!(f.console.first_password().map(|_| ()), None);
}

#[tokio::test]
async fn a_console_that_was_restored_goes_on_above_what_its_gateway_knows() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let shares = format!("/api/v1/gateways/{}/shares", gateway.id);
    f.post(&shares, share("projects", "p/")).await;
    assert_eq!(gateway.next_intent().await.version, 1);
    let one = format!("{shares}/projects");
    // Told before the backup was put back.
    for version in [1 << 60, 12] {
        gateway.report_intent(version, vec![]);
    }
    let intent = gateway.next_intent().await;
    assert_eq!((intent.version, intent.shares.len()), (13, 1));
    assert_eq!(f.get(&one).await["in_sync"], false);
    let raised = f.audit_entry("gateway.raise_intent", "succeeded").await;
    assert_eq!(raised["actor"], "system");
    assert_eq!(raised["details"]["reported"], 12);
    until("the operator is told", async || {
        let events = f
            .get(&format!("/api/v1/gateways/{}/events", gateway.id))
            .await
            .to_string();
        events.contains("restore from a backup")
    })
    .await;
    // It cannot make the console count up for ever.
    gateway.report_status(99, 0);
    f.until_gateway(&gateway.id, |g| g["reached_version"] == 99)
        .await;
    assert_eq!(f.gateway(&gateway.id).await["intent_version"], 13);
    assert_eq!(f.get(&one).await["in_sync"], false);
    gateway.report_status(13, 0);
    until("the share is in sync", async || {
        f.get(&one).await["in_sync"] == true
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_a_crash_left_open_is_closed_as_unknown() {
    let f = Fixture::start().await;
    let settings = database::DatabaseConfig::in_directory(f.directory.path());
    let database = database::Database::connect(&settings).await.unwrap();
    let action = audit_log::Action {
        actor: "ada".into(),
        source: "local".into(),
        channel: "api".into(),
        action: "share.delete".into(),
        target: "gateway/gw-x".into(),
        details: json!({}),
    };
    let now = f.clock.wall();
    audit_log::AuditLog::open(&database, now, action)
        .await
        .unwrap();
    let f = f.crash_and_restart().await;
    f.audit_entry("share.delete", "unknown").await;
    assert_eq!(f.get("/api/v1/audit/verify").await["intact"], true);
}
