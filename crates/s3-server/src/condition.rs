//! `If-Match`, `If-None-Match` and their time-based kin (RFC 9110, 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::{ETag, ETagCondition, Timestamp};

use crate::{
    entry::Entry,
    error::{BucketError, BucketResult},
};

/// What must hold of the object before it is replaced or removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteCondition {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteCondition {
    /// Checks against the object as it is now.
    pub(crate) fn check(&self, now: Option<&Entry>) -> BucketResult<()> {
        let matches = |condition: &ETagCondition| now.is_some_and(|entry| is(condition, entry));
        let good = self.if_match.as_ref().is_none_or(matches)
            && !self.if_none_match.as_ref().is_some_and(matches);
        if good {
            return Ok(());
        }
        let now = now.map_or_else(|| "absent".to_owned(), |entry| entry.etag.clone());
        Err(BucketError::PreconditionFailed { now })
    }
}

/// What must hold of the object before it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadCondition {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadCondition {
    /// Checks in the order of RFC 9110, 13.2.2: a tag, if given, silences its time.
    pub(crate) fn check(&self, entry: &Entry) -> BucketResult<()> {
        let failed = || {
            let now = entry.etag.clone();
            Err(BucketError::PreconditionFailed { now })
        };
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !is(condition, entry) => return failed(),
            (None, Some(since)) if second(entry) > *since => return failed(),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if is(condition, entry) => Err(BucketError::NotModified),
            (None, Some(since)) if second(entry) <= *since => Err(BucketError::NotModified),
            _ => Ok(()),
        }
    }
}

fn is(condition: &ETagCondition, entry: &Entry) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(ETag::Strong(tag) | ETag::Weak(tag)) => *tag == entry.etag,
    }
}

/// HTTP dates count whole seconds.
fn second(entry: &Entry) -> Timestamp {
    let whole = entry.modified.as_millis() / 1_000;
    Timestamp::from(
        UNIX_EPOCH
            .checked_add(Duration::from_secs(whole))
            .unwrap_or(UNIX_EPOCH),
    )
}

/// The time of an object in S3's type.
pub(crate) fn time_of(at: clock::Timestamp) -> Timestamp {
    let since = Duration::from_millis(at.as_millis());
    Timestamp::from(
        SystemTime::UNIX_EPOCH
            .checked_add(since)
            .unwrap_or(UNIX_EPOCH),
    )
}
