//! What others do in the bucket, and what goes wrong there.

use object_store::{Faults, Latency, ObjectStore as _};

use super::*;
use crate::FsEvent;

#[tokio::test]
async fn objects_that_were_there_are_files() {
    let store = Arc::new(MemStore::new(Clock::system()));
    for key in ["a", "d/e/f", "empty/", "x//y", "../up", "z/"] {
        store.insert(key, format!("bytes of {key}"), Metadata::new());
    }
    store.insert(&"n".repeat(256), "", Metadata::new());
    store.insert("a/below-a-file", "", Metadata::new());
    let bench = Bench::on(store, config()).await;
    bench.imported().await;
    assert_eq!(bench.list("").await, ["a", "d", "empty", "z"]);
    assert_eq!(bench.read("d/e/f").await.unwrap(), b"bytes of d/e/f");
    let found = bench.find("a").await.unwrap();
    assert_eq!((found.mode, found.uid, found.size), (0o644, 0, 10));
    assert_eq!(bench.fs().sync(None).await.unwrap().skipped, 4);
    assert_eq!(bench.fs().status().objects_listed, 8);
}

#[tokio::test]
async fn a_sync_finds_what_others_added_changed_and_removed() {
    let bench = Bench::new().await;
    for key in ["same", "changed", "gone", "d/only"] {
        bench.insert(key, "first");
    }
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.read("changed").await.unwrap(), b"first");
    bench.insert("changed", "second, longer");
    bench.insert("new/deep", "x");
    bench.store.remove("gone");
    bench.store.remove("d/only");
    let heads = bench.store.counts().heads;
    let found = bench.fs().sync(None).await.unwrap();
    assert_eq!((found.added, found.changed, found.removed), (1, 1, 2));
    assert_eq!(bench.store.counts().heads, heads, "a listing is enough");
    assert_eq!(bench.list("").await, ["changed", "new", "same"]);
    assert_eq!(bench.read("changed").await.unwrap(), b"second, longer");
    let again = bench.fs().sync(None).await.unwrap();
    assert_eq!((again.added, again.changed, again.removed), (0, 0, 0));
}

#[tokio::test]
async fn a_sync_of_a_path_looks_only_there() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.insert("a/1", "x");
    bench.insert("b/1", "x");
    assert_eq!(bench.fs().sync(Some("/a")).await.unwrap().added, 1);
    assert_eq!(bench.list("").await, ["a"]);
    bench.insert("b/2", "x");
    assert_eq!(bench.fs().sync(Some("b/2")).await.unwrap().added, 1);
    assert_eq!(bench.list("b").await, ["2"]);
}

#[tokio::test]
async fn a_deleted_file_does_not_come_back_with_a_listing() {
    let bench = Bench::new().await;
    bench.put("f", "x").await;
    bench.drain().await;
    bench.store.set_faults(Faults {
        refused_permille: 900,
        seed: 3,
        ..Faults::default()
    });
    bench.remove("f").await.unwrap();
    for _ in 0..20 {
        let listed = bench.fs().sync(None).await;
        assert!(listed.is_err() || listed.unwrap().added == 0);
        assert!(bench.list("").await.is_empty());
    }
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    assert!(bench.keys().is_empty());
}

/// Changes `d` here and in the bucket while they do not see each other, and lets them meet.
async fn change_on_both_sides(bench: &Bench) {
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench.write("d", 0, "here").await.unwrap();
    bench.commit("d").await.unwrap();
    bench.insert("d", "there");
    bench.store.set_faults(Faults::default());
    bench.drain().await;
}

#[tokio::test]
async fn a_file_changed_on_both_sides_is_kept_twice() {
    let bench = Bench::new().await;
    bench.put("d", "one").await;
    bench.drain().await;
    change_on_both_sides(&bench).await;
    assert_eq!(bench.read("d").await.unwrap(), b"there");
    let kept = bench.list(".conflicts").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let path = format!(".conflicts/{}", kept[0]);
    assert_eq!(bench.read(&path).await.unwrap(), b"here");
    assert_eq!(bench.object(&path), "here");
    assert_eq!(bench.object("d"), "there");
    let events = bench.fs().take_events();
    let told = FsEvent::Conflict {
        path: "d".into(),
        policy: ConflictPolicy::KeepBoth,
        kept_as: Some(path),
    };
    assert_eq!((events, bench.fs().status().conflicts), (vec![told], 1));
}

#[test]
fn files_of_one_name_that_were_changed_on_both_sides_at_one_moment_are_all_kept() {
    simulate(async {
        let mut bench = Bench::simulated(0).await;
        for dir in ["a", "b"] {
            bench.make_dir(dir).await.unwrap();
            bench.put(&format!("{dir}/f"), "one").await;
        }
        bench.drain().await;
        let began = bench.clock.now();
        for key in ["a/f", "b/f"] {
            let node = bench.find(key).await.unwrap().inode;
            bench.write(key, 0, format!("ours, {key}")).await.unwrap();
            bench.insert(key, "theirs");
            let engine = bench.fs().engine();
            let node = engine.node(node).unwrap();
            let theirs = bench.store.head(key).await.unwrap();
            engine.resolve_conflict(&node, &theirs).await.unwrap();
        }
        assert_eq!(bench.clock.now(), began);
        let mut kept = Vec::new();
        for name in bench.list(".conflicts").await {
            kept.push(bench.read(&format!(".conflicts/{name}")).await.unwrap());
        }
        kept.sort();
        assert_eq!(kept, [b"ours, a/f", b"ours, b/f"]);
        bench.drain().await;
        assert_eq!(bench.keys().len(), 4, "{:?}", bench.keys());
        bench.stop().await;
        bench.assert_sound().await;
    });
}

#[tokio::test]
async fn what_was_changed_on_both_sides_is_kept_though_a_file_has_the_name_of_the_directory() {
    let mut bench = Bench::new().await;
    bench.put(".conflicts", "a file").await;
    bench.put("d", "one").await;
    bench.drain().await;
    change_on_both_sides(&bench).await;
    assert_eq!(bench.list("").await, [".conflicts", ".conflicts~1", "d"]);
    assert_eq!(bench.read(".conflicts").await.unwrap(), b"a file");
    let path = format!(".conflicts~1/{}", bench.list(".conflicts~1").await[0]);
    assert_eq!(bench.object(&path), "here");
    let state = bench.fs().file_status(&path).await.unwrap().state;
    assert_eq!(state, ::model::FileState::Conflict);
    let told = FsEvent::Conflict {
        path: "d".into(),
        policy: ConflictPolicy::KeepBoth,
        kept_as: Some(path),
    };
    assert_eq!(bench.fs().take_events(), [told]);
    bench.stop().await;
    bench.assert_sound().await;
}

/// A file with five bytes of which two were changed here while others put an object there.
async fn conflict(policy: ConflictPolicy) -> Bench {
    let settings = ObjectFsConfig {
        conflicts: policy,
        ..config()
    };
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await;
    bench.put("d", "first").await;
    bench.drain().await;
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench.write("d", 0, "OU").await.unwrap();
    bench.commit("d").await.unwrap();
    bench.insert("d", "theirs");
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    assert!(bench.list("").await.iter().all(|name| name == "d"));
    assert_eq!(bench.fs().status().conflicts, 1);
    bench
}

#[tokio::test]
async fn the_bucket_wins_where_the_share_says_so() {
    let mut bench = conflict(ConflictPolicy::BucketWins).await;
    assert_eq!(bench.read("d").await.unwrap(), b"theirs");
    assert_eq!(bench.object("d"), "theirs");
    bench.crash(|| false).await;
    assert_eq!(bench.read("d").await.unwrap(), b"theirs");
    bench.write("d", 0, "T").await.unwrap();
    bench.commit("d").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.object("d"), "Theirs");
}

#[tokio::test]
async fn the_gateway_wins_where_the_share_says_so() {
    let mut bench = conflict(ConflictPolicy::GatewayWins).await;
    assert_eq!(bench.object("d"), "OUrst");
    bench.crash(|| false).await;
    assert_eq!(bench.read("d").await.unwrap(), b"OUrst");
    assert_eq!(bench.second().await.read("d").await.unwrap(), b"OUrst");
}

#[tokio::test]
async fn a_new_file_does_not_overwrite_what_others_put_there() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.insert("f", "theirs");
    bench.put("f", "ours").await;
    bench.drain().await;
    assert_eq!(bench.object("f"), "theirs");
    assert_eq!(bench.read("f").await.unwrap(), b"theirs");
    assert_eq!(bench.list(".conflicts").await.len(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_no_conflict() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.store.set_faults(Faults {
        lost_reply_permille: 700,
        seed: 9,
        ..Faults::default()
    });
    for n in 0..20 {
        bench.put(&format!("f{n}"), format!("content {n}")).await;
    }
    bench.drain().await;
    bench.store.set_faults(Faults::default());
    assert_eq!(bench.keys().len(), 20);
    for n in 0..20 {
        assert_eq!(bench.object(&format!("f{n}")), format!("content {n}"));
    }
}

#[tokio::test]
async fn an_upload_whose_answer_got_lost_does_not_become_a_ghost() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.store.set_faults(Faults {
        lost_reply_permille: 1_000,
        ..Faults::default()
    });
    bench.put("first", "x").await;
    bench
        .until("put", |bench| bench.store.object("first").is_some())
        .await;
    bench.rename("first", "second").await.unwrap();
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    assert_eq!(bench.keys(), ["second"]);
    bench.fs().sync(None).await.unwrap();
    assert_eq!(bench.list("").await, ["second"]);
}

#[tokio::test]
async fn a_path_in_demand_is_found_before_the_listing_has_come_to_it() {
    let store = Arc::new(MemStore::new(Clock::system()));
    for n in 0..10_000 {
        store.insert(&format!("many/{n:05}"), "x", Metadata::new());
    }
    store.insert("zoo/animal", "tiger", Metadata::new());
    let latency = Duration::from_millis(100);
    store.set_latency(Latency {
        per_call: latency,
        per_chunk: Duration::ZERO,
    });
    let bench = Bench::on(Arc::clone(&store), config()).await;
    assert_eq!(bench.read("zoo/animal").await.unwrap(), b"tiger");
    assert!(
        bench.fs().status().importing,
        "it was found before the listing was through"
    );
    store.set_latency(Latency::default());
    bench.imported().await;
    assert_eq!(bench.list("many").await.len(), 10_000);
    assert_eq!(bench.list("zoo").await, ["animal"]);
}

#[tokio::test]
async fn an_import_goes_on_after_a_crash() {
    let store = Arc::new(MemStore::new(Clock::system()));
    for n in 0..5_000 {
        store.insert(&format!("d{}/{n:05}", n % 7), "x", Metadata::new());
    }
    let mut bench = Bench::on(Arc::clone(&store), config()).await;
    for _ in 0..4 {
        bench.crash(|| false).await;
    }
    bench.imported().await;
    let mut found = 0;
    for dir in bench.list("").await {
        found += bench.list(&dir).await.len();
    }
    assert_eq!(found, 5_000);
    assert_eq!(bench.fs().status().inodes, 5_008);
}

#[tokio::test]
async fn attributes_that_other_gateways_left_are_taken_over() {
    let bench = Bench::new().await;
    bench.imported().await;
    let metadata = [("file-owner", "1000"), ("file-permissions", "0100640")];
    let metadata = metadata.map(|(k, v)| (k.to_owned(), v.to_owned()));
    bench.store.insert("f", "x", Metadata::from(metadata));
    bench.fs().sync(None).await.unwrap();
    let found = bench.find("f").await.unwrap();
    assert_eq!((found.uid, found.mode), (1000, 0o640));
}

#[tokio::test]
async fn a_moved_file_whose_object_others_deleted_is_put_again_from_the_cache() {
    let bench = Bench::new().await;
    bench.put("a", "precious").await;
    bench.drain().await;
    bench.store.remove("a");
    bench.rename("a", "b").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.object("b"), "precious");
}

#[tokio::test]
async fn a_renamed_file_keeps_its_bytes_though_its_new_name_is_taken_in_the_bucket() {
    let mut bench = Bench::new().await;
    bench.insert("f", pattern(1, 3 << 20));
    bench.fs().sync(None).await.unwrap();
    bench.write("f", 0, "new").await.unwrap();
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench.rename("f", "g").await.unwrap();
    bench.store.set_faults(Faults::default());
    bench.insert("g", pattern(2, 100));
    bench.drain().await;
    let kept = bench.list(".conflicts").await;
    let path = format!(".conflicts/{}", kept[0]);
    let mut ours = pattern(1, 3 << 20);
    ours[..3].copy_from_slice(b"new");
    assert!(bench.read(&path).await.unwrap() == ours);
    bench.drain().await;
    assert!(bench.object(&path) == ours);
    assert_eq!(bench.read("g").await.unwrap(), pattern(2, 100));
    assert_eq!(bench.keys(), [path.as_str(), "g"]);
    bench.stop().await;
    bench.assert_sound().await;
}
