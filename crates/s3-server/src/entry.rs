//! What is kept of an object besides its bytes.

use std::{collections::BTreeMap, fs::Metadata, os::unix::fs::MetadataExt as _, sync::Arc};

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// Names a body on disk, from its arrival to its end; never used twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FileId(String);

impl FileId {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells one file from another at the same path: rename keeps both, writing changes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }

    /// An etag for a file that nobody has read: not the form of an MD5, so that no client
    /// takes it for one.
    pub(crate) fn etag(self) -> String {
        format!(
            "{:x}{:09}{:x}-0",
            self.modified_s, self.modified_ns, self.size
        )
    }

    pub(crate) fn modified(self) -> Timestamp {
        let ms = u64::try_from(self.modified_s)
            .unwrap_or_default()
            .saturating_mul(1_000);
        Timestamp::from_millis(
            ms.saturating_add(u64::try_from(self.modified_ns / 1_000_000).unwrap_or_default()),
        )
    }
}

/// Headers that are stored with an object and given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    /// `x-amz-meta-…`, without the prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The body it came as; names it in `temp` and in `objects`.
    pub(crate) file: FileId,
    pub(crate) stamp: Stamp,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    #[serde(default)]
    pub(crate) attributes: Arc<Attributes>,
    /// Found again at each start, so that a line can be written before a place is had.
    #[serde(skip)]
    pub(crate) place: Place,
}
