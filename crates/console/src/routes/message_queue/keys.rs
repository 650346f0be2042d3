//! Access keys of applications, and the tokens that they answer for.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall,
    admin::{
        AccessKey, AppliedToken, IssuedCredential, TokenApplication, TokenStatus, TopicRights,
    },
};
use model::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{act, ask, done, pick};
use crate::{
    api::List,
    app::App,
    audit::Deed,
    auth::Caller,
    error::ApiResult,
    extract::{Json, Path},
};

/// An access key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccessKey {
    /// What it is for.
    #[serde(default)]
    description: String,
    /// Its rights, if they are to be less than those of its clients' groups.
    #[serde(default)]
    rights: Option<TopicRights>,
}

/// A token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PresentedToken {
    /// As it was given out.
    #[schema(value_type = String, write_only)]
    token: Secret,
}

/// All access keys, without their secrets.
#[utoipa::path(get, path = "/api/v1/message-queue/access-keys", tag = "message queue",
    operation_id = "list_access_keys", responses((status = 200, body = List<AccessKey>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<AccessKey>>> {
    let keys = ask(&app, AdminCall::AccessKeys, pick!(AccessKeys)).await?;
    Ok(Json(List::whole(keys)))
}

/// Make an access key. Its secret is told now and never again.
#[utoipa::path(post, path = "/api/v1/message-queue/access-keys", tag = "message queue",
    operation_id = "create_access_key", request_body = NewAccessKey,
    responses((status = 201, body = IssuedCredential)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewAccessKey>,
) -> ApiResult<(StatusCode, Json<IssuedCredential>)> {
    let details = json!({"description": new.description, "rights": new.rights});
    let deed = deed("mq.access_key.create", "new", details);
    let call = AdminCall::CreateAccessKey {
        description: new.description,
        rights: new.rights,
    };
    let issued = act(&app, &caller, deed, call, pick!(Issued)).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Delete an access key: its tokens are worthless, connections made with either are closed.
#[utoipa::path(delete, path = "/api/v1/message-queue/access-keys/{id}", tag = "message queue",
    operation_id = "delete_access_key", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(access_key_id): Path<String>,
) -> ApiResult<StatusCode> {
    let deed = deed("mq.access_key.delete", &access_key_id, json!({}));
    let call = AdminCall::DeleteAccessKey { access_key_id };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a token: temporary rights on topics.
#[utoipa::path(post, path = "/api/v1/message-queue/tokens", tag = "message queue",
    operation_id = "apply_token", request_body = TokenApplication,
    responses((status = 201, body = AppliedToken)))]
pub(super) async fn apply_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(application): Json<TokenApplication>,
) -> ApiResult<(StatusCode, Json<AppliedToken>)> {
    let key = application.access_key_id.clone();
    let deed = deed("mq.token.apply", &key, json!(application));
    let call = AdminCall::ApplyToken { application };
    let token = act(&app, &caller, deed, call, pick!(Token)).await?;
    Ok((StatusCode::CREATED, Json(token)))
}

/// Whether a token is good, and for what.
#[utoipa::path(post, path = "/api/v1/message-queue/tokens/query", tag = "message queue",
    operation_id = "query_token", request_body = PresentedToken,
    responses((status = 200, body = TokenStatus)))]
pub(super) async fn query_token(
    State(app): State<Arc<App>>,
    Json(PresentedToken { token }): Json<PresentedToken>,
) -> ApiResult<Json<TokenStatus>> {
    let call = AdminCall::QueryToken { token };
    Ok(Json(ask(&app, call, pick!(TokenStatus)).await?))
}

/// Make a token worthless. Clients that hold it are told and disconnected.
#[utoipa::path(post, path = "/api/v1/message-queue/tokens/revoke", tag = "message queue",
    operation_id = "revoke_token", request_body = PresentedToken, responses((status = 204)))]
pub(super) async fn revoke_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(PresentedToken { token }): Json<PresentedToken>,
) -> ApiResult<StatusCode> {
    let deed = Deed {
        action: "mq.token.revoke",
        target: "token".to_owned(),
        details: json!({}),
    };
    act(&app, &caller, deed, AdminCall::RevokeToken { token }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, access_key_id: &str, details: Value) -> Deed {
    Deed {
        action,
        target: format!("access-key/{access_key_id}"),
        details,
    }
}
