//! Gateways.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use database::GatewayRecord;
use model::{ClientId, ErrorCode, GatewayId};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::{
    api::{Bundle, CreatedGateway, Gateway, GatewayGone, List, NewGateway, Rename},
    app::App,
    audit::Deed,
    auth::Caller,
    bundle,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query},
    fleet::{Notice, calls::abandon_commands},
    share_keys, share_removal,
    stream::Item,
};

const NAME_LEN_MAX: usize = 64;

/// All gateways.
#[utoipa::path(get, path = "/api/v1/gateways", tag = "gateways", operation_id = "list_gateways",
    responses((status = 200, body = List<Gateway>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<Gateway>>> {
    Ok(Json(List::whole(app.gateways().await?)))
}

/// One gateway.
#[utoipa::path(get, path = "/api/v1/gateways/{id}", tag = "gateways",
    operation_id = "show_gateway", params(("id" = String, Path)),
    responses((status = 200, body = Gateway)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<Json<Gateway>> {
    Ok(Json(app.gateway(&gateway_id(&id)?).await?))
}

/// Make a gateway and the bundle it joins with.
#[utoipa::path(post, path = "/api/v1/gateways", tag = "gateways", operation_id = "create_gateway",
    request_body = NewGateway, responses((status = 201, body = CreatedGateway)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewGateway>,
) -> ApiResult<(StatusCode, Json<CreatedGateway>)> {
    let name = checked_name(&new.name)?;
    let id = GatewayId::random(&mut rand::rng());
    let client_id =
        ClientId::new(&app.config.group, &id.to_device_id()).map_err(|e| ApiError::internal(&e))?;
    let record = GatewayRecord {
        id: id.clone(),
        name,
        location: new.location,
        client_id,
        intent_version: 0,
        created_at: app.clock.wall(),
        activated_at: None,
        last_seen_at: None,
        address: None,
    };
    let deed = Deed {
        action: "gateway.create",
        target: format!("gateway/{id}"),
        details: json!({"name": record.name, "location": record.location}),
    };
    let acting = Arc::clone(&app);
    let work = async move {
        acting.database.create_gateway(&record).await?;
        let bundle = match bundle::new_bundle(&acting, &record).await {
            Ok(bundle) => bundle,
            Err(error) => {
                // Without a way to join, the record would only confuse.
                acting.database.delete_gateway(&record.id).await?;
                return Err(error);
            }
        };
        acting.publish_gateway(&record.id).await;
        let gateway = acting.gateway(&record.id).await?;
        Ok(CreatedGateway { gateway, bundle })
    };
    let created = app.audit.act(&caller, deed, work).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Give a gateway another name.
#[utoipa::path(patch, path = "/api/v1/gateways/{id}", tag = "gateways",
    operation_id = "rename_gateway", params(("id" = String, Path)), request_body = Rename,
    responses((status = 200, body = Gateway)))]
pub(super) async fn rename(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(rename): Json<Rename>,
) -> ApiResult<Json<Gateway>> {
    let (id, name) = (gateway_id(&id)?, checked_name(&rename.name)?);
    let deed = Deed {
        action: "gateway.rename",
        target: format!("gateway/{id}"),
        details: json!({"name": name}),
    };
    let acting = Arc::clone(&app);
    let work = async move {
        acting.database.rename_gateway(&id, name).await?;
        acting.publish_gateway(&id).await;
        Ok(acting.gateway(&id).await?)
    };
    Ok(Json(app.audit.act(&caller, deed, work).await?))
}

/// Make a new bundle; the one before is void.
#[utoipa::path(post, path = "/api/v1/gateways/{id}/bundle", tag = "gateways",
    operation_id = "create_bundle", params(("id" = String, Path)),
    responses((status = 201, body = Bundle)))]
pub(super) async fn new_bundle(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, Json<Bundle>)> {
    let id = gateway_id(&id)?;
    let deed = Deed {
        action: "gateway.bundle",
        target: format!("gateway/{id}"),
        details: json!({}),
    };
    let acting = Arc::clone(&app);
    let work = async move {
        let record = acting.database.gateway(&id).await?;
        let bundle = bundle::new_bundle(&acting, &record).await?;
        acting.publish_gateway(&id).await;
        Ok(bundle)
    };
    let bundle = app.audit.act(&caller, deed, work).await?;
    Ok((StatusCode::CREATED, Json(bundle)))
}

/// Whether to do it in spite of what may be lost.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Force {
    /// Do it although bytes may be lost that are not yet safe in the object store.
    #[serde(default)]
    pub(super) force: bool,
}

/// Delete a gateway: it is expelled, and what is known of it forgotten.
#[utoipa::path(delete, path = "/api/v1/gateways/{id}", tag = "gateways",
    operation_id = "delete_gateway", params(Force, ("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(Force { force }): Query<Force>,
) -> ApiResult<StatusCode> {
    let id = gateway_id(&id)?;
    let deed = Deed {
        action: "gateway.delete",
        target: format!("gateway/{id}"),
        details: json!({"force": force}),
    };
    let acting = Arc::clone(&app);
    let work = async move {
        let record = acting.database.gateway(&id).await?;
        let status = acting.view.get(&id).and_then(|live| live.status);
        let shares = status.iter().flat_map(|s| &s.status.shares);
        refuse_dirty(shares.map(|s| s.dirty_bytes).sum(), force)?;
        if !force {
            share_removal::refuse_unfinished(&acting, &id).await?;
        }
        share_keys::refuse_loss(&acting, &id, None).await?;
        acting.bus.expel(&record.client_id).await?;
        abandon_commands(&acting, &id).await?;
        acting.database.delete_gateway(&id).await?;
        acting.fleet.tell(Notice::Removed(id.clone())).await;
        let id = id.into();
        let gone = GatewayGone { id, deleted: true };
        acting.stream.publish(Item::GatewayGone(gone));
        Ok(())
    };
    app.audit.act(&caller, deed, work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bytes that are only on the gateway would be lost.
pub(super) fn refuse_dirty(dirty_bytes: u64, force: bool) -> ApiResult<()> {
    if dirty_bytes == 0 || force {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::Conflict,
        format!(
            "{dirty_bytes} bytes are not yet safe in the object store and would be lost; wait \
             until they are, or repeat with force=true"
        ),
    ))
}

pub(super) fn gateway_id(text: &str) -> ApiResult<GatewayId> {
    let parsed = text.parse();
    parsed.map_err(|e: model::GatewayIdError| ApiError::invalid(e.to_string()))
}

fn checked_name(name: &str) -> ApiResult<String> {
    let name = name.trim();
    let len = name.chars().count();
    if (1..=NAME_LEN_MAX).contains(&len) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(ApiError::invalid(format!(
        "a gateway's name has 1 to {NAME_LEN_MAX} characters"
    )))
}
