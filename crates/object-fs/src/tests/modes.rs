//! What a share's mode promises, and objects that stay when their files go.

use ::model::ShareMode;
use object_store::{Faults, Latency};

use super::*;

async fn in_mode(mode: ShareMode) -> Bench {
    let settings = ObjectFsConfig {
        mode,
        // So long that nothing happens by itself.
        upload_delay: Duration::from_secs(3_600),
        ..config()
    };
    Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await
}

async fn that_ignores_deletes() -> Bench {
    let settings = ObjectFsConfig {
        ignore_delete: true,
        ..config()
    };
    Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await
}

#[tokio::test]
async fn in_cache_mode_a_commit_does_not_wait_for_the_bucket() {
    let bench = in_mode(ShareMode::Cache).await;
    bench.imported().await;
    bench.put("f", "here").await;
    assert!(bench.keys().is_empty());
}

#[tokio::test]
async fn in_write_through_mode_a_commit_returns_when_the_bucket_has_it() {
    let bench = in_mode(ShareMode::WriteThrough).await;
    bench.imported().await;
    for text in ["first", "second"] {
        bench.put("f", text).await;
        assert_eq!(bench.object("f")[..text.len()], *text.as_bytes());
    }
    // A stable write is a write and a commit.
    let inode = bench.create("g").await.unwrap().inode;
    bench
        .fs()
        .write(&root(), inode, 0, "stable".into(), Stability::Stable)
        .await
        .unwrap();
    assert_eq!(bench.object("g"), "stable");
    // What was there is not sent again.
    let puts = bench.store.counts().puts;
    bench.commit("g").await.unwrap();
    assert_eq!(bench.store.counts().puts, puts);
}

#[tokio::test]
async fn a_write_through_waits_for_a_store_that_fails_for_a_while() {
    let bench = in_mode(ShareMode::WriteThrough).await;
    bench.imported().await;
    bench.store.set_faults(Faults {
        refused_permille: 600,
        lost_reply_permille: 200,
        seed: 8,
        ..Faults::default()
    });
    for n in 0..6 {
        let (path, text) = (format!("f{n}"), format!("content {n}"));
        bench.create(&path).await.unwrap();
        bench.write(&path, 0, text.clone()).await.unwrap();
        // A client that is told to come again does so.
        while let Err(e) = bench.commit(&path).await {
            assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
        }
        assert_eq!(bench.object(&path), text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_through_without_a_bucket_asks_the_client_to_come_again_and_loses_nothing() {
    let clock = Clock::of_runtime(Timestamp::from_millis(1_700_000_000_000));
    let store = Arc::new(MemStore::new(clock.clone()));
    let settings = ObjectFsConfig {
        mode: ShareMode::WriteThrough,
        ..config()
    };
    let mut bench = Bench::in_time(store, settings, clock, Committer::Waiter(1)).await;
    bench.imported().await;
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench.create("f").await.unwrap();
    bench.write("f", 0, "kept").await.unwrap();
    let error = bench.commit("f").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("503"), "{error}");
    bench.crash(|| false).await;
    assert_eq!(bench.read("f").await.unwrap(), b"kept");
    bench.store.set_faults(Faults::default());
    bench.commit("f").await.unwrap();
    assert_eq!(bench.object("f"), "kept");
}

#[tokio::test]
async fn a_replica_has_all_files_and_keeps_them() {
    let settings = ObjectFsConfig {
        mode: ShareMode::Replication,
        ..config()
    };
    let store = Arc::new(MemStore::new(Clock::system()));
    for n in 0..20 {
        store.insert(
            &format!("d{}/f{n}", n % 3),
            pattern(n, 30_000),
            Metadata::new(),
        );
    }
    let bench = Bench::on(store, settings).await;
    bench
        .until("all is here", |bench| {
            bench.fs().status().downloaded_bytes >= 20 * 30_000
        })
        .await;
    bench.insert("later", pattern(99, 40_000));
    bench.fs().sync(None).await.unwrap();
    bench
        .until("what came later, too", |bench| {
            bench.fs().status().downloaded_bytes >= 20 * 30_000 + 40_000
        })
        .await;
    let gone = bench.fs().evict("").await.unwrap();
    assert_eq!(gone.bytes, 0, "{gone:?}");
    // All of it is read without the bucket.
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    for n in 0..20 {
        let read = bench.read(&format!("d{}/f{n}", n % 3)).await.unwrap();
        assert!(read == pattern(n, 30_000));
    }
    assert!(bench.read("later").await.unwrap() == pattern(99, 40_000));
}

#[tokio::test]
async fn a_replica_that_outgrows_its_cache_says_so_and_works_as_a_cache() {
    const FILE: usize = 1 << 20;
    let settings = ObjectFsConfig {
        mode: ShareMode::Replication,
        cache_bytes_max: 8 << 20,
        ..config()
    };
    let store = Arc::new(MemStore::new(Clock::system()));
    for n in 0..4 {
        store.insert(&format!("f{n}"), pattern(n, FILE), Metadata::new());
    }
    let bench = Bench::on(store, settings).await;
    bench
        .until("all is here", |bench| {
            bench.fs().status().downloaded_bytes >= 4 * FILE as u64
        })
        .await;
    for n in 4..16 {
        bench.insert(&format!("f{n}"), pattern(n, FILE));
    }
    bench.fs().sync(None).await.unwrap();
    bench
        .until("it is told", |bench| {
            let events = bench.fs().take_events();
            let mut texts = events.iter().map(ToString::to_string);
            texts.any(|text| text.contains("no replica but a cache"))
        })
        .await;
    // Neither readers nor writers wait for room that nobody makes.
    for n in 0..16 {
        assert!(bench.read(&format!("f{n}")).await.unwrap() == pattern(n, FILE));
    }
    bench.put("new", "written").await;
    bench.drain().await;
    assert_eq!(bench.object("new"), "written");
}

#[tokio::test]
async fn an_upload_under_way_when_its_file_is_deleted_leaves_an_object_that_stayed() {
    let bench = that_ignores_deletes().await;
    bench.put("f", "first").await;
    bench.drain().await;
    bench.remove("f").await.unwrap();
    // A second file of that name, whose upload does not get through before it goes, too.
    bench.store.set_faults(Faults {
        refused_permille: 1_000,
        seed: 1,
        ..Faults::default()
    });
    bench.put("f", "second").await;
    bench
        .until("its upload fails", |bench| {
            bench.fs().status().uploads_failing > 0
        })
        .await;
    bench.remove("f").await.unwrap();
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.object("f"), "first");
    assert!(bench.list("").await.is_empty());
    // One whose answers get lost: it is there, and has been deleted all the same.
    bench.store.set_faults(Faults {
        lost_reply_permille: 1_000,
        seed: 1,
        ..Faults::default()
    });
    bench.put("f", "third").await;
    bench
        .until("it is in the bucket", |bench| bench.object("f") == "third")
        .await;
    bench.remove("f").await.unwrap();
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    for _ in 0..2 {
        bench.fs().sync(None).await.unwrap();
        assert!(bench.list("").await.is_empty());
        assert_eq!(bench.object("f"), "third");
    }
}

#[tokio::test]
async fn where_deletes_are_ignored_objects_stay_and_are_not_seen_again() {
    let mut bench = that_ignores_deletes().await;
    bench.make_dir("d").await.unwrap();
    for path in ["d/a", "b", "c"] {
        bench.put(path, format!("bytes of {path}")).await;
    }
    bench.drain().await;
    bench.remove("d/a").await.unwrap();
    bench.remove_dir("d").await.unwrap();
    bench.remove("b").await.unwrap();
    // Over a file is a delete, too, of a name that is used again at once.
    bench.rename("c", "b").await.unwrap();
    bench.drain().await;
    for _ in 0..2 {
        bench.fs().sync(None).await.unwrap();
        assert_eq!(bench.list("").await, ["b"]);
        assert_eq!(bench.object("d/a"), "bytes of d/a");
        assert_eq!(bench.read("b").await.unwrap(), b"bytes of c");
        bench.crash(|| false).await;
    }
    assert_eq!(bench.object("b"), "bytes of c");
    assert!(bench.store.object("c").is_none(), "a rename is no delete");
}

#[tokio::test]
async fn a_deleted_name_whose_object_stayed_can_be_used_again() {
    let bench = that_ignores_deletes().await;
    bench.put("f", "first").await;
    bench.drain().await;
    bench.remove("f").await.unwrap();
    bench.put("f", "second").await;
    bench.drain().await;
    assert_eq!(bench.object("f"), "second");
    assert!(bench.list("").await == ["f"], "no conflict with itself");
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.read("f").await.unwrap(), b"second");
}

#[tokio::test]
async fn an_object_that_stayed_comes_back_when_others_change_it() {
    let bench = that_ignores_deletes().await;
    bench.put("f", "ours").await;
    bench.put("g", "ours").await;
    bench.drain().await;
    bench.remove("f").await.unwrap();
    bench.remove("g").await.unwrap();
    bench.insert("f", "theirs");
    bench.store.remove("g");
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.list("").await, ["f"]);
    assert_eq!(bench.read("f").await.unwrap(), b"theirs");
    // With the very bytes that it had: it was gone, and somebody put it.
    bench.insert("g", "ours");
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.list("").await, ["f", "g"]);
}

#[tokio::test]
async fn a_bandwidth_limit_holds_for_uploads_and_reads() {
    use ::model::{Bandwidth, LineLimits};
    use object_store::{Throttle, ThrottledStore};
    let clock = Clock::system();
    let inner = Arc::new(MemStore::new(clock.clone()));
    inner.set_latency(Latency::default());
    let limits = LineLimits {
        upload_bytes_per_s: 1 << 20,
        download_bytes_per_s: 1 << 20,
        ..LineLimits::default()
    };
    let bandwidth = Bandwidth {
        limits,
        ..Bandwidth::default()
    };
    let throttle = Arc::new(Throttle::new(clock.clone(), bandwidth));
    let store = ThrottledStore::new(Arc::clone(&inner) as _, throttle);
    let dir = tempfile::tempdir().unwrap();
    let settings = ObjectFsConfig {
        dir: dir.path().to_owned(),
        ..config()
    };
    let fs = ObjectFs::open(settings, Arc::new(store), clock.clone());
    let fs = fs.await.unwrap();
    let began = clock.now();
    for n in 0..4_u8 {
        let name = name_of(&format!("f{n}"));
        let set = SetAttributes::default();
        let made = fs
            .create(&root(), fs.root(), &name, CreateMode::Unchecked, set)
            .await;
        let bytes = Bytes::from(vec![n; 512 << 10]);
        fs.write(&root(), made.unwrap().inode, 0, bytes, Stability::Stable)
            .await
            .unwrap();
    }
    while fs.status().upload_queue > 0 {
        clock.sleep(Duration::from_millis(5)).await;
    }
    let took = clock.now() - began;
    assert!(took >= Duration::from_millis(1_700), "{took:?}");
    inner.insert("cold", vec![7; 2 << 20], Metadata::new());
    fs.sync(None).await.unwrap();
    let began = clock.now();
    let cold = fs.lookup(&root(), fs.root(), "cold").await.unwrap();
    let read = read_whole(&*fs, cold.inode).await.unwrap();
    assert_eq!(read.len(), 2 << 20);
    let took = clock.now() - began;
    assert!(took >= Duration::from_millis(1_700), "{took:?}");
}
