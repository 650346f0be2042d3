//! What happened in a share that people should hear of.

use std::collections::VecDeque;

use model::{ConflictPolicy, LostCache, LostRange};
use parking_lot::Mutex;

/// Something for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsEvent {
    /// A file was changed both here and in the bucket.
    Conflict {
        /// Its path.
        path: String,
        /// How it was settled.
        policy: ConflictPolicy,
        /// Where the local copy is, if both are kept.
        kept_as: Option<String>,
    },
    /// This gateway is the one that writes, from now on.
    LeaseTaken {
        /// How often the lease has changed hands.
        epoch: u64,
    },
    /// Another gateway writes: this share is read only until the lease is free.
    LeaseHeldElsewhere {
        /// What that gateway calls itself.
        holder: String,
    },
    /// A replica has more files than its cache can hold, and works as a cache does.
    ReplicaTooLarge {
        /// The length of all files.
        bytes: u64,
        /// What its cache has room for.
        room: u64,
    },
    /// More is pinned than the cache can hold: it comes and goes as what is not pinned.
    PinsTooLarge {
        /// The length of all files that are pinned.
        bytes: u64,
        /// What the cache has room for.
        room: u64,
    },
    /// The cache disk cannot read bytes of a file that were nowhere else.
    BytesLost {
        /// Its path.
        path: String,
        /// Which bytes.
        ranges: Vec<LostRange>,
    },
    /// The cache that there was is gone, and what was in it alone with it.
    CacheLost(LostCache),
}

impl FsEvent {
    /// Whether somebody should look.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::LeaseTaken { .. })
    }
}

impl std::fmt::Display for FsEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conflict {
                path,
                policy,
                kept_as,
            } => {
                write!(f, "`{path}` was changed here and in the bucket: ")?;
                match (policy, kept_as) {
                    (ConflictPolicy::KeepBoth, Some(kept)) => {
                        write!(f, "the bucket's is there, ours is `{kept}`")
                    }
                    (ConflictPolicy::GatewayWins, _) => write!(f, "ours overwrote the bucket's"),
                    (ConflictPolicy::BucketWins | ConflictPolicy::KeepBoth, _) => {
                        write!(f, "the bucket's replaced ours")
                    }
                }
            }
            Self::LeaseTaken { epoch } => {
                write!(f, "this gateway writes to the bucket (lease {epoch})")
            }
            Self::LeaseHeldElsewhere { holder } => write!(
                f,
                "{holder} writes to the bucket; here the share is read only until that ends"
            ),
            Self::ReplicaTooLarge { bytes, room } => write!(
                f,
                "its files have {bytes} bytes, its cache has room for {room}: it is no replica but a cache until that is larger"
            ),
            Self::PinsTooLarge { bytes, room } => write!(
                f,
                "{bytes} bytes are pinned, the cache has room for {room}: pins hold nothing in it until there are fewer, or that is larger"
            ),
            Self::BytesLost { path, ranges } => write!(
                f,
                "{} of `{path}` are lost: the cache disk cannot read them, and they were not uploaded; write them anew, or delete the file",
                said(ranges)
            ),
            Self::CacheLost(lost) => write_lost_cache(f, lost),
        }
    }
}

fn write_lost_cache(f: &mut std::fmt::Formatter<'_>, lost: &LostCache) -> std::fmt::Result {
    write!(
        f,
        "its cache was lost, and is made anew from the bucket; as of {}, ",
        lost.as_of
    )?;
    match lost.files {
        0 => return write!(f, "all files had been uploaded"),
        1 => write!(f, "1 file had not been uploaded: ")?,
        files => write!(f, "{files} files had not been uploaded: ")?,
    }
    let shown = lost.names.iter().take(NAMES_SHOWN);
    let shown: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    write!(f, "{}", shown.join(", "))?;
    match lost.files.saturating_sub(shown.len() as u64) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// Names in one event.
const NAMES_SHOWN: usize = 10;

/// Ranges for people.
pub(crate) fn said(ranges: &[LostRange]) -> String {
    let shown = ranges.iter().take(RANGES_SHOWN);
    let shown: Vec<String> = shown
        .map(|range| {
            format!(
                "{} to {}",
                range.offset,
                range.offset + range.len.max(1) - 1
            )
        })
        .collect();
    let more = match ranges.len().saturating_sub(RANGES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more ranges"),
    };
    format!("bytes {}{more}", shown.join(", "))
}

/// Ranges in one event.
const RANGES_SHOWN: usize = 8;

/// The last events that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Events(Mutex<VecDeque<FsEvent>>);

/// Events kept; the oldest go first.
const EVENTS_MAX: usize = 256;

impl Events {
    pub(crate) fn push(&self, event: FsEvent) {
        let mut events = self.0.lock();
        if events.len() == EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(crate) fn take(&self) -> Vec<FsEvent> {
        self.0.lock().drain(..).collect()
    }
}
