//! What the bucket holds, and held before.

use std::{
    collections::BTreeMap,
    ops::Bound,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    MemObject,
    content::Content,
    faults::{CallCounts, Dice, Fate, Faults, Latency, Line},
};
use crate::{
    CopySource, ETag, Metadata, ObjectAttributes, ObjectMeta, Precondition, StoreError,
    StoreErrorKind, StoreResult, Timestamp,
};

/// An object, in pieces.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) etag: ETag,
    pub(super) last_modified: Timestamp,
    pub(super) attributes: ObjectAttributes,
}

impl Object {
    pub(super) fn meta(&self, key: &str, metadata: Option<Metadata>) -> ObjectMeta {
        ObjectMeta {
            key: key.to_owned(),
            size: self.content.len(),
            etag: Some(self.etag.clone()),
            last_modified: Some(self.last_modified),
            metadata,
        }
    }

    pub(super) fn as_told(&self) -> MemObject {
        MemObject {
            bytes: self.content.whole(),
            etag: self.etag.clone(),
            last_modified: self.last_modified,
            content_type: self.attributes.content_type.clone(),
            metadata: self.attributes.metadata.clone(),
        }
    }
}

/// An upload in parts.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) attributes: ObjectAttributes,
    pub(super) since: Timestamp,
    pub(super) by_number: BTreeMap<u32, (ETag, Content)>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Object>,
    /// By key and id.
    pub(super) uploads: BTreeMap<(String, String), Parts>,
    pub(super) uploads_begun: u64,
    /// What each key had before, oldest first, if that is kept.
    pub(super) versions: Option<BTreeMap<String, Vec<MemObject>>>,
    /// What keys were before they changed, and when: for listings that are stale.
    former: Vec<(Instant, String, Option<ObjectMeta>)>,
    pub(super) counts: CallCounts,
    pub(super) at_once: u32,
    pub(super) faults: Faults,
    pub(super) latency: Latency,
    pub(super) line: Line,
    pub(super) dice: Dice,
    calls: u64,
}

/// Changes remembered for stale listings.
const FORMER_MAX: usize = 100_000;

impl State {
    pub(super) fn fate(&mut self) -> StoreResult<Fate> {
        self.calls += 1;
        let faults = self.faults;
        let turn = faults
            .refuse_every
            .is_some_and(|every| self.calls % every == 0);
        let is_much = faults
            .calls_at_once_max
            .is_some_and(|max| self.at_once > max);
        if is_much || self.dice.chance(faults.throttled_permille) {
            let kind = StoreErrorKind::Throttled;
            return Err(StoreError::new(kind, "429 too many requests (injected)"));
        }
        if faults.offline || turn || self.dice.chance(faults.refused_permille) {
            let kind = StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "503 slow down (injected)"));
        }
        Ok(if self.dice.chance(faults.lost_reply_permille) {
            Fate::ReplyLost
        } else {
            Fate::Answered
        })
    }

    /// Whether a body arrives as it was sent; if not, the sender is told.
    pub(super) fn received(&mut self, content: Content, fate: Fate) -> (Content, Fate) {
        let permille = self.faults.damaged_permille;
        // No dice are thrown for nothing: faults of a seed stay what they were.
        if permille == 0 || content.len() == 0 || !self.dice.chance(permille) {
            return (content, fate);
        }
        let mut bytes = content.whole().to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        (Bytes::from(bytes).into(), Fate::Damaged)
    }

    /// Changes what a key has.
    pub(super) fn set(&mut self, key: &str, object: Option<Object>, now: Instant) {
        let before = match object {
            Some(object) => self.objects.insert(key.to_owned(), object),
            None => self.objects.remove(key),
        };
        if self.faults.stale_list_permille > 0 && self.former.len() < FORMER_MAX {
            let meta = before.as_ref().map(|object| object.meta(key, None));
            self.former.push((now, key.to_owned(), meta));
        }
        if let (Some(versions), Some(before)) = (&mut self.versions, before) {
            let of_key = versions.entry(key.to_owned()).or_default();
            of_key.push(before.as_told());
        }
    }

    pub(super) fn require(&self, key: &str, precondition: &Precondition) -> StoreResult<()> {
        let now = self.objects.get(key);
        let holds = match precondition {
            Precondition::None => true,
            Precondition::Absent => now.is_none(),
            Precondition::Matches(etag) => now.is_some_and(|object| object.etag == *etag),
        };
        holds.then_some(()).ok_or_else(|| not_as_expected(key))
    }

    pub(super) fn source(&self, from: CopySource<'_>) -> StoreResult<&Object> {
        let object = self.objects.get(from.key);
        let object = object.ok_or_else(|| not_found(from.key))?;
        if from.if_match.is_some_and(|etag| *etag != object.etag) {
            return Err(not_as_expected(from.key));
        }
        Ok(object)
    }

    /// Some of the keys after `after`, as they are, or as they were `ago`.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        (limit, ago): (usize, Option<(Duration, Instant)>),
    ) -> Vec<ObjectMeta> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let now = self.objects.range::<str, _>((from, Bound::Unbounded));
        let now = now.take_while(|(key, _)| key.starts_with(prefix));
        let metas = now.map(|(key, object)| object.meta(key, None));
        let Some((age, at)) = ago else {
            return metas.take(limit).collect();
        };
        let mut all: BTreeMap<String, ObjectMeta> =
            metas.map(|meta| (meta.key.clone(), meta)).collect();
        let is_recent = |then: Instant| at.saturating_duration_since(then) <= age;
        for (_, key, meta) in self.former.iter().rev().filter(|f| is_recent(f.0)) {
            let is_asked = key.starts_with(prefix) && after.is_none_or(|after| &**key > after);
            match meta {
                Some(meta) if is_asked => drop(all.insert(key.clone(), meta.clone())),
                Some(_) | None => drop(all.remove(key)),
            }
        }
        all.into_values().take(limit).collect()
    }
}

pub(super) fn not_found(key: &str) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("no object `{key}`"))
}

pub(super) fn not_as_expected(key: &str) -> StoreError {
    let message = format!("`{key}` is not as expected");
    StoreError::new(StoreErrorKind::PreconditionFailed, message)
}

pub(super) fn no_upload(id: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::UploadLost,
        format!("no upload `{id}`, or not all of it"),
    )
}
