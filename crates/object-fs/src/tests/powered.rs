//! Requests to the bucket end with the power of the machine that makes them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use cache::Power;
use object_store::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, MemStore, ObjectAttributes, ObjectMeta,
    ObjectStore, PartOf, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind,
    StoreResult, Upload, UploadPage,
};
use parking_lot::Mutex;

use super::*;

/// What bodies pass on their way up and down. A test closes it, and sees who waits there.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<GateState>);

#[derive(Debug, Default)]
struct GateState {
    door: tokio::sync::RwLock<()>,
    waiting: AtomicU64,
    panics: AtomicBool,
    refused_heads: Mutex<BTreeMap<String, StoreErrorKind>>,
    refusals: AtomicU64,
}

impl Gate {
    /// Open again when the guard is dropped.
    pub(super) async fn close(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.0.door.write().await
    }

    pub(super) fn waiting(&self) -> u64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Who comes by panics.
    pub(super) fn set_panics(&self, panics: bool) {
        self.0.panics.store(panics, Ordering::Relaxed);
    }

    /// Nobody may look at an object from now on.
    pub(super) fn refuse_head(&self, key: &str, kind: StoreErrorKind) {
        self.0.refused_heads.lock().insert(key.to_owned(), kind);
    }

    /// How often somebody looked all the same.
    pub(super) fn refused_heads(&self) -> u64 {
        self.0.refusals.load(Ordering::Relaxed)
    }

    fn look_at(&self, key: &str) -> StoreResult<()> {
        match self.0.refused_heads.lock().get(key) {
            Some(kind) => {
                self.0.refusals.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::new(*kind, format!("`{key}` is not shown")))
            }
            None => Ok(()),
        }
    }

    async fn pass(&self) {
        let panics = self.0.panics.load(Ordering::Relaxed);
        assert!(!panics, "the store meets what it did not think of");
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        drop(self.0.door.read().await);
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A bucket as one machine reaches it: each request is a moment at which its power may go off,
/// before the bucket has carried it out or after.
#[derive(Debug)]
pub(super) struct Powered {
    store: Arc<MemStore>,
    power: Power,
    gate: Gate,
}

impl Powered {
    pub(super) fn new(store: &Arc<MemStore>, power: &Power, gate: &Gate) -> Self {
        Self {
            store: Arc::clone(store),
            power: power.clone(),
            gate: gate.clone(),
        }
    }

    async fn ask<T>(&self, request: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let moment = self.power.moment();
        let dark = || StoreError::new(StoreErrorKind::Unavailable, "the power is off");
        if !moment.has_effect() {
            return Err(dark());
        }
        let answer = request.await;
        // It may have gone off while the bucket was at work.
        if moment.is_answered() && !self.power.is_off() {
            answer
        } else {
            Err(dark())
        }
    }
}

#[async_trait]
impl ObjectStore for Powered {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        self.gate.pass().await;
        self.ask(self.store.put(key, source, options)).await
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        self.gate.pass().await;
        self.ask(self.store.get(key, offset, len, if_match)).await
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        self.gate.look_at(key)?;
        self.ask(self.store.head(key)).await
    }

    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()> {
        self.ask(self.store.delete(key, if_match)).await
    }

    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag> {
        self.ask(self.store.copy(from, to, options)).await
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        self.ask(self.store.begin_upload(key, attributes)).await
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        self.gate.pass().await;
        self.ask(self.store.put_part(part, source)).await
    }

    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag> {
        self.ask(self.store.copy_part(part, from)).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        self.ask(self.store.complete_upload(upload, parts, precondition))
            .await
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        self.ask(self.store.abort_upload(upload)).await
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        self.ask(self.store.list_uploads(prefix, after)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage> {
        self.ask(self.store.list(prefix, after)).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.ask(self.store.check()).await
    }
}
