//! Who may do what, over every endpoint of the API's description.

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
        "operator" => true,
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

#[tokio::test]
async fn no_entry_no_action_for_every_endpoint_that_changes_something() {
    let f = Fixture::with_mem_audit().await;
    let gateway = f.join_gateway().await;
    let projects = format!("/api/v1/gateways/{}/shares", gateway.id);
    let made = f.post(&projects, share("nothing", "n/")).await;
    assert_eq!(made.0, StatusCode::CREATED);
    let (_, failed) = f
        .post(
            "/api/v1/gateways/gw-nobody/commands",
            json!({"method": "status.get"}),
        )
        .await;
    assert_eq!(failed["error"]["code"], "NOT_FOUND");
    let before = f.get("/api/v1/gateways").await["items"].clone();

    f.audit.as_ref().unwrap().break_down();
    for (method, path, operation) in endpoints() {
        let checks_only = path.ends_with("/check") || path.ends_with("/query");
        // A reissue needs a command that failed; it takes the same way as an issue.
        let needs_more = path.ends_with("/reissue") || is_open(&operation);
        if method == Method::GET || checks_only || needs_more {
            continue;
        }
        let real = filled(&path.replace("{id}", gateway.id.as_str()));
        let mut asked = body(&path);
        if path == "/api/v1/gateways/{id}/shares" {
            asked = Some(share("another", "another/"));
        }
        let answer = f.call_as(&f.token, method.clone(), &real, asked).await;
        assert_eq!(
            code(&answer),
            (500, "INTERNAL"),
            "{method} {path} {answer:?}"
        );
        let message = answer.1["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("nothing was done"),
            "{method} {path}: {message}"
        );
    }
    let login = f
        .post(
            "/api/v1/login",
            json!({"user": "admin", "password": PASSWORD}),
        )
        .await;
    assert_eq!(code(&login), (500, "INTERNAL"));
    assert_eq!(f.get("/api/v1/gateways").await["items"], before);
    let shares = f.get(&projects).await["items"].clone();
    assert_eq!(shares.as_array().unwrap().len(), 1);
    assert_eq!(
        f.get("/api/v1/users").await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
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
