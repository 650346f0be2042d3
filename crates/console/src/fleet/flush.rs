//! Reports on their way to the database: stored together every few seconds, because each
//! transaction is a flush of the disk. A crash loses the last few seconds of history, nothing else.

use std::{collections::HashMap, time::Duration};

use database::{Database, DatabaseError, GATEWAY_SERIES, Point, Seen, StatusRecord};
use model::{GatewayId, GatewayStatus, ShareStatus, Timestamp};

/// All samples are kept so long.
const RAW_KEPT: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
/// The first sample of each minute is kept so long.
const MINUTE_KEPT: Duration = Duration::from_hours(24);
const TEN_MINUTES: Duration = Duration::from_mins(10);
/// The first sample of each ten minutes is kept so long.
const TEN_MINUTES_KEPT: Duration = Duration::from_hours(24 * 30);
/// Samples closer than this add nothing that a page could show.
const APART_MIN: Duration = Duration::from_secs(1);

/// What waits to be stored.
#[derive(Debug, Default)]
pub(super) struct Batch {
    statuses: HashMap<GatewayId, StatusRecord>,
    points: Vec<(GatewayId, String, Point, Timestamp)>,
    seen: HashMap<GatewayId, Seen>,
    last: HashMap<GatewayId, Timestamp>,
}

impl Batch {
    /// A gateway was heard of.
    pub(super) fn note_seen(
        &mut self,
        gateway: &GatewayId,
        at: Timestamp,
        address: Option<String>,
    ) {
        let seen = self.seen.entry(gateway.clone()).or_insert_with(|| Seen {
            gateway: gateway.clone(),
            at,
            address: None,
        });
        seen.at = at;
        if address.is_some() {
            seen.address = address;
        }
    }

    /// A report has come.
    pub(super) fn add_status(&mut self, record: StatusRecord, round_trip_ms: Option<u64>) {
        let gateway = record.status.gateway.clone();
        let last = self.last.get(&gateway).copied();
        if last.is_none_or(|last| record.at.since(last) >= APART_MIN) {
            let keep_until = keep_until(last, record.at);
            self.last.insert(gateway.clone(), record.at);
            self.add_points(&record, round_trip_ms, keep_until);
        }
        self.statuses.insert(gateway, record);
    }

    fn add_points(&mut self, record: &StatusRecord, rtt: Option<u64>, keep_until: Timestamp) {
        let (status, at) = (&record.status, record.at);
        let mut whole = Point {
            at,
            started_at: status.started_at,
            round_trip_ms: rtt,
            memory_bytes: status.memory_bytes,
            cpu_ms: status.cpu_ms,
            cache_disk_free_bytes: status.cache_disk.free_bytes,
            ..Point::default()
        };
        for share in &status.shares {
            let point = share_point(status, share, at);
            add(&mut whole, &point);
            let series = share.name.as_str().to_owned();
            self.points
                .push((status.gateway.clone(), series, point, keep_until));
        }
        let series = GATEWAY_SERIES.to_owned();
        self.points
            .push((status.gateway.clone(), series, whole, keep_until));
    }

    /// A gateway is no more.
    pub(super) fn forget(&mut self, gateway: &GatewayId) {
        self.statuses.remove(gateway);
        self.seen.remove(gateway);
        self.last.remove(gateway);
        self.points.retain(|(id, ..)| id != gateway);
    }

    /// Stores what waits. What cannot be stored is dropped: newer reports are on their way.
    pub(super) async fn flush(&mut self, database: &Database) -> Result<(), DatabaseError> {
        let statuses: Vec<_> = self.statuses.drain().map(|(_, record)| record).collect();
        let seen: Vec<_> = self.seen.drain().map(|(_, seen)| seen).collect();
        let points = std::mem::take(&mut self.points);
        if !statuses.is_empty() {
            database.store_statuses(&statuses).await?;
        }
        if !seen.is_empty() {
            database.note_seen(&seen).await?;
        }
        if !points.is_empty() {
            database.add_points(&points).await?;
        }
        Ok(())
    }
}

/// How long a sample is kept: longer, if it is the first of its minute or ten minutes.
fn keep_until(last: Option<Timestamp>, at: Timestamp) -> Timestamp {
    let window = |at: Timestamp, len: Duration| u128::from(at.as_millis()) / len.as_millis();
    let first_of = |len| last.is_none_or(|last| window(last, len) != window(at, len));
    if first_of(TEN_MINUTES) {
        at.plus(TEN_MINUTES_KEPT)
    } else if first_of(MINUTE) {
        at.plus(MINUTE_KEPT)
    } else {
        at.plus(RAW_KEPT)
    }
}

fn share_point(status: &GatewayStatus, share: &ShareStatus, at: Timestamp) -> Point {
    Point {
        at,
        started_at: status.started_at,
        inodes: share.inodes,
        dirty_bytes: share.dirty_bytes,
        dirty_files: share.dirty_files,
        oldest_dirty_age_ms: share.oldest_dirty_age_ms,
        upload_queue: share.upload_queue,
        uploads_failing: share.uploads_failing,
        cache_used_bytes: share.cache_used_bytes,
        uploaded_bytes: share.uploaded_bytes,
        downloaded_bytes: share.downloaded_bytes,
        read_bytes: share.read_bytes,
        written_bytes: share.written_bytes,
        read_hits: share.read_hits,
        read_misses: share.read_misses,
        ..Point::default()
    }
}

fn add(whole: &mut Point, part: &Point) {
    whole.inodes = whole.inodes.saturating_add(part.inodes);
    whole.dirty_bytes = whole.dirty_bytes.saturating_add(part.dirty_bytes);
    whole.dirty_files = whole.dirty_files.saturating_add(part.dirty_files);
    whole.oldest_dirty_age_ms = whole.oldest_dirty_age_ms.max(part.oldest_dirty_age_ms);
    whole.upload_queue = whole.upload_queue.saturating_add(part.upload_queue);
    whole.uploads_failing = whole.uploads_failing.saturating_add(part.uploads_failing);
    whole.cache_used_bytes = whole.cache_used_bytes.saturating_add(part.cache_used_bytes);
    whole.uploaded_bytes = whole.uploaded_bytes.saturating_add(part.uploaded_bytes);
    whole.downloaded_bytes = whole.downloaded_bytes.saturating_add(part.downloaded_bytes);
    whole.read_bytes = whole.read_bytes.saturating_add(part.read_bytes);
    whole.written_bytes = whole.written_bytes.saturating_add(part.written_bytes);
    whole.read_hits = whole.read_hits.saturating_add(part.read_hits);
    whole.read_misses = whole.read_misses.saturating_add(part.read_misses);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_of_a_longer_time_is_kept_longer() {
        let at = |s: u64| Timestamp::from_millis(s * 1_000);
        let kept = |last: Option<u64>, now| keep_until(last.map(at), at(now)).since(at(now));
        assert_eq!(kept(None, 30), TEN_MINUTES_KEPT);
        assert_eq!(kept(Some(30), 35), RAW_KEPT);
        assert_eq!(kept(Some(55), 60), MINUTE_KEPT);
        assert_eq!(kept(Some(595), 600), TEN_MINUTES_KEPT);
    }
}
