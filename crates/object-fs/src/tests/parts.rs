//! Large files: parts that go on after a crash, parts that the bucket copies, and none left over.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{Faults, ObjectAttributes, ObjectStore as _};

use super::*;

const PART: u64 = 64 << 10;

async fn with_small_parts() -> Bench {
    let mut settings = config();
    settings.uploads.part_bytes = PART;
    let store = Arc::new(MemStore::new(Clock::system()));
    Bench::on(store, settings).await
}

#[tokio::test]
async fn of_ten_gibibytes_with_one_mebibyte_appended_one_mebibyte_is_sent() {
    let bench = Bench::new().await;
    bench.imported().await;
    let (piece, times) = (Bytes::from(vec![7; 8 << 20]), 1_280);
    bench.store.insert_repeated("huge", &piece, times);
    bench.fs().sync(None).await.unwrap();
    let end = 10 << 30;
    let more = pattern(1, 1 << 20);
    bench.write("huge", end, more.clone()).await.unwrap();
    bench.commit("huge").await.unwrap();
    bench.drain().await;
    let counts = bench.store.counts();
    assert_eq!((counts.bytes_in, counts.bytes_out), (1 << 20, 0));
    assert_eq!((counts.parts, counts.part_copies), (1, 10));
    assert_eq!(bench.store.usage(), (1, end + (1 << 20)));
    let tail = bench.store.get("huge", end, 1 << 20, None).await.unwrap();
    let tail: Vec<Bytes> = tail.try_collect().await.unwrap();
    assert!(tail.concat() == more);
}

#[tokio::test]
async fn of_a_file_changed_in_the_middle_only_that_part_is_sent() {
    let bench = with_small_parts().await;
    let mut whole = pattern(1, 20 * PART as usize);
    bench.put("f", whole.clone()).await;
    bench.drain().await;
    let before = bench.store.counts();
    bench.write("f", 7 * PART + 5, "changed").await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    let at = 7 * PART as usize + 5;
    whole[at..at + 7].copy_from_slice(b"changed");
    let after = bench.store.counts();
    assert_eq!(after.bytes_in - before.bytes_in, PART);
    assert!(bench.object("f") == whole);
    assert!(bench.second().await.read("f").await.unwrap() == whole);
}

#[tokio::test]
async fn an_upload_goes_on_after_a_crash_where_it_was() {
    let mut bench = with_small_parts().await;
    bench.imported().await;
    bench.store.set_latency(Latency {
        per_call: Duration::from_millis(30),
        per_chunk: Duration::ZERO,
    });
    let whole = pattern(1, 32 * PART as usize);
    bench.put("f", whole.clone()).await;
    bench
        .until("half of it", |bench| {
            bench
                .store
                .uploads()
                .values()
                .any(|parts| parts.len() >= 16)
        })
        .await;
    bench.crash(|| false).await;
    bench.drain().await;
    assert!(bench.object("f") == whole);
    assert!(bench.store.uploads().is_empty());
    let sent = bench.store.counts().parts;
    assert!(sent < 32 + 16, "{sent} parts were sent of 32");
}

#[tokio::test]
async fn how_much_of_a_file_has_been_uploaded_is_seen() {
    let bench = with_small_parts().await;
    bench.imported().await;
    bench.store.set_latency(Latency {
        per_call: Duration::from_millis(30),
        per_chunk: Duration::ZERO,
    });
    bench.put("f", pattern(1, 32 * PART as usize)).await;
    let percent = |bench: &Bench| {
        let items = bench.fs().engine().queue_items(10);
        items.iter().find_map(|item| item.percent)
    };
    let mut seen = vec![0];
    bench
        .until("several stages", |bench| {
            let now = percent(bench).unwrap_or(0);
            if seen.last().is_some_and(|last| *last < now) {
                seen.push(now);
            }
            seen.len() > 3
        })
        .await;
    assert!(seen.iter().all(|percent| *percent <= 100), "{seen:?}");
    bench.drain().await;
    assert_eq!(percent(&bench), None);
}

#[tokio::test]
async fn the_upload_of_a_file_that_was_removed_is_aborted() {
    let bench = with_small_parts().await;
    bench.imported().await;
    bench.store.set_latency(Latency {
        per_call: Duration::from_millis(20),
        per_chunk: Duration::ZERO,
    });
    bench.put("f", pattern(1, 32 * PART as usize)).await;
    bench
        .until("some of it", |bench| {
            bench.store.uploads().values().any(|parts| parts.len() >= 2)
        })
        .await;
    bench.remove("f").await.unwrap();
    bench.drain().await;
    bench.fs().engine().tidy_journal().await.unwrap();
    assert!(bench.store.uploads().is_empty());
    assert!(bench.keys().is_empty());
}

#[tokio::test]
async fn an_upload_whose_beginning_was_never_answered_is_aborted() {
    let bench = with_small_parts().await;
    bench.imported().await;
    bench.store.set_faults(Faults {
        lost_reply_permille: 1_000,
        ..Faults::default()
    });
    bench.put("f", pattern(1, 4 * PART as usize)).await;
    bench
        .until("begun", |bench| !bench.store.uploads().is_empty())
        .await;
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    assert!(bench.store.uploads().is_empty());
    assert_eq!(bench.object("f").len() as u64, 4 * PART);
}

#[tokio::test]
async fn uploads_that_nobody_knows_are_aborted_when_they_are_old() {
    let clock = Clock::manual(::model::Timestamp::from_millis(1_000_000));
    let store = Arc::new(MemStore::new(clock.clone()));
    let bench = Bench::in_time(store, config(), clock.clone(), Committer::Thread).await;
    let nothing = ObjectAttributes::default();
    bench.store.begin_upload("old", &nothing).await.unwrap();
    clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    let young = bench.store.begin_upload("young", &nothing).await.unwrap();
    bench.fs().engine().tidy_bucket().await.unwrap();
    let left: Vec<_> = bench.store.uploads().into_keys().collect();
    assert_eq!(left, [young]);
}

/// Small files uploaded for the figure; `CAUSEWAY_UPLOAD_FILES=5000` asks for more, and that the
/// figure be what is promised.
const FILES: u64 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_go_up_as_fast_as_the_store_takes_them() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no main that reads it"
    )]
    let asked = std::env::var("CAUSEWAY_UPLOAD_FILES").ok();
    let files = asked.as_ref().map_or(FILES, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let store = Arc::new(MemStore::new(clock.clone()));
    store.set_latency(Latency {
        per_call: Duration::from_millis(20),
        per_chunk: Duration::ZERO,
    });
    let settings = ObjectFsConfig {
        dir: dir.path().to_owned(),
        ..config()
    };
    let fs = ObjectFs::open(settings, Arc::clone(&store) as _, clock.clone());
    let fs = fs.await.unwrap();
    let began = clock.now();
    let make = async |n: u64| {
        let (root, set) = (root(), SetAttributes::default());
        let name = name_of(&format!("file-{n}"));
        let made = fs.create(&root, fs.root(), &name, CreateMode::Unchecked, set);
        let inode = made.await.unwrap().inode;
        let bytes = Bytes::from(pattern(n, 4_096));
        let written = fs.write(&root, inode, 0, bytes, Stability::Stable);
        written.await.unwrap();
    };
    let made = futures::stream::iter(0..files).map(make);
    made.buffer_unordered(32).collect::<Vec<()>>().await;
    let made = clock.now() - began;
    while fs.status().upload_queue > 0 {
        clock.sleep(Duration::from_millis(5)).await;
    }
    let took = (clock.now() - began).as_secs_f64();
    let (count, at_once) = (store.usage().0, store.counts().at_once_max);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = files as f64 / took;
    #[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
    {
        eprintln!(
            "{files} files: made in {made:?}, in the bucket after {took:.2} s, {rate:.0}/s, \
             {at_once} requests at a time"
        );
    }
    assert_eq!(count as u64, files);
    assert!(at_once > 16, "{at_once} requests at a time");
    if asked.is_some() {
        assert!(rate >= 500.0, "{rate} files/s");
    }
}

/// In a time of its own: how often it must be tried is luck.
#[test]
fn damaged_bytes_are_sent_again_and_said_so() {
    simulate(async {
        let mut bench = Bench::simulated(1).await;
        let small = |n: u64| pattern(n, 1_000 + n as usize);
        let large = pattern(77, (bench.config.uploads.part_bytes * 5) as usize + 3);
        bench.store.set_faults(Faults {
            damaged_permille: 1_000,
            ..Faults::default()
        });
        for n in 0..10 {
            bench.put(&format!("small-{n}"), small(n)).await;
        }
        bench.put("large", large.clone()).await;
        bench
            .until("the reason is told", |bench| {
                let status = bench.fs().status();
                let reason = status.last_upload_error.unwrap_or_default();
                status.uploads_failing == 11 && reason.contains("damaged")
            })
            .await;
        assert_eq!(
            bench.fs().status().dirty_files,
            11,
            "nothing is called safe"
        );
        bench.store.set_faults(Faults {
            damaged_permille: 300,
            lost_reply_permille: 100,
            seed: 5,
            ..Faults::default()
        });
        // Whatever lies in the bucket, with a version of ours, is not taken for what was sent.
        bench.crash(|| false).await;
        bench.drain().await;
        for n in 0..10 {
            assert_eq!(bench.object(&format!("small-{n}")), small(n));
        }
        assert!(bench.object("large") == large);
        assert_eq!(bench.fs().status().uploads_failing, 0);
        let names = bench.list("").await;
        assert!(!names.contains(&".conflicts".to_owned()), "{names:?}");
    });
}
