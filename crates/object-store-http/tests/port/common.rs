//! A store over a fresh `s3-server`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clock::Clock;
use futures::TryStreamExt as _;
use model::{BucketSettings, Provider, Secret};
use object_store::{
    CopyOptions, CopySource, ETag, ObjectAttributes, ObjectStore, PartOf, PartSource, Precondition,
    PutOptions, StoreResult, Upload,
};
use object_store_http::{Patience, open_with};
use s3_server::{Directories, DirectoryPlace, S3Server, S3ServerConfig};

pub(crate) struct Fixture {
    pub(crate) directory: tempfile::TempDir,
    behind: Behind,
}

enum Behind {
    Server(S3Server),
    Directory(Directories),
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = S3ServerConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            directory: directory.path().to_owned(),
            buckets: vec!["bucket".into()],
            access_key_id: "id".into(),
            secret: Secret::new("secret"),
        };
        let server = S3Server::start(config, Clock::system()).await.unwrap();
        Self {
            directory,
            behind: Behind::Server(server),
        }
    }

    /// The same bucket without a server.
    pub(crate) fn in_a_directory() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for made in [".causeway", "bucket"] {
            std::fs::create_dir(directory.path().join(made)).unwrap();
        }
        let behind = Behind::Directory(Directories::new(Clock::system()));
        Self { directory, behind }
    }

    pub(crate) fn settings(&self, prefix: &str) -> BucketSettings {
        settings(&format!("http://{}", self.address()), prefix)
    }

    pub(crate) fn address(&self) -> String {
        let address = match &self.behind {
            Behind::Server(server) => Some(server.address()),
            Behind::Directory(_) => None,
        };
        address.unwrap().to_string()
    }

    pub(crate) async fn store(&self, prefix: &str) -> Arc<dyn ObjectStore> {
        match &self.behind {
            Behind::Server(_) => open(&self.settings(prefix)),
            Behind::Directory(directories) => {
                let place = DirectoryPlace {
                    directory: self.directory.path(),
                    bucket: "bucket",
                    prefix,
                };
                directories.open(place).await.unwrap()
            }
        }
    }

    /// What the server keeps, as the port does not tell it.
    pub(crate) fn content_type(&self, key: &str) -> String {
        let journal = self.directory.path().join(".causeway/bucket/journal");
        let text = std::fs::read_to_string(journal).unwrap();
        let quoted = format!("\"key\":\"{key}\"");
        let line = text.lines().rfind(|line| line.contains(&quoted)).unwrap();
        let after = line.split("\"content_type\":\"").nth(1).unwrap();
        after.split('"').next().unwrap().to_owned()
    }
}

pub(crate) fn settings(endpoint: &str, prefix: &str) -> BucketSettings {
    BucketSettings {
        provider: Provider::S3,
        endpoint: endpoint.to_owned(),
        region: "us-east-1".into(),
        bucket: "bucket".into(),
        prefix: prefix.into(),
        access_key_id: "id".into(),
        secret_access_key: Secret::new("secret"),
        session_token: Secret::default(),
        signature: model::OssSignature::default(),
        role: None,
    }
}

pub(crate) fn open(settings: &BucketSettings) -> Arc<dyn ObjectStore> {
    let patience = Patience {
        pause: Duration::from_millis(5),
        answer_timeout: Duration::from_secs(20),
        ..Patience::default()
    };
    open_with(settings, patience).unwrap()
}

pub(crate) fn options() -> PutOptions {
    with(Precondition::None)
}

pub(crate) fn with(precondition: Precondition) -> PutOptions {
    PutOptions {
        content_type: "text/plain".into(),
        metadata: [("file-owner".to_owned(), "1000".to_owned())].into(),
        precondition,
    }
}

/// So many bytes, each of its own place.
pub(crate) struct Pattern(pub(crate) u64);

impl Pattern {
    pub(crate) fn all(&self) -> Vec<u8> {
        bytes(0, self.0)
    }
}

fn bytes(offset: u64, len: u64) -> Vec<u8> {
    (offset..offset + len)
        .map(|at| u8::try_from((at ^ (at >> 11)) % 251).unwrap())
        .collect()
}

#[async_trait::async_trait]
impl PartSource for Pattern {
    fn len(&self) -> u64 {
        self.0
    }

    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        Ok(bytes(offset, len).into())
    }
}

/// A source that cannot be read.
pub(crate) struct Broken(pub(crate) u64);

#[async_trait::async_trait]
impl PartSource for Broken {
    fn len(&self) -> u64 {
        self.0
    }

    async fn read(&self, _offset: u64, _len: u64) -> std::io::Result<Bytes> {
        Err(std::io::Error::other("the disk is gone"))
    }
}

pub(crate) fn source<'a>(key: &'a str, if_match: Option<&'a ETag>) -> CopySource<'a> {
    CopySource { key, if_match }
}

pub(crate) fn copied(precondition: Precondition) -> CopyOptions {
    CopyOptions {
        attributes: None,
        precondition,
    }
}

pub(crate) fn attributes() -> ObjectAttributes {
    let PutOptions {
        content_type,
        metadata,
        ..
    } = options();
    ObjectAttributes {
        content_type,
        metadata,
    }
}

/// Sends a source in parts of 5 MiB, without completing the upload.
pub(crate) async fn send_parts(
    store: &Arc<dyn ObjectStore>,
    key: &str,
    source: &Pattern,
) -> StoreResult<(Upload, Vec<(u32, ETag)>)> {
    const PART: u64 = 5 << 20;
    let upload = store.begin_upload(key, &attributes()).await?;
    let mut parts = Vec::new();
    for number in 1..=source.0.div_ceil(PART) {
        let from = (number - 1) * PART;
        let part = PartOf {
            upload: &upload,
            number: u32::try_from(number).unwrap(),
            range: from..source.0.min(from + PART),
        };
        parts.push((part.number, store.put_part(part, source).await?));
    }
    Ok((upload, parts))
}

pub(crate) async fn collect(
    store: &Arc<dyn ObjectStore>,
    key: &str,
    offset: u64,
    len: u64,
) -> Vec<u8> {
    let stream = store.get(key, offset, len, None).await.unwrap();
    stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
        .unwrap()
}
