//! Real shares over a real object store.

use futures::TryStreamExt as _;
use model::{Secret, ShareState};
use nfs_server::{HandleKey, NfsConfig};
use s3_server::{S3Server, S3ServerConfig};
use vfs::{Caller, CreateMode, Name, Rename, SetAttributes, Stability, Vfs as _};

use super::*;
use crate::shares::tests::share;

struct Site {
    store: S3Server,
    server: Arc<NfsServer>,
    shares: NfsShares,
    dir: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let config = S3ServerConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            directory: dir.path().join("store"),
            buckets: vec!["bucket".into()],
            access_key_id: "k".into(),
            secret: Secret::new("s"),
        };
        let store = S3Server::start(config, clock.clone()).await.unwrap();
        let nfs = NfsConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            handle_key: HandleKey::default(),
            awaited: vec![],
        };
        let server = Arc::new(NfsServer::start(nfs, clock.clone()).unwrap());
        let outbox = Arc::new(Outbox::new("gw-test".parse().unwrap()));
        let ledgers = dir.path().join("ledgers");
        std::fs::create_dir(&ledgers).unwrap();
        let shares = NfsShares::new(
            Arc::clone(&server),
            "gw-test".into(),
            outbox,
            ledgers,
            clock,
        );
        Self {
            store,
            server,
            shares,
            dir,
        }
    }

    fn settings(&self) -> ShareSettings {
        let mut settings = share("a");
        settings.bucket.endpoint = format!("http://{}", self.store.address());
        settings
    }
}

#[tokio::test]
async fn a_bucket_is_checked_and_its_fault_named() {
    let site = Site::start().await;
    let check = async |change: fn(&mut ShareSettings)| {
        let mut settings = site.settings();
        change(&mut settings);
        site.shares
            .check(&settings)
            .await
            .map_err(|failure| failure.code)
    };
    assert_eq!(check(|_| {}).await, Ok(()));
    let missing = check(|s| s.bucket.bucket = "nobodys".into()).await;
    assert_eq!(missing, Err(ErrorCode::BucketNotFound));
    let wrong_key = check(|s| s.bucket.secret_access_key = Secret::new("wrong")).await;
    assert_eq!(wrong_key, Err(ErrorCode::BucketAccessDenied));
    let nobody = check(|s| s.bucket.endpoint = "http://127.0.0.1:1".into()).await;
    assert_eq!(nobody, Err(ErrorCode::BucketUnreachable));
}

#[tokio::test]
async fn objects_lie_in_a_directory_that_may_hold_them() {
    let site = Site::start().await;
    let data = site.dir.path().join("data");
    let mut settings = share("a");
    settings.bucket.provider = Provider::Directory;
    settings.bucket.endpoint = format!("file://{}", data.display());
    let check = async |settings: &ShareSettings| site.shares.check(settings).await;
    let missing = check(&settings).await.unwrap_err();
    assert_eq!(missing.code, ErrorCode::BucketNotFound, "{missing:?}");
    std::fs::create_dir_all(data.join("bucket")).unwrap();
    let forbidden = check(&settings).await.unwrap_err();
    assert_eq!(forbidden.code, ErrorCode::BucketAccessDenied);
    assert!(forbidden.message.contains(".causeway"), "{forbidden:?}");
    std::fs::create_dir(data.join(".causeway")).unwrap();
    check(&settings).await.unwrap();

    let cache = site.dir.path().join("cache");
    let share = site.shares.open(&settings, &cache).await.unwrap();
    // A second share beside it, in the same bucket.
    settings.bucket.prefix = "beside/".into();
    check(&settings).await.unwrap();
    // Another process, or another owner of the buckets, is kept out.
    let outbox = Arc::new(Outbox::new("gw-2".parse().unwrap()));
    let others = NfsShares::new(
        Arc::clone(&site.server),
        "gw-2".into(),
        outbox,
        site.dir.path().join("ledgers"),
        Clock::system(),
    );
    let refused = others.check(&settings).await.unwrap_err();
    assert!(refused.message.contains("another process"), "{refused:?}");
    share.close().await;
    drop(share);
    // What it was just reading may not be over yet.
    let free = async {
        while others.check(&settings).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, free).await.unwrap();

    settings.engine.encryption = ServerEncryption::StoreKeys;
    let refused = check(&settings).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument, "{refused:?}");
    settings.engine.encryption = ServerEncryption::BucketDefault;
    settings.bucket.endpoint = "file://relative/../path".into();
    let refused = check(&settings).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument, "{refused:?}");
}

#[tokio::test]
async fn a_share_is_exported_and_hidden_again() {
    let site = Site::start().await;
    let settings = site.settings();
    let opened = site
        .shares
        .open(&settings, &site.dir.path().join("cache"))
        .await;
    let share = opened.unwrap();
    assert!(site.server.export_status("/a").is_none());
    share.serve(&settings, 7).unwrap();
    // Once more, with other rules.
    share.serve(&settings, 7).unwrap();
    assert!(site.server.export_status("/a").is_some());
    assert_eq!(share.status().state, ShareState::Serving);
    assert_eq!(share.sync(None).await.unwrap().conflicts, 0);
    share.hide(&settings, 8);
    assert!(
        site.server.export_status("/a").is_some(),
        "of another place"
    );
    share.hide(&settings, 7);
    assert!(site.server.export_status("/a").is_none());
    share.close().await;
}

#[tokio::test]
async fn a_rule_for_clients_that_cannot_be_read_is_told() {
    let site = Site::start().await;
    let mut settings = site.settings();
    let opened = site
        .shares
        .open(&settings, &site.dir.path().join("cache"))
        .await;
    settings.access = vec![model::AccessRule {
        cidr: "10.0.0.0/99".into(),
        access: model::WriteAccess::ReadWrite,
    }];
    let refused = opened.unwrap().serve(&settings, 7).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
    assert!(refused.message.contains("10.0.0.0/99"), "{refused}");
}

/// An engine over a real store, with one file in it.
struct OverHttp {
    fs: Arc<ObjectFs>,
    store: Arc<dyn ObjectStore>,
    clock: Clock,
    file: vfs::Inode,
}

impl OverHttp {
    async fn start(site: &Site, name: &str) -> Self {
        let (settings, clock) = (site.settings(), Clock::system());
        let store = object_store_http::open(&settings.bucket).unwrap();
        let config = ObjectFsConfig {
            name: settings.name.clone(),
            dir: site.dir.path().join("cache"),
            cache_bytes_max: 256 << 20,
            upload_delay: Duration::from_millis(1),
            rescan_interval: None,
            express_sync: false,
            refresh_after: None,
            holder: "gw-test".into(),
            writers: model::Writers::One,
            conflicts: settings.conflicts,
            mode: settings.engine.mode,
            ignore_delete: settings.engine.ignore_delete,
            uploads: UploadSettings::from(settings.engine.uploads),
        };
        let fs = ObjectFs::open(config, Arc::clone(&store), clock.clone());
        let fs = fs.await.unwrap();
        let (root, name, set) = (Caller::root(), file_name(name), SetAttributes::default());
        let file = loop {
            // Until the lease is there.
            let mode = CreateMode::Unchecked;
            match fs.create(&root, fs.root(), &name, mode, set).await {
                Ok(made) => break made.inode,
                Err(_) => clock.sleep(Duration::from_millis(10)).await,
            }
        };
        Self {
            fs,
            store,
            clock,
            file,
        }
    }

    async fn write(&self, offset: usize, bytes: Vec<u8>) {
        let (root, stable) = (Caller::root(), Stability::Stable);
        let offset = offset as u64;
        let written = self
            .fs
            .write(&root, self.file, offset, bytes.into(), stable);
        written.await.unwrap();
    }

    /// Until the bucket is what the tree is; the bytes sent so far.
    async fn drained(&self) -> u64 {
        while self.fs.status().upload_queue > 0 || self.fs.status().importing {
            self.clock.sleep(Duration::from_millis(10)).await;
        }
        let status = self.fs.status();
        assert_eq!((status.uploads_failing, status.conflicts), (0, 0));
        status.uploaded_bytes
    }

    async fn content(&self, key: &str) -> Vec<u8> {
        let body = self.store.get(key, 0, 1 << 30, None).await.unwrap();
        let chunks: Vec<bytes::Bytes> = body.try_collect().await.unwrap();
        chunks.concat()
    }
}

fn file_name(text: &str) -> Name {
    Name::from_bytes(text.as_bytes()).unwrap()
}

/// What the engine asks of a store, asked of a real one over HTTP: parts, copies of parts, copies
/// onto the object and to another key, and deletes, each bound to a version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_put_appended_to_renamed_and_removed() {
    const SIZE: usize = 20 << 20;
    let site = Site::start().await;
    let over = OverHttp::start(&site, "big").await;
    let (fs, root, caller) = (&over.fs, over.fs.root(), Caller::root());
    let byte = |n: usize| u8::try_from(n / 977 % 251).unwrap();
    let mut whole: Vec<u8> = (0..SIZE).map(byte).collect();
    for (n, piece) in whole.chunks(1 << 20).enumerate() {
        over.write(n << 20, piece.to_vec()).await;
    }
    let sent = over.drained().await;
    assert!(over.content("big").await == whole);

    over.write(SIZE, vec![7; 1 << 20]).await;
    whole.resize(SIZE + (1 << 20), 7);
    let sent_later = over.drained().await;
    assert!(over.content("big").await == whole);
    assert!(sent_later - sent <= 9 << 20, "{sent} {sent_later}");

    let mode = SetAttributes {
        mode: Some(0o604),
        ..SetAttributes::default()
    };
    let changed = fs.set_attributes(&caller, over.file, mode, None).await;
    changed.unwrap();
    over.drained().await;
    let rename = Rename {
        from: root,
        from_name: &file_name("big"),
        to: root,
        to_name: &file_name("bigger"),
    };
    fs.rename(&caller, rename).await.unwrap();
    assert_eq!(over.drained().await, sent_later, "no bytes moved");
    assert!(over.content("bigger").await == whole);
    let metadata = over.store.head("bigger").await.unwrap().metadata.unwrap();
    assert_eq!(metadata["file-permissions"], "0100604");
    assert!(over.store.head("big").await.is_err());

    fs.remove(&caller, root, &file_name("bigger"))
        .await
        .unwrap();
    over.drained().await;
    assert!(over.store.head("bigger").await.is_err());
    let uploads = over.store.list_uploads("", None).await.unwrap().uploads;
    assert!(uploads.is_empty(), "{uploads:?}");
    fs.close().await;
}
