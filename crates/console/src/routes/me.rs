//! Whoever asks.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use model::ErrorCode;
use serde_json::json;

use crate::{
    api::{Me, PasswordChange},
    app::App,
    audit::Deed,
    auth::{Caller, password},
    error::{ApiError, ApiResult},
    extract::Json,
};

/// Who am I?
#[utoipa::path(get, path = "/api/v1/me", tag = "session", responses((status = 200, body = Me)))]
pub(super) async fn me(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Json<Me>> {
    let user = app.database.user(&caller.user).await?;
    let user = user.ok_or_else(|| ApiError::not_found("such user"))?;
    Ok(Json(Me {
        user: user.into(),
        expires_at: caller.session.expires_at.as_millis(),
    }))
}

/// Change my password; all my other logins end.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "session",
    request_body = PasswordChange, responses((status = 204)))]
pub(super) async fn change_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(change): Json<PasswordChange>,
) -> ApiResult<StatusCode> {
    let (now, source) = (app.clock.wall(), caller.origin.source.clone());
    if app.logins.check(&caller.user, &source, now).is_err() {
        let message = "too many wrong passwords; try again in a minute";
        return Err(ApiError::new(ErrorCode::Busy, message));
    }
    password::check_new(&change.new)?;
    let deed = Deed {
        action: "user.password",
        target: format!("user/{}", caller.user),
        details: json!({}),
    };
    let (acting, name) = (Arc::clone(&app), caller.user.clone());
    let keep = caller.session.token_hash.clone();
    let work = async move {
        acting.logins.note_attempt(&name, &source, now);
        let user = acting.database.user(&name).await?;
        let hash = user.as_ref().map(|u| u.password_hash.as_str());
        if !acting.passwords.verify(hash, change.old).await {
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "the old password is wrong",
            ));
        }
        acting.logins.note_success(&name, &source);
        let hash = acting.passwords.hash(change.new).await?;
        Ok(acting.database.set_password(&name, hash, &keep).await?)
    };
    app.audit.act(&caller, deed, work).await?;
    Ok(StatusCode::NO_CONTENT)
}
