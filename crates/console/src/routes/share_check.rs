//! The checks of a share, without making it.

use std::sync::Arc;

use axum::extract::State;
use model::{ShareName, ShareSettings};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{gateways::gateway_id, shares::keep_secret};
use crate::{
    api::Checks,
    app::App,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query},
    share_checks::{self, Purpose},
    share_keys,
};

/// What the share is checked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Replaces {
    /// Name of the share that it would replace; its secret serves for an empty one.
    replaces: Option<String>,
}

/// Check the settings of a share. All checks are made, whatever the first ones find.
#[utoipa::path(post, path = "/api/v1/gateways/{id}/shares/check", tag = "shares",
    operation_id = "check_share", params(Replaces, ("id" = String, Path)),
    request_body = ShareSettings, responses((status = 200, body = Checks)))]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(Replaces { replaces }): Query<Replaces>,
    Json(mut settings): Json<ShareSettings>,
) -> ApiResult<Json<Checks>> {
    let id = gateway_id(&id)?;
    app.database.gateway(&id).await?;
    share_checks::tidy(&mut settings);
    let purpose = match replaces.as_deref().map(str::parse::<ShareName>) {
        Some(Ok(name)) if name == settings.name => {
            keep_secret(&app, &id, &mut settings).await?;
            share_keys::keep(&app, &id, &mut settings).await?;
            Purpose::Replace
        }
        Some(_) => {
            return Err(ApiError::invalid(
                "a share keeps its name: clients mount it by it",
            ));
        }
        None => {
            share_keys::complete(&app, &mut settings).await?;
            Purpose::Create
        }
    };
    let found = share_checks::run(&app, &id, &settings, purpose).await?;
    let checks = found.checks;
    Ok(Json(Checks { checks }))
}
