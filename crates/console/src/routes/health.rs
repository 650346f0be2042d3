//! Whether the console works, for machines.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::overview::count;
use crate::{api::Overview, app::App, error::ApiResult};

/// The process is there.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The console can do its work: database and message queue are reached.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = String),
    (status = 503, body = String)))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.database.ping().await.is_err() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        );
    }
    if !app.view.is_bus_connected() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the message queue is not reached\n",
        );
    }
    (StatusCode::OK, "ready\n")
}

/// Totals in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String)))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> ApiResult<Response> {
    let all = count(&app).await?;
    let readers = app.stream.reader_count() as u64;
    let mut text = String::new();
    for (name, help, value) in gauges(&all, readers) {
        let written = writeln!(
            text,
            "# HELP causeway_{name} {help}\n# TYPE causeway_{name} gauge\ncauseway_{name} {value}"
        );
        written.expect("a string takes all that is written to it");
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text).into_response())
}

#[rustfmt::skip]
fn gauges(all: &Overview, readers: u64) -> [(&'static str, &'static str, u64); 13] {
    [
        ("gateways_online", "Gateways that are connected", all.gateways.online),
        ("gateways_offline", "Gateways that joined and are not connected", all.gateways.offline),
        ("gateways_activating", "Gateways that have not joined yet", all.gateways.activating),
        ("shares_serving", "Shares that clients can mount", all.shares.serving),
        ("shares_failed", "Shares that cannot be served", all.shares.failed),
        ("dirty_bytes", "Bytes not yet safe in an object store", all.dirty_bytes),
        ("oldest_dirty_age_ms", "Age of the oldest such byte", all.oldest_dirty_age_ms),
        ("uploads_failing", "Files whose upload failed and is tried again", all.uploads_failing),
        ("commands_pending", "Commands without an outcome", all.commands.pending),
        ("commands_failed", "Commands of a day that failed", all.commands.failed),
        ("commands_unknown", "Commands of a day with unknown outcome", all.commands.unknown),
        ("bus_connected", "Whether the message queue is reached", u64::from(all.bus_connected)),
        ("stream_readers", "Pages and programs that listen", readers),
    ]
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health",
    responses((status = 200, body = Object)))]
pub(super) async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, super::openapi_json()).into_response()
}
