//! A store of which nobody but those who have the key can read the objects.

mod body;
mod recent_keys;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use futures::{StreamExt as _, stream};
use object_store::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, ObjectAttributes, ObjectMeta, ObjectStore,
    PartOf, PartRules, PartSource, Precondition, PutOptions, StoreError, StoreErrorKind,
    StoreResult, Upload, UploadPage,
};
use parking_lot::Mutex;

use self::{
    body::{Body, Window, read_header},
    recent_keys::RecentKeys,
};
use crate::{
    chunks::ObjectKey,
    header::{HEADER_LEN, Header, SALT_LEN},
    key::ShareKey,
    layout::Layout,
    sealed::Sealed,
};

/// Gives salts: never the same twice.
pub trait Salts: Send + Sync + 'static {
    /// The next one.
    ///
    /// # Errors
    /// There is no randomness.
    fn next(&self) -> StoreResult<[u8; SALT_LEN]>;
}

/// Salts of the machine's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSalts;

impl Salts for SystemSalts {
    fn next(&self) -> StoreResult<[u8; SALT_LEN]> {
        let mut salt = [0; SALT_LEN];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_unspecified| {
            StoreError::new(StoreErrorKind::Other, "the machine gives no random bytes")
        })?;
        Ok(salt)
    }
}

/// The store. Names, attributes and lengths are as they are; content is encrypted. Objects whose
/// keys end with `/` and that are empty have no content, and stay so.
pub struct CipherStore {
    inner: Arc<dyn ObjectStore>,
    key: ShareKey,
    layout: Layout,
    salts: Arc<dyn Salts>,
    keys: Mutex<RecentKeys>,
}

impl std::fmt::Debug for CipherStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CipherStore")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl CipherStore {
    /// Around a store; all its gateways have the same `layout`.
    #[must_use]
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        key: ShareKey,
        layout: Layout,
        salts: Arc<dyn Salts>,
    ) -> Self {
        Self {
            inner,
            key,
            layout,
            salts,
            keys: Mutex::default(),
        }
    }

    fn new_header(&self) -> StoreResult<Header> {
        let salt = self.salts.next()?;
        Ok(Header::new(&self.key, self.layout, salt))
    }

    /// The key of an object with this header, if it is one of ours.
    fn object_key(&self, name: &str, header: &[u8]) -> StoreResult<ObjectKey> {
        let header = Header::decode(header).map_err(|e| {
            let message = format!(
                "object `{name}` cannot be opened: {e}; this share reads only what is encrypted \
                 with its key"
            );
            StoreError::new(StoreErrorKind::Undecipherable, message)
        })?;
        let ours = self.key.id();
        if header.key_id != ours {
            let message = format!(
                "object `{name}` is encrypted with key {}, and this share has key {ours}",
                header.key_id
            );
            return Err(StoreError::new(StoreErrorKind::Undecipherable, message));
        }
        if header.layout != self.layout {
            let message = format!(
                "object `{name}` has chunks of {} bytes, and not of {}",
                header.layout.chunk_len(),
                self.layout.chunk_len()
            );
            return Err(StoreError::new(StoreErrorKind::Undecipherable, message));
        }
        Ok(ObjectKey::new(&self.key, &header))
    }

    fn recent_key(&self, name: &str, tag: Option<&ETag>) -> Option<Arc<ObjectKey>> {
        self.keys.lock().of(name, tag?)
    }

    fn remember_key(&self, name: &str, tag: Option<&ETag>, key: &Arc<ObjectKey>) {
        if let Some(tag) = tag {
            self.keys.lock().remember(name, tag, key);
        }
    }

    /// The key of an object whose middle is asked for.
    async fn fetch_key(&self, name: &str, tag: Option<&ETag>) -> StoreResult<Arc<ObjectKey>> {
        if let Some(key) = self.recent_key(name, tag) {
            return Ok(key);
        }
        let body = self.inner.get(name, 0, HEADER_LEN as u64, tag).await?;
        let (header, _) = read_header(body).await?;
        let key = Arc::new(self.object_key(name, &header)?);
        self.remember_key(name, tag, &key);
        Ok(key)
    }

    /// What the inner store tells of an object, as it is for those who read it.
    fn opened(&self, mut meta: ObjectMeta) -> ObjectMeta {
        if !is_marker(&meta.key) {
            // One that cannot be encrypted is shown as it is, and refused when it is read.
            meta.size = self.layout.plain_len(meta.size).unwrap_or(meta.size);
        }
        meta
    }
}

fn is_marker(key: &str) -> bool {
    key.ends_with('/')
}

#[async_trait]
impl ObjectStore for CipherStore {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        if is_marker(key) && source.is_empty() {
            return self.inner.put(key, source, options).await;
        }
        let header = self.new_header()?;
        let object_key = ObjectKey::new(&self.key, &header);
        let sealed = Sealed {
            inner: source,
            key: &object_key,
            header: &header,
        };
        self.inner.put(key, &sealed, options).await
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        if len == 0 {
            return Ok(stream::empty().boxed());
        }
        // The header and the chunks of an object may come by two requests: of one version.
        let now = match if_match {
            None if offset > 0 => self.inner.head(key).await?.etag,
            Some(_) | None => None,
        };
        let tag = if_match.or(now.as_ref());
        let chunks = self.layout.chunks_of(offset, offset.saturating_add(len));
        let window = Window::new(self.layout, offset, len);
        // A byte of the next chunk, if there is one: so an object that was cut off where a chunk
        // ends is found.
        let end = self.layout.chunk_start(chunks.end).saturating_add(1);
        if chunks.start > 0 {
            let object_key = self.fetch_key(key, tag).await?;
            let start = self.layout.chunk_start(chunks.start);
            let body = self.inner.get(key, start, end - start, tag).await?;
            return Ok(Body::new(key, object_key, body, window).into_stream());
        }
        let body = self.inner.get(key, 0, end, tag).await?;
        let (header, body) = read_header(body).await?;
        let object_key = Arc::new(self.object_key(key, &header)?);
        self.remember_key(key, tag, &object_key);
        Ok(Body::new(key, object_key, body, window).into_stream())
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        self.inner.head(key).await.map(|meta| self.opened(meta))
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
        let page = self.inner.list(prefix, after).await?;
        let objects = page.objects.into_iter();
        Ok(ListPage {
            objects: objects.map(|meta| self.opened(meta)).collect(),
            more: page.more,
        })
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        let salt = self.salts.next()?;
        let upload = self.inner.begin_upload(key, attributes).await?;
        Ok(uploads::with_salt(upload, salt))
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        let (upload, salt) = uploads::salt_of(part.upload)?;
        let header = Header::new(&self.key, self.layout, salt);
        let object_key = ObjectKey::new(&self.key, &header);
        let sealed = Sealed {
            inner: source,
            key: &object_key,
            header: &header,
        };
        let part = PartOf {
            upload: &upload,
            number: part.number,
            range: uploads::sealed_range(self.layout, &part.range, source.len())?,
        };
        self.inner.put_part(part, &sealed).await
    }

    async fn copy_part(&self, _part: PartOf<'_>, _from: CopySource<'_>) -> StoreResult<ETag> {
        let message = "parts of an encrypted object open in that object only";
        Err(StoreError::new(StoreErrorKind::Other, message))
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        let upload = self.as_listed(upload);
        self.inner
            .complete_upload(&upload, parts, precondition)
            .await
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        self.inner.abort_upload(&self.as_listed(upload)).await
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        self.inner.list_uploads(prefix, after).await
    }

    fn as_listed(&self, upload: &Upload) -> Upload {
        uploads::without_salt(upload)
    }

    fn part_rules(&self) -> PartRules {
        PartRules {
            step: self.layout.chunk_len().max(self.inner.part_rules().step),
            can_copy: false,
        }
    }

    fn key_bytes_max(&self) -> usize {
        self.inner.key_bytes_max()
    }

    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await
    }
}

#[cfg(test)]
mod tests;
