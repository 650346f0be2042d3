//! Status: what a gateway reports that it is, every few seconds on `csg_status/<gateway id>`.
//!
//! Counters only grow while the gateway runs (`started_at` tells a restart); rates are the
//! reader's business.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CacheStatus, ExpressStatus, GatewayId, ShareName, Timestamp};

/// Where a gateway runs; nothing else differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// On the customer's own premises.
    #[default]
    OnPremises,
    /// In a private cloud network.
    Cloud,
}

/// One status report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GatewayStatus {
    /// Who reports.
    #[schema(value_type = String)]
    pub gateway: GatewayId,
    /// When, by its own clock.
    #[schema(value_type = u64)]
    pub at: Timestamp,
    /// When it was started.
    #[schema(value_type = u64)]
    pub started_at: Timestamp,
    /// Version of its software.
    pub software_version: String,
    /// What it can do that older gateways cannot, such as `client_encryption`.
    #[serde(default)]
    pub features: Vec<String>,
    /// The version of its intent that it has worked on.
    pub intent_version: u64,
    /// Where NFS clients of its network reach it: `host:port`.
    pub nfs_address: String,
    /// Resident memory of its process.
    pub memory_bytes: u64,
    /// CPU time of its process so far, in milliseconds.
    pub cpu_ms: u64,
    /// The disk under its caches.
    pub cache_disk: CacheDiskStatus,
    /// Its shares.
    pub shares: Vec<ShareStatus>,
}

/// The cache disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheDiskStatus {
    /// Its size.
    pub total_bytes: u64,
    /// What is left of it.
    pub free_bytes: u64,
}

/// Whether a share is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ShareState {
    /// Its index is being opened.
    Starting,
    /// Clients can mount it.
    Serving,
    /// It cannot be served.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

/// One share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShareStatus {
    /// Its name.
    pub name: ShareName,
    /// Whether it is served.
    #[serde(flatten)]
    pub state: ShareState,
    /// Files and directories known.
    pub inodes: u64,
    /// Bytes not yet safe in the object store.
    pub dirty_bytes: u64,
    /// Files with such bytes.
    pub dirty_files: u64,
    /// Age of the oldest such byte, in milliseconds; 0 if there is none.
    pub oldest_dirty_age_ms: u64,
    /// Operations waiting for the object store: uploads, copies, deletes.
    pub upload_queue: u64,
    /// Files whose last upload failed and is tried again.
    pub uploads_failing: u64,
    /// Why the last of them failed.
    pub last_upload_error: Option<String>,
    /// Data held on the cache disk.
    pub cache_used_bytes: u64,
    /// Room for it.
    pub cache_bytes_max: u64,
    /// Counter: bytes sent to the object store.
    pub uploaded_bytes: u64,
    /// Counter: bytes fetched from the object store.
    pub downloaded_bytes: u64,
    /// Counter: bytes clients have read.
    pub read_bytes: u64,
    /// Counter: bytes clients have written.
    pub written_bytes: u64,
    /// Counter: reads answered from the cache disk.
    pub read_hits: u64,
    /// Counter: reads that had to wait for the object store.
    pub read_misses: u64,
    /// Whether the first listing of the bucket is still under way.
    pub importing: bool,
    /// Objects seen by the listing that is under way or was the last.
    pub objects_listed: u64,
    /// More on its cache.
    #[serde(default)]
    pub cache: CacheStatus,
    /// Counter: files that were changed on both sides.
    #[serde(default)]
    pub conflicts: u64,
    /// The gateway that writes to the bucket instead of this one; here the share is read only.
    #[serde(default)]
    pub other_writer: Option<String>,
    /// How express sync does.
    #[serde(default)]
    pub express: ExpressStatus,
}

impl ShareStatus {
    /// Of a share that does and holds nothing.
    #[must_use]
    pub fn idle(name: ShareName, state: ShareState, cache_bytes_max: u64) -> Self {
        Self {
            name,
            state,
            inodes: 0,
            dirty_bytes: 0,
            dirty_files: 0,
            oldest_dirty_age_ms: 0,
            upload_queue: 0,
            uploads_failing: 0,
            last_upload_error: None,
            cache_used_bytes: 0,
            cache_bytes_max,
            uploaded_bytes: 0,
            downloaded_bytes: 0,
            read_bytes: 0,
            written_bytes: 0,
            read_hits: 0,
            read_misses: 0,
            importing: false,
            objects_listed: 0,
            cache: CacheStatus::default(),
            conflicts: 0,
            other_writer: None,
            express: ExpressStatus::default(),
        }
    }
}
