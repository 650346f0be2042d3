//! Reads of what is not in the cache.

use futures::TryStreamExt as _;
use object_store::{Latency, ObjectStore as _};

use super::*;
use crate::engine::fetch::Window;

async fn with_object(len: usize) -> Bench {
    holding(Bench::new().await, len).await
}

async fn holding(bench: Bench, len: usize) -> Bench {
    bench.insert("f", pattern(1, len));
    bench.fs().sync(None).await.unwrap();
    bench
}

#[test]
fn the_first_bytes_come_before_the_object_has_arrived() {
    simulate(async {
        let bench = holding(Bench::simulated(0).await, 8 << 20).await;
        let inode = bench.find("f").await.unwrap().inode;
        // 64 KiB in 10 ms: the whole takes 1.3 s.
        bench.store.set_latency(Latency {
            per_call: Duration::ZERO,
            per_chunk: Duration::from_millis(10),
        });
        let began = bench.clock.now();
        let reply = bench.fs().read(&root(), inode, 0, 4_096).await.unwrap();
        let waited = bench.clock.now() - began;
        assert_eq!(reply.bytes, pattern(1, 8 << 20)[..4_096]);
        assert!(waited < Duration::from_millis(100), "{waited:?}");
    });
}

#[tokio::test]
async fn a_part_of_an_object_is_fetched_once_however_many_want_it() {
    let bench = with_object(3 << 20).await;
    let inode = bench.find("f").await.unwrap().inode;
    let reads = (0..20_u64).map(|n| {
        let fs = Arc::clone(bench.fs());
        async move {
            let offset = (1 << 20) + n * 50_000;
            let reply = fs.read(&root(), inode, offset, 40_000).await.unwrap();
            (offset as usize, reply.bytes)
        }
    });
    let whole = pattern(1, 3 << 20);
    for (offset, bytes) in futures::future::join_all(reads).await {
        assert_eq!(bytes, whole[offset..offset + bytes.len()]);
    }
    // All of them are in one MiB; the one behind it may be on its way for who reads on.
    let (fetched, gets) = (
        bench.fs().status().downloaded_bytes,
        bench.store.counts().gets,
    );
    assert!(
        fetched <= 2 << 20 && gets <= 2,
        "{fetched} bytes, {gets} gets"
    );
}

#[tokio::test]
async fn nothing_is_fetched_of_what_was_cut_since_somebody_looked() {
    let bench = with_object(5 << 20).await;
    let inode = bench.find("f").await.unwrap().inode;
    let blocks = 1_000..1_001;
    let cut = SetAttributes {
        size: Some(10_000),
        ..SetAttributes::default()
    };
    let fs = bench.fs();
    let done = fs.set_attributes(&root(), inode, cut, None).await;
    done.unwrap();
    let gets = bench.store.counts().gets;
    let engine = fs.engine();
    let node = engine.node(inode).unwrap();
    engine.fetch(&node, blocks, Window(64)).await.unwrap();
    assert_eq!(bench.store.counts().gets, gets);
    let reply = fs.read(&root(), inode, 0, 20_000).await.unwrap();
    assert_eq!(reply.bytes, pattern(1, 5 << 20)[..10_000]);
}

#[tokio::test]
async fn a_second_read_needs_no_request() {
    let mut bench = with_object(700_000).await;
    assert_eq!(bench.read("f").await.unwrap(), pattern(1, 700_000));
    bench.commit("f").await.unwrap();
    let gets = bench.store.counts().gets;
    assert_eq!(bench.read("f").await.unwrap(), pattern(1, 700_000));
    bench.crash(|| false).await;
    assert_eq!(bench.read("f").await.unwrap(), pattern(1, 700_000));
    assert_eq!(bench.store.counts().gets, gets);
}

#[tokio::test]
async fn a_sequential_reader_is_read_ahead_of_in_few_requests() {
    let bench = with_object(20 << 20).await;
    let whole = bench.read("f").await.unwrap();
    assert!(whole == pattern(1, 20 << 20));
    let gets = bench.store.counts().gets;
    assert!(gets <= 12, "{gets} requests");
    assert_eq!(bench.fs().status().downloaded_bytes, 20 << 20);
}

#[test]
fn a_sequential_reader_is_not_held_up_by_one_connection() {
    simulate(async {
        let bench = holding(Bench::simulated(0).await, 24 << 20).await;
        bench.store.set_latency(Latency {
            per_call: Duration::from_millis(20),
            per_chunk: Duration::from_millis(6),
        });
        let began = bench.clock.now();
        let body = bench.store.get("f", 0, 24 << 20, None).await.unwrap();
        let chunks: Vec<Bytes> = body.try_collect().await.unwrap();
        let one_connection = bench.clock.now() - began;
        let began = bench.clock.now();
        assert!(bench.read("f").await.unwrap() == chunks.concat());
        let took = bench.clock.now() - began;
        assert!(
            took < one_connection * 3 / 4,
            "{took:?} of {one_connection:?}"
        );
    });
}

#[tokio::test]
async fn a_reader_here_and_there_fetches_little_more_than_it_reads() {
    let bench = with_object(64 << 20).await;
    let inode = bench.find("f").await.unwrap().inode;
    let whole = pattern(1, 64 << 20);
    for n in 0..40_u64 {
        let offset = (n * 17 % 40) * (3 << 19) + 5_000;
        let reply = bench
            .fs()
            .read(&root(), inode, offset, 4_096)
            .await
            .unwrap();
        assert_eq!(reply.bytes, whole[offset as usize..][..4_096]);
    }
    let fetched = bench.fs().status().downloaded_bytes;
    // The first ones look like a sequential reader's; of 1 MiB each it would be 40 MiB.
    assert!(fetched <= 12 << 20, "{fetched}");
}

#[tokio::test]
async fn a_write_into_a_cold_file_fetches_only_what_it_must() {
    let bench = with_object(5 << 20).await;
    bench.write("f", (2 << 20) + 10, "patched").await.unwrap();
    let fetched = bench.fs().status().downloaded_bytes;
    assert!(fetched <= 1 << 20, "{fetched}");
    bench.drain().await;
    let mut model = pattern(1, 5 << 20);
    model[(2 << 20) + 10..][..7].copy_from_slice(b"patched");
    assert!(bench.object("f") == model);
    assert!(bench.read("f").await.unwrap() == model);
}

#[tokio::test]
async fn whole_blocks_are_written_without_a_fetch() {
    let bench = with_object(1 << 20).await;
    bench.write("f", 8_192, vec![7; 4_096]).await.unwrap();
    bench.resize("f", 0).await.unwrap();
    assert_eq!(bench.fs().status().downloaded_bytes, 0);
    assert_eq!(bench.read("f").await.unwrap(), b"");
}

#[tokio::test]
async fn what_was_cut_off_a_cold_file_does_not_come_back() {
    let bench = with_object(100_000).await;
    bench.resize("f", 10_001).await.unwrap();
    bench.resize("f", 50_000).await.unwrap();
    let mut model = pattern(1, 10_001);
    model.resize(50_000, 0);
    assert_eq!(bench.read("f").await.unwrap(), model);
    bench.drain().await;
    assert_eq!(bench.object("f"), model);
    assert_eq!(bench.read("f").await.unwrap(), model);
}

#[tokio::test]
async fn an_object_that_changed_under_a_reader_is_read_anew() {
    let bench = with_object(2 << 20).await;
    let inode = bench.find("f").await.unwrap().inode;
    bench.fs().read(&root(), inode, 0, 1_000).await.unwrap();
    bench.insert("f", pattern(2, 2 << 20));
    let late = bench
        .fs()
        .read(&root(), inode, (2 << 20) - 10, 10)
        .await
        .unwrap();
    assert_eq!(late.bytes, pattern(2, 2 << 20)[(2 << 20) - 10..]);
    assert!(bench.read("f").await.unwrap() == pattern(2, 2 << 20));
}

#[tokio::test]
async fn an_object_that_is_gone_is_gone_here_too() {
    let bench = with_object(1_000).await;
    let inode = bench.find("f").await.unwrap().inode;
    bench.store.remove("f");
    fails(
        bench.fs().read(&root(), inode, 0, 10).await,
        ErrorKind::Stale,
    );
    assert!(bench.list("").await.is_empty());
}

#[tokio::test]
async fn broken_bodies_are_tried_again() {
    let bench = with_object(3 << 20).await;
    bench.store.set_faults(object_store::Faults {
        seed: 4,
        cut_body_permille: 400,
        refused_permille: 200,
        ..Default::default()
    });
    let inode = bench.find_patiently("f").await;
    let mut read = Vec::new();
    while read.len() < 3 << 20 {
        let at = read.len() as u64;
        match bench.fs().read(&root(), inode, at, 256 << 10).await {
            Ok(reply) => read.extend_from_slice(&reply.bytes),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Unavailable),
        }
    }
    assert!(read == pattern(1, 3 << 20));
}

impl Bench {
    async fn find_patiently(&self, path: &str) -> Inode {
        loop {
            match self.find(path).await {
                Ok(found) => return found.inode,
                Err(e) => assert_eq!(e.kind(), ErrorKind::Unavailable),
            }
        }
    }
}
