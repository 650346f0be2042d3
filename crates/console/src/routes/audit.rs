//! The audit log.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{AuditCheck, AuditEntry, List},
    app::App,
    error::ApiResult,
    extract::{Json, Query, page_limit},
};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many (1,000 at most).
    limit: Option<u64>,
    /// `next` of the page before; entries that come after it in the list, so older ones.
    cursor: Option<u64>,
    /// The same as `cursor`.
    after: Option<u64>,
}

/// Entries, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit", params(Page),
    responses((status = 200, body = List<AuditEntry>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(page): Query<Page>,
) -> ApiResult<Json<List<AuditEntry>>> {
    let limit = page_limit(page.limit);
    let before = page.cursor.or(page.after);
    let entries = app.database.audit_entries(before, limit + 1).await?;
    let entries = entries.into_iter().map(AuditEntry::from).collect();
    Ok(Json(List::page(entries, limit, |e: &AuditEntry| {
        e.id.to_string()
    })))
}

/// Check the whole chain: whether anything was changed or removed.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", operation_id = "verify_audit",
    responses((status = 200, body = AuditCheck)))]
pub(super) async fn verify(State(app): State<Arc<App>>) -> ApiResult<Json<AuditCheck>> {
    let report = app.database.verify_audit().await?;
    Ok(Json(AuditCheck {
        records: report.records,
        intact: report.broken_at.is_none(),
        broken_at: report.broken_at,
    }))
}
