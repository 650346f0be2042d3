//! What operators ask of a running share.

use serde::{Deserialize, Serialize};

use crate::Method;

/// One of them, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareAction {
    /// `share.check`. Result: [`crate::ShareCheck`].
    Check(CheckParams),
    /// `share.pin`. Result: `{}`.
    Pin(PathParams),
    /// `share.unpin`. Result: `{"was_pinned"}`.
    Unpin(PathParams),
    /// `share.prefetch`; goes on behind the answer. Result: `{}`.
    Prefetch(PathParams),
    /// `share.evict`. Result: `{"files", "bytes", "dirty", "pinned"}`.
    Evict(PathParams),
    /// `share.file-status`. Result: [`crate::FileStatus`].
    FileStatus(PathParams),
    /// `share.queue`. Result: `{"items": [QueueItem]}`.
    Queue(QueueParams),
}

/// A path in the share; empty for all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathParams {
    /// The path.
    pub path: String,
}

/// How far to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckParams {
    /// Read all data and compare it with its checksums.
    #[serde(default)]
    pub data: bool,
    /// Mend what is found. The share is closed for that and served again; its clients wait.
    #[serde(default)]
    pub repair: bool,
}

/// How much of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueParams {
    /// At most so many; 50 unless said otherwise.
    pub limit: Option<usize>,
}

impl ShareAction {
    /// From the parameters of a command; `None` if the method is not one of a share's actions.
    ///
    /// # Errors
    /// If the parameters are not those of the method.
    pub fn of(
        method: &Method,
        params: &serde_json::Value,
    ) -> Result<Option<Self>, serde_json::Error> {
        let path = || PathParams::deserialize(params);
        Ok(Some(match method {
            Method::ShareCheck => Self::Check(CheckParams::deserialize(params)?),
            Method::SharePin => Self::Pin(path()?),
            Method::ShareUnpin => Self::Unpin(path()?),
            Method::SharePrefetch => Self::Prefetch(path()?),
            Method::ShareEvict => Self::Evict(path()?),
            Method::ShareFileStatus => Self::FileStatus(path()?),
            Method::ShareQueue => Self::Queue(QueueParams::deserialize(params)?),
            Method::StatusGet
            | Method::ShareList
            | Method::ShareSync
            | Method::RestartShare
            | Method::CommandGet
            | Method::Unknown(_) => return Ok(None),
        }))
    }
}
