//! What became of connections and messages.

use std::sync::Arc;

use axum::extract::State;
use message_bus::{
    AdminCall,
    admin::{PAGE_MAX, TraceEntry, TraceOf, TraceQuery},
};
use model::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ask, parse, pick};
use crate::{
    api::List,
    app::App,
    error::{ApiError, ApiResult},
    extract::{Json, Query},
};

/// Which traces.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Of this client only.
    client_id: Option<String>,
    /// Of this message only.
    message_id: Option<String>,
    /// Not before, in milliseconds since the epoch.
    from: Option<u64>,
    /// Before, in milliseconds since the epoch.
    to: Option<u64>,
    /// Newest first.
    reverse: Option<bool>,
    /// At most so many (100 at most).
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// What became of connections: of one client, or of all.
#[utoipa::path(get, path = "/api/v1/message-queue/traces/devices", tag = "message queue",
    operation_id = "list_device_traces", params(Wanted),
    responses((status = 200, body = List<TraceEntry>)))]
pub(super) async fn devices(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
) -> ApiResult<Json<List<TraceEntry>>> {
    list(&app, TraceOf::Devices, wanted).await
}

/// What became of messages: of one client, or of one message.
#[utoipa::path(get, path = "/api/v1/message-queue/traces/messages", tag = "message queue",
    operation_id = "list_message_traces", params(Wanted),
    responses((status = 200, body = List<TraceEntry>)))]
pub(super) async fn messages(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
) -> ApiResult<Json<List<TraceEntry>>> {
    if wanted.client_id.is_none() && wanted.message_id.is_none() {
        return Err(ApiError::invalid("say client_id or message_id"));
    }
    list(&app, TraceOf::Messages, wanted).await
}

async fn list(app: &App, of: TraceOf, wanted: Wanted) -> ApiResult<Json<List<TraceEntry>>> {
    let query = TraceQuery {
        of,
        client_id: wanted.client_id.as_deref().map(parse).transpose()?,
        message_id: wanted.message_id,
        begin: Timestamp::from_millis(wanted.from.unwrap_or(0)),
        end: Timestamp::from_millis(wanted.to.unwrap_or(u64::MAX)),
        reverse: wanted.reverse.unwrap_or(false),
        cursor: wanted.cursor,
        limit: wanted.limit.unwrap_or(PAGE_MAX),
    };
    let page = ask(app, AdminCall::Traces { query }, pick!(Traces)).await?;
    let (items, next) = (page.items, page.next);
    Ok(Json(List { items, next }))
}
