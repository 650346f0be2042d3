//! History: samples of gateways and shares, thinned with age.
//!
//! Each sample says at its birth how long it is kept: the first of each ten minutes for a month,
//! the first of each minute for a day, all for an hour. Thinning is then one delete by an index,
//! and nothing is ever computed twice.

use model::{GatewayId, Timestamp};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
    TransactionTrait as _, sea_query::OnConflict,
};

use crate::{
    Database,
    entity::point,
    error::Result,
    numbers::{from_column, time_from_column, time_to_column, to_column},
};

/// The name of the series that holds a gateway's own figures.
pub const GATEWAY_SERIES: &str = "";
/// Most samples read at once: one every 5 s for an hour, one a minute for a day, one each ten
/// minutes for a month, and as much again for gateways that report faster.
const POINTS_MAX: u64 = 16_000;

/// One sample. Counters are as reported; they begin anew when `started_at` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// When, by the console's clock.
    pub at: Timestamp,
    /// When the gateway's process was started.
    pub started_at: Timestamp,
    /// Time for a message there and back.
    pub round_trip_ms: Option<u64>,
    /// Files and directories.
    pub inodes: u64,
    /// Bytes not yet safe in the object store.
    pub dirty_bytes: u64,
    /// Files with such bytes.
    pub dirty_files: u64,
    /// Age of the oldest such byte.
    pub oldest_dirty_age_ms: u64,
    /// Operations waiting for the object store.
    pub upload_queue: u64,
    /// Files whose upload failed and is tried again.
    pub uploads_failing: u64,
    /// Data on the cache disk.
    pub cache_used_bytes: u64,
    /// Counter: bytes sent to the object store.
    pub uploaded_bytes: u64,
    /// Counter: bytes fetched from it.
    pub downloaded_bytes: u64,
    /// Counter: bytes clients have read.
    pub read_bytes: u64,
    /// Counter: bytes clients have written.
    pub written_bytes: u64,
    /// Counter: reads answered from the cache disk.
    pub read_hits: u64,
    /// Counter: reads that waited for the object store.
    pub read_misses: u64,
    /// Memory of the process; of a gateway only.
    pub memory_bytes: u64,
    /// Counter: CPU time of the process; of a gateway only.
    pub cpu_ms: u64,
    /// What is left of the cache disk; of a gateway only.
    pub cache_disk_free_bytes: u64,
}

impl Point {
    fn to_row(
        &self,
        gateway: &GatewayId,
        share: &str,
        keep_until: Timestamp,
    ) -> point::ActiveModel {
        point::ActiveModel {
            gateway_id: Set(gateway.as_str().to_owned()),
            share: Set(share.to_owned()),
            at: Set(time_to_column(self.at)),
            keep_until: Set(time_to_column(keep_until)),
            started_at: Set(time_to_column(self.started_at)),
            round_trip_ms: Set(self.round_trip_ms.map(to_column)),
            inodes: Set(to_column(self.inodes)),
            dirty_bytes: Set(to_column(self.dirty_bytes)),
            dirty_files: Set(to_column(self.dirty_files)),
            oldest_dirty_age_ms: Set(to_column(self.oldest_dirty_age_ms)),
            upload_queue: Set(to_column(self.upload_queue)),
            uploads_failing: Set(to_column(self.uploads_failing)),
            cache_used_bytes: Set(to_column(self.cache_used_bytes)),
            uploaded_bytes: Set(to_column(self.uploaded_bytes)),
            downloaded_bytes: Set(to_column(self.downloaded_bytes)),
            read_bytes: Set(to_column(self.read_bytes)),
            written_bytes: Set(to_column(self.written_bytes)),
            read_hits: Set(to_column(self.read_hits)),
            read_misses: Set(to_column(self.read_misses)),
            memory_bytes: Set(to_column(self.memory_bytes)),
            cpu_ms: Set(to_column(self.cpu_ms)),
            cache_disk_free_bytes: Set(to_column(self.cache_disk_free_bytes)),
        }
    }
}

impl From<point::Model> for Point {
    fn from(row: point::Model) -> Self {
        Self {
            at: time_from_column(row.at),
            started_at: time_from_column(row.started_at),
            round_trip_ms: row.round_trip_ms.map(from_column),
            inodes: from_column(row.inodes),
            dirty_bytes: from_column(row.dirty_bytes),
            dirty_files: from_column(row.dirty_files),
            oldest_dirty_age_ms: from_column(row.oldest_dirty_age_ms),
            upload_queue: from_column(row.upload_queue),
            uploads_failing: from_column(row.uploads_failing),
            cache_used_bytes: from_column(row.cache_used_bytes),
            uploaded_bytes: from_column(row.uploaded_bytes),
            downloaded_bytes: from_column(row.downloaded_bytes),
            read_bytes: from_column(row.read_bytes),
            written_bytes: from_column(row.written_bytes),
            read_hits: from_column(row.read_hits),
            read_misses: from_column(row.read_misses),
            memory_bytes: from_column(row.memory_bytes),
            cpu_ms: from_column(row.cpu_ms),
            cache_disk_free_bytes: from_column(row.cache_disk_free_bytes),
        }
    }
}

impl Database {
    /// Adds samples, each with its series (a share's name or [`GATEWAY_SERIES`]) and the time
    /// until which it is kept, all in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_points(&self, points: &[(GatewayId, String, Point, Timestamp)]) -> Result<()> {
        let tx = self.writer.begin().await?;
        for (gateway, share, sample, keep_until) in points {
            // Two reports within one millisecond are one sample. Said as an update, because
            // "do nothing" has no words in MySQL.
            let same_time = OnConflict::columns([
                point::Column::GatewayId,
                point::Column::Share,
                point::Column::At,
            ])
            .update_column(point::Column::KeepUntil)
            .to_owned();
            point::Entity::insert(sample.to_row(gateway, share, *keep_until))
                .on_conflict(same_time)
                .exec_without_returning(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Samples of one series from `from` to `to`, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn points(
        &self,
        gateway: &GatewayId,
        share: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Point>> {
        let rows = point::Entity::find()
            .filter(point::Column::GatewayId.eq(gateway.as_str()))
            .filter(point::Column::Share.eq(share))
            .filter(point::Column::At.between(time_to_column(from), time_to_column(to)))
            .order_by_asc(point::Column::At)
            .limit(POINTS_MAX)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(Point::from).collect())
    }

    /// Forgets what is kept no longer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn thin_points(&self, now: Timestamp) -> Result<()> {
        point::Entity::delete_many()
            .filter(point::Column::KeepUntil.lt(time_to_column(now)))
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}
