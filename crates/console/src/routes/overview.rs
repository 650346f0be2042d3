//! Totals over all gateways.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use model::{ShareState, Timestamp};

use crate::{
    api::{CommandTotals, Gateway, GatewayState, Overview},
    app::App,
    error::ApiResult,
    extract::Json,
};

/// Commands older than this need nobody's attention any more.
const COMMANDS_COUNTED: Duration = Duration::from_hours(24);

/// Totals over all gateways.
#[utoipa::path(get, path = "/api/v1/overview", tag = "gateways",
    responses((status = 200, body = Overview)))]
pub(super) async fn overview(State(app): State<Arc<App>>) -> ApiResult<Json<Overview>> {
    Ok(Json(count(&app).await?))
}

pub(super) async fn count(app: &App) -> ApiResult<Overview> {
    let now = app.clock.wall();
    let counted_ms = u64::try_from(COMMANDS_COUNTED.as_millis()).unwrap_or(u64::MAX);
    let since = Timestamp::from_millis(now.as_millis().saturating_sub(counted_ms));
    let commands = app.database.command_counts(since).await?;
    let mut overview = Overview {
        commands: CommandTotals {
            pending: commands.pending,
            failed: commands.failed,
            unknown: commands.unknown,
        },
        bus_connected: app.view.is_bus_connected(),
        at: now.as_millis(),
        ..Overview::default()
    };
    for gateway in app.gateways().await? {
        add(&mut overview, &gateway);
    }
    Ok(overview)
}

fn add(overview: &mut Overview, gateway: &Gateway) {
    overview.gateways.total += 1;
    match gateway.state {
        GatewayState::Activating => overview.gateways.activating += 1,
        GatewayState::Online => overview.gateways.online += 1,
        GatewayState::Offline => overview.gateways.offline += 1,
    }
    if gateway.state == GatewayState::Online {
        overview.rates += gateway.rates.unwrap_or_default();
    }
    for share in gateway.status.iter().flat_map(|s| &s.shares) {
        overview.shares.total += 1;
        match &share.state {
            ShareState::Serving => overview.shares.serving += 1,
            ShareState::Failed { .. } => overview.shares.failed += 1,
            ShareState::Starting => {}
        }
        overview.dirty_bytes = overview.dirty_bytes.saturating_add(share.dirty_bytes);
        overview.dirty_files = overview.dirty_files.saturating_add(share.dirty_files);
        overview.uploads_failing += share.uploads_failing;
        let age = share.oldest_dirty_age_ms;
        overview.oldest_dirty_age_ms = overview.oldest_dirty_age_ms.max(age);
    }
}
