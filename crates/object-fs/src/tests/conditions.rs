//! What others do in the bucket while we copy, delete and change attributes.

use object_store::Faults;

use super::*;

fn offline(bench: &Bench, offline: bool) {
    bench.store.set_faults(Faults {
        offline,
        ..Faults::default()
    });
}

async fn with_policy(conflicts: ConflictPolicy) -> Bench {
    let settings = ObjectFsConfig {
        conflicts,
        ..config()
    };
    Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await
}

#[tokio::test]
async fn a_renamed_file_does_not_overwrite_what_others_put_there() {
    let bench = Bench::new().await;
    bench.put("a", "ours").await;
    bench.drain().await;
    offline(&bench, true);
    bench.rename("a", "b").await.unwrap();
    bench.insert("b", "theirs");
    offline(&bench, false);
    bench.drain().await;
    assert_eq!(bench.object("b"), "theirs");
    assert_eq!(bench.read("b").await.unwrap(), b"theirs");
    let kept = format!(".conflicts/{}", bench.list(".conflicts").await[0]);
    assert_eq!(bench.read(&kept).await.unwrap(), b"ours");
    assert_eq!(bench.object(&kept), "ours");
    assert_eq!(bench.keys(), [kept.as_str(), "b"]);
    assert_eq!(bench.fs().status().conflicts, 1);
}

#[tokio::test]
async fn a_renamed_file_overwrites_where_the_gateway_wins() {
    let mut bench = with_policy(ConflictPolicy::GatewayWins).await;
    let ours = pattern(1, 3 << 20);
    bench.imported().await;
    bench.insert("a", ours.clone());
    bench.fs().sync(None).await.unwrap();
    bench.find("a").await.unwrap();
    offline(&bench, true);
    bench.rename("a", "b").await.unwrap();
    bench.insert("b", "theirs");
    offline(&bench, false);
    bench.drain().await;
    assert!(
        bench.object("b") == ours,
        "though none of it is in the cache"
    );
    assert!(bench.read("b").await.unwrap() == ours);
    assert_eq!(bench.keys(), ["b"]);
    bench.stop().await;
    bench.assert_sound().await;
}

#[tokio::test]
async fn what_others_put_at_the_old_name_moves_along_with_a_rename() {
    let bench = Bench::new().await;
    bench.put("a", "ours").await;
    bench.drain().await;
    offline(&bench, true);
    bench.rename("a", "b").await.unwrap();
    bench.insert("a", "theirs, and longer");
    offline(&bench, false);
    bench.drain().await;
    assert_eq!(bench.object("b"), "theirs, and longer");
    assert_eq!(bench.read("b").await.unwrap(), b"theirs, and longer");
    assert_eq!(bench.keys(), ["b"]);
}

#[tokio::test]
async fn a_copy_whose_answer_got_lost_is_no_conflict() {
    let bench = Bench::new().await;
    for n in 0..10 {
        bench.insert(&format!("theirs{n}"), format!("{n}"));
        bench.put(&format!("ours{n}"), format!("{n}")).await;
    }
    bench.fs().sync(None).await.unwrap();
    bench.drain().await;
    for n in 0..10 {
        bench.find(&format!("theirs{n}")).await.unwrap();
    }
    bench.store.set_faults(Faults {
        lost_reply_permille: 300,
        seed: 5,
        ..Faults::default()
    });
    for n in 0..10 {
        for name in ["theirs", "ours"] {
            let (from, to) = (format!("{name}{n}"), format!("moved-{name}{n}"));
            bench.rename(&from, &to).await.unwrap();
        }
    }
    bench.drain().await;
    assert_eq!(bench.fs().status().conflicts, 0);
    assert!(bench.keys().iter().all(|key| key.starts_with("moved-")));
    assert_eq!(bench.keys().len(), 20);
}

#[tokio::test]
async fn a_copy_of_what_others_put_leaves_nothing_behind_when_it_moves_on() {
    let bench = Bench::new().await;
    bench.insert("a", "theirs");
    bench.fs().sync(None).await.unwrap();
    bench.find("a").await.unwrap();
    bench.store.set_faults(Faults {
        lost_reply_permille: 1_000,
        ..Faults::default()
    });
    bench.rename("a", "b").await.unwrap();
    bench
        .until("copied", |bench| bench.store.object("b").is_some())
        .await;
    bench.rename("b", "c").await.unwrap();
    offline(&bench, false);
    bench.drain().await;
    assert_eq!(bench.keys(), ["c"]);
}

/// A file that was removed here while others put something else at its key.
async fn removed_here_changed_there(policy: ConflictPolicy) -> Bench {
    let bench = with_policy(policy).await;
    bench.put("a", "ours").await;
    bench.drain().await;
    offline(&bench, true);
    bench.remove("a").await.unwrap();
    bench.insert("a", "theirs");
    offline(&bench, false);
    bench.drain().await;
    assert_eq!(bench.fs().status().conflicts, 1);
    bench
}

#[tokio::test]
async fn a_delete_does_not_reach_what_others_put_since() {
    for policy in [ConflictPolicy::KeepBoth, ConflictPolicy::BucketWins] {
        let mut bench = removed_here_changed_there(policy).await;
        assert_eq!(bench.object("a"), "theirs");
        assert_eq!(bench.read("a").await.unwrap(), b"theirs");
        bench.crash(|| false).await;
        assert_eq!(bench.read("a").await.unwrap(), b"theirs");
    }
}

#[tokio::test]
async fn a_delete_reaches_it_where_the_gateway_wins() {
    let bench = removed_here_changed_there(ConflictPolicy::GatewayWins).await;
    assert!(bench.keys().is_empty() && bench.list("").await.is_empty());
}

#[tokio::test]
async fn a_delete_takes_our_own_upload_that_was_never_answered() {
    let bench = Bench::new().await;
    bench.put("a", "one").await;
    bench.drain().await;
    bench.store.set_faults(Faults {
        lost_reply_permille: 1_000,
        ..Faults::default()
    });
    bench.write("a", 0, "two").await.unwrap();
    bench.commit("a").await.unwrap();
    bench.until("put", |bench| bench.object("a") == "two").await;
    bench.remove("a").await.unwrap();
    offline(&bench, false);
    bench.drain().await;
    assert!(bench.keys().is_empty());
    assert_eq!(bench.fs().status().conflicts, 0);
}

#[tokio::test]
async fn attributes_change_without_the_bytes() {
    let bench = Bench::new().await;
    let bytes = pattern(1, 3 << 20);
    bench.insert("f", bytes.clone());
    bench.fs().sync(None).await.unwrap();
    bench.chmod("f", 0o604).await.unwrap();
    bench.drain().await;
    let counts = bench.store.counts();
    assert_eq!((counts.gets, counts.puts, counts.copies), (0, 0, 1));
    let object = bench.store.object("f").unwrap();
    assert_eq!(object.metadata["file-permissions"], "0100604");
    assert!(object.bytes == bytes);
    assert_eq!(bench.second().await.find("f").await.unwrap().mode, 0o604);
}

#[tokio::test]
async fn new_name_and_new_attributes_go_in_one_copy() {
    let bench = Bench::new().await;
    bench.put("f", "x").await;
    bench.drain().await;
    offline(&bench, true);
    bench.chmod("f", 0o604).await.unwrap();
    bench.rename("f", "g").await.unwrap();
    offline(&bench, false);
    bench.drain().await;
    let object = bench.store.object("g").unwrap();
    assert_eq!(object.metadata["file-permissions"], "0100604");
    assert_eq!(bench.keys(), ["g"]);
}

#[tokio::test]
async fn attributes_are_not_put_on_what_others_changed() {
    let bench = Bench::new().await;
    bench.put("f", "ours").await;
    bench.drain().await;
    offline(&bench, true);
    bench.chmod("f", 0o604).await.unwrap();
    bench.insert("f", "theirs");
    offline(&bench, false);
    bench.drain().await;
    assert_eq!(bench.object("f"), "theirs");
    assert_eq!(bench.read("f").await.unwrap(), b"theirs");
}

/// A file whose second content is in the bucket and not in the cache; the object with the first.
async fn with_an_older_version() -> (Bench, object_store::MemObject) {
    let bench = Bench::new().await;
    bench.put("f", pattern(1, 3 << 20)).await;
    bench.drain().await;
    let older = bench.store.object("f").unwrap();
    bench.write("f", 0, pattern(2, 3 << 20)).await.unwrap();
    bench.commit("f").await.unwrap();
    bench.drain().await;
    let inode = bench.find("f").await.unwrap().inode;
    let engine = bench.fs().engine();
    let freed = engine.evict_node(&engine.node(inode).unwrap()).await;
    assert_eq!(freed.unwrap(), 3 << 20);
    (bench, older)
}

#[tokio::test]
async fn a_version_that_others_bring_back_takes_the_place_of_the_whole_file() {
    let (bench, older) = with_an_older_version().await;
    let inode = bench.find("f").await.unwrap().inode;
    let start = bench.fs().read(&root(), inode, 0, 100).await.unwrap();
    assert_eq!(*start.bytes, pattern(2, 100));
    bench.store.insert("f", older.bytes.clone(), older.metadata);
    bench.fs().read(&root(), inode, 2 << 20, 100).await.unwrap();
    assert!(bench.read("f").await.unwrap() == older.bytes);
    assert_eq!(bench.fs().status().conflicts, 0);
}

#[tokio::test]
async fn a_version_that_others_bring_back_is_not_mixed_with_what_was_written() {
    let (bench, older) = with_an_older_version().await;
    offline(&bench, true);
    bench.write("f", 0, vec![7; 4_096]).await.unwrap();
    bench.commit("f").await.unwrap();
    bench.store.insert("f", older.bytes.clone(), older.metadata);
    offline(&bench, false);
    bench.drain().await;
    assert!(bench.read("f").await.unwrap() == older.bytes);
    assert_eq!(bench.list(".conflicts").await.len(), 1);
    assert_eq!(bench.fs().status().conflicts, 1);
}
