//! Directories that are looked up when somebody opens them.

use object_store::Latency;

use super::*;

fn fresh(after: Duration) -> ObjectFsConfig {
    ObjectFsConfig {
        refresh_after: Some(after),
        ..config()
    }
}

async fn opened(config: ObjectFsConfig) -> Bench {
    let store = Arc::new(MemStore::new(Clock::system()));
    let bench = Bench::on(store, config).await;
    bench.imported().await;
    bench
}

#[tokio::test]
async fn what_others_changed_in_a_directory_is_seen_by_whoever_opens_it() {
    let bench = opened(fresh(Duration::ZERO)).await;
    bench.insert("d/first", "x");
    assert_eq!(bench.list("").await, ["d"]);
    assert_eq!(bench.list("d").await, ["first"]);
    for key in ["d/second", "d/sub/deep", "d/zz"] {
        bench.insert(key, "x");
    }
    bench.store.remove("d/first");
    assert!(bench.find("d/second").await.is_ok(), "a name is enough");
    assert_eq!(bench.list("d").await, ["second", "sub", "zz"]);
    bench.insert("d/second", "longer");
    bench.store.remove("d/zz");
    assert_eq!(bench.find("d/second").await.unwrap().size, 6);
    assert_eq!(bench.list("d").await, ["second", "sub"]);
    assert_eq!(bench.list("d/sub").await, ["deep"]);
    bench.store.remove("d/sub/deep");
    assert_eq!(bench.list("d").await, ["second"], "it had nothing else");
}

#[tokio::test]
async fn what_is_below_a_directory_is_passed_over() {
    let bench = opened(fresh(Duration::ZERO)).await;
    for n in 0..5_000 {
        bench.insert(&format!("d/m/{n:04}"), "x");
    }
    for key in ["d/a", "d/z"] {
        bench.insert(key, "x");
    }
    bench.list("").await;
    let before = bench.store.counts().lists;
    assert_eq!(bench.list("d").await, ["a", "m", "z"]);
    let lists = bench.store.counts().lists - before;
    assert!(lists <= 6, "{lists} requests");
}

#[tokio::test]
async fn a_directory_is_not_looked_up_again_before_its_time() {
    let bench = opened(fresh(Duration::from_secs(3_600))).await;
    bench.insert("d/a", "x");
    assert_eq!(bench.list("d").await, ["a"]);
    let before = bench.store.counts().lists;
    bench.insert("d/b", "x");
    assert_eq!(bench.list("d").await, ["a"]);
    assert_eq!(bench.store.counts().lists, before);
}

#[tokio::test]
async fn nobody_waits_long_for_a_bucket_that_is_slow() {
    let bench = opened(fresh(Duration::ZERO)).await;
    bench.insert("a", "x");
    assert_eq!(bench.list("").await, ["a"]);
    bench.store.set_latency(Latency {
        per_call: Duration::from_secs(2),
        per_chunk: Duration::ZERO,
    });
    bench.insert("b", "x");
    let began = bench.clock.now();
    assert_eq!(bench.list("").await, ["a"]);
    assert!(bench.clock.now() - began < Duration::from_millis(1_500));
    bench.store.set_latency(Latency::default());
    bench
        .until("the look has ended", |bench| {
            bench.fs().status().inodes == 3
        })
        .await;
    assert_eq!(bench.list("").await, ["a", "b"]);
}
