//! Content: what was committed is there, here and in the bucket.

use super::*;

#[tokio::test]
async fn a_written_file_becomes_an_object_with_its_attributes() {
    let bench = Bench::new().await;
    bench.make_dir("docs").await.unwrap();
    bench.put("docs/a.txt", "hello").await;
    bench.chmod("docs/a.txt", 0o600).await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["docs/a.txt"]);
    let object = bench.store.object("docs/a.txt").unwrap();
    assert_eq!(object.bytes, "hello");
    assert_eq!(object.content_type, "text/plain");
    assert_eq!(object.metadata["file-permissions"], "0100600");
    assert_eq!(object.metadata["file-owner"], "0");
    assert!(object.metadata["file-mtime"].ends_with("ns"));
}

#[tokio::test]
async fn writes_at_any_offset_read_back() {
    let bench = Bench::new().await;
    bench.create("f").await.unwrap();
    let mut model = Vec::new();
    let mut random = Random(5);
    for n in 0..300 {
        let offset = random.below(40_000) as usize;
        let bytes = pattern(n, 1 + random.below(9_000) as usize);
        bench
            .write("f", offset as u64, bytes.clone())
            .await
            .unwrap();
        let end = offset + bytes.len();
        model.resize(model.len().max(end), 0);
        model[offset..end].copy_from_slice(&bytes);
        if n % 7 == 0 {
            bench.commit("f").await.unwrap();
        }
        if n % 11 == 0 {
            let size = random.below(50_000);
            bench.resize("f", size).await.unwrap();
            model.resize(size as usize, 0);
        }
        if n % 10 == 0 {
            assert_eq!(bench.read("f").await.unwrap(), model, "after step {n}");
        }
    }
    bench.drain().await;
    assert_eq!(bench.object("f"), model);
    assert_eq!(bench.read("f").await.unwrap(), model);
}

#[tokio::test]
async fn commit_returns_only_after_the_data_is_durable() {
    let mut bench = Bench::new().await;
    bench.put("kept", pattern(1, 100_000)).await;
    bench.create("lost").await.unwrap();
    bench.write("lost", 0, "not promised").await.unwrap();
    let verifier = bench.fs().write_verifier();
    bench.crash(|| false).await;
    assert_eq!(bench.read("kept").await.unwrap(), pattern(1, 100_000));
    assert_eq!(bench.read("lost").await.unwrap(), b"");
    assert_ne!(bench.fs().write_verifier(), verifier);
}

#[tokio::test]
async fn a_stable_write_is_durable_at_once() {
    let mut bench = Bench::new().await;
    let inode = bench.create("f").await.unwrap().inode;
    let stable = Stability::Stable;
    bench
        .fs()
        .write(&root(), inode, 0, "hello".into(), stable)
        .await
        .unwrap();
    bench.crash(|| false).await;
    assert_eq!(bench.read("f").await.unwrap(), b"hello");
}

#[tokio::test]
async fn an_uncommitted_overwrite_never_tears_what_was_committed() {
    let mut bench = Bench::new().await;
    let (old, new) = (vec![1; 64 << 10], vec![2; 64 << 10]);
    bench.put("f", old.clone()).await;
    bench.write("f", 0, new).await.unwrap();
    let mut odd = false;
    bench
        .crash(|| {
            odd = !odd;
            odd
        })
        .await;
    assert_eq!(bench.read("f").await.unwrap(), old);
}

#[tokio::test]
async fn a_chmod_does_not_promise_data_that_is_not_committed() {
    let mut bench = Bench::new().await;
    bench.create("f").await.unwrap();
    bench.write("f", 0, "hello").await.unwrap();
    bench.chmod("f", 0o600).await.unwrap();
    bench.crash(|| false).await;
    let found = bench.find("f").await.unwrap();
    assert_eq!((found.size, found.mode), (0, 0o600));
}

#[tokio::test]
async fn uploads_go_on_after_a_crash() {
    let mut bench = Bench::new().await;
    bench.store.set_faults(object_store::Faults {
        offline: true,
        ..Default::default()
    });
    bench.imported_offline().await;
    bench.crash(|| false).await;
    bench.store.set_faults(object_store::Faults::default());
    bench.drain().await;
    assert_eq!(bench.keys(), ["a", "b"]);
    assert_eq!(bench.object("a"), "one");
}

impl Bench {
    /// Two files that cannot be uploaded.
    async fn imported_offline(&self) {
        self.store.set_faults(object_store::Faults::default());
        self.imported().await;
        self.store.set_faults(object_store::Faults {
            offline: true,
            ..Default::default()
        });
        self.put("a", "one").await;
        self.put("b", "two").await;
        self.until("failing", |bench| bench.fs().status().uploads_failing == 2)
            .await;
        let status = self.fs().status();
        assert!(status.last_upload_error.unwrap().contains("503"));
        assert_eq!((status.dirty_files, status.dirty_bytes), (2, 6));
    }
}

#[tokio::test]
async fn writes_during_an_upload_do_not_tear_the_object() {
    let mut settings = config();
    settings.upload_delay = Duration::from_millis(1);
    let store = Arc::new(MemStore::new(Clock::system()));
    let bench = Bench::on(Arc::clone(&store), settings).await;
    bench.imported().await;
    let latency = Duration::from_millis(20);
    store.set_latency(Latency {
        per_call: latency,
        per_chunk: Duration::ZERO,
    });
    bench.create("f").await.unwrap();
    for round in 0..60_u8 {
        bench.write("f", 0, vec![round; 20_000]).await.unwrap();
        bench.clock.sleep(Duration::from_millis(3)).await;
        if let Some(object) = store.object("f") {
            let first = object.bytes.first().copied();
            assert!(object.bytes.iter().all(|b| Some(*b) == first), "torn");
        }
    }
    bench.drain().await;
    assert_eq!(bench.object("f"), vec![59; 20_000]);
    assert!(store.counts().puts > 3, "it was uploaded in between");
}

#[tokio::test]
async fn a_symbolic_link_is_an_object_with_its_target() {
    let bench = Bench::new().await;
    bench.symlink("l", "../somewhere").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.object("l"), "../somewhere");
    let second = bench.second().await;
    let found = second.find("l").await.unwrap();
    assert_eq!(found.file_type, vfs::FileType::Symlink);
    assert_eq!(
        second.fs().read_link(&root(), found.inode).await.unwrap(),
        "../somewhere"
    );
}

#[tokio::test]
async fn a_change_of_attributes_reaches_the_object() {
    let bench = Bench::new().await;
    bench.put("f", "text").await;
    bench.drain().await;
    bench.chmod("f", 0o4711).await.unwrap();
    bench.drain().await;
    let object = bench.store.object("f").unwrap();
    assert_eq!(object.metadata["file-permissions"], "0104711");
    assert_eq!(object.bytes, "text");
    assert_eq!(bench.second().await.find("f").await.unwrap().mode, 0o4711);
}

#[tokio::test]
async fn a_damaged_block_is_an_error_and_not_wrong_bytes() {
    let bench = Bench::new().await;
    bench.put("f", pattern(3, 8_192)).await;
    bench.disk.flip_bit(cache::SegmentId(1), 64 * 4_096 + 17);
    fails(bench.read("f").await, ErrorKind::Io);
}

#[tokio::test]
async fn a_cache_that_is_made_anew_is_another_one() {
    let mut bench = Bench::new().await;
    let id = bench.fs().cache_id();
    bench.crash(|| false).await;
    assert_eq!(bench.fs().cache_id(), id);
    assert_ne!(bench.second().await.fs().cache_id(), id);
}
