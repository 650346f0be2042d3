//! Listings that are older than what we know.

use cache::{KeyRange, Table};
use object_store::Faults;

use super::*;

/// From now on every listing tells how it was an hour ago.
fn stale(bench: &Bench) {
    stale_by(bench, Duration::from_secs(3_600));
}

fn stale_by(bench: &Bench, stale_by: Duration) {
    bench.store.set_faults(Faults {
        stale_list_permille: 1_000,
        stale_by,
        ..Faults::default()
    });
}

fn tombstones(bench: &Bench) -> usize {
    let index = &bench.fs().engine().index;
    let all = index.scan(Table::Tombstones, &KeyRange::all(), usize::MAX);
    all.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_deleted_file_does_not_come_back_with_an_old_listing() {
    let mut bench = Bench::simulated(0).await;
    bench.put("f", "x").await;
    bench.drain().await;
    stale(&bench);
    bench.remove("f").await.unwrap();
    bench.drain().await;
    for _ in 0..2 {
        bench.fs().sync(None).await.unwrap();
        assert!(bench.list("").await.is_empty());
        bench.crash(|| false).await;
    }
    assert_eq!(tombstones(&bench), 1);
    bench.store.set_faults(Faults::default());
    bench.clock.sleep(Duration::from_secs(5 * 60)).await;
    bench.fs().sync(None).await.unwrap();
    bench.fs().sync(None).await.unwrap();
    assert_eq!(tombstones(&bench), 0, "a much later listing has passed it");
    bench.stop().await;
    bench.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_file_does_not_come_back_with_a_listing_older_than_the_one_before() {
    let bench = Bench::simulated(0).await;
    bench.put("f", "x").await;
    bench.drain().await;
    bench.clock.sleep(Duration::from_secs(3_600)).await;
    bench.remove("f").await.unwrap();
    bench.drain().await;
    bench.fs().sync(None).await.unwrap();
    stale(&bench);
    let found = bench.fs().sync(None).await.unwrap();
    assert_eq!((found.added, bench.list("").await.len()), (0, 0));
}

#[tokio::test]
async fn what_others_put_at_a_deleted_key_is_found() {
    let bench = Bench::new().await;
    bench.put("f", "x").await;
    bench.drain().await;
    bench.remove("f").await.unwrap();
    bench.drain().await;
    bench.insert("f", "x");
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.read("f").await.unwrap(), b"x");
    assert_eq!(tombstones(&bench), 0);
    bench.remove("f").await.unwrap();
    bench.drain().await;
    bench.put("f", "our own again").await;
    bench.drain().await;
    assert_eq!(bench.object("f"), "our own again");
    assert_eq!(tombstones(&bench), 0);
}

#[tokio::test]
async fn a_new_file_stays_though_an_old_listing_does_not_have_it() {
    let bench = Bench::new().await;
    bench.imported().await;
    stale(&bench);
    bench.put("new", "x").await;
    bench.drain().await;
    let found = bench.fs().sync(None).await.unwrap();
    assert_eq!((found.removed, found.changed), (0, 0));
    assert_eq!(bench.read("new").await.unwrap(), b"x");
}

#[tokio::test]
async fn new_content_stays_though_an_old_listing_has_the_old() {
    let bench = Bench::new().await;
    bench.put("f", "old").await;
    bench.drain().await;
    stale(&bench);
    bench.write("f", 0, "newer").await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    let gets = bench.store.counts().gets;
    assert_eq!(bench.fs().sync(None).await.unwrap().changed, 0);
    assert_eq!(bench.read("f").await.unwrap(), b"newer");
    assert_eq!(bench.store.counts().gets, gets, "it is still in the cache");
}

#[tokio::test]
async fn a_sync_counts_what_was_changed_on_both_sides() {
    let patient = ObjectFsConfig {
        upload_delay: Duration::from_secs(60),
        ..config()
    };
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), patient).await;
    bench.insert("f", "theirs");
    bench.fs().sync(None).await.unwrap();
    bench.write("f", 0, "ours").await.unwrap();
    bench.commit("f").await.unwrap();
    bench.insert("f", "theirs, changed");
    let found = bench.fs().sync(None).await.unwrap();
    assert_eq!((found.conflicts, found.changed), (1, 0));
    assert_eq!(bench.read("f").await.unwrap(), b"oursrs");
}

#[tokio::test]
async fn a_changed_file_keeps_its_object_though_an_old_listing_does_not_have_it() {
    const LEN: usize = 8 << 20;
    let patient = ObjectFsConfig {
        upload_delay: PATIENCE,
        ..config()
    };
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), patient).await;
    bench.imported().await;
    stale_by(&bench, Duration::ZERO);
    bench.insert("f", pattern(1, LEN));
    bench.fs().sync(None).await.unwrap();
    bench.write("f", 0, vec![7; 4_096]).await.unwrap();
    stale(&bench);
    bench.fs().sync(None).await.unwrap();
    bench.store.set_faults(Faults::default());
    let mut whole = pattern(1, LEN);
    whole[..4_096].fill(7);
    assert!(bench.read("f").await.unwrap() == whole);
}
