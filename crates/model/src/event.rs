//! Events: what a gateway tells without being asked, on `csg_event/<gateway id>`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ChangeReport, IntentReport, Timestamp};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Something does not work.
    Error,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the gateway's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// How far the gateway has come with its intent; sent at connect and after each change.
    IntentReport(IntentReport),
    /// What was changed in the bucket of a share; `at` is when the first of it was.
    Changes(ChangeReport),
    /// Something for people.
    Notice {
        /// How bad it is.
        severity: Severity,
        /// The share it is about.
        share: Option<String>,
        /// The sentence.
        message: String,
    },
}
