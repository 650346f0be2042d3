//! The audit log.

use audit_log::Outcome;
use database::EntryOutcome;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditOutcome {
    /// The action is under way.
    Open,
    /// It was done.
    Succeeded,
    /// It was not, or not wholly.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number.
    pub(crate) id: u64,
    /// When it was opened.
    pub(crate) at: u64,
    /// Who acts.
    pub(crate) actor: String,
    /// From where: an address, or `local`.
    pub(crate) source: String,
    /// Through what: `page`, `ctl`, `api`, `system`.
    pub(crate) channel: String,
    /// What: `share.create`, …
    pub(crate) action: String,
    /// To which thing: `gateway/gw-…`, …
    pub(crate) target: String,
    /// Parameters, without secrets.
    #[schema(value_type = Object)]
    pub(crate) details: Value,
    /// How it ended.
    pub(crate) outcome: AuditOutcome,
    /// Why, if not well.
    pub(crate) reason: Option<String>,
    /// When it was closed.
    pub(crate) closed_at: Option<u64>,
    /// Hash of the record that opened it; the next record holds it too.
    pub(crate) hash: String,
}

impl From<database::AuditEntry> for AuditEntry {
    fn from(entry: database::AuditEntry) -> Self {
        let (outcome, reason, closed_at) = match entry.outcome {
            EntryOutcome::Open => (AuditOutcome::Open, None, None),
            EntryOutcome::Closed { at, outcome } => {
                let (outcome, reason) = match outcome {
                    Outcome::Succeeded => (AuditOutcome::Succeeded, None),
                    Outcome::Failed { reason } => (AuditOutcome::Failed, Some(reason)),
                    Outcome::Unknown { reason } => (AuditOutcome::Unknown, Some(reason)),
                };
                (outcome, reason, Some(at.as_millis()))
            }
        };
        Self {
            id: entry.id.0,
            at: entry.at.as_millis(),
            actor: entry.action.actor,
            source: entry.action.source,
            channel: entry.action.channel,
            action: entry.action.action,
            target: entry.action.target,
            details: entry.action.details,
            outcome,
            reason,
            closed_at,
            hash: entry.hash,
        }
    }
}

/// What a check of the whole chain found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditCheck {
    /// Records that fit.
    pub(crate) records: u64,
    /// Whether nothing was changed or removed.
    pub(crate) intact: bool,
    /// The first record that does not fit.
    pub(crate) broken_at: Option<u64>,
}
