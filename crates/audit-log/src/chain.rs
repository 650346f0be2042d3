//! The hash chain over records.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{Action, EntryId, Outcome, Timestamp};

/// Hash before the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum RecordBody {
    /// An entry was opened; its id is this record's sequence number.
    Opened {
        /// The action about to happen.
        action: Action,
    },
    /// An entry was closed.
    Closed {
        /// Which.
        entry: EntryId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3, …
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub body: RecordBody,
    /// Hash of the record before, in hex.
    pub previous_hash: String,
    /// SHA-256 of all of the above, in hex.
    pub hash: String,
}

impl Record {
    /// The next link after one with `previous_hash`.
    #[must_use]
    pub fn chained(sequence: u64, at: Timestamp, body: RecordBody, previous_hash: &str) -> Self {
        let previous_hash = previous_hash.to_owned();
        let hash = digest(sequence, at, &body, &previous_hash);
        Self {
            sequence,
            at,
            body,
            previous_hash,
            hash,
        }
    }
}

fn digest(sequence: u64, at: Timestamp, body: &RecordBody, previous_hash: &str) -> String {
    let text = serde_json::to_string(&(sequence, at, body, previous_hash))
        .expect("records have only text and numbers");
    hex::encode(Sha256::digest(text))
}

/// Where a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// A record is missing before this one.
    #[error("a record is missing before {0}")]
    Missing(u64),
    /// This record was changed.
    #[error("record {0} was changed")]
    Changed(u64),
}

impl ChainError {
    /// The first record that does not fit.
    #[must_use]
    pub const fn record(self) -> u64 {
        match self {
            Self::Missing(record) | Self::Changed(record) => record,
        }
    }
}

/// Checks that `records` follow each other and the hash before them without a gap.
///
/// # Errors
/// The first record that does not fit.
pub fn verify_chain<'a>(
    mut previous_hash: &'a str,
    mut next: u64,
    records: &'a [Record],
) -> Result<&'a str, ChainError> {
    for record in records {
        if record.sequence != next || record.previous_hash != previous_hash {
            return Err(ChainError::Missing(record.sequence));
        }
        let hash = digest(
            record.sequence,
            record.at,
            &record.body,
            &record.previous_hash,
        );
        if hash != record.hash {
            return Err(ChainError::Changed(record.sequence));
        }
        previous_hash = &record.hash;
        next += 1;
    }
    Ok(previous_hash)
}
