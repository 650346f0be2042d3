//! Caches that are lost, on a real directory.

use std::time::Duration;

use model::{ShareName, Writers};
use object_fs::{ObjectFsConfig, UploadSettings};
use object_store::{Faults, MemStore};
use vfs::{Caller, CreateMode, Name, SetAttributes, Stability, Vfs as _};

use super::*;

struct Site {
    dir: tempfile::TempDir,
    store: Arc<MemStore>,
    clock: Clock,
}

impl Site {
    fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        std::fs::create_dir(dir.path().join("ledgers")).unwrap();
        let store = Arc::new(MemStore::new(clock.clone()));
        Self { dir, store, clock }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache/a.123")
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&self.dir.path().join("ledgers"), &self.cache())
    }

    async fn open(&self) -> (Arc<ObjectFs>, Arc<Noting>) {
        let name: ShareName = "a".parse().unwrap();
        let config = ObjectFsConfig {
            name,
            dir: self.cache(),
            cache_bytes_max: 64 << 20,
            upload_delay: Duration::from_millis(1),
            rescan_interval: None,
            express_sync: false,
            refresh_after: None,
            holder: "test".into(),
            writers: Writers::Many,
            conflicts: model::ConflictPolicy::KeepBoth,
            mode: model::ShareMode::Cache,
            ignore_delete: false,
            uploads: UploadSettings::default(),
        };
        let store = Arc::clone(&self.store) as _;
        let fs = ObjectFs::open(config, store, self.clock.clone()).await;
        let fs = fs.unwrap();
        let ledger = self.ledger();
        let noting = ledger.take_up(Arc::clone(&fs), self.clock.clone()).await;
        (fs, noting)
    }

    fn set_offline(&self, offline: bool) {
        self.store.set_faults(Faults {
            offline,
            ..Faults::default()
        });
    }

    fn lose_cache(&self) {
        std::fs::remove_dir_all(self.cache()).unwrap();
    }

    async fn until_drained(&self, fs: &ObjectFs) {
        while fs.status().upload_queue > 0 {
            self.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Opened, and left with a file that was noted and is in the cache alone.
    async fn leave_one_alone(&self) {
        let (fs, noting) = self.open().await;
        self.set_offline(true);
        put(&fs, "alone").await;
        noting.note().await;
        drop((fs, noting));
        self.set_offline(false);
    }
}

async fn put(fs: &ObjectFs, name: &str) {
    let caller = Caller::root();
    let name = Name::from_bytes(name.as_bytes()).unwrap();
    let set = SetAttributes::default();
    let made = fs.create(&caller, fs.root(), &name, CreateMode::Guarded, set);
    let inode = made.await.unwrap().inode;
    fs.write(&caller, inode, 0, "text".into(), Stability::Stable)
        .await
        .unwrap();
}

fn events(fs: &ObjectFs) -> String {
    let events = fs.take_events();
    let texts: Vec<String> = events.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

#[tokio::test]
async fn a_lost_cache_is_made_anew_and_what_it_took_is_listed_by_name() {
    let site = Site::new();
    let (fs, noting) = site.open().await;
    put(&fs, "safe").await;
    site.until_drained(&fs).await;
    drop((fs, noting));
    site.leave_one_alone().await;
    site.lose_cache();

    let (fs, noting) = site.open().await;
    let told = events(&fs);
    assert!(told.contains("1 file had not been uploaded"), "{told}");
    assert!(told.contains("`alone`"), "{told}");
    assert_eq!(fs.status().cache.lost, ["alone"]);
    let lost: Vec<_> = fs
        .queue_items(10)
        .into_iter()
        .filter(|i| i.kind == "lost")
        .collect();
    assert_eq!((lost.len(), lost[0].what.as_str()), (1, "alone"));
    while fs.status().importing {
        site.clock.sleep(Duration::from_millis(2)).await;
    }
    fs.lookup(&Caller::root(), fs.root(), "safe").await.unwrap();
    drop((fs, noting));

    // It is still listed after the next start, and not told again.
    let (fs, noting) = site.open().await;
    assert_eq!(fs.status().cache.lost, ["alone"]);
    assert_eq!(events(&fs), "");
    drop((fs, noting));
}

#[tokio::test]
async fn what_was_uploaded_meanwhile_is_not_in_the_note_any_more() {
    let site = Site::new();
    let (fs, noting) = site.open().await;
    put(&fs, "f").await;
    noting.note().await;
    site.until_drained(&fs).await;
    noting.note().await;
    drop((fs, noting));
    site.lose_cache();
    let (fs, noting) = site.open().await;
    let told = events(&fs);
    assert!(told.contains("all files had been uploaded"), "{told}");
    assert!(fs.status().cache.lost.is_empty());
    drop((fs, noting));
}

#[tokio::test]
async fn a_removed_share_whose_cache_was_lost_says_what_went_with_it() {
    let site = Site::new();
    site.leave_one_alone().await;
    let lost = site.ledger().forget(site.clock.wall()).await.unwrap();
    assert_eq!((lost.files, lost.names), (1, vec!["alone".to_owned()]));
    assert_eq!(site.ledger().forget(site.clock.wall()).await, None);
}
