//! The engine on a directory of a real disk, mounted.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clock::Clock;
use object_fs::{ObjectFs, ObjectFsConfig};
use object_store::MemStore;
use vfs_fuse::Mount;

/// How long uploads may take in the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mounted share.
pub(crate) struct Share {
    dir: tempfile::TempDir,
    store: Arc<MemStore>,
    fs: Arc<ObjectFs>,
    mount: Mount,
    clock: Clock,
}

impl Share {
    pub(crate) async fn mount() -> Self {
        assert!(
            Path::new("/dev/fuse").try_exists().unwrap(),
            "this machine has no /dev/fuse: these tests cannot run, and must not be passed over"
        );
        let clock = Clock::system();
        let dir = tempfile::tempdir().unwrap();
        let mount_point = dir.path().join("mnt");
        std::fs::create_dir(&mount_point).unwrap();
        // Everybody's way to the mount leads through here.
        open_to_all(dir.path());
        let store = Arc::new(MemStore::new(clock.clone()));
        let config = ObjectFsConfig {
            name: "suites".parse().unwrap(),
            dir: dir.path().join("cache"),
            cache_bytes_max: 1 << 30,
            upload_delay: Duration::from_millis(100),
            rescan_interval: None,
            express_sync: false,
            refresh_after: None,
            holder: "test".into(),
            writers: model::Writers::Many,
            conflicts: model::ConflictPolicy::default(),
            mode: model::ShareMode::Cache,
            ignore_delete: false,
            uploads: object_fs::UploadSettings::default(),
        };
        let fs = ObjectFs::open(config, Arc::clone(&store) as _, clock.clone());
        let fs = fs.await.unwrap();
        let mount = Mount::new(Arc::clone(&fs) as _, &mount_point);
        let mount = mount.expect("mounting needs root, and a kernel with FUSE");
        Self {
            dir,
            store,
            fs,
            mount,
            clock,
        }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    /// A directory beside it.
    pub(crate) fn scratch(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn store(&self) -> &MemStore {
        &self.store
    }

    /// Waits until the bucket is what the tree is.
    pub(crate) async fn drained(&self) {
        let deadline = self.clock.now() + PATIENCE;
        while self.fs.status().upload_queue > 0 {
            assert!(self.clock.now() < deadline, "{:?}", self.fs.status());
            self.clock.sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn unmount(self) {
        let mount = self.mount;
        tokio::task::spawn_blocking(move || drop(mount))
            .await
            .unwrap();
        self.fs.close().await;
    }
}

fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program that `cargo xtask packages` has put beside the build.
pub(crate) fn tool(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("tools/bin").join(name);
    let is_there = path.try_exists().unwrap();
    assert!(
        is_there,
        "{} is missing: `cargo xtask packages`",
        path.display()
    );
    path
}
