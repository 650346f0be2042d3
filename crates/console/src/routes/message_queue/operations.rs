//! The broker at work: where it listens, who is slow, and emptying it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use message_bus::{
    AdminCall,
    admin::{DrainOrder, ListenerStatus, PAGE_MAX, SlowClient},
};
use serde_json::json;

use super::{act, ask, done, pick};
use crate::{api::List, app::App, audit::Deed, auth::Caller, error::ApiResult, extract::Json};

/// Where clients connect.
#[utoipa::path(get, path = "/api/v1/message-queue/listeners", tag = "message queue",
    operation_id = "list_mq_listeners", responses((status = 200, body = List<ListenerStatus>)))]
pub(super) async fn listeners(
    State(app): State<Arc<App>>,
) -> ApiResult<Json<List<ListenerStatus>>> {
    let call = AdminCall::Listeners;
    let all = ask(&app, call, pick!(Listeners)).await?;
    Ok(Json(List::whole(all)))
}

/// Read the certificates of all listeners again. Connections that are there stay.
#[utoipa::path(post, path = "/api/v1/message-queue/listeners/reload", tag = "message queue",
    operation_id = "reload_mq_certificates", responses((status = 200, body = List<ListenerStatus>)))]
pub(super) async fn reload(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> ApiResult<Json<List<ListenerStatus>>> {
    let deed = Deed {
        action: "mq.listeners.reload",
        target: "message-queue".to_owned(),
        details: json!({}),
    };
    let call = AdminCall::ReloadCertificates;
    let all = act(&app, &caller, deed, call, pick!(Listeners)).await?;
    Ok(Json(List::whole(all)))
}

/// Clients that do not take their messages as fast as they come, the worst first: 100 at most.
#[utoipa::path(get, path = "/api/v1/message-queue/slow-clients", tag = "message queue",
    operation_id = "list_slow_mq_clients", responses((status = 200, body = List<SlowClient>)))]
pub(super) async fn slow(State(app): State<Arc<App>>) -> ApiResult<Json<List<SlowClient>>> {
    let call = AdminCall::SlowClients { limit: PAGE_MAX };
    let slow = ask(&app, call, pick!(SlowClients)).await?;
    Ok(Json(List::whole(slow)))
}

/// Metrics of the message queue in the text format of Prometheus: by listener, parent topic and
/// group, with latencies.
#[utoipa::path(get, path = "/api/v1/message-queue/metrics", tag = "message queue",
    operation_id = "show_mq_metrics", responses((status = 200, body = String)))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> ApiResult<Response> {
    let text = ask(&app, AdminCall::Metrics, pick!(Metrics)).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text).into_response())
}

/// Take no more clients and send all away that are there, before the broker is stopped.
#[utoipa::path(post, path = "/api/v1/message-queue/drain", tag = "message queue",
    operation_id = "drain_message_queue", request_body = DrainOrder,
    responses((status = 204)))]
pub(super) async fn drain(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(order): Json<DrainOrder>,
) -> ApiResult<StatusCode> {
    let deed = Deed {
        action: "mq.drain",
        target: "message-queue".to_owned(),
        details: json!(order),
    };
    act(&app, &caller, deed, AdminCall::Drain { order }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}
