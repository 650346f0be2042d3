//! What is known of one file, of the queue of uploads, and of work on a share's cache.

use std::fmt;

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How safe a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileState {
    /// The object is what the file is.
    Clean,
    /// It waits for its upload.
    Dirty,
    /// Its upload is under way.
    Uploading {
        /// How much of it is in the bucket, if it goes in parts.
        #[serde(default)]
        percent: Option<u8>,
    },
    /// Its last upload failed and is tried again.
    Failed {
        /// Why.
        reason: String,
        /// How often, one after the other.
        failures: u32,
    },
    /// Its object is there and cannot be opened: it has another key, was tampered with, or was
    /// never encrypted. Nothing overwrites it but a new content of the whole file.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// It is the local copy of a file that was changed on both sides.
    Conflict,
    /// Bytes of it are lost: the cache disk cannot read them, and they were not uploaded. The rest
    /// can be read; it is uploaded when these are written anew.
    Lost {
        /// Which ones.
        ranges: Vec<LostRange>,
    },
}

/// Bytes of a file, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LostRange {
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub len: u64,
}

impl fmt::Display for FileState {
    /// In a few words, the reason included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("clean"),
            Self::Dirty => f.write_str("dirty"),
            Self::Uploading {
                percent: Some(percent),
            } => write!(f, "uploading {percent} %"),
            Self::Uploading { percent: None } => f.write_str("uploading"),
            Self::Failed { reason, .. } => write!(f, "failed: {reason}"),
            Self::Unreadable { reason } => write!(f, "unreadable: {reason}"),
            Self::Conflict => f.write_str("conflict"),
            Self::Lost { ranges } => {
                let bytes: u64 = ranges.iter().map(|range| range.len).sum();
                write!(f, "lost: {bytes} bytes")
            }
        }
    }
}

/// One file or directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileStatus {
    /// Its path in the share.
    pub path: String,
    /// Its number.
    pub inode: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Its length.
    pub size: u64,
    /// How safe it is.
    #[serde(flatten)]
    pub state: FileState,
    /// Bytes of it that are on the cache disk.
    pub cached_bytes: u64,
    /// Bytes of it that are nowhere else.
    pub dirty_bytes: u64,
    /// Since when the bucket is behind, in milliseconds since the epoch.
    pub dirty_since: Option<u64>,
    /// Whether it stays in the cache, because of itself or of a directory above it.
    pub is_pinned: bool,
    /// The object that holds its bytes.
    pub object: Option<String>,
    /// That object's entity tag.
    pub etag: Option<String>,
}

/// What went with a cache disk that was lost: files whose content had not been uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostCache {
    /// When the names were noted: what was written later is not among them, what was uploaded
    /// later is.
    pub as_of: Timestamp,
    /// When it was found out.
    pub found_at: Timestamp,
    /// How many files.
    pub files: u64,
    /// The first of them, by path: 10,000 at most.
    pub names: Vec<String>,
}

/// One piece of work for the object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueItem {
    /// `upload`, `delete` or `rename`; `lost` for a file that has lost bytes, which nobody can upload.
    pub kind: String,
    /// Path or key.
    pub what: String,
    /// Bytes to be sent.
    pub bytes: u64,
    /// Since when it waits, in milliseconds since the epoch.
    pub since: u64,
    /// Whether it is under way.
    pub is_running: bool,
    /// How much of it is in the bucket, if it goes in parts.
    #[serde(default)]
    pub percent: Option<u8>,
    /// How often it failed, one after the other.
    pub failures: u32,
    /// Why, the last time.
    pub error: Option<String>,
}

/// Work on a tree of a share, begun by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStatus {
    /// `prefetch`, `evict` or `check`.
    pub kind: String,
    /// The path.
    pub path: String,
    /// When it began, in milliseconds since the epoch.
    pub since: u64,
    /// Files (or records) done so far.
    pub done: u64,
    /// Bytes done so far.
    pub bytes: u64,
    /// How far it is.
    #[serde(flatten)]
    pub state: JobState,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// At it.
    Running,
    /// Done.
    Finished,
    /// It was given up.
    Failed {
        /// Why.
        reason: String,
    },
}

/// More on a share's cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheStatus {
    /// Files and directories that stay in the cache.
    pub pins: u64,
    /// Bytes per second that clients write, over the last minute.
    pub write_rate: u64,
    /// Bytes per second that reach the object store, over the last minute.
    pub upload_rate: u64,
    /// When the cache is full of unprotected data if both rates stay as they are, in
    /// milliseconds from now; `None` if it does not fill.
    pub full_in_ms: Option<u64>,
    /// Files of which bytes were lost on the cache disk, or with it, by name: 100 at most.
    pub lost: Vec<String>,
    /// Work that operators began, the last ones.
    pub jobs: Vec<JobStatus>,
}
