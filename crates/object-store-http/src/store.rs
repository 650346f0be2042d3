//! The port, on a remote bucket.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use object_store::{
    ByteStream, CopyOptions, CopySource, ETag, ListPage, ObjectAttributes, ObjectMeta, ObjectStore,
    PartOf, PartSource, Precondition, PutOptions, StoreErrorKind, StoreResult, Upload, UploadPage,
};

use crate::{
    check,
    conditions::{Deed, guard},
    copy,
    limits::KEY_BYTES_MAX,
    list, multipart, put, read,
    remote::{Remote, Wait},
    request::Request,
};

/// A bucket, or the part of it under a prefix.
#[derive(Debug)]
pub(crate) struct RemoteStore {
    remote: Arc<Remote>,
}

impl RemoteStore {
    pub(crate) fn new(remote: Remote) -> Self {
        Self {
            remote: Arc::new(remote),
        }
    }
}

#[async_trait]
impl ObjectStore for RemoteStore {
    async fn put(
        &self,
        key: &str,
        source: &dyn PartSource,
        options: &PutOptions,
    ) -> StoreResult<ETag> {
        put::put(&self.remote, key, source, options).await
    }

    async fn get(
        &self,
        key: &str,
        offset: u64,
        len: u64,
        if_match: Option<&ETag>,
    ) -> StoreResult<ByteStream> {
        read::get(&self.remote, key, (offset, len), if_match).await
    }

    async fn head(&self, key: &str) -> StoreResult<ObjectMeta> {
        Ok(read::head(&self.remote, key).await?.meta)
    }

    async fn delete(&self, key: &str, if_match: Option<&ETag>) -> StoreResult<()> {
        let remote = &self.remote;
        let expected = if_match.map_or(Precondition::None, |etag| {
            Precondition::Matches(etag.clone())
        });
        let condition = guard(remote, key, Deed::Delete, &expected).await?;
        let mut request = Request::object(&remote.config, ("delete", Method::DELETE), key, &[])?;
        if let Some((name, value)) = condition {
            request = request.header(name, value);
        }
        match remote.call(&request, Wait::Answer).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn copy(
        &self,
        from: CopySource<'_>,
        to: &str,
        options: &CopyOptions,
    ) -> StoreResult<ETag> {
        copy::copy(&self.remote, from, to, options).await
    }

    async fn begin_upload(&self, key: &str, attributes: &ObjectAttributes) -> StoreResult<Upload> {
        multipart::begin(&self.remote, key, attributes).await
    }

    async fn put_part(&self, part: PartOf<'_>, source: &dyn PartSource) -> StoreResult<ETag> {
        multipart::put_part(&self.remote, part, source).await
    }

    async fn copy_part(&self, part: PartOf<'_>, from: CopySource<'_>) -> StoreResult<ETag> {
        multipart::copy_part(&self.remote, part, from).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[(u32, ETag)],
        precondition: &Precondition,
    ) -> StoreResult<ETag> {
        multipart::complete(&self.remote, upload, parts, precondition).await
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        multipart::abort(&self.remote, upload).await
    }

    async fn list_uploads(&self, prefix: &str, after: Option<&Upload>) -> StoreResult<UploadPage> {
        multipart::list(&self.remote, prefix, after).await
    }

    fn key_bytes_max(&self) -> usize {
        KEY_BYTES_MAX.saturating_sub(self.remote.config.prefix.len())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> StoreResult<ListPage> {
        list::list(&self.remote, prefix, after, None).await
    }

    async fn check(&self) -> StoreResult<()> {
        check::check(&self.remote).await
    }
}
