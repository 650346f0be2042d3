//! An object store as the engines see it: one trait, its errors, and a model in memory.
//!
//! Not here: signatures and HTTP (`object-store-http`), when to call (`object-fs`).
//! Invariant: a `put` that returned is durable and seen by every later call.
//! Start at [`ObjectStore`]. Tests of engines use [`MemStore`], with latency and faults.

mod error;
mod mem_store;
mod throttle;
mod throttled;
mod upload;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use error::{StoreError, StoreErrorKind, StoreResult};
pub use mem_store::{CallCounts, Faults, Latency, MemObject, MemStore};
pub use throttle::{Direction, Throttle};
pub use throttled::ThrottledStore;
pub use upload::{
    PART_BYTES_MAX, PARTS_MAX, PartOf, PartRules, Upload, UploadPage, UploadUnderWay,
};

pub use model::Timestamp;

/// User metadata of an object; keys in lower case without the `x-…-meta-` prefix.
pub type Metadata = BTreeMap<String, String>;

/// The entity tag, with its quotes removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(pub String);

/// What is known of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: String,
    /// Its length.
    pub size: u64,
    /// Its tag.
    pub etag: Option<ETag>,
    /// When it was last put.
    pub last_modified: Option<Timestamp>,
    /// User metadata; `None` where the call does not tell it (a listing).
    pub metadata: Option<Metadata>,
}

/// A part of a listing, in key order.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The objects.
    pub objects: Vec<ObjectMeta>,
    /// Whether there are more after the last of them.
    pub more: bool,
}

/// When a key is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Always.
    None,
    /// Only if there is no such object.
    Absent,
    /// Only if the object still has this tag.
    Matches(ETag),
}

/// What goes with the bytes of an object.
#[derive(Clone, Debug)]
pub struct PutOptions {
    /// `Content-Type`.
    pub content_type: String,
    /// User metadata.
    pub metadata: Metadata,
    /// When to do it.
    pub precondition: Precondition,
}

/// What goes with the bytes of an object, without a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectAttributes {
    /// `Content-Type`.
    pub content_type: String,
    /// User metadata.
    pub metadata: Metadata,
}

/// An object to copy from.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// Its key.
    pub key: &'a str,
    /// Only if it still has this tag.
    pub if_match: Option<&'a ETag>,
}

/// How an object is copied.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// What the copy has instead of the source's own; those go along if `None`.
    pub attributes: Option<ObjectAttributes>,
    /// When to do it: about the destination.
    pub precondition: Precondition,
}

/// Bytes of an object, as they arrive.
pub type ByteStream = BoxStream<'static, StoreResult<Bytes>>;

/// Produces the bytes of an object, when they are needed: an upload never holds more than its
/// parts in flight in memory, and a part can be asked for again.
#[async_trait]
pub trait PartSource: Send + Sync {
    /// Length of the whole.
    fn len(&self) -> u64;
    /// Whether there is nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The bytes from `offset`, exactly `len` of them.
    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes>;
}

/// A bucket, or a part of it under a prefix that the implementation adds and removes.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores an object whole, in one request: at most [`PART_BYTES_MAX`].
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag>;
    /// Bytes `offset..offset + len`, from the version `if_match` if given.
    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream>;
    /// What is known of it, user metadata included.
    async fn head(&self, key: &str) -> StoreResult<ObjectMeta>;
    /// Removes it, if it still has the tag; no error if it is not there.
    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()>;
    /// Copies within the bucket. [`StoreErrorKind::PreconditionFailed`] may be about either end.
    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag>;
    /// Lists keys that begin with `prefix` and come after `after`, at most about 1,000.
    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage>;
    /// Begins an upload in parts; its object appears when it is completed.
    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload>;
    /// Sends a part: the range of it that is the range of the source.
    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag>;
    /// Makes a part of a range of an object, without its bytes' passing through here.
    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag>;
    /// Makes the parts one object, in the order of their numbers.
    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag>;
    /// Forgets an upload and its parts; no error if it is not there.
    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()>;
    /// Lists uploads under way to keys that begin with `prefix`, after `after`.
    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage>;
    /// An upload as [`ObjectStore::list_uploads`] tells it.
    fn as_listed(&self, upload: &Upload) -> Upload {
        upload.clone()
    }
    /// Where parts can begin, and whether there is [`ObjectStore::copy_part`].
    fn part_rules(&self) -> PartRules {
        PartRules::default()
    }
    /// Longest key that an object can have here.
    fn key_bytes_max(&self) -> usize {
        KEY_BYTES_MAX
    }
    /// Whether bucket, keys and rights are right: lists, puts, heads and deletes a probe.
    async fn check(&self) -> StoreResult<()>;
}

/// Longest key that all stores take (OSS; S3 has one more).
const KEY_BYTES_MAX: usize = 1_023;
