//! The server itself: headers, limits, pages, the description of the API.

use std::sync::Arc;

use clock::Clock;
use console::{Console, StartError};
use database::{Database, DatabaseConfig};
use message_bus::MemBus;
use reqwest::{StatusCode, header};

use crate::support::{Fixture, code, config};

#[test]
fn the_description_of_the_api_that_is_checked_in_is_current() {
    let checked_in = include_str!("../../../../docs/openapi.json");
    assert!(
        checked_in == console::openapi_json(),
        "run: cargo run -q -p console --example openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn passwords_never_travel_in_the_clear_over_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseConfig::in_directory(directory.path());
    let database = Arc::new(Database::connect(&settings).await.unwrap());
    let mut config = config();
    config.listen = "0.0.0.0:0".parse().unwrap();
    let bus = Arc::new(MemBus::new(Clock::system()));
    let refused = Console::start(config, bus, database, Clock::system()).await;
    assert!(matches!(refused, Err(StartError::PlainOnNetwork(_))));
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let f = Fixture::start().await;
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseConfig::in_directory(directory.path());
    let database = Arc::new(Database::connect(&settings).await.unwrap());
    let mut config = config();
    config.listen = f.console.address();
    let bus = Arc::new(f.bus.clone());
    let refused = Console::start(config, bus, database, Clock::system()).await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains(&f.console.address().to_string()), "{error}");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_a_browser() {
    let f = Fixture::start().await;
    for path in ["/", "/gateways/gw-1", "/healthz", "/api/v1/nothing"] {
        let answer = f.http.get(f.url(path)).send().await.unwrap();
        let headers = answer.headers();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'"), "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{path}");
    }
}

#[tokio::test]
async fn a_page_is_answered_for_every_path_that_is_no_endpoint() {
    let f = Fixture::start().await;
    let page = f.http.get(f.url("/gateways/gw-1")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("<title>Causeway"));
    let script = f.http.get(f.url("/assets/none.js")).send().await.unwrap();
    // A missing script is an error, unless no pages were built at all: never a page as a script.
    let kind = script.headers().get(header::CONTENT_TYPE);
    assert!(
        script.status() == StatusCode::NOT_FOUND
            || kind.is_some_and(|kind| kind == "text/html; charset=utf-8")
    );
}

#[tokio::test]
async fn bodies_that_are_too_large_or_no_json_are_refused() {
    let f = Fixture::start().await;
    let post = async |body: String, kind: &str| {
        let request = f
            .http
            .post(f.url("/api/v1/login"))
            .header(header::CONTENT_TYPE, kind);
        let answer = request.body(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    };
    for (body, kind) in [
        ("x".repeat(300_000), "application/json"),
        ("{".to_owned(), "application/json"),
        ("{}".to_owned(), "text/plain"),
        ("\u{0}\u{1}".to_owned(), "application/json"),
    ] {
        assert_eq!(code(&post(body, kind).await), (400, "INVALID_ARGUMENT"));
    }
}

#[tokio::test]
async fn machines_see_health_and_totals() {
    let f = Fixture::start().await;
    f.join_gateway().await;
    let answer = f.http.get(f.url("/metrics")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("\ncauseway_bus_connected 1\n"), "{text}");
    assert!(text.contains("# TYPE causeway_gateways_online gauge"));
}

#[tokio::test]
async fn with_a_certificate_it_serves_https_and_the_cookie_is_for_https_only() {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let settings = DatabaseConfig::in_directory(directory.path());
    let database = Arc::new(Database::connect(&settings).await.unwrap());
    let mut config = config();
    config.tls = Some(Arc::new(tls));
    let bus = Arc::new(MemBus::new(Clock::system()));
    let console = Console::start(config, bus, database, Clock::system())
        .await
        .unwrap();

    let trusted = reqwest::Certificate::from_der(certificate.der()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .build()
        .unwrap();
    let answer = http
        .post(format!("https://{}/api/v1/login", console.address()))
        .json(&serde_json::json!({"user": "admin", "password": crate::support::PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        answer
            .headers()
            .contains_key(header::STRICT_TRANSPORT_SECURITY)
    );
}
