//! Logging in and out, users, passwords.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Fixture, PASSWORD, code};

#[tokio::test]
async fn a_wrong_password_is_refused_and_after_five_the_next_must_wait() {
    let f = Fixture::start().await;
    let attempt = |user: &'static str, password: &'static str| {
        f.post("/api/v1/login", json!({"user": user, "password": password}))
    };
    assert_eq!(
        code(&attempt("nobody", PASSWORD).await),
        (401, "UNAUTHENTICATED")
    );
    for _ in 0..5 {
        assert_eq!(
            code(&attempt("admin", "wrong").await),
            (401, "UNAUTHENTICATED")
        );
    }
    assert_eq!(code(&attempt("admin", PASSWORD).await), (429, "BUSY"));
    f.audit_entry("user.login", "failed").await;
}

#[tokio::test]
async fn a_token_ends_with_its_login() {
    let f = Fixture::start().await;
    let token = f.log_in("admin", PASSWORD).await;
    let me = |token: String| {
        let f = &f;
        async move { f.call_as(&token, Method::GET, "/api/v1/me", None).await }
    };
    let (status, answer) = me(token.clone()).await;
    assert_eq!(
        (status, &answer["user"]["role"]),
        (StatusCode::OK, &json!("admin"))
    );
    f.call_as(&token, Method::POST, "/api/v1/logout", None)
        .await;
    assert_eq!(code(&me(token).await), (401, "UNAUTHENTICATED"));
    assert_eq!(code(&me("made-up".into()).await), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_login_lasts_twelve_hours() {
    let f = Fixture::with_manual_clock().await;
    f.get("/api/v1/me").await;
    f.clock.advance(std::time::Duration::from_hours(12));
    let answer = f.call_as(&f.token, Method::GET, "/api/v1/me", None).await;
    assert_eq!(code(&answer), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_new_password_ends_all_other_logins() {
    let f = Fixture::start().await;
    let other = f.log_in("admin", PASSWORD).await;
    let change = |old, new| f.post("/api/v1/me/password", json!({"old": old, "new": new}));
    assert_eq!(
        code(&change("wrong", "long enough").await),
        (403, "FORBIDDEN")
    );
    assert_eq!(
        code(&change(PASSWORD, "short").await),
        (400, "INVALID_ARGUMENT")
    );
    assert_eq!(
        change(PASSWORD, "another password").await.0,
        StatusCode::NO_CONTENT
    );
    f.get("/api/v1/me").await;
    let answer = f.call_as(&other, Method::GET, "/api/v1/me", None).await;
    assert_eq!(code(&answer), (401, "UNAUTHENTICATED"));
    f.log_in("admin", "another password").await;
}

#[tokio::test]
async fn users_are_made_and_deleted_but_never_the_last_administrator() {
    let f = Fixture::start().await;
    let viewer = f.user("viewer").await;
    let twice = json!({"name": "the-viewer", "password": PASSWORD, "role": "viewer"});
    assert_eq!(
        code(&f.post("/api/v1/users", twice).await),
        (409, "CONFLICT")
    );
    for bad in [
        json!({"name": "A b", "password": PASSWORD, "role": "viewer"}),
        json!({"name": "ok", "password": "short", "role": "viewer"}),
        json!({"name": "ok", "password": PASSWORD, "role": "king"}),
        json!({"name": "ok"}),
    ] {
        let answer = f.post("/api/v1/users", bad).await;
        assert_eq!(code(&answer), (400, "INVALID_ARGUMENT"));
    }
    assert_eq!(
        f.delete("/api/v1/users/the-viewer").await.0,
        StatusCode::NO_CONTENT
    );
    let gone = f.call_as(&viewer, Method::GET, "/api/v1/me", None).await;
    assert_eq!(code(&gone), (401, "UNAUTHENTICATED"));
    assert_eq!(
        code(&f.delete("/api/v1/users/admin").await),
        (409, "CONFLICT")
    );
    assert_eq!(
        code(&f.delete("/api/v1/users/nobody").await),
        (404, "NOT_FOUND")
    );
}
