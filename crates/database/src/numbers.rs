//! Numbers and times in columns: databases have no unsigned integers in common.

use model::Timestamp;

pub(crate) fn to_column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn from_column(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(crate) fn time_to_column(at: Timestamp) -> i64 {
    to_column(at.as_millis())
}

pub(crate) fn time_from_column(at: i64) -> Timestamp {
    Timestamp::from_millis(from_column(at))
}
