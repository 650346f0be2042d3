//! Certificate authorities, and the device certificates that they have issued.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall,
    admin::{
        CertificateQuery, CertificateState, DeviceCertificate, NewAuthority, PAGE_MAX,
        TrustedAuthority,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Part, act, ask, done, pick};
use crate::{
    api::List,
    app::App,
    audit::Deed,
    auth::Caller,
    error::ApiResult,
    extract::{Json, Path, Query},
};

/// What the next verification certificate must carry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegistrationCode {
    /// As its common name.
    code: String,
}

/// Whether a certificate counts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    /// That.
    state: CertificateState,
}

/// The code that proves, in a certificate issued to it, that an authority's key is held.
#[utoipa::path(get, path = "/api/v1/message-queue/registration-code", tag = "message queue",
    operation_id = "show_registration_code",
    responses((status = 200, body = RegistrationCode)))]
pub(super) async fn code(State(app): State<Arc<App>>) -> ApiResult<Json<RegistrationCode>> {
    let code = ask(&app, AdminCall::RegistrationCode, pick!(RegistrationCode)).await?;
    Ok(Json(RegistrationCode { code }))
}

/// All certificate authorities.
#[utoipa::path(get, path = "/api/v1/message-queue/authorities", tag = "message queue",
    operation_id = "list_authorities", responses((status = 200, body = List<TrustedAuthority>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<TrustedAuthority>>> {
    let authorities = ask(&app, AdminCall::Authorities, pick!(Authorities)).await?;
    Ok(Json(List::whole(authorities)))
}

/// Trust an authority: devices may come with its certificates from now on.
#[utoipa::path(post, path = "/api/v1/message-queue/authorities", tag = "message queue",
    operation_id = "register_authority", request_body = NewAuthority,
    responses((status = 204)))]
pub(super) async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(authority): Json<NewAuthority>,
) -> ApiResult<StatusCode> {
    let details = json!({"name": authority.name});
    let deed = deed("mq.authority.register", "new", details);
    let call = AdminCall::RegisterAuthority { authority };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set whether certificates of an authority let anybody in.
#[utoipa::path(put, path = "/api/v1/message-queue/authorities/{serial}", tag = "message queue",
    operation_id = "set_authority", params(("serial" = String, Path)),
    request_body = NewState, responses((status = 204)))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(serial): Path<String>,
    Json(NewState { state }): Json<NewState>,
) -> ApiResult<StatusCode> {
    let deed = deed("mq.authority.set", &serial, json!({"state": state}));
    let call = AdminCall::SetAuthority { serial, state };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget an authority that is inactive, and its device certificates.
#[utoipa::path(delete, path = "/api/v1/message-queue/authorities/{serial}",
    tag = "message queue", operation_id = "delete_authority",
    params(("serial" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(serial): Path<String>,
) -> ApiResult<StatusCode> {
    let deed = deed("mq.authority.delete", &serial, json!({}));
    let call = AdminCall::DeleteAuthority { serial };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Device certificates of an authority that were seen, by serial number.
#[utoipa::path(get, path = "/api/v1/message-queue/authorities/{serial}/devices",
    tag = "message queue", operation_id = "list_device_certificates",
    params(("serial" = String, Path), Part),
    responses((status = 200, body = List<DeviceCertificate>)))]
pub(super) async fn devices(
    State(app): State<Arc<App>>,
    Path(authority): Path<String>,
    Query(wanted): Query<Part>,
) -> ApiResult<Json<List<DeviceCertificate>>> {
    let query = CertificateQuery {
        authority,
        after: wanted.cursor,
        limit: wanted.limit.unwrap_or(PAGE_MAX),
    };
    let call = AdminCall::DeviceCertificates { query };
    let page = ask(&app, call, pick!(DeviceCertificates)).await?;
    let (items, next) = (page.items, page.next);
    Ok(Json(List { items, next }))
}

/// Set whether a device certificate lets its device in.
#[utoipa::path(put, path = "/api/v1/message-queue/authorities/{serial}/devices/{device}",
    tag = "message queue", operation_id = "set_device_certificate",
    params(("serial" = String, Path), ("device" = String, Path)),
    request_body = NewState, responses((status = 204)))]
pub(super) async fn set_device(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((authority, serial)): Path<(String, String)>,
    Json(NewState { state }): Json<NewState>,
) -> ApiResult<StatusCode> {
    let details = json!({"device": serial, "state": state});
    let deed = deed("mq.device_certificate.set", &authority, details);
    let call = AdminCall::SetDeviceCertificate {
        authority,
        serial,
        state,
    };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a device certificate that is inactive; when it comes again it is registered again.
#[utoipa::path(delete, path = "/api/v1/message-queue/authorities/{serial}/devices/{device}",
    tag = "message queue", operation_id = "delete_device_certificate",
    params(("serial" = String, Path), ("device" = String, Path)), responses((status = 204)))]
pub(super) async fn delete_device(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((authority, serial)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let details = json!({"device": serial});
    let deed = deed("mq.device_certificate.delete", &authority, details);
    let call = AdminCall::DeleteDeviceCertificate { authority, serial };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, authority: &str, details: Value) -> Deed {
    Deed {
        action,
        target: format!("authority/{authority}"),
        details,
    }
}
