//! The engine on a real directory.

use super::*;
use crate::OpenError;

async fn open(dir: &std::path::Path, store: &Arc<MemStore>) -> Result<Arc<ObjectFs>, OpenError> {
    let config = ObjectFsConfig {
        dir: dir.join("share"),
        ..config()
    };
    ObjectFs::open(config, Arc::clone(store) as _, Clock::system()).await
}

#[tokio::test]
async fn a_share_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(MemStore::new(Clock::system()));
    for start in 0..3_u64 {
        let fs = open(dir.path(), &store).await.unwrap();
        for n in 0..start {
            let found = fs
                .lookup(&root(), fs.root(), &format!("f{n}"))
                .await
                .unwrap();
            assert_eq!(
                read_whole(&*fs, found.inode).await.unwrap(),
                pattern(n, 10_000)
            );
        }
        let (name, set) = (name_of(&format!("f{start}")), SetAttributes::default());
        let mode = CreateMode::Guarded;
        let made = fs.create(&root(), fs.root(), &name, mode, set).await;
        let inode = made.unwrap().inode;
        let bytes = Bytes::from(pattern(start, 10_000));
        fs.write(&root(), inode, 0, bytes, Stability::Unstable)
            .await
            .unwrap();
        fs.commit(&root(), inode).await.unwrap();
        if start == 1 {
            fs.close().await;
        }
    }
}

#[tokio::test]
async fn a_cache_that_is_put_back_has_another_write_verifier() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(MemStore::new(Clock::system()));
    let verifier = async || open(dir.path(), &store).await.unwrap().write_verifier();
    verifier().await;
    let (cache, copy) = (dir.path().join("share"), dir.path().join("copy"));
    copy_dir(&cache, &copy);
    let before = verifier().await;
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::rename(&copy, &cache).unwrap();
    assert_ne!(verifier().await, before);
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_directory_belongs_to_one_engine() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(MemStore::new(Clock::system()));
    let first = open(dir.path(), &store).await.unwrap();
    let second = open(dir.path(), &store).await.unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    drop(first);
    open(dir.path(), &store).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let store = Arc::new(MemStore::new(Clock::system()));
    let error = open(std::path::Path::new("/proc"), &store)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/proc/share"), "{error}");
}
