//! Who may do what, over every endpoint of the API's description.

use std::sync::Arc;

use audit_log::{AuditLog as _, Outcome, RecordBody};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Fixture, PASSWORD, code, share};

/// Every endpoint: method and path.
fn endpoints() -> Vec<(Method, String, Value)> {
    let document: Value = serde_json::from_str(&console::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            all.push((method, path.clone(), operation.clone()));
        }
    }
    assert!(all.len() > 30);
    all
}

fn is_open(operation: &Value) -> bool {
    operation.get("security").is_none()
}

/// A path that leads to nothing in particular.
fn filled(path: &str) -> String {
    let id = if path.contains("/commands/{id}") {
        "018f0000-0000-7000-8000-000000000000"
    } else {
        "gw-nobody"
    };
    path.replace("{id}", id)
        .replace("{name}", "nothing")
        .replace("{group}", "GID_nobody")
        .replace("{parent}", "nothing")
        .replace("{client_id}", "GID_nobody@@@x")
        .replace("{serial}", "01")
        .replace("{device}", "02")
}

/// A body that is understood, for endpoints that take one.
fn body(path: &str) -> Option<Value> {
    Some(match path {
        "/api/v1/me/password" => json!({"old": PASSWORD, "new": "another password"}),
        "/api/v1/users" => json!({"name": "x", "password": PASSWORD, "role": "viewer"}),
        "/api/v1/gateways" => json!({"name": "n", "location": "cloud"}),
        "/api/v1/gateways/{id}" => json!({"name": "n"}),
        "/api/v1/gateways/{id}/commands" => json!({"method": "status.get"}),
        "/api/v1/message-queue/settings" => {
            json!({"subscriptions_max": 30, "payload_bytes_max": 65_536, "trace": "messages"})
        }
        "/api/v1/message-queue/groups" => json!({"group": "GID_nobody"}),
        "/api/v1/message-queue/parent-topics" => json!({"parent": "nothing"}),
        "/api/v1/message-queue/access-keys" => json!({}),
        "/api/v1/message-queue/tokens" => json!({"access_key_id": "ak", "resources": ["abc/#"],
            "access": "publish", "lifetime_s": 60}),
        "/api/v1/message-queue/device-credentials" => json!({"client_id": "GID_nobody@@@x"}),
        "/api/v1/message-queue/clients/query" => json!({"client_ids": ["GID_nobody@@@x"]}),
        "/api/v1/message-queue/messages" => json!({"topic": "abc/d", "payload": "x"}),
        "/api/v1/message-queue/authorities" => {
            json!({"name": "n", "certificate_pem": "", "verification_pem": ""})
        }
        "/api/v1/message-queue/drain" => json!({"window_s": 1}),
        path if path.contains("/tokens/") => json!({"token": "x"}),
        path if path.ends_with("/precedence") => json!({"class": "command", "weight": 8}),
        path if path.contains("/grants/") => json!({"access": "publish"}),
        path if path.contains("/authorities/") => json!({"state": "inactive"}),
        path if path.contains("/shares") => share("nothing", "n/"),
        _ => return None,
    })
}

#[tokio::test]
async fn without_a_login_only_the_open_endpoints_answer() {
    let f = Fixture::start().await;
    let mut open = Vec::new();
    for (method, path, operation) in endpoints() {
        let request = f.http.request(method.clone(), f.url(&filled(&path)));
        let status = request.send().await.unwrap().status();
        if is_open(&operation) {
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            open.push(path);
        } else {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
    open.sort();
    let wanted = [
        "/api/v1/login",
        "/api/v1/openapi.json",
        "/healthz",
        "/metrics",
        "/readyz",
    ];
    assert_eq!(open, wanted);
}

/// The rule of each role, written down a second time, by what an endpoint does.
fn may(role: &str, method: &Method, path: &str) -> bool {
    match role {
        "admin" => true,
        _ if path.starts_with("/api/v1/users") => false,
        _ if path.starts_with("/api/v1/audit") => role == "auditor",
        _ if path.ends_with("/logout") || path.contains("/v1/me/") || path.ends_with("/me") => true,
        "operator" if path.starts_with("/api/v1/message-queue") => {
            let rules = ["clients", "messages", "tokens"];
            let reads = *method == Method::GET && !path.ends_with("/registration-code");
            reads || rules.iter().any(|noun| path.contains(noun))
        }
        "operator" => !path.ends_with("/key"),
        _ => *method == Method::GET && !path.ends_with("/registration-code"),
    }
}

#[tokio::test]
async fn every_role_reaches_exactly_what_it_may() {
    let f = Fixture::start().await;
    for role in ["operator", "auditor", "viewer"] {
        let token = f.user(role).await;
        for (method, path, operation) in endpoints() {
            // Last of all they log out; and the stream does not end.
            if is_open(&operation) || path.ends_with("/logout") || path.ends_with("/stream") {
                continue;
            }
            let mut asked = body(&path);
            if path.ends_with("/me/password") {
                asked = Some(json!({"old": "wrong one", "new": "short"}));
            }
            let answer = f
                .call_as(&token, method.clone(), &filled(&path), asked)
                .await;
            let refused = code(&answer) == (403, "FORBIDDEN");
            assert_eq!(
                !refused,
                may(role, &method, &path),
                "{role} {method} {path} {answer:?}"
            );
        }
    }
}

/// A call that changes something: its endpoint, and how this test makes it.
struct Change {
    method: Method,
    template: String,
    path: String,
    body: Option<Value>,
}

/// Every endpoint that changes something, each in a form that gets as far as acting. What takes
/// something away comes last, and of that the whole after its parts.
async fn changes(f: &Fixture) -> Vec<Change> {
    let gateway = f.join_gateway().await;
    let shares = format!("/api/v1/gateways/{}/shares", gateway.id);
    let made = f.post(&shares, share("nothing", "n/")).await;
    assert_eq!(made.0, StatusCode::CREATED);
    let (away, _) = f.create_gateway().await;
    let commands = format!("/api/v1/gateways/{away}/commands");
    let unsent = f.post(&commands, json!({"method": "status.get"})).await;
    assert_eq!(code(&unsent), (409, "OFFLINE"));
    let reissue = format!(
        "/api/v1/commands/{}/reissue",
        unsent.1["command"]["id"].as_str().unwrap()
    );
    let mut all = Vec::new();
    for (method, template, _) in endpoints() {
        let checks_only = template.ends_with("/check") || template.ends_with("/query");
        if method == Method::GET || checks_only {
            continue;
        }
        let path = match template.as_str() {
            "/api/v1/gateways/{id}/commands" => commands.clone(),
            "/api/v1/commands/{id}/reissue" => reissue.clone(),
            other => filled(&other.replace("{id}", gateway.id.as_str())),
        };
        let asked = match template.as_str() {
            "/api/v1/gateways/{id}/shares" => Some(share("another", "another/")),
            "/api/v1/login" => Some(json!({"user": "admin", "password": PASSWORD})),
            other => body(other),
        };
        all.push(Change {
            method,
            template,
            path,
            body: asked,
        });
    }
    all.sort_by_key(|change| {
        let ends_the_session = change.template.ends_with("/logout");
        let takes_away = change.method == Method::DELETE;
        let parts = change.template.matches('/').count();
        (ends_the_session, takes_away, std::cmp::Reverse(parts))
    });
    assert!(all.len() > 35, "{}", all.len());
    all
}

#[tokio::test]
async fn no_entry_no_action_for_every_endpoint_that_changes_something() {
    let f = Fixture::with_mem_audit().await;
    let all = changes(&f).await;
    let state = async || {
        let mut seen = vec![f.get("/api/v1/gateways").await["items"].clone()];
        for gateway in seen[0].as_array().unwrap().clone() {
            let id = gateway["id"].as_str().unwrap();
            let shares = f.get(&format!("/api/v1/gateways/{id}/shares")).await;
            seen.push(shares["items"].clone());
        }
        for list in ["commands", "users"] {
            seen.push(f.get(&format!("/api/v1/{list}")).await["items"].clone());
        }
        // The time goes on meanwhile.
        let mut text = Value::Array(seen).to_string();
        for field in ["last_seen_at", "round_trip_ms"] {
            text = without_number(&text, field);
        }
        text
    };
    let before = state().await;
    f.audit.as_ref().unwrap().break_down();
    for change in all {
        let Change {
            method,
            template,
            path,
            body,
        } = change;
        let answer = f.call_as(&f.token, method.clone(), &path, body).await;
        assert_eq!(
            code(&answer),
            (500, "INTERNAL"),
            "{method} {template} {answer:?}"
        );
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("nothing was done"),
            "{method} {template}: {message}"
        );
    }
    assert_eq!(state().await, before);
}

/// The text without the numbers of one field.
fn without_number(text: &str, field: &str) -> String {
    let mark = format!("\"{field}\":");
    let mut parts = text.split(&mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[tokio::test]
async fn every_change_has_an_entry_before_it_and_its_outcome_after_it() {
    let f = Fixture::with_mem_audit().await;
    let log = Arc::clone(f.audit.as_ref().unwrap());
    for change in changes(&f).await {
        let Change {
            method,
            template,
            path,
            body,
        } = change;
        let before = log.records(0, usize::MAX).await.unwrap().len();
        let answer = f.call_as(&f.token, method.clone(), &path, body).await;
        let records = log.records(before as u64, usize::MAX).await.unwrap();
        let opened = records.iter().find_map(|record| match &record.body {
            RecordBody::Opened { action } if action.actor != "system" => {
                Some((record.sequence, action.clone()))
            }
            _ => None,
        });
        let (sequence, action) =
            opened.unwrap_or_else(|| panic!("{method} {template} left no entry: {answer:?}"));
        assert_eq!(action.actor, "admin", "{method} {template}");
        assert!(!action.details.to_string().contains(PASSWORD), "{action:?}");
        let closed = records.iter().find_map(|record| match &record.body {
            RecordBody::Closed { entry, outcome } if entry.0 == sequence => Some(outcome.clone()),
            _ => None,
        });
        let closed =
            closed.unwrap_or_else(|| panic!("{method} {template}: {action:?} is left open"));
        let succeeded = closed == Outcome::Succeeded;
        assert_eq!(
            succeeded,
            answer.0.is_success(),
            "{method} {template}: {closed:?} {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_change_with_the_cookie_alone_needs_the_header_of_our_pages() {
    let f = Fixture::start().await;
    let post = |header: Option<&'static str>| {
        let mut request = f
            .http
            .post(f.url("/api/v1/gateways"))
            .header(header::COOKIE, format!("a=b; causeway_session={}", f.token))
            .json(&json!({"name": "Site"}));
        if let Some(channel) = header {
            request = request.header("X-Causeway", channel);
        }
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(post(None).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some("ctl")).await, StatusCode::FORBIDDEN);
    assert_eq!(post(Some("page")).await, StatusCode::CREATED);
    assert_eq!(
        f.audit_entry("gateway.create", "succeeded").await["channel"],
        "page"
    );
}
