//! Facts about who writes: two gateways, one bucket, and a clock that moves when told to.

use object_store::Faults;

use super::*;
use crate::FsEvent;

/// Two engines that are told apart by their caches, over one bucket.
struct Two {
    clock: Clock,
    first: Bench,
    second: Bench,
}

fn one_writer() -> ObjectFsConfig {
    ObjectFsConfig {
        writers: Writers::One,
        ..config()
    }
}

impl Two {
    async fn start() -> Self {
        let clock = Clock::manual(::model::Timestamp::from_millis(1_000_000));
        let store = Arc::new(MemStore::new(clock.clone()));
        let bench = async || {
            let (store, clock) = (Arc::clone(&store), clock.clone());
            let mut bench = Bench::in_time(store, one_writer(), clock, Committer::Thread).await;
            bench.pace = Clock::system();
            bench
        };
        let first = bench().await;
        settle().await;
        let second = bench().await;
        settle().await;
        Self {
            clock,
            first,
            second,
        }
    }

    /// Lets time pass, in steps small enough that everybody sees each of them.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.clock.advance(Duration::from_millis(500));
            settle().await;
        }
    }

    fn objects(&self) -> Vec<String> {
        let keys = self.first.keys().into_iter();
        keys.filter(|key| !key.starts_with(".causeway/")).collect()
    }
}

/// Until what can happen at this moment has happened.
async fn settle() {
    Clock::system().sleep(Duration::from_millis(5)).await;
}

fn offline(bench: &Bench, offline: bool) {
    bench.store.set_faults(Faults {
        offline,
        ..Faults::default()
    });
}

async fn refusal(bench: &Bench, path: &str) -> ErrorKind {
    bench.create(path).await.unwrap_err().kind()
}

#[tokio::test]
async fn the_second_gateway_of_a_bucket_is_read_only_and_says_who_writes() {
    let two = Two::start().await;
    two.first.put("f", "ours").await;
    two.pass(2).await;
    assert_eq!(two.objects(), ["f"]);
    assert_eq!(refusal(&two.second, "g").await, ErrorKind::ReadOnly);
    let other = two.second.fs().status().other_writer.unwrap();
    assert!(other.starts_with("test/"), "{other}");
    assert_eq!(two.first.fs().status().other_writer, None);
    two.second.fs().sync(None).await.unwrap();
    assert_eq!(two.second.read("f").await.unwrap(), b"ours");
    let events = two.second.fs().take_events();
    let told = |e: &FsEvent| matches!(e, FsEvent::LeaseHeldElsewhere { .. });
    assert!(events.iter().any(told), "{events:?}");
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_not_taken_over() {
    let two = Two::start().await;
    two.pass(120).await;
    assert_eq!(refusal(&two.second, "g").await, ErrorKind::ReadOnly);
    two.first.put("f", "ours").await;
    two.pass(2).await;
    assert_eq!(two.objects(), ["f"]);
}

#[tokio::test]
async fn a_closed_share_gives_its_lease_back_at_once() {
    let two = Two::start().await;
    two.first.fs().close().await;
    two.pass(6).await;
    two.second.put("g", "mine").await;
    two.pass(2).await;
    assert_eq!(two.objects(), ["g"]);
}

#[tokio::test]
async fn the_lease_of_a_dead_gateway_is_taken_over_and_its_return_is_fenced() {
    let mut two = Two::start().await;
    two.first.put("before", "x").await;
    two.pass(2).await;
    two.first.stop().await;
    two.pass(20).await;
    assert_eq!(refusal(&two.second, "g").await, ErrorKind::ReadOnly);
    two.pass(20).await;
    two.second.put("g", "mine").await;
    two.pass(16).await;
    assert_eq!(two.objects(), ["before", "g"]);

    // It comes back with the same cache, and may write until it has asked the bucket.
    two.first.start().await;
    settle().await;
    assert_eq!(refusal(&two.first, "late").await, ErrorKind::ReadOnly);
    two.second.put("h", "mine").await;
    two.pass(10).await;
    assert_eq!(two.objects(), ["before", "g", "h"]);
}

#[tokio::test]
async fn who_was_cut_off_takes_changes_but_uploads_none_while_another_writes() {
    let two = Two::start().await;
    two.second.fs().close().await;
    offline(&two.first, true);
    two.pass(60).await;
    two.first.put("f", "written while cut off").await;
    // Another gateway took the lease over meanwhile.
    let holder = Metadata::from([("causeway-holder".to_owned(), "gw-other/1".to_owned())]);
    let lease = ".causeway/lease/0000000000000002";
    two.first.store.insert(lease, "2", holder);
    offline(&two.first, false);
    two.pass(20).await;
    assert_eq!(two.objects(), Vec::<String>::new());
    assert_eq!(refusal(&two.first, "g").await, ErrorKind::ReadOnly);
    assert_eq!(two.first.read("f").await.unwrap(), b"written while cut off");
    // That one is gone for good: its lease stands still.
    two.pass(40).await;
    assert_eq!(two.objects(), ["f"]);
}

#[tokio::test]
async fn an_upload_that_takes_longer_than_the_lease_is_given_up() {
    let two = Two::start().await;
    two.first.store.set_latency(Latency {
        per_call: Duration::from_secs(40),
        per_chunk: Duration::ZERO,
    });
    two.first.put("f", "slow").await;
    two.pass(70).await;
    assert!(two.first.store.counts().puts > 1, "it was sent");
    assert_eq!(two.objects(), Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_keeps_writing_at_once() {
    let mut two = Two::start().await;
    two.first.stop().await;
    offline(&two.first, true);
    two.first.start().await;
    two.first
        .put("f", "written before the bucket was asked")
        .await;
    offline(&two.first, false);
    two.pass(12).await;
    assert_eq!(two.objects(), ["f"]);
}

#[tokio::test]
async fn a_restart_meets_its_own_lease_and_refuses_nobody() {
    let mut two = Two::start().await;
    two.first.stop().await;
    two.first.store.set_latency(Latency {
        per_call: Duration::from_millis(50),
        per_chunk: Duration::ZERO,
    });
    two.first.start().await;
    for number in 0..40 {
        two.first.create(&format!("f{number}")).await.unwrap();
        two.clock.advance(Duration::from_millis(10));
        settle().await;
    }
}

#[tokio::test]
async fn a_fresh_cache_takes_no_change_before_the_bucket_was_asked() {
    let clock = Clock::manual(::model::Timestamp::from_millis(1));
    let store = Arc::new(MemStore::new(clock.clone()));
    store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    let bench = Bench::in_time(store, one_writer(), clock.clone(), Committer::Thread).await;
    settle().await;
    assert_eq!(refusal(&bench, "f").await, ErrorKind::Unavailable);
    offline(&bench, false);
    clock.advance(Duration::from_secs(6));
    settle().await;
    bench.put("f", "x").await;
}

#[tokio::test]
async fn what_does_not_say_whose_lease_it_is_counts_for_nothing() {
    let mut two = Two::start().await;
    for number in ["0000000000000002", "ffffffffffffffff"] {
        let key = format!(".causeway/lease/{number}");
        two.first.insert(&key, "laid there by hand");
    }
    two.pass(40).await;
    two.first.put("f", "ours").await;
    two.pass(2).await;
    assert_eq!(two.objects(), ["f"]);
    assert_eq!(refusal(&two.second, "g").await, ErrorKind::ReadOnly);
    two.first.stop().await;
    two.pass(40).await;
    two.second.put("g", "mine").await;
    two.pass(16).await;
    assert_eq!(two.objects(), ["f", "g"]);
}

#[tokio::test]
async fn a_lease_with_the_last_number_there_is_stops_nobody_from_looking_again() {
    let two = Two::start().await;
    let holder = Metadata::from([("causeway-holder".to_owned(), "gw-other/1".to_owned())]);
    let lease = ".causeway/lease/ffffffffffffffff";
    two.first.store.insert(lease, "", holder);
    two.pass(60).await;
    assert_eq!(refusal(&two.first, "f").await, ErrorKind::ReadOnly);
    two.first.store.remove(lease);
    two.pass(60).await;
    two.first.put("f", "ours").await;
    two.pass(2).await;
    assert_eq!(two.objects(), ["f"]);
}
