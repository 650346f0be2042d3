//! One sample of a gateway (`share` is empty) or of one of its shares.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "points")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gateway_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub share: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: i64,
    pub keep_until: i64,
    pub started_at: i64,
    pub round_trip_ms: Option<i64>,
    pub inodes: i64,
    pub dirty_bytes: i64,
    pub dirty_files: i64,
    pub oldest_dirty_age_ms: i64,
    pub upload_queue: i64,
    pub uploads_failing: i64,
    pub cache_used_bytes: i64,
    pub uploaded_bytes: i64,
    pub downloaded_bytes: i64,
    pub read_bytes: i64,
    pub written_bytes: i64,
    pub read_hits: i64,
    pub read_misses: i64,
    pub memory_bytes: i64,
    pub cpu_ms: i64,
    pub cache_disk_free_bytes: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
