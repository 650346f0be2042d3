//! A bucket in memory: the model that engines are tested with.

mod content;
mod faults;
mod port;
mod state;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use clock::Clock;
use parking_lot::Mutex;

use self::{
    content::{Content, joined},
    faults::Fate,
    state::{Object, State},
};
use crate::{ETag, Metadata, ObjectAttributes, StoreResult, Timestamp, Upload};

pub use faults::{CallCounts, Faults, Latency};

/// One object, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemObject {
    /// Its content.
    pub bytes: Bytes,
    /// Its tag: a hash of its content, or of its parts, as with S3.
    pub etag: ETag,
    /// When it was put.
    pub last_modified: Timestamp,
    /// `Content-Type`.
    pub content_type: String,
    /// User metadata.
    pub metadata: Metadata,
}

/// A bucket in memory, with latency, a line of some width, and faults on request.
#[derive(Debug)]
pub struct MemStore {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

impl MemStore {
    /// An empty bucket.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    /// From now on these faults happen.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock();
        state.dice.0 = faults.seed;
        state.faults = faults;
    }

    /// From now on it is that slow.
    pub fn set_latency(&self, latency: Latency) {
        self.state.lock().latency = latency;
    }

    /// From now on all bodies together, up and down, go at most that fast.
    pub fn set_bandwidth(&self, bytes_per_second: Option<u64>) {
        self.state.lock().line.bytes_per_second = bytes_per_second;
    }

    /// From now on it remembers what was overwritten and deleted: [`MemStore::versions`].
    pub fn keep_versions(&self) {
        self.state.lock().versions.get_or_insert_default();
    }

    /// Calls so far.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.state.lock().counts
    }

    /// All objects as they are now.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, MemObject> {
        let state = self.state.lock();
        let objects = state.objects.iter();
        objects.map(|(key, o)| (key.clone(), o.as_told())).collect()
    }

    /// One object as it is now.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<MemObject> {
        self.state.lock().objects.get(key).map(Object::as_told)
    }

    /// How many objects there are, and how long they are together.
    #[must_use]
    pub fn usage(&self) -> (usize, u64) {
        let state = self.state.lock();
        let bytes = state.objects.values().map(|object| object.content.len());
        (state.objects.len(), bytes.sum())
    }

    /// What a key had before what it has now, oldest first.
    #[must_use]
    pub fn versions(&self, key: &str) -> Vec<MemObject> {
        let state = self.state.lock();
        let versions = state.versions.as_ref().and_then(|v| v.get(key));
        versions.cloned().unwrap_or_default()
    }

    /// The uploads in parts that are under way, with the numbers of their parts.
    #[must_use]
    pub fn uploads(&self) -> BTreeMap<Upload, Vec<u32>> {
        let state = self.state.lock();
        let uploads = state.uploads.iter().map(|((key, id), parts)| {
            let (key, id) = (key.clone(), id.clone());
            (
                Upload { key, id },
                parts.by_number.keys().copied().collect(),
            )
        });
        uploads.collect()
    }

    /// Puts an object as another client of the bucket would: no fault, no latency.
    pub fn insert(&self, key: &str, bytes: impl Into<Bytes>, metadata: Metadata) -> ETag {
        let content = Content::from(bytes.into());
        let etag = content.etag();
        self.insert_object(key, content, etag, metadata)
    }

    /// The same with an object that is `piece` so many times; it takes no more memory than once.
    pub fn insert_repeated(&self, key: &str, piece: &Bytes, times: usize) -> ETag {
        let of_piece = Content::from(piece.clone()).etag();
        let mut content = Content::default();
        (0..times).for_each(|_| content.push(piece.clone()));
        let etag = joined(&[&of_piece], &(0..content.len()));
        self.insert_object(key, content, etag, Metadata::new())
    }

    fn insert_object(&self, key: &str, content: Content, etag: ETag, metadata: Metadata) -> ETag {
        let object = Object {
            etag: etag.clone(),
            content,
            last_modified: self.clock.wall(),
            attributes: ObjectAttributes {
                content_type: "binary/octet-stream".into(),
                metadata,
            },
        };
        self.state.lock().set(key, Some(object), self.clock.now());
        etag
    }

    /// Removes an object as another client of the bucket would.
    pub fn remove(&self, key: &str) {
        self.state.lock().set(key, None, self.clock.now());
    }

    fn object_of(&self, content: Content, attributes: ObjectAttributes) -> Object {
        Object {
            etag: content.etag(),
            content,
            last_modified: self.clock.wall(),
            attributes,
        }
    }

    /// Counts the call, waits as long as the store is slow, and decides whether it is refused.
    async fn begin(&self, count: impl FnOnce(&mut CallCounts)) -> StoreResult<Fate> {
        let (latency, fate) = {
            let mut state = self.state.lock();
            count(&mut state.counts);
            state.at_once += 1;
            state.counts.at_once_max = state.counts.at_once_max.max(state.at_once);
            (state.latency.per_call, state.fate())
        };
        let _under_way = UnderWay(&self.state);
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        fate
    }
}

/// A call that has not been answered.
struct UnderWay<'a>(&'a Mutex<State>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().at_once -= 1;
    }
}

#[cfg(test)]
mod tests;
