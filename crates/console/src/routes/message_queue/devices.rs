//! Credentials of devices.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall,
    admin::{CredentialQuery, DeviceCredential, IssuedCredential, PAGE_MAX, TopicRights},
};
use model::ClientId;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{act, ask, client_target, done, parse, pick};
use crate::{
    api::List,
    app::App,
    audit::Deed,
    auth::Caller,
    error::ApiResult,
    extract::{Json, Path, Query},
};

/// A device to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDevice {
    /// `<Group ID>@@@<Device ID>`.
    #[schema(value_type = String)]
    client_id: ClientId,
    /// Its rights, if they are to be less than those of its group.
    #[serde(default)]
    rights: Option<TopicRights>,
}

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfGroup {
    /// Of this group.
    group: String,
    /// At most so many (100 at most).
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Credentials of the devices of a group, without their secrets.
#[utoipa::path(get, path = "/api/v1/message-queue/device-credentials", tag = "message queue",
    operation_id = "list_device_credentials", params(OfGroup),
    responses((status = 200, body = List<DeviceCredential>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<OfGroup>,
) -> ApiResult<Json<List<DeviceCredential>>> {
    let query = CredentialQuery {
        group: parse(&wanted.group)?,
        after: wanted.cursor,
        limit: wanted.limit.unwrap_or(PAGE_MAX),
    };
    let call = AdminCall::DeviceCredentials { query };
    let page = ask(&app, call, pick!(DeviceCredentials)).await?;
    let (items, next) = (page.items, page.next);
    Ok(Json(List { items, next }))
}

/// Make the first credential of a device. Its secret is told now and never again.
#[utoipa::path(post, path = "/api/v1/message-queue/device-credentials", tag = "message queue",
    operation_id = "register_device_credential", request_body = NewDevice,
    responses((status = 201, body = IssuedCredential)))]
pub(super) async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(NewDevice { client_id, rights }): Json<NewDevice>,
) -> ApiResult<(StatusCode, Json<IssuedCredential>)> {
    let deed = deed("mq.device.register", &client_id, json!({"rights": rights}));
    let call = AdminCall::RegisterDevice { client_id, rights };
    let issued = act(&app, &caller, deed, call, pick!(Issued)).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

/// The credentials of one device, without their secrets.
#[utoipa::path(get, path = "/api/v1/message-queue/device-credentials/{client_id}",
    tag = "message queue", operation_id = "show_device_credential",
    params(("client_id" = String, Path)),
    responses((status = 200, body = List<DeviceCredential>)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(client_id): Path<String>,
) -> ApiResult<Json<List<DeviceCredential>>> {
    let client_id = parse(&client_id)?;
    let call = AdminCall::Device { client_id };
    let page = ask(&app, call, pick!(DeviceCredentials)).await?;
    Ok(Json(List::whole(page.items)))
}

/// Replace the credentials of a device by a new one; its connection is closed.
#[utoipa::path(post, path = "/api/v1/message-queue/device-credentials/{client_id}/refresh",
    tag = "message queue", operation_id = "refresh_device_credential",
    params(("client_id" = String, Path)), responses((status = 200, body = IssuedCredential)))]
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> ApiResult<Json<IssuedCredential>> {
    let client_id = parse(&client_id)?;
    let deed = deed("mq.device.refresh", &client_id, json!({}));
    let call = AdminCall::RefreshDevice { client_id };
    Ok(Json(act(&app, &caller, deed, call, pick!(Issued)).await?))
}

/// Withdraw the credentials of a device; its connection is closed.
#[utoipa::path(delete, path = "/api/v1/message-queue/device-credentials/{client_id}",
    tag = "message queue", operation_id = "unregister_device_credential",
    params(("client_id" = String, Path)), responses((status = 204)))]
pub(super) async fn unregister(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> ApiResult<StatusCode> {
    let client_id = parse(&client_id)?;
    let deed = deed("mq.device.unregister", &client_id, json!({}));
    let call = AdminCall::UnregisterDevice { client_id };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, client_id: &ClientId, details: Value) -> Deed {
    Deed {
        action,
        target: client_target(client_id),
        details,
    }
}
