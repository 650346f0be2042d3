//! A store behind a line of which only a part may be used.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

use crate::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, ObjectAttributes, ObjectMeta, ObjectStore,
    PartOf, PartRules, PartSource, Precondition, PutOptions, StoreResult, Throttle, Upload,
    UploadPage, throttle::Direction,
};

/// A store whose bodies go no faster than a [`Throttle`] lets them.
pub struct ThrottledStore {
    inner: Arc<dyn ObjectStore>,
    throttle: Arc<Throttle>,
}

impl std::fmt::Debug for ThrottledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThrottledStore").finish_non_exhaustive()
    }
}

impl ThrottledStore {
    /// Around a store.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, throttle: Arc<Throttle>) -> Self {
        Self { inner, throttle }
    }

    fn source<'a>(&'a self, inner: &'a dyn PartSource) -> ThrottledSource<'a> {
        ThrottledSource {
            inner,
            throttle: &self.throttle,
        }
    }
}

/// A body that is read as slowly as it may go out. What is read at once goes at once.
struct ThrottledSource<'a> {
    inner: &'a dyn PartSource,
    throttle: &'a Throttle,
}

#[async_trait]
impl PartSource for ThrottledSource<'_> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        // Before they are read: what waits for the line is on the disk, not in memory.
        self.throttle.pass(Direction::Up, len).await;
        self.inner.read(offset, len).await
    }
}

#[async_trait]
impl ObjectStore for ThrottledStore {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        self.inner.put(key, &self.source(source), options).await
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        let body = self.inner.get(key, offset, len, if_match).await?;
        let throttle = Arc::clone(&self.throttle);
        let slow = body.then(move |chunk| {
            let throttle = Arc::clone(&throttle);
            async move {
                let bytes = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                throttle.pass(Direction::Down, bytes).await;
                chunk
            }
        });
        Ok(slow.boxed())
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()> {
        self.inner.delete(key, if_match).await
    }

    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag> {
        self.inner.copy(from, to, options).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage> {
        self.inner.list(prefix, after).await
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        self.inner.begin_upload(key, attributes).await
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        self.inner.put_part(part, &self.source(source)).await
    }

    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag> {
        self.inner.copy_part(part, from).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        self.inner
            .complete_upload(upload, parts, precondition)
            .await
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        self.inner.abort_upload(upload).await
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        self.inner.list_uploads(prefix, after).await
    }

    fn as_listed(&self, upload: &Upload) -> Upload {
        self.inner.as_listed(upload)
    }

    fn part_rules(&self) -> PartRules {
        self.inner.part_rules()
    }

    fn key_bytes_max(&self) -> usize {
        self.inner.key_bytes_max()
    }

    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::Clock;
    use futures::TryStreamExt as _;
    use model::{Bandwidth, LineLimits, LineWindow, Timestamp, Weekday};

    use super::*;
    use crate::{MemStore, Metadata};

    struct Zeros(u64);

    #[async_trait]
    impl PartSource for Zeros {
        fn len(&self) -> u64 {
            self.0
        }

        async fn read(&self, _offset: u64, len: u64) -> std::io::Result<Bytes> {
            Ok(vec![0; usize::try_from(len).unwrap()].into())
        }
    }

    const MIB: u64 = 1 << 20;
    /// A Thursday, just before noon.
    const NOON: u64 = 12 * 60 * 60 * 1_000;

    fn limits(up: u64, down: u64) -> LineLimits {
        LineLimits {
            upload_bytes_per_s: up,
            download_bytes_per_s: down,
            ..LineLimits::default()
        }
    }

    async fn seconds<T>(clock: &Clock, work: impl Future<Output = T>) -> u64 {
        let began = clock.now();
        work.await;
        (clock.now() - began + Duration::from_millis(500)).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_together_go_as_fast_as_they_may_and_as_the_week_says() {
        let clock = Clock::of_runtime(Timestamp::from_millis(NOON - 10_000));
        let inner = Arc::new(MemStore::new(clock.clone()));
        let bandwidth = Bandwidth {
            limits: limits(MIB, 2 * MIB),
            windows: vec![LineWindow {
                days: vec![Weekday::Thursday],
                from_minute: 12 * 60,
                to_minute: 13 * 60,
                limits: limits(0, MIB / 2),
            }],
            utc_offset_minutes: 0,
        };
        let throttle = Arc::new(Throttle::new(clock.clone(), bandwidth));
        let store = ThrottledStore::new(inner, Arc::clone(&throttle));
        let options = PutOptions {
            content_type: String::new(),
            metadata: Metadata::new(),
            precondition: Precondition::None,
        };
        let put = |key: &'static str| {
            let (store, options) = (&store, &options);
            async move { store.put(key, &Zeros(2 * MIB), options).await.unwrap() }
        };
        let get = || async {
            let body = store.get("a", 0, 2 * MIB, None).await.unwrap();
            let chunks: Vec<Bytes> = body.try_collect().await.unwrap();
            assert_eq!(chunks.concat().len() as u64, 2 * MIB);
        };
        let both = async { futures::join!(put("a"), put("b")) };
        assert_eq!(seconds(&clock, both).await, 4);
        assert_eq!(seconds(&clock, get()).await, 1);
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(seconds(&clock, put("a")).await, 0, "none at lunch");
        assert_eq!(seconds(&clock, get()).await, 4);
        throttle.set(Bandwidth::default());
        assert_eq!(seconds(&clock, get()).await, 0);
    }
}
