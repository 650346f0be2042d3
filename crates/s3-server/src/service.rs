//! S3's words for what buckets do. Each call is in the file of its noun.

mod lists;
mod multipart;
mod objects;

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use s3s::{
    S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
        CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
        DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
        DeleteObjectsInput, DeleteObjectsOutput, GetBucketLocationInput, GetBucketLocationOutput,
        GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
        HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput,
        ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
        ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput,
        UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
    },
};

use crate::{
    bucket::Bucket,
    buckets::Buckets,
    error::{BucketError, BucketResult},
    incoming::blocking,
    limits::KEY_BYTES_MAX,
};

/// All buckets, as S3.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    buckets: Arc<Buckets>,
    clock: Clock,
}

impl Service {
    pub(crate) fn new(buckets: Arc<Buckets>, clock: Clock) -> Self {
        Self { buckets, clock }
    }

    fn bucket(&self, name: &str) -> BucketResult<Arc<Bucket>> {
        self.buckets.get(name)
    }

    /// The bucket, for a call that names `key` in it.
    fn bucket_for(&self, name: &str, key: &str) -> BucketResult<Arc<Bucket>> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let why = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
            return Err(BucketError::Invalid(why));
        }
        self.bucket(name)
    }
}

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

#[async_trait]
impl S3 for Service {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        answer(lists::buckets(&self.buckets.all()))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        if req.input.object_lock_enabled_for_bucket == Some(true) {
            let why = "objects cannot be locked here";
            return Err(S3Error::with_message(S3ErrorCode::NotImplemented, why));
        }
        let (buckets, name) = (Arc::clone(&self.buckets), req.input.bucket);
        let location = Some(format!("/{name}"));
        blocking(move || buckets.create(&name)).await?;
        answer(CreateBucketOutput { location })
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        let (buckets, name) = (Arc::clone(&self.buckets), req.input.bucket);
        blocking(move || buckets.delete(&name)).await?;
        answer(DeleteBucketOutput::default())
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.bucket(&req.input.bucket)?;
        answer(HeadBucketOutput::default())
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.bucket(&req.input.bucket)?;
        answer(GetBucketLocationOutput::default())
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let bucket = self.bucket(&req.input.bucket)?;
        answer(lists::objects_v1(&bucket, req.input)?)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let bucket = self.bucket(&req.input.bucket)?;
        answer(lists::objects_v2(&bucket, req.input)?)
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(objects::put(bucket, req).await?)
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        objects::get(bucket, req.input).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(objects::head(&bucket, req.input)?)
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(objects::delete(bucket, req.input).await?)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let bucket = self.bucket(&req.input.bucket)?;
        answer(objects::delete_many(&bucket, req.input.delete).await)
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let (from, from_key) = objects::source_of(&req.input.copy_source)?;
        let from = self.bucket_for(from, from_key)?;
        let to = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(objects::copy(from, to, req).await?)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(multipart::create(bucket, req.input, self.clock.wall()).await?)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(multipart::upload_part(bucket, req).await?)
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let (from, from_key) = objects::source_of(&req.input.copy_source)?;
        let from = self.bucket_for(from, from_key)?;
        let to = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(multipart::upload_part_copy(from, to, req.input).await?)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(multipart::complete(bucket, req.input).await?)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        let AbortMultipartUploadInput { key, upload_id, .. } = req.input;
        blocking(move || bucket.uploads.remove(&key, &upload_id)).await?;
        answer(AbortMultipartUploadOutput::default())
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        let bucket = self.bucket_for(&req.input.bucket, &req.input.key)?;
        answer(lists::parts(&bucket, req.input)?)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let bucket = self.bucket(&req.input.bucket)?;
        answer(lists::uploads(&bucket, req.input))
    }
}
