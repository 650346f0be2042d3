//! Commands: marks, outcomes, reissue.

use std::time::Duration;

use model::{ErrorCode, Failure, ReplyBody};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{FakeGateway, Fixture, code, until};

fn path(gateway: &FakeGateway) -> String {
    format!("/api/v1/gateways/{}/commands", gateway.id)
}

fn sync() -> Value {
    json!({"method": "share.sync", "params": {"share": "projects"}})
}

fn id(command: &Value) -> String {
    command["id"].as_str().unwrap().to_owned()
}

fn finished() -> ReplyBody {
    ReplyBody::Finished {
        result: json!({"listed": 3}),
    }
}

#[tokio::test]
async fn a_command_goes_down_and_its_marks_and_result_come_up() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let (status, issued) = f.post(&path(&gateway), sync()).await;
    assert_eq!(
        (status, &issued["state"]),
        (StatusCode::ACCEPTED, &json!("pending"))
    );
    let got = gateway.next_command("share.sync").await;
    assert_eq!(got.id.to_string(), id(&issued));
    f.audit_entry("command.issue", "open").await;
    gateway.reply(&got, ReplyBody::Delivered);
    gateway.reply(&got, ReplyBody::Started);
    gateway.reply(&got, finished());
    // Twice, as QoS 1 allows.
    gateway.reply(&got, finished());
    let done = f.until_command(&id(&issued), "finished").await;
    assert_eq!(done["result"]["listed"], 3);
    for mark in ["accepted", "delivered", "started", "finished"] {
        assert!(done["marks"][mark].is_number(), "{mark}");
    }
    f.audit_entry("command.issue", "succeeded").await;
    let report = f.get("/api/v1/audit/verify").await;
    assert_eq!(report["intact"], true);
}

#[tokio::test]
async fn one_request_may_wait_for_the_outcome() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let waiting = format!("{}?wait_ms=20000", path(&gateway));
    let (answer, ()) = tokio::join!(f.post(&waiting, sync()), async {
        let got = gateway.next_command("share.sync").await;
        gateway.reply(&got, finished());
    });
    assert_eq!(answer.1["state"], "finished");
}

#[tokio::test]
async fn an_offline_gateway_is_answered_at_once_and_the_command_can_be_reissued() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let (path, gateway_id) = (path(&gateway), gateway.id.clone());
    gateway.client.disconnect();
    f.until_gateway(&gateway_id, |g| g["state"] == "offline")
        .await;
    let begin = f.clock.now();
    let refused = f.post(&format!("{path}?wait_ms=60000"), sync()).await;
    let took = f.clock.now() - begin;
    assert_eq!(code(&refused), (409, "OFFLINE"));
    assert!(took < Duration::from_secs(30), "it waited: {took:?}");
    let command = &refused.1["command"];
    assert_eq!(command["state"], "not_executed");
    f.audit_entry("command.issue", "failed").await;

    let back = FakeGateway::reconnect(&f, &gateway_id);
    f.until_gateway(&gateway_id, |g| g["state"] == "online")
        .await;
    let reissue = format!("/api/v1/commands/{}/reissue", id(command));
    let (status, again) = f.post(&reissue, json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{again}");
    assert_eq!(again["idempotency_key"], command["idempotency_key"]);
    assert_eq!(
        (&again["generation"], &again["reissue_of"]),
        (&json!(2), &command["id"])
    );
    let got = back.next_command("share.sync").await;
    assert_eq!((got.generation, got.id.to_string()), (2, id(&again)));
    back.reply(&got, finished());
    f.until_command(&id(&again), "finished").await;
    let first = f.command(&id(command)).await;
    assert_eq!(first["reissued_as"], again["id"]);
    assert_eq!(code(&f.post(&reissue, json!({})).await), (409, "CONFLICT"));
}

#[tokio::test]
async fn a_command_that_failed_runs_again_under_a_new_key() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let (_, issued) = f.post(&path(&gateway), sync()).await;
    let got = gateway.next_command("share.sync").await;
    let error = Failure::new(ErrorCode::BucketUnreachable, "no way");
    gateway.reply(&got, ReplyBody::Failed { error });
    let failed = f.until_command(&id(&issued), "failed").await;
    assert_eq!(failed["error"]["code"], "BUCKET_UNREACHABLE");
    let reissue = format!("/api/v1/commands/{}/reissue", id(&issued));
    let (_, again) = f.post(&reissue, json!({})).await;
    assert_ne!(again["idempotency_key"], issued["idempotency_key"]);
    assert_eq!(again["reissue_of"], issued["id"]);
}

#[tokio::test]
async fn the_gateway_is_asked_before_an_outcome_is_unknown_and_a_late_result_counts() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    let (_, issued) = f.post(&path(&gateway), sync()).await;
    let got = gateway.next_command("share.sync").await;
    gateway.reply(&got, ReplyBody::Delivered);
    f.clock.advance(Duration::from_secs(31));
    let question = gateway.next_command("command.get").await;
    assert_eq!(question.params["id"], issued["id"]);
    // It does not answer, three times.
    for _ in 0..3 {
        f.clock.advance(Duration::from_secs(6));
        until("time is noticed", async || {
            f.command(&id(&issued)).await["state"] == "unknown"
                || tokio::time::timeout(
                    Duration::from_millis(200),
                    gateway.next_command("command.get"),
                )
                .await
                .is_ok()
        })
        .await;
    }
    f.until_command(&id(&issued), "unknown").await;
    f.audit_entry("command.issue", "unknown").await;
    gateway.reply(&got, finished());
    f.until_command(&id(&issued), "finished").await;
    f.audit_entry("command.issue", "succeeded").await;
}

#[tokio::test]
async fn the_answer_to_the_question_is_the_outcome() {
    let f = Fixture::with_manual_clock().await;
    let gateway = f.join_gateway().await;
    let (_, one) = f.post(&path(&gateway), sync()).await;
    let got = gateway.next_command("share.sync").await;
    gateway.reply(&got, ReplyBody::Delivered);
    f.clock.advance(Duration::from_secs(31));
    let question = gateway.next_command("command.get").await;
    let result = serde_json::to_value(finished()).unwrap();
    gateway.reply(&question, ReplyBody::Finished { result });
    f.until_command(&id(&one), "finished").await;

    let (_, two) = f.post(&path(&gateway), sync()).await;
    f.clock.advance(Duration::from_secs(31));
    let question = gateway.next_command("command.get").await;
    let error = Failure::new(ErrorCode::NotFound, "never seen");
    gateway.reply(&question, ReplyBody::Failed { error });
    let never = f.until_command(&id(&two), "not_executed").await;
    assert_eq!(never["error"]["code"], "EXPIRED");
}

#[tokio::test]
async fn a_call_without_reply_is_done_when_it_is_delivered() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let wanted = json!({"method": "gateway.restart-share", "params": {"share": "projects"},
        "noreply": true});
    let (_, issued) = f.post(&path(&gateway), wanted).await;
    let got = gateway.next_command("gateway.restart-share").await;
    assert!(got.noreply);
    gateway.reply(&got, ReplyBody::Delivered);
    f.until_command(&id(&issued), "finished").await;
}

#[tokio::test]
async fn the_same_key_gets_the_same_command() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let issue = async |key: &str, body: Value| {
        let request = f.request(reqwest::Method::POST, &path(&gateway), &f.token);
        let answer = request
            .header("Idempotency-Key", key)
            .json(&body)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (_, one) = issue("nightly 1", sync()).await;
    let (_, same) = issue("nightly 1", sync()).await;
    assert_eq!(one["id"], same["id"]);
    let other = issue("nightly 1", json!({"method": "status.get"})).await;
    assert_eq!(code(&other), (409, "CONFLICT"));
    let (_, two) = issue("nightly 2", sync()).await;
    assert_ne!(one["id"], two["id"]);
    let listed = f.get("/api/v1/commands?limit=1").await;
    assert_eq!(listed["items"][0]["id"], two["id"]);
    let next = listed["next"].as_str().unwrap();
    let rest = f
        .get(&format!(
            "/api/v1/commands?gateway={}&cursor={next}",
            gateway.id
        ))
        .await;
    assert_eq!(rest["items"][0]["id"], one["id"]);
}

#[tokio::test]
async fn a_reply_from_another_gateway_is_not_believed() {
    let f = Fixture::start().await;
    let (gateway, liar) = (f.join_gateway().await, f.join_gateway().await);
    let (_, issued) = f.post(&path(&gateway), sync()).await;
    let got = gateway.next_command("share.sync").await;
    liar.reply(&got, finished());
    gateway.reply(&got, ReplyBody::Delivered);
    until("the true mark is there", async || {
        f.command(&id(&issued)).await["marks"]["delivered"].is_number()
    })
    .await;
    assert_eq!(f.command(&id(&issued)).await["state"], "pending");
}

#[tokio::test]
async fn bad_commands_are_refused_with_what_is_wrong() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    for (body, want) in [
        (json!({"method": "disk.format"}), (400, "UNKNOWN_METHOD")),
        (json!({"method": "command.get"}), (400, "UNKNOWN_METHOD")),
        (json!({"method": "share.sync"}), (400, "INVALID_ARGUMENT")),
        (
            json!({"method": "share.sync", "params": {"share": "../x"}}),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            json!({"method": "status.get", "deadline_ms": 0}),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            json!({"method": "status.get", "params": "x".repeat(50_000)}),
            (400, "INVALID_ARGUMENT"),
        ),
        (json!({}), (400, "INVALID_ARGUMENT")),
    ] {
        let answer = f.post(&path(&gateway), body).await;
        assert_eq!(code(&answer), want, "{}", answer.1);
    }
    let nobody = f.post("/api/v1/gateways/gw-none/commands", sync()).await;
    assert_eq!(code(&nobody), (404, "NOT_FOUND"));
}
