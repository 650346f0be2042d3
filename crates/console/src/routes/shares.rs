//! Shares: the part of a gateway's intent that operators change.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use database::{Borrowed, ShareChange, ShareRecord};
use model::{ErrorCode, GatewayId, Provider, ShareName, ShareSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::gateways::{Force, gateway_id, refuse_dirty};
use crate::{
    api::{List, Share, ShareKeys},
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query},
    fleet::{Notice, view},
    share_checks::{self, Purpose},
    share_keys, share_removal,
};

/// Whether to stop before anything is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Run the checks only.
    #[serde(default)]
    dry_run: bool,
}

/// Shares of a gateway.
#[utoipa::path(get, path = "/api/v1/gateways/{id}/shares", tag = "shares",
    operation_id = "list_shares", params(("id" = String, Path)),
    responses((status = 200, body = List<Share>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<Json<List<Share>>> {
    Ok(Json(List::whole(app.shares(&gateway_id(&id)?).await?)))
}

/// One share.
#[utoipa::path(get, path = "/api/v1/gateways/{id}/shares/{name}", tag = "shares",
    operation_id = "show_share", params(("id" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Share)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
) -> ApiResult<Json<Share>> {
    let (id, name) = (gateway_id(&id)?, share_name(&name)?);
    Ok(Json(shown(&app, &id, &name).await?))
}

/// Make a share.
#[utoipa::path(post, path = "/api/v1/gateways/{id}/shares", tag = "shares",
    operation_id = "create_share", params(DryRun, ("id" = String, Path)),
    request_body = ShareSettings, responses((status = 201, body = Share)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(mut settings): Json<ShareSettings>,
) -> ApiResult<(StatusCode, Json<Share>)> {
    let id = gateway_id(&id)?;
    share_checks::tidy(&mut settings);
    share_keys::complete(&app, &mut settings).await?;
    if dry_run {
        let (share, _) = checked(&app, &id, settings, Purpose::Create).await?;
        return Ok((StatusCode::OK, Json(share)));
    }
    let share = put(&app, &caller, id, settings, Purpose::Create).await?;
    Ok((StatusCode::CREATED, Json(share)))
}

/// Change a share. An empty secret keeps the one before.
#[utoipa::path(put, path = "/api/v1/gateways/{id}/shares/{name}", tag = "shares",
    operation_id = "replace_share",
    params(DryRun, ("id" = String, Path), ("name" = String, Path)),
    request_body = ShareSettings, responses((status = 200, body = Share)))]
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    Query(DryRun { dry_run }): Query<DryRun>,
    Json(mut settings): Json<ShareSettings>,
) -> ApiResult<Json<Share>> {
    let (id, name) = (gateway_id(&id)?, share_name(&name)?);
    if settings.name != name {
        let message = "a share keeps its name: clients mount it by it";
        return Err(ApiError::invalid(message));
    }
    share_checks::tidy(&mut settings);
    keep_secret(&app, &id, &mut settings).await?;
    share_keys::keep(&app, &id, &mut settings).await?;
    refuse_move(&app, &id, &settings).await?;
    let share = if dry_run {
        checked(&app, &id, settings, Purpose::Replace).await?.0
    } else {
        put(&app, &caller, id, settings, Purpose::Replace).await?
    };
    Ok(Json(share))
}

/// Whether a key may be lost.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForgetKey {
    /// Delete it although nobody but those who exported its key can read its objects then.
    #[serde(default)]
    forget_key: bool,
}

/// Whether a share that is being removed is given up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GiveUp {
    /// Of a share that is being removed: do not wait until its gateway has uploaded what it still
    /// holds. It gets no more keys then.
    #[serde(default)]
    give_up: bool,
}

/// Delete a share; its objects stay in the bucket.
///
/// One with a role is `removing` first, and gone when its gateway has uploaded what it still holds;
/// `give_up` ends that. To delete it once more without that changes nothing.
#[utoipa::path(delete, path = "/api/v1/gateways/{id}/shares/{name}", tag = "shares",
    operation_id = "delete_share",
    params(Force, ForgetKey, GiveUp, ("id" = String, Path), ("name" = String, Path)),
    responses((status = 204), (status = 202, body = Share)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    Query(Force { force }): Query<Force>,
    Query(ForgetKey { forget_key }): Query<ForgetKey>,
    Query(GiveUp { give_up }): Query<GiveUp>,
) -> ApiResult<Response> {
    let (id, name) = (gateway_id(&id)?, share_name(&name)?);
    let details = json!({"force": force, "forget_key": forget_key, "gives_up": give_up});
    let deed = deed("share.delete", &id, &name, details);
    let acting = Arc::clone(&app);
    let work = async move {
        let stored = acting.database.share(&id, &name).await?;
        if give_up {
            end_removal(&acting, id, name, stored.retired_in).await?;
            return Ok(None);
        }
        if stored.retired_in.is_some() {
            return Ok(Some(shown(&acting, &id, &name).await?));
        }
        if !forget_key {
            share_keys::refuse_loss(&acting, &id, Some(&name)).await?;
        }
        if stored.settings.bucket.role.is_some() {
            return Ok(Some(retire(&acting, id, name).await?));
        }
        refuse_dirty(dirty_bytes(&acting, &id, &name), force)?;
        let change = ShareChange::Remove(name.clone());
        let version = acting.database.change_shares(&id, &change).await?;
        share_removal::tell_gone(&acting, (id, name), version).await;
        Ok(None)
    };
    Ok(match app.audit.act(&caller, deed, work).await? {
        Some(share) => (StatusCode::ACCEPTED, Json(share)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Has a gateway empty a share with a role. Nothing is lost by that: its role lends keys as before.
async fn retire(app: &App, id: GatewayId, name: ShareName) -> ApiResult<Share> {
    let change = ShareChange::Retire(name.clone());
    let version = app.database.change_shares(&id, &change).await?;
    changed(app, &id, &name, version).await
}

/// Tells its gateway first: that it cannot be shown must not keep a change from it.
async fn changed(app: &App, id: &GatewayId, name: &ShareName, version: u64) -> ApiResult<Share> {
    let notice = Notice::IntentChanged(id.clone(), version);
    app.fleet.tell(notice).await;
    shown(app, id, name).await
}

/// Ends the removal that was seen, and no other: the share may have been made again since.
async fn end_removal(
    app: &App,
    id: GatewayId,
    name: ShareName,
    retired_in: Option<u64>,
) -> ApiResult<()> {
    let removed = match retired_in {
        Some(retired_in) => app.database.remove_retired(&id, &name, retired_in).await?,
        None => None,
    };
    let Some(version) = removed else {
        let message = format!("share `{name}` is not being removed: delete it without give_up");
        return Err(ApiError::new(ErrorCode::Conflict, message));
    };
    share_removal::tell_gone(app, (id, name), version).await;
    Ok(())
}

async fn put(
    app: &Arc<App>,
    caller: &Caller,
    id: GatewayId,
    settings: ShareSettings,
    purpose: Purpose,
) -> ApiResult<Share> {
    let action = match purpose {
        Purpose::Create => "share.create",
        Purpose::Replace => "share.replace",
    };
    let details = details(&settings)?;
    let deed = deed(action, &id, &settings.name, details);
    let acting = Arc::clone(app);
    let work = async move {
        let (_, borrowed) = checked(&acting, &id, settings.clone(), purpose).await?;
        let name = settings.name.clone();
        let change = match purpose {
            Purpose::Create => ShareChange::Create(settings),
            Purpose::Replace => ShareChange::Replace(settings),
        };
        let changing = acting
            .database
            .change_shares_with(&id, &change, borrowed.as_ref());
        let version = changing.await?;
        changed(&acting, &id, &name, version).await
    };
    app.audit.act(caller, deed, work).await
}

/// Runs the checks; the share as it would be, and the keys that its role has lent for them.
async fn checked(
    app: &App,
    id: &GatewayId,
    settings: ShareSettings,
    purpose: Purpose,
) -> ApiResult<(Share, Option<Borrowed>)> {
    let version = app.database.gateway(id).await?.intent_version;
    let found = share_checks::run(app, id, &settings, purpose).await?;
    share_checks::first_failure(&found.checks)?;
    let live = app.view.get(id);
    let keys = found.borrowed.as_ref().map(ShareKeys::from);
    let retired_in = match purpose {
        // One that was retired is wanted again.
        Purpose::Create => None,
        Purpose::Replace => app.database.share(id, &settings.name).await?.retired_in,
    };
    let record = ShareRecord {
        settings,
        retired_in,
    };
    let share = view::share(record, version + 1, live.as_ref(), keys);
    Ok((share, found.borrowed))
}

async fn shown(app: &App, id: &GatewayId, name: &ShareName) -> ApiResult<Share> {
    let version = app.database.gateway(id).await?.intent_version;
    let stored = app.database.share(id, name).await?;
    let keys = app.database.lent_keys(id, name).await?;
    let keys = keys.map(|keys| ShareKeys::of(&keys, app.clock.wall()));
    let live = app.view.get(id);
    Ok(view::share(stored, version, live.as_ref(), keys))
}

/// Pages do not know the secret; left empty it stays what it was.
pub(super) async fn keep_secret(
    app: &App,
    id: &GatewayId,
    settings: &mut ShareSettings,
) -> ApiResult<()> {
    let needs_keys = settings.bucket.provider != Provider::Directory;
    if needs_keys && settings.bucket.secret_access_key.is_empty() {
        let stored = app.database.share(id, &settings.name).await?;
        let stored = stored.settings.bucket;
        let bucket = &mut settings.bucket;
        if stored.role.is_some() && bucket.role.is_none() {
            return Err(ApiError::invalid(
                "give the access key id and secret that the gateway shall have now: those that \
                 are stored may assume the role, and never go to a gateway",
            ));
        }
        bucket.secret_access_key = stored.secret_access_key;
        // Who assumes a role has no token; that of before went with keys of the gateway.
        if bucket.session_token.is_empty() && bucket.role.is_none() {
            bucket.session_token = stored.session_token;
        }
    }
    Ok(())
}

/// What is not yet uploaded belongs to the bucket and prefix it was written for.
async fn refuse_move(app: &App, id: &GatewayId, settings: &ShareSettings) -> ApiResult<()> {
    let stored = app.database.share(id, &settings.name).await?;
    let stored = stored.settings.bucket;
    if share_checks::is_same_place(&stored, &settings.bucket) {
        return Ok(());
    }
    let message = "a share keeps its bucket and prefix; make another share for the other place";
    Err(ApiError::invalid(message))
}

fn dirty_bytes(app: &App, id: &GatewayId, name: &ShareName) -> u64 {
    let status = app.view.get(id).and_then(|live| live.status);
    let shares = status.iter().flat_map(|s| &s.status.shares);
    shares
        .filter(|s| s.name == *name)
        .map(|s| s.dirty_bytes)
        .sum()
}

fn share_name(text: &str) -> ApiResult<ShareName> {
    let parsed = text.parse();
    parsed.map_err(|e: model::ShareNameError| ApiError::invalid(e.to_string()))
}

fn deed(action: &'static str, id: &GatewayId, name: &ShareName, details: Value) -> Deed {
    Deed {
        action,
        target: format!("gateway/{id}/share/{name}"),
        details,
    }
}

/// The settings without their secret.
fn details(settings: &ShareSettings) -> ApiResult<Value> {
    let open = crate::api::OpenShare::from(settings.clone());
    serde_json::to_value(open).map_err(|e| ApiError::internal(&e))
}
