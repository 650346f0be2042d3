//! What others may know of the shares, without asking the loop that owns them.

use std::sync::Arc;

use model::{IntentReport, ShareName, ShareSettings, ShareState, ShareStatus};

use super::factory::Share;

/// All shares at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    /// How far the intent is reached.
    pub(crate) report: IntentReport,
    /// The shares.
    pub(crate) lines: Vec<Line>,
}

/// One share.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) name: ShareName,
    pub(crate) state: LineState,
    pub(crate) cache_bytes_max: u64,
}

/// What it is doing.
#[derive(Clone)]
pub(crate) enum LineState {
    /// Being opened or closed.
    Starting,
    /// Clients use it.
    Serving(Arc<dyn Share>),
    /// No longer wanted, not yet empty.
    Removed(Option<Arc<dyn Share>>),
    /// It cannot be served.
    Failed(String),
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shares = self.lines.iter().map(|line| &line.name);
        f.debug_struct("Snapshot")
            .field("report", &self.report)
            .field("shares", &shares.collect::<Vec<_>>())
            .finish()
    }
}

impl Snapshot {
    /// Whether nothing has changed that is worth telling at once.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let key = |line: &Line| (line.name.clone(), std::mem::discriminant(&line.state));
        self.report == other.report && self.lines.iter().map(key).eq(other.lines.iter().map(key))
    }

    /// The shares as they are reported.
    pub(crate) fn statuses(&self) -> Vec<ShareStatus> {
        self.lines.iter().map(Line::status).collect()
    }

    /// The share that clients use under this name.
    pub(crate) fn serving(&self, name: &str) -> Option<Arc<dyn Share>> {
        self.lines.iter().find_map(|line| match &line.state {
            LineState::Serving(share) if line.name.as_str() == name => Some(Arc::clone(share)),
            LineState::Serving(_)
            | LineState::Starting
            | LineState::Removed(_)
            | LineState::Failed(_) => None,
        })
    }
}

impl Line {
    pub(crate) fn new(settings: &ShareSettings, state: LineState) -> Self {
        let (name, cache_bytes_max) = (settings.name.clone(), settings.cache_bytes_max);
        Self {
            name,
            state,
            cache_bytes_max,
        }
    }

    /// As it is reported.
    pub(crate) fn status(&self) -> ShareStatus {
        match &self.state {
            LineState::Serving(share) => share.status(),
            LineState::Starting => self.idle(ShareState::Starting),
            LineState::Failed(reason) => self.idle(ShareState::Failed {
                reason: reason.clone(),
            }),
            LineState::Removed(None) => {
                let reason = "removed; it is being opened to upload what it still holds".into();
                self.idle(ShareState::Failed { reason })
            }
            LineState::Removed(Some(share)) => {
                let status = share.status();
                let reason = format!(
                    "removed; {} bytes in {} files are still to be uploaded",
                    status.dirty_bytes, status.dirty_files
                );
                ShareStatus {
                    state: ShareState::Failed { reason },
                    ..status
                }
            }
        }
    }

    fn idle(&self, state: ShareState) -> ShareStatus {
        ShareStatus::idle(self.name.clone(), state, self.cache_bytes_max)
    }
}
