//! The key of a share's objects, for the day on which there is no console.

use std::sync::Arc;

use axum::extract::State;
use model::{ErrorCode, ShareNameError};
use serde_json::json;

use super::gateways::gateway_id;
use crate::{
    api::ExportedKey,
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult},
    extract::{Json, Path},
};

/// Export the key that the objects of a share are encrypted with. Whoever has it can read them
/// all, with `causeway decrypt`; the audit log says who asked for it.
#[utoipa::path(post, path = "/api/v1/gateways/{id}/shares/{name}/key", tag = "shares",
    operation_id = "export_share_key", params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ExportedKey)))]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
) -> ApiResult<Json<ExportedKey>> {
    let id = gateway_id(&id)?;
    let name = name
        .parse()
        .map_err(|e: ShareNameError| ApiError::invalid(e.to_string()))?;
    let settings = app.database.share(&id, &name).await?.settings;
    let key_id = settings.key_id().unwrap_or_default().to_owned();
    let deed = Deed {
        action: "share.export_key",
        target: format!("gateway/{id}/share/{name}"),
        details: json!({"key_id": key_id}),
    };
    let work = async move {
        let encryption = settings.client_encryption.ok_or_else(|| {
            let message = format!("the gateway does not encrypt the objects of share `{name}`");
            ApiError::new(ErrorCode::NotFound, message)
        })?;
        Ok(ExportedKey {
            key_id: encryption.key_id,
            key: encryption.key,
        })
    };
    Ok(Json(app.audit.act(&caller, deed, work).await?))
}
