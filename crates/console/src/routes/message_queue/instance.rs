//! The instance and its settings.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall,
    admin::{Instance, InstanceSettings},
};
use serde_json::json;

use super::{act, ask, done, pick};
use crate::{app::App, audit::Deed, auth::Caller, error::ApiResult, extract::Json};

/// What the message queue is and how it is set.
#[utoipa::path(get, path = "/api/v1/message-queue", tag = "message queue",
    operation_id = "show_message_queue", responses((status = 200, body = Instance)))]
pub(super) async fn show(State(app): State<Arc<App>>) -> ApiResult<Json<Instance>> {
    Ok(Json(ask(&app, AdminCall::Instance, pick!(Instance)).await?))
}

/// Set the message queue.
#[utoipa::path(put, path = "/api/v1/message-queue/settings", tag = "message queue",
    operation_id = "set_message_queue", request_body = InstanceSettings,
    responses((status = 204)))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(settings): Json<InstanceSettings>,
) -> ApiResult<StatusCode> {
    let deed = Deed {
        action: "mq.settings",
        target: "message-queue".to_owned(),
        details: json!(settings),
    };
    act(
        &app,
        &caller,
        deed,
        AdminCall::SetSettings { settings },
        done,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
