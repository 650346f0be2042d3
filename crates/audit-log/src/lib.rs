//! The audit log: an entry is opened before an action and closed after it.
//!
//! Not here: where entries are kept (`database`), who may act (`console`).
//! Invariant: no entry, no action: [`AuditLog::open`] failing refuses the action.
//! Invariant: entries are only ever appended; each record carries the hash of the one before,
//! so that a record changed or removed later is found by [`verify_chain`].
//! Start at [`AuditLog`]. Reference model: [`MemAuditLog`].

mod chain;
mod mem_audit_log;

use async_trait::async_trait;
pub use chain::{ChainError, GENESIS, Record, RecordBody, verify_chain};
pub use clock::Timestamp;
pub use mem_audit_log::MemAuditLog;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// Who does what to which thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// User name, or `system`.
    pub actor: String,
    /// Where the request came from, `ip` or `local`.
    pub source: String,
    /// Through what: `page`, `ctl`, `api`, `system`.
    pub channel: String,
    /// `share.create`, `command.issue`, `user.login`, …
    pub action: String,
    /// `gateway/gw-…`, `gateway/gw-…/share/demo`, …
    pub target: String,
    /// Parameters, without secrets.
    pub details: serde_json::Value,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// It was not, or not wholly.
    Failed {
        /// Error code and sentence.
        reason: String,
    },
    /// Nobody knows: the console ended in between, or no answer came.
    Unknown {
        /// What is known.
        reason: String,
    },
}

/// The log cannot be written or read.
#[derive(Debug, Error)]
#[error("the audit log cannot be reached: {0}; nothing was done")]
pub struct AuditError(pub String);

/// An audit log.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Opens an entry, durably.
    async fn open(&self, at: Timestamp, action: Action) -> Result<EntryId, AuditError>;
    /// Closes it.
    async fn close(&self, at: Timestamp, id: EntryId, outcome: Outcome) -> Result<(), AuditError>;
    /// Records after `after` in order, at most `limit`; for pages and verification.
    async fn records(&self, after: u64, limit: usize) -> Result<Vec<Record>, AuditError>;
}
