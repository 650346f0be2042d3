//! What gateways told.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::gateways::gateway_id;
use crate::{
    api::{Event, List},
    app::App,
    error::ApiResult,
    extract::{Json, Path, Query, page_limit},
};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many (1,000 at most).
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<u64>,
}

/// Events of a gateway, newest first.
#[utoipa::path(get, path = "/api/v1/gateways/{id}/events", tag = "gateways",
    operation_id = "list_events", params(Page, ("id" = String, Path)),
    responses((status = 200, body = List<Event>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> ApiResult<Json<List<Event>>> {
    let id = gateway_id(&id)?;
    app.database.gateway(&id).await?;
    let limit = page_limit(page.limit);
    let records = app.database.events(&id, page.cursor, limit + 1).await?;
    let events = records.into_iter().map(Event::from).collect();
    Ok(Json(List::page(events, limit, |e: &Event| {
        e.id.to_string()
    })))
}
