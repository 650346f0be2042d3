//! Pins, prefetches, evictions, and what is said of files.

use ::model::{FileState, FileStatus, JobState, LostRange};
use cache::Disk as _;
use object_store::{Faults, ObjectStore as _};

use super::*;

fn small() -> ObjectFsConfig {
    ObjectFsConfig {
        cache_bytes_max: 8 << 20,
        ..config()
    }
}

async fn with_objects(objects: &[(&str, usize)]) -> Bench {
    let store = Arc::new(MemStore::new(Clock::system()));
    let bench = Bench::on(store, small()).await;
    for (n, (key, len)) in objects.iter().enumerate() {
        bench.insert(key, pattern(n as u64, *len));
    }
    bench.fs().sync(None).await.unwrap();
    bench.imported().await;
    bench
}

impl Bench {
    async fn cached(&self, path: &str) -> u64 {
        self.fs().file_status(path).await.unwrap().cached_bytes
    }

    async fn until_cached(&self, path: &str, bytes: u64) {
        let deadline = self.clock.now() + PATIENCE;
        while self.cached(path).await < bytes {
            let jobs = self.fs().status().cache.jobs;
            assert!(
                self.clock.now() < deadline,
                "{path} is not cached: {jobs:?}"
            );
            self.clock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Reads more than the cache holds.
    async fn scan(&self, files: u64) {
        for n in 0..files {
            let path = format!("scan/{n}");
            self.insert(&path, pattern(n + 100, 1 << 20));
            self.fs().sync(Some(&path)).await.unwrap();
            assert!(self.read(&path).await.unwrap() == pattern(n + 100, 1 << 20));
        }
    }

    fn offline(&self) {
        self.store.set_faults(Faults {
            offline: true,
            ..Faults::default()
        });
    }
}

#[tokio::test]
async fn what_is_pinned_is_fetched_and_stays() {
    let mut bench = with_objects(&[("keep/a", 1 << 20), ("keep/b/c", 700_000)]).await;
    bench.fs().pin("keep").await.unwrap();
    bench.until_cached("keep/a", 1 << 20).await;
    bench.until_cached("keep/b/c", 700_000).await;
    bench.scan(24).await;
    bench.crash(|| false).await;
    bench.until_cached("keep/a", 1 << 20).await;
    bench.until_cached("keep/b/c", 700_000).await;
    bench.scan(24).await;
    bench.offline();
    assert!(bench.read("keep/a").await.unwrap() == pattern(0, 1 << 20));
    assert!(bench.read("keep/b/c").await.unwrap() == pattern(1, 700_000));
    assert!(bench.fs().file_status("keep/a").await.unwrap().is_pinned);
    assert_eq!(bench.fs().status().cache.pins, 1);
}

#[tokio::test]
async fn pins_that_outgrow_the_cache_say_so_and_keep_nothing_until_they_fit() {
    let names: Vec<String> = (0..12).map(|n| format!("keep/{n}")).collect();
    let objects: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 1 << 20)).collect();
    let bench = with_objects(&objects).await;
    // What is below another pin is counted once.
    bench.fs().pin("keep/0").await.unwrap();
    bench.fs().pin("keep").await.unwrap();
    bench
        .until("it is told", |bench| {
            let events = bench.fs().take_events();
            let mut texts = events.iter().map(ToString::to_string);
            texts.any(|text| text.contains("12582912 bytes are pinned"))
        })
        .await;
    // Neither readers nor writers wait for room that nobody makes.
    for (n, (path, len)) in objects.iter().enumerate() {
        assert!(bench.read(path).await.unwrap() == pattern(n as u64, *len));
    }
    for n in 0..12 {
        bench.put(&format!("new{n}"), pattern(n, 1 << 20)).await;
    }
    bench.drain().await;
    bench.fs().unpin("keep").await.unwrap();
    bench.until_cached("keep/0", 1 << 20).await;
    bench.scan(24).await;
    assert_eq!(bench.cached("keep/0").await, 1 << 20);
    assert!(bench.fs().file_status("keep/0").await.unwrap().is_pinned);
}

#[tokio::test]
async fn small_files_that_are_pinned_count_as_what_they_take_in_the_cache() {
    let names: Vec<String> = (0..3_000).map(|n| format!("keep/{n}")).collect();
    let objects: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 100)).collect();
    let bench = with_objects(&objects).await;
    bench.fs().pin("keep").await.unwrap();
    bench
        .until("it is told", |bench| {
            let events = bench.fs().take_events();
            let mut texts = events.iter().map(ToString::to_string);
            texts.any(|text| text.contains("12288000 bytes are pinned"))
        })
        .await;
    bench.put("new", pattern(1, 1 << 20)).await;
}

#[tokio::test]
async fn a_pin_moves_with_a_rename_and_goes_with_a_removal() {
    let mut bench = with_objects(&[("a", 5_000), ("b", 5_000)]).await;
    bench.fs().pin("a").await.unwrap();
    bench.fs().pin("b").await.unwrap();
    bench.rename("a", "c").await.unwrap();
    bench.remove("b").await.unwrap();
    bench.crash(|| false).await;
    assert!(bench.fs().file_status("c").await.unwrap().is_pinned);
    assert_eq!(bench.fs().status().cache.pins, 1);
    assert!(bench.fs().unpin("c").await.unwrap());
    assert!(!bench.fs().unpin("c").await.unwrap());
    bench.crash(|| false).await;
    assert!(!bench.fs().file_status("c").await.unwrap().is_pinned);
    fails(bench.fs().pin("nowhere").await, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_tree_is_fetched_with_progress() {
    let objects = [
        ("t/a", 3_000_000),
        ("t/b", 10),
        ("t/u/c", 1_000_000),
        ("x", 10),
    ];
    let bench = with_objects(&objects).await;
    bench.fs().prefetch("t").await.unwrap();
    bench
        .until("the job ended", |bench| {
            let jobs = bench.fs().status().cache.jobs;
            jobs[0].state == JobState::Finished
        })
        .await;
    let job = bench.fs().status().cache.jobs.remove(0);
    assert_eq!((job.kind.as_str(), job.path.as_str()), ("prefetch", "t"));
    assert_eq!((job.done, job.bytes), (3, 4_000_010));
    assert_eq!(bench.cached("x").await, 0);
    bench.offline();
    assert!(bench.read("t/a").await.unwrap() == pattern(0, 3_000_000));
    assert!(bench.read("t/u/c").await.unwrap() == pattern(2, 1_000_000));
}

#[tokio::test]
async fn a_tree_larger_than_the_cache_is_given_up_with_a_reason() {
    let bench = with_objects(&[("t/a", 5 << 20), ("t/b", 5 << 20)]).await;
    bench.fs().prefetch("").await.unwrap();
    bench
        .until("the job ended", |bench| {
            let jobs = bench.fs().status().cache.jobs;
            matches!(&jobs[0].state, JobState::Failed { reason } if reason.contains("larger"))
        })
        .await;
}

#[tokio::test]
async fn clean_files_leave_the_cache_and_others_stay() {
    let bench = with_objects(&[("t/clean", 100_000), ("t/kept", 50_000)]).await;
    bench.fs().pin("t/kept").await.unwrap();
    bench.read("t/clean").await.unwrap();
    bench.until_cached("t/kept", 50_000).await;
    bench.offline();
    bench.put("t/dirty", pattern(9, 20_000)).await;
    let summary = bench.fs().evict("t").await.unwrap();
    assert_eq!((summary.files, summary.dirty, summary.pinned), (1, 1, 1));
    assert_eq!(summary.bytes, 102_400);
    assert_eq!(bench.cached("t/clean").await, 0);
    assert!(bench.read("t/dirty").await.unwrap() == pattern(9, 20_000));
    bench.store.set_faults(Faults::default());
    assert!(bench.read("t/clean").await.unwrap() == pattern(0, 100_000));
}

#[tokio::test]
async fn what_is_read_again_and_again_outlives_a_scan() {
    let bench = with_objects(&[("hot", 1 << 20)]).await;
    for _ in 0..3 {
        bench.read("hot").await.unwrap();
    }
    let before = bench.fs().status().downloaded_bytes;
    bench.scan(12).await;
    bench.read("hot").await.unwrap();
    bench.scan(12).await;
    let hot = bench.fs().status().downloaded_bytes - before - (12 << 20);
    assert!(
        bench.cached("hot").await >= 1 << 20,
        "{hot} bytes more were fetched"
    );
}

#[tokio::test]
async fn a_file_says_how_safe_it_is() {
    let bench = with_objects(&[("clean", 10_000)]).await;
    let clean = bench.fs().file_status("clean").await.unwrap();
    assert_eq!(clean.state, FileState::Clean);
    assert_eq!((clean.cached_bytes, clean.dirty_bytes), (0, 0));
    assert_eq!(clean.object.as_deref(), Some("clean"));
    bench.offline();
    bench.put("dirty", pattern(1, 10_000)).await;
    let failed = |status: &FileStatus| matches!(&status.state, FileState::Failed { reason, .. } if !reason.is_empty());
    let deadline = bench.clock.now() + PATIENCE;
    while !failed(&bench.fs().file_status("dirty").await.unwrap()) {
        assert!(bench.clock.now() < deadline);
        bench.clock.sleep(Duration::from_millis(2)).await;
    }
    let dirty = bench.fs().file_status("/dirty").await.unwrap();
    assert_eq!((dirty.size, dirty.dirty_bytes), (10_000, 10_000));
    assert!(dirty.dirty_since.is_some() && dirty.object.is_none());
    let queue = bench.fs().queue_items(10);
    assert_eq!((queue.len(), queue[0].what.as_str()), (1, "dirty"));
    assert_eq!((queue[0].kind.as_str(), queue[0].bytes), ("upload", 10_000));
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    let clean = bench.fs().file_status("dirty").await.unwrap();
    assert_eq!((clean.state, clean.dirty_bytes), (FileState::Clean, 0));
    assert!(bench.fs().queue_items(10).is_empty());
}

#[tokio::test]
async fn the_local_copy_of_a_conflict_says_so() {
    let bench = with_objects(&[("f", 1_000)]).await;
    bench.read("f").await.unwrap();
    bench.insert("f", pattern(7, 1_500));
    bench.write("f", 0, "ours").await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    let copy = bench.list(".conflicts").await.remove(0);
    bench.drain().await;
    let status = bench.fs().file_status(&format!(".conflicts/{copy}")).await;
    assert_eq!(status.unwrap().state, FileState::Conflict);
}

/// Damages the first block of the data log.
fn damage(bench: &Bench) {
    bench.disk.flip_bit(cache::SegmentId(1), 64 * 4_096);
}

#[tokio::test]
async fn a_damaged_block_of_a_clean_file_is_fetched_again() {
    let bench = Bench::new().await;
    bench.put("f", pattern(1, 20_000)).await;
    bench.drain().await;
    damage(&bench);
    assert!(bench.read("f").await.unwrap() == pattern(1, 20_000));
    assert!(bench.fs().status().downloaded_bytes > 0);
    assert!(bench.fs().status().cache.lost.is_empty());
}

#[tokio::test]
async fn a_block_that_could_not_be_read_and_now_can_is_read_again() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.offline();
    bench.put("f", pattern(1, 20_000)).await;
    bench.disk.misread(cache::SegmentId(1), 64 * 4_096);
    assert!(bench.read("f").await.unwrap() == pattern(1, 20_000));
    assert!(bench.fs().status().cache.lost.is_empty());
}

#[tokio::test]
async fn a_damaged_block_that_only_the_overwritten_object_had_is_lost() {
    let settings = ObjectFsConfig {
        upload_delay: PATIENCE,
        conflicts: ::model::ConflictPolicy::GatewayWins,
        ..config()
    };
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await;
    bench.imported().await;
    bench.insert("f", pattern(1, 20_000));
    bench.fs().sync(None).await.unwrap();
    assert!(bench.read("f").await.unwrap() == pattern(1, 20_000));
    bench.write("f", 4_096, vec![7; 4_096]).await.unwrap();
    bench.insert("f", pattern(2, 20_000));
    let engine = bench.fs().engine();
    let inode = bench.find("f").await.unwrap().inode;
    let theirs = bench.store.head("f").await;
    let node = engine.node(inode).unwrap();
    engine
        .resolve_conflict(&node, &theirs.unwrap())
        .await
        .unwrap();
    damage(&bench);
    fails(bench.read("f").await, ErrorKind::Io);
    assert_eq!(bench.fs().status().cache.lost, ["f"]);
}

#[tokio::test]
async fn a_damaged_block_of_a_dirty_file_is_listed_by_name() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.offline();
    bench.make_dir("d").await.unwrap();
    bench.put("d/f", pattern(1, 20_000)).await;
    damage(&bench);
    let inode = bench.find("d/f").await.unwrap().inode;
    for _ in 0..2 {
        fails(bench.read("d/f").await, ErrorKind::Io);
        // What is not lost is served.
        let rest = bench.fs().read(&root(), inode, 4_096, 20_000).await;
        assert!(rest.unwrap().bytes == pattern(1, 20_000)[4_096..]);
    }
    assert_eq!(bench.fs().status().cache.lost, ["d/f"]);
    let ranges = vec![LostRange {
        offset: 0,
        len: 4_096,
    }];
    let state = bench.fs().file_status("d/f").await.unwrap().state;
    assert_eq!(state, FileState::Lost { ranges });
    let events = bench.fs().take_events();
    let lost: Vec<String> = events.iter().map(ToString::to_string).collect();
    assert_eq!(lost.len(), 1, "told once: {lost:?}");
    assert!(
        lost[0].starts_with("bytes 0 to 4095 of `d/f` are lost"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn an_upload_of_lost_bytes_names_them_and_goes_on_when_they_are_written_anew() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.offline();
    bench.put("f", pattern(1, 20_000)).await;
    damage(&bench);
    bench.store.set_faults(Faults::default());
    bench
        .until("the upload says what is lost", |bench| {
            let items = bench.fs().queue_items(10);
            let error = items.into_iter().find_map(|item| item.error);
            error.is_some_and(|e| e.contains("bytes 0 to 4095 are lost"))
        })
        .await;
    assert_eq!(bench.fs().status().cache.lost, ["f"]);
    bench.write("f", 0, pattern(2, 4_096)).await.unwrap();
    bench.drain().await;
    let expected = [&pattern(2, 4_096)[..], &pattern(1, 20_000)[4_096..]].concat();
    assert!(bench.object("f") == expected);
    assert!(bench.fs().status().cache.lost.is_empty());
    let state = bench.fs().file_status("f").await.unwrap().state;
    assert_eq!(state, FileState::Clean);
}

#[tokio::test]
async fn an_upload_takes_from_the_bucket_what_the_cache_disk_cannot_read() {
    let bench = Bench::new().await;
    bench.put("f", pattern(1, 20_000)).await;
    bench.drain().await;
    damage(&bench);
    bench.write("f", 4_096, pattern(2, 4_096)).await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    let mut expected = pattern(1, 20_000);
    expected[4_096..8_192].copy_from_slice(&pattern(2, 4_096));
    assert!(bench.object("f") == expected);
}

#[tokio::test]
async fn a_data_file_that_is_gone_takes_only_what_was_not_uploaded() {
    let mut bench = Bench::new().await;
    bench.put("safe", pattern(1, 20_000)).await;
    bench.drain().await;
    bench.offline();
    bench.put("new", pattern(2, 20_000)).await;
    bench.stop().await;
    bench.disk.remove(cache::SegmentId(1)).unwrap();
    bench.start().await;
    bench.store.set_faults(Faults::default());
    assert!(bench.read("safe").await.unwrap() == pattern(1, 20_000));
    fails(bench.read("new").await, ErrorKind::Io);
    assert_eq!(bench.fs().status().cache.lost, ["new"]);
    bench.put("later", pattern(3, 20_000)).await;
    assert!(bench.read("later").await.unwrap() == pattern(3, 20_000));
}

#[tokio::test]
async fn a_file_tells_its_state_by_extended_attributes() {
    let bench = with_objects(&[]).await;
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench.put("f", "content").await;
    let inode = bench.find("f").await.unwrap().inode;
    let told = async |name: &str| {
        let all = bench
            .fs()
            .extended_attributes(&root(), inode)
            .await
            .unwrap();
        let found = all.into_iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value)
    };
    bench
        .until("it failed", |bench| bench.fs().status().uploads_failing > 0)
        .await;
    let state = told("user.causeway.state").await.unwrap();
    assert!(state.starts_with("failed: ") && state.len() > 20, "{state}");
    assert_eq!(told("user.causeway.dirty-bytes").await.unwrap(), "7");
    assert_eq!(told("user.causeway.key").await, None);
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    bench.fs().pin("f").await.unwrap();
    assert_eq!(told("user.causeway.state").await.unwrap(), "clean");
    assert_eq!(told("user.causeway.key").await.unwrap(), "f");
    let etag = bench.store.object("f").unwrap().etag.0;
    assert_eq!(told("user.causeway.etag").await.unwrap(), etag);
    assert_eq!(told("user.causeway.pinned").await.unwrap(), "yes");
    bench.chmod("f", 0o600).await.unwrap();
    let stranger = Caller {
        uid: 7,
        gid: 7,
        groups: Vec::new(),
    };
    let refused = bench.fs().extended_attributes(&stranger, inode).await;
    fails(refused, ErrorKind::AccessDenied);
}
