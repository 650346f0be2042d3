//! Logging in and out.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use database::SessionRecord;
use model::{ErrorCode, Secret};
use serde_json::json;

use crate::{
    api::{LoggedIn, Login},
    app::App,
    audit::Deed,
    auth::{COOKIE, Caller, Origin, token},
    error::{ApiError, ApiResult},
    extract::Json,
    limits::SESSION_AGE_MAX,
};

/// A user name in the audit log is cut to this: it may be anything somebody typed.
const LOGGED_NAME_LEN_MAX: usize = 64;

/// Log in.
#[utoipa::path(post, path = "/api/v1/login", tag = "session", request_body = Login,
    responses((status = 200, body = LoggedIn)))]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    origin: Origin,
    Json(login): Json<Login>,
) -> ApiResult<Response> {
    let now = app.clock.wall();
    let source = origin.source.as_str();
    if let Err(wait) = app.logins.check(&login.user, source, now) {
        let message = format!(
            "too many failed logins; try again in {} s",
            wait.as_secs() + 1
        );
        return Err(ApiError::new(ErrorCode::Busy, message));
    }
    app.logins.note_attempt(&login.user, source, now);
    let name: String = login.user.chars().take(LOGGED_NAME_LEN_MAX).collect();
    let deed = Deed {
        action: "user.login",
        target: format!("user/{name}"),
        details: json!({}),
    };
    let (acting, from) = (Arc::clone(&app), origin.clone());
    let work = async move { check_and_open(&acting, &from, login).await };
    let logged_in = app.audit.act_as(name, origin, deed, work).await?;
    let cookie = cookie(&app, &logged_in.token, SESSION_AGE_MAX.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Json(logged_in)).into_response())
}

async fn check_and_open(app: &App, origin: &Origin, login: Login) -> ApiResult<LoggedIn> {
    let user = app.database.user(&login.user).await?;
    let hash = user.as_ref().map(|u| u.password_hash.as_str());
    let right = app.passwords.verify(hash, login.password).await;
    let Some(user) = user.filter(|_| right) else {
        let message = "the user name or the password is wrong";
        return Err(ApiError::new(ErrorCode::Unauthenticated, message));
    };
    app.logins.note_success(&login.user, &origin.source);
    let (token, now) = (token::random(), app.clock.wall());
    let session = SessionRecord {
        token_hash: token::hash(token.expose()),
        user_name: user.name.clone(),
        source: origin.source.clone(),
        created_at: now,
        expires_at: now.plus(SESSION_AGE_MAX),
    };
    app.database.create_session(&session).await?;
    Ok(LoggedIn {
        token,
        user: user.into(),
        expires_at: session.expires_at.as_millis(),
    })
}

/// Log out.
#[utoipa::path(post, path = "/api/v1/logout", tag = "session", responses((status = 204)))]
pub(super) async fn logout(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Response> {
    let deed = Deed {
        action: "user.logout",
        target: format!("user/{}", caller.user),
        details: json!({}),
    };
    let (ending, hash) = (Arc::clone(&app), caller.session.token_hash.clone());
    app.audit
        .act(&caller, deed, async move {
            Ok(ending.database.delete_session(&hash).await?)
        })
        .await?;
    let gone = cookie(&app, &Secret::default(), 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

fn cookie(app: &App, token: &Secret, age_max_s: u64) -> HeaderValue {
    let secure = if app.config.tls.is_some() {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_max_s}{secure}",
        token.expose()
    );
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
