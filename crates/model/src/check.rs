//! What a check of a share's cache found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The outcome of a check of a share's cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareCheck {
    /// Records of the index that were looked at.
    pub records: u64,
    /// Blocks of data that were looked at.
    pub blocks: u64,
    /// Faults found, by the name of the check.
    pub found: BTreeMap<String, u64>,
    /// The first of them, one by one.
    pub findings: Vec<CheckFinding>,
    /// Faults that were mended.
    pub repaired: u64,
    /// Faults that are left.
    pub remaining: u64,
    /// Files that have lost bytes which were nowhere but here.
    pub lost: Vec<String>,
}

impl ShareCheck {
    /// Whether there is nothing to mend.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.remaining == 0
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckFinding {
    /// Which check found it.
    pub check: String,
    /// Where, and what is wrong.
    pub what: String,
}
