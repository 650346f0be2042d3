//! Server-sent events.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Fixture, share};

/// Reads a stream event by event.
struct Reader {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Reader {
    async fn open(f: &Fixture, token: &str) -> Self {
        let answer = f
            .request(Method::GET, "/api/v1/stream", token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            bytes: answer.bytes_stream().boxed(),
            text: String::new(),
        }
    }

    /// The next event, or nothing if the stream ends.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = block.lines().find_map(|l| l.strip_prefix(name));
                    line.map(|l| l.trim().to_owned())
                };
                let event = field("event:").zip(field("data:"));
                self.text = rest.to_owned();
                if let Some((name, data)) = event {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.bytes.next());
            let chunk = chunk.await.expect("an event comes")?.ok()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn until(&mut self, name: &str, like: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (event, data) = self.next().await.expect("the stream goes on");
            if event == name && like(&data) {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn everything_that_happens_comes_without_asking() {
    let f = Fixture::start().await;
    let mut reader = Reader::open(&f, &f.token).await;
    let gateway = f.join_gateway().await;
    let id = json!(gateway.id.as_str());
    reader
        .until("audit", |a| {
            a["action"] == "gateway.create" && a["outcome"] == "succeeded"
        })
        .await;
    reader
        .until("gateway", |g| g["id"] == id && g["state"] == "online")
        .await;

    let path = format!("/api/v1/gateways/{}", gateway.id);
    f.post(&format!("{path}/shares"), share("projects", "p/"))
        .await;
    gateway.report_status(1, 42);
    let is_dirty = |s: &Value| s["status"]["dirty_bytes"] == 42 && s["in_sync"] == true;
    let shown = reader.until("share", is_dirty).await;
    assert_eq!(shown["gateway_id"], id);

    gateway.publish(
        "csg_event",
        &json!({"at": 1, "type": "notice", "severity": "info",
        "share": null, "message": "hello"}),
    );
    reader.until("event", |e| e["message"] == "hello").await;

    f.post(
        &format!("{path}/commands"),
        json!({"method": "status.get", "noreply": true}),
    )
    .await;
    reader.until("command", |c| c["state"] == "pending").await;
    f.delete(&format!("{path}/shares/projects?force=true"))
        .await;
    reader.until("share", |s| s["deleted"] == true).await;
    f.delete(&format!("{path}?force=true")).await;
    reader.until("gateway", |g| g["deleted"] == true).await;
}

#[tokio::test]
async fn audit_entries_are_not_shown_to_a_viewer() {
    let f = Fixture::start().await;
    let viewer = f.user("viewer").await;
    let mut reader = Reader::open(&f, &viewer).await;
    let (id, _) = f.create_gateway().await;
    loop {
        let (event, data) = reader.next().await.unwrap();
        assert_ne!(event, "audit");
        if event == "gateway" && data["id"] == id.as_str() {
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_to_fetch_anew() {
    let f = Fixture::start().await;
    let gateway = f.join_gateway().await;
    let mut reader = Reader::open(&f, &f.token).await;
    // Far more than the sockets and the queue hold, while nothing is read.
    let long = "x".repeat(4_000);
    for n in 0..6_000_u64 {
        let event = json!({"at": n, "type": "notice", "severity": "info", "share": null,
            "message": long});
        gateway.publish("csg_event", &event);
        if n % 500 == 499 {
            let path = format!("/api/v1/gateways/{}/events?limit=1", gateway.id);
            crate::support::until("all are stored", async || {
                f.get(&path).await["items"][0]["id"].as_u64() == Some(n + 1)
            })
            .await;
        }
    }
    reader.until("reset", |_| true).await;
}

#[tokio::test]
async fn streams_end_with_the_console() {
    let f = Fixture::start().await;
    let mut reader = Reader::open(&f, &f.token).await;
    let ending = f.console.shutdown();
    let reading = async { while reader.next().await.is_some() {} };
    tokio::join!(ending, reading);
}
