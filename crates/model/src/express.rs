//! Express sync: a gateway tells what it changed in a bucket, the console passes it on to the
//! other gateways over the same objects.
//!
//! ```text
//! gateway ── csg_event: ChangeReport ──> console ── csg_express: ChangeNotice ──> other gateways
//! ```
//!
//! Nothing waits for a gateway that is away, and messages may get lost: batches are numbered, and
//! who misses a number lists the bucket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GatewayId, ShareName, Timestamp};

/// One object that was put or deleted. Without the part that all keys of its batch begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ObjectChange {
    /// The key has this object now.
    Put {
        /// Its key.
        key: String,
        /// Its length in bytes.
        size: u64,
        /// Its entity tag, if the store has them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
        /// Its user metadata that tells POSIX attributes; a receiver asks the store if it is
        /// missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<BTreeMap<String, String>>,
    },
    /// The key has no object any more.
    Delete {
        /// The key.
        key: String,
    },
}

impl ObjectChange {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// The same with its key put below `prefix`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        let (Self::Put { key, .. } | Self::Delete { key }) = &mut self;
        key.insert_str(0, prefix);
        self
    }

    /// The same seen from `prefix`; nothing if it is elsewhere.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Option<Self> {
        let (Self::Put { key, .. } | Self::Delete { key }) = &mut self;
        *key = key.strip_prefix(prefix)?.to_owned();
        Some(self)
    }
}

/// Changes in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeBatch {
    /// Another one each time the share is opened.
    pub epoch: u64,
    /// Grows by one from batch to batch of an epoch. A batch without changes repeats the number
    /// of the last one: who has not heard that one learns so.
    pub sequence: u64,
    /// The changes.
    pub changes: Vec<ObjectChange>,
}

/// What a gateway tells of one of its shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReport {
    /// Which share; keys are those below its prefix.
    pub share: ShareName,
    /// What was changed.
    #[serde(flatten)]
    pub batch: ChangeBatch,
}

/// Who changed something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeSource {
    /// The gateway.
    pub gateway: GatewayId,
    /// The share.
    pub share: ShareName,
}

/// What another gateway changed, on `csg_express/p2p/<client ID>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeNotice {
    /// The receiver's share.
    pub share: ShareName,
    /// Who changed it.
    pub from: ChangeSource,
    /// When the first of the changes was made, by the clock of who made it.
    pub at: Timestamp,
    /// In front of each key, as the receiver's share has it. All that the other one can change is
    /// below it.
    pub prefix: String,
    /// What was changed.
    #[serde(flatten)]
    pub batch: ChangeBatch,
}

/// How express sync of a share does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpressStatus {
    /// Counter: changes of objects that were told to others.
    pub told: u64,
    /// Counter: changes that others told and that are in the index.
    pub applied: u64,
    /// When the last of them came, in milliseconds since the epoch.
    pub applied_at: Option<u64>,
    /// From the change at another gateway until it was seen here, in milliseconds: the median of
    /// the last 1,024 batches. The clocks of both are in it.
    pub delay_ms: Option<u64>,
    /// Of 99 in 100 of them.
    pub delay_p99_ms: Option<u64>,
    /// The longest of them.
    pub delay_max_ms: Option<u64>,
    /// Counter: times that something was missed.
    pub gaps: u64,
    /// Counter: listings because of that.
    pub scans: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> ObjectChange {
        ObjectChange::Put {
            key: key.into(),
            size: 5,
            etag: Some("e".into()),
            metadata: None,
        }
    }

    #[test]
    fn a_report_is_json_with_a_word_for_each_change() {
        let report = ChangeReport {
            share: "projects".parse().unwrap(),
            batch: ChangeBatch {
                epoch: 7,
                sequence: 3,
                changes: vec![put("a"), ObjectChange::Delete { key: "b".into() }],
            },
        };
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            json,
            r#"{"share":"projects","epoch":7,"sequence":3,"changes":[{"change":"put","key":"a","size":5,"etag":"e"},{"change":"delete","key":"b"}]}"#
        );
        assert_eq!(serde_json::from_str::<ChangeReport>(&json).unwrap(), report);
    }

    #[test]
    fn a_change_that_is_not_understood_is_not_taken_for_another() {
        for change in [r#"{"key":"a"}"#, r#"{"change":"append","key":"a"}"#] {
            let read: Result<ObjectChange, _> = serde_json::from_str(change);
            assert!(read.is_err(), "{change}");
        }
    }

    #[test]
    fn a_key_is_seen_from_another_prefix_or_not_at_all() {
        assert_eq!(put("b/c").below("a/"), put("a/b/c"));
        assert_eq!(put("a/b").within("a/"), Some(put("b")));
        assert_eq!(put("ab").within("a/"), None);
    }
}
