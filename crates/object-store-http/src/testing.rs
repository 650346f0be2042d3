//! A server for unit tests that need the insides of this crate.

use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use model::{BucketSettings, OssSignature, Provider, Secret, ServerEncryption};
use object_store::PartSource;
use s3_server::{S3Server, S3ServerConfig};

use crate::{
    config::Config,
    credentials::{AccessKeys, ReplaceableKeys},
    remote::{Patience, Remote},
    store::RemoteStore,
};

pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    server: S3Server,
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
        Self { directory, server }
    }

    pub(crate) fn remote(&self) -> Remote {
        let settings = BucketSettings {
            provider: Provider::S3,
            endpoint: format!("http://{}", self.server.address()),
            region: "us-east-1".into(),
            bucket: "bucket".into(),
            prefix: "p/".into(),
            access_key_id: "id".into(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::default(),
            signature: OssSignature::default(),
            role: None,
        };
        let patience = Patience::default();
        let keys = AccessKeys::from(&settings);
        let keys = ReplaceableKeys::new(keys, Duration::ZERO, patience.clock.clone());
        let config = Config::parse(&settings, ServerEncryption::BucketDefault).unwrap();
        Remote::new(config, patience, keys).unwrap()
    }

    pub(crate) fn store(&self) -> RemoteStore {
        RemoteStore::new(self.remote())
    }

    /// The bytes of an object, as the server keeps them.
    pub(crate) fn file(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join("bucket/p").join(key)).unwrap()
    }
}

/// So many bytes, each of its own place.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn all(&self) -> Vec<u8> {
        bytes(0, self.0)
    }
}

fn bytes(offset: u64, len: u64) -> Vec<u8> {
    let byte = |at: u64| u8::try_from((at ^ (at >> 11)) % 251).unwrap();
    (offset..offset + len).map(byte).collect()
}

#[async_trait::async_trait]
impl PartSource for Numbers {
    fn len(&self) -> u64 {
        self.0
    }

    async fn read(&self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        Ok(bytes(offset, len).into())
    }
}
