//! What a share needs to be opened, and why it may not open.

use std::{path::PathBuf, time::Duration};

use model::{ConflictPolicy, ShareMode, ShareName, UploadLimits, Writers};
use thiserror::Error;

/// Settings of one share's engine.
#[derive(Clone, Debug)]
pub struct ObjectFsConfig {
    /// Name of the share, for status and logs.
    pub name: ShareName,
    /// Its own directory on the cache disk; made if it is not there.
    pub dir: PathBuf,
    /// Room for data on the cache disk.
    pub cache_bytes_max: u64,
    /// How long a file rests after its last write before it is uploaded.
    pub upload_delay: Duration,
    /// Time between two looks for changes made in the bucket by others; `None`: never.
    pub rescan_interval: Option<Duration>,
    /// Whether others are told at once what is changed here, and are heard.
    pub express_sync: bool,
    /// A directory that somebody opens is looked up in the bucket if that was not done for so long;
    /// `None`: never.
    pub refresh_after: Option<Duration>,
    /// What other gateways are told of who writes here.
    pub holder: String,
    /// Which gateways may write to the bucket.
    pub writers: Writers,
    /// What becomes of a file that was changed on both sides.
    pub conflicts: ConflictPolicy,
    /// What is in the cache, and when a commit returns.
    pub mode: ShareMode,
    /// Whether objects stay when clients delete their files.
    pub ignore_delete: bool,
    /// How files go to the bucket.
    pub uploads: UploadSettings,
}

/// How files go to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadSettings {
    /// A file that never rests is uploaded this long after its first change all the same.
    pub rest_max: Duration,
    /// Larger files go in parts of at least this length: a multiple of 4 KiB; S3 wants 5 MiB.
    pub part_bytes: u64,
    /// Requests under way at a time, at most; how many there are the store decides.
    pub requests_max: u32,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            rest_max: Duration::from_secs(60),
            part_bytes: 8 << 20,
            requests_max: 256,
        }
    }
}

impl From<UploadLimits> for UploadSettings {
    fn from(limits: UploadLimits) -> Self {
        Self {
            rest_max: Duration::from_millis(limits.rest_max_ms),
            part_bytes: limits.part_bytes,
            requests_max: limits.requests_max,
        }
    }
}

/// Why a share cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another share, has it open.
    #[error("the cache directory `{}` is in use by another process", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Index and journal have no room.
    #[error("the cache disk under `{}` is full", dir.display())]
    CacheDiskFull {
        /// The directory.
        dir: PathBuf,
    },
    /// The index is not what this version writes.
    #[error("the index in `{}` is damaged: {what}", dir.display())]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The disk fails.
    #[error("cannot open the cache directory `{}`", dir.display())]
    Disk {
        /// The directory.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
