//! Objects that go while they are to be copied.

use super::*;
use crate::tests::{Bench, pattern};

async fn node(bench: &Bench, path: &str) -> Arc<Node> {
    let inode = bench.find(path).await.unwrap().inode;
    bench.fs().engine().node(inode).unwrap()
}

fn remote(node: &Node) -> Remote {
    node.state.lock().record.remote.clone().unwrap()
}

#[tokio::test]
async fn an_object_that_went_is_no_matter_of_a_file_that_has_another_by_now() {
    let bench = Bench::new().await;
    bench.insert("f", pattern(1, 10_000));
    bench.fs().sync(None).await.unwrap();
    let file = node(&bench, "f").await;
    let before = remote(&file);
    bench.insert("f", pattern(2, 20_000));
    bench.fs().sync(None).await.unwrap();
    let engine = bench.fs().engine();
    let outcome = engine.source_vanished(&file, &before).await.unwrap();
    assert!(matches!(outcome, Outcome::Again));
    assert!(bench.read("f").await.unwrap() == pattern(2, 20_000));
}

#[tokio::test]
async fn a_file_that_is_here_whole_is_put_when_the_object_went_that_was_to_be_copied() {
    let bench = Bench::new().await;
    bench.put("f", pattern(1, 10_000)).await;
    bench.drain().await;
    let file = node(&bench, "f").await;
    bench.store.remove("f");
    let engine = bench.fs().engine();
    let outcome = engine.source_vanished(&file, &remote(&file)).await.unwrap();
    assert!(matches!(outcome, Outcome::Again));
    bench.drain().await;
    assert!(bench.object("f") == pattern(1, 10_000));
}

#[tokio::test]
async fn a_file_that_was_evicted_goes_with_the_object_that_was_to_be_copied() {
    let bench = Bench::new().await;
    bench.put("f", pattern(1, 10_000)).await;
    bench.drain().await;
    let file = node(&bench, "f").await;
    let engine = bench.fs().engine();
    engine.evict_node(&file).await.unwrap();
    bench.store.remove("f");
    let outcome = engine.source_vanished(&file, &remote(&file)).await.unwrap();
    assert!(matches!(outcome, Outcome::Done));
    assert!(bench.list("").await.is_empty() && bench.keys().is_empty());
}
