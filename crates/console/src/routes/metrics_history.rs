//! History of a gateway or of one of its shares.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use database::{GATEWAY_SERIES, Point};
use model::{ShareName, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::gateways::gateway_id;
use crate::{
    api::History,
    app::App,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query},
};

/// Points of a series unless a step is given.
const POINTS_DEFAULT: u64 = 300;
/// Points of a series at most.
const POINTS_MAX: u64 = 2_000;
const STEP_MIN_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600_000;

/// Which part.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Begin; an hour before the end unless given.
    from: Option<u64>,
    /// End; now unless given.
    to: Option<u64>,
    /// Time between two points, in milliseconds.
    step: Option<u64>,
    /// One share instead of all.
    share: Option<String>,
}

/// History of a gateway, or of one of its shares.
#[utoipa::path(get, path = "/api/v1/gateways/{id}/metrics", tag = "gateways",
    operation_id = "gateway_metrics", params(Part, ("id" = String, Path)),
    responses((status = 200, body = History)))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> ApiResult<Json<History>> {
    let id = gateway_id(&id)?;
    app.database.gateway(&id).await?;
    let to = part.to.unwrap_or_else(|| app.clock.wall().as_millis());
    let from = part.from.unwrap_or_else(|| to.saturating_sub(HOUR_MS));
    if from >= to {
        return Err(ApiError::invalid("`from` must be before `to`"));
    }
    let step = part.step.unwrap_or((to - from) / POINTS_DEFAULT);
    let step = step.max(STEP_MIN_MS).max((to - from) / POINTS_MAX);
    let share = part.share.unwrap_or_else(|| GATEWAY_SERIES.to_owned());
    if share != GATEWAY_SERIES {
        let named = share.parse::<ShareName>();
        named.map_err(|e| ApiError::invalid(e.to_string()))?;
    }
    // One step more at the front: a rate needs the sample before.
    let begin = Timestamp::from_millis(from.saturating_sub(step));
    let end = Timestamp::from_millis(to);
    let points = app.database.points(&id, &share, begin, end).await?;
    let series = series(&points, from, step, share == GATEWAY_SERIES);
    Ok(Json(History {
        from,
        to,
        step,
        series,
    }))
}

type Series = BTreeMap<&'static str, Vec<(u64, f64)>>;

/// One point for each step that has a sample: its last one, against the last one before.
fn series(points: &[Point], from: u64, step: u64, of_gateway: bool) -> Series {
    let mut series = Series::new();
    let mut before: Option<&Point> = None;
    for chunk in points.chunk_by(|a, b| slot(a, from, step) == slot(b, from, step)) {
        let Some(last) = chunk.last() else { continue };
        if last.at.as_millis() >= from {
            add(&mut series, before, last, of_gateway);
        }
        before = Some(last);
    }
    series
}

fn slot(point: &Point, from: u64, step: u64) -> Option<u64> {
    let since = point.at.as_millis().checked_sub(from)?;
    since.checked_div(step)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a chart needs no more than 53 bits"
)]
fn add(series: &mut Series, before: Option<&Point>, now: &Point, of_gateway: bool) {
    let at = now.at.as_millis();
    let mut push = |name, value: f64| series.entry(name).or_default().push((at, value));
    for (name, value) in [
        ("dirty_bytes", now.dirty_bytes),
        ("dirty_files", now.dirty_files),
        ("oldest_dirty_age_ms", now.oldest_dirty_age_ms),
        ("upload_queue", now.upload_queue),
        ("uploads_failing", now.uploads_failing),
        ("cache_used_bytes", now.cache_used_bytes),
        ("inodes", now.inodes),
    ] {
        push(name, value as f64);
    }
    if of_gateway {
        push("memory_bytes", now.memory_bytes as f64);
        push("cache_disk_free_bytes", now.cache_disk_free_bytes as f64);
        if let Some(round_trip_ms) = now.round_trip_ms {
            push("round_trip_ms", round_trip_ms as f64);
        }
    }
    // Counters begin anew with the process.
    let Some(before) = before.filter(|b| b.started_at == now.started_at) else {
        return;
    };
    let seconds = now.at.since(before.at).as_secs_f64();
    if seconds <= 0.0 {
        return;
    }
    let grown = |then: u64, now: u64| now.saturating_sub(then) as f64;
    for (name, then, now) in [
        (
            "upload_bytes_per_s",
            before.uploaded_bytes,
            now.uploaded_bytes,
        ),
        (
            "download_bytes_per_s",
            before.downloaded_bytes,
            now.downloaded_bytes,
        ),
        ("read_bytes_per_s", before.read_bytes, now.read_bytes),
        ("write_bytes_per_s", before.written_bytes, now.written_bytes),
    ] {
        push(name, (grown(then, now) / seconds).round());
    }
    let hits = grown(before.read_hits, now.read_hits);
    let reads = hits + grown(before.read_misses, now.read_misses);
    if reads > 0.0 {
        push("hit_ratio", hits / reads);
    }
    if of_gateway {
        push(
            "cpu_ratio",
            grown(before.cpu_ms, now.cpu_ms) / 1_000.0 / seconds,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_come_from_counters_and_not_across_a_restart() {
        let point = |s: u64, started: u64, uploaded_bytes| Point {
            at: Timestamp::from_millis(s * 1_000),
            started_at: Timestamp::from_millis(started),
            uploaded_bytes,
            ..Point::default()
        };
        let points = [
            point(0, 1, 0),
            point(5, 1, 500),
            point(10, 1, 1_500),
            point(15, 2, 10),
        ];
        let series = series(&points, 1, 5_000, false);
        assert_eq!(
            series["upload_bytes_per_s"],
            [(5_000, 100.0), (10_000, 200.0)]
        );
        assert_eq!(series["dirty_bytes"].len(), 3);
        assert!(!series.contains_key("memory_bytes"));
    }
}
