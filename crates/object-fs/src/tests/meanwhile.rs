//! What one does while another waits: on one thread, whose turns are counted.

use object_store::ObjectStore as _;

use super::*;
use crate::{engine::fetch::Fetch, node::Node, upload::Work};

/// Turns of everybody else before a disk has answered: more than anything here takes.
const TURNS: u32 = 1_000;

/// A disk that takes its time, and files that rest until they are asked for.
async fn bench() -> Bench {
    with_policy(ConflictPolicy::KeepBoth).await
}

async fn with_policy(conflicts: ConflictPolicy) -> Bench {
    let config = ObjectFsConfig {
        upload_delay: PATIENCE,
        conflicts,
        ..config()
    };
    let clock = Clock::system();
    let store = Arc::new(MemStore::new(clock.clone()));
    let bench = Bench::in_time(store, config, clock, Committer::Waiter(TURNS)).await;
    bench.imported().await;
    bench
}

/// Gives others their turns until `holds`.
async fn turns_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..100 * TURNS {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to that");
}

impl Bench {
    async fn node(&self, path: &str) -> Arc<Node> {
        let inode = self.find(path).await.unwrap().inode;
        self.fs().engine().node(inode).unwrap()
    }

    fn upload_now(&self, node: &Node) {
        let work = Work::Inode(node.inode);
        self.fs().engine().queue.expedite(&work, self.clock.now());
    }

    async fn at_rest(&self, node: &Node) {
        let work = Work::Inode(node.inode);
        self.until("nothing to do", |bench| {
            !bench.fs().engine().queue.has(&work)
        })
        .await;
    }
}

#[tokio::test]
async fn an_object_follows_a_directory_that_is_renamed_while_its_upload_ends() {
    let mut bench = bench().await;
    bench.make_dir("old").await.unwrap();
    bench.put("old/f", "x").await;
    let file = bench.node("old/f").await;
    bench.upload_now(&file);
    turns_until(|| file.state.lock().record.remote.is_some()).await;
    bench.rename("old", "new").await.unwrap();
    bench.at_rest(&file).await;
    assert_eq!(bench.object("new/f"), "x");
    drop(file);
    bench.crash(|| false).await;
    bench.drain().await;
    assert_eq!(bench.keys(), ["new/f"]);
}

/// Until a commit of the file is under way: what it puts into the index is settled.
async fn commit_under_way(file: &Node) {
    turns_until(|| file.committing.try_lock().is_err()).await;
}

/// A file that is in the cache, of which the index does not know that yet.
async fn fetched(bench: &Bench) -> Arc<Node> {
    bench.insert("f", pattern(1, 100_000));
    bench.fs().sync(None).await.unwrap();
    bench.read("f").await.unwrap();
    bench.node("f").await
}

/// Others put another object, and it is in the index before a commit that is under way is.
async fn replace(bench: &Bench, file: &Node) {
    commit_under_way(file).await;
    bench.insert("f", pattern(2, 50_000));
    assert_eq!(bench.fs().sync(None).await.unwrap().changed, 1);
}

#[tokio::test]
async fn what_the_bucket_replaced_does_not_come_back_with_a_commit_that_was_under_way() {
    let mut bench = bench().await;
    let file = fetched(&bench).await;
    let commit = bench.fs().engine().commit_node(&file);
    let (committed, ()) = futures::join!(commit, replace(&bench, &file));
    committed.unwrap();
    drop(file);
    bench.crash(|| true).await;
    assert!(bench.read("f").await.unwrap() == pattern(2, 50_000));
}

#[tokio::test]
async fn what_the_bucket_replaced_does_not_come_back_with_an_eviction_that_was_under_way() {
    let mut bench = bench().await;
    let file = fetched(&bench).await;
    bench.commit("f").await.unwrap();
    let eviction = bench.fs().engine().evict_node(&file);
    let (evicted, ()) = futures::join!(eviction, replace(&bench, &file));
    evicted.unwrap();
    assert_eq!(bench.fs().status().cache_used_bytes, 0);
    drop(file);
    bench.crash(|| true).await;
    assert!(bench.read("f").await.unwrap() == pattern(2, 50_000));
}

/// Begins a commit, and gives it up when it has come so far.
async fn commit_in_part(bench: &Bench, file: &Arc<Node>, far: impl Fn() -> bool) {
    tokio::select! {
        biased;
        done = bench.fs().engine().commit_node(file) => panic!("it has ended: {done:?}"),
        () = turns_until(far) => {}
    }
}

#[tokio::test]
async fn what_a_commit_has_not_done_that_is_given_up_is_done_by_the_next() {
    let mut bench = bench().await;
    bench.put("f", pattern(1, 10_000)).await;
    bench.write("f", 0, pattern(2, 10_000)).await.unwrap();
    let file = bench.node("f").await;
    commit_in_part(&bench, &file, || file.committing.try_lock().is_err()).await;
    bench.commit("f").await.unwrap();
    drop(file);
    bench.crash(|| false).await;
    assert!(bench.read("f").await.unwrap() == pattern(2, 10_000));
}

#[tokio::test]
async fn a_commit_that_is_given_up_before_it_is_durable_leaves_no_blocks_behind() {
    let bench = bench().await;
    bench.put("f", pattern(1, 10_000)).await;
    let before = bench.fs().status().cache_used_bytes;
    bench.write("f", 0, pattern(2, 10_000)).await.unwrap();
    let file = bench.node("f").await;
    let is_named = || {
        let is_taken = file.state.lock().loaded().unwrap().under_way.is_none();
        is_taken && file.committing.try_lock().is_err()
    };
    commit_in_part(&bench, &file, is_named).await;
    bench.commit("f").await.unwrap();
    assert_eq!(bench.fs().status().cache_used_bytes, before);
}

#[tokio::test]
async fn an_upload_that_ends_while_a_commit_is_under_way_is_the_base_of_both() {
    let bench = bench().await;
    bench.put("f", pattern(1, 10_000)).await;
    let file = bench.node("f").await;
    let closed = bench.gate.close().await;
    bench.upload_now(&file);
    turns_until(|| bench.gate.waiting() == 1).await;
    bench.write("f", 0, "new").await.unwrap();
    let upload = async {
        commit_under_way(&file).await;
        drop(closed);
        turns_until(|| file.state.lock().record.remote.is_some()).await;
        assert!(file.committing.try_lock().is_err(), "it still is");
    };
    let (committed, ()) = futures::join!(bench.commit("f"), upload);
    committed.unwrap();
    let record = bench.fs().engine().load_record(file.inode);
    let content = record.unwrap().unwrap().content;
    assert_eq!((content.base_len, content.next_base_len), (10_000, None));
}

#[tokio::test]
async fn an_object_that_goes_while_a_commit_is_under_way_is_no_base_any_more() {
    let mut bench = bench().await;
    bench.put("f", pattern(1, 10_000)).await;
    let file = bench.node("f").await;
    bench.upload_now(&file);
    bench.at_rest(&file).await;
    bench.write("f", 0, vec![7; 4_096]).await.unwrap();
    let going = async {
        commit_under_way(&file).await;
        bench.store.remove("f");
        bench.fs().sync(None).await.unwrap();
    };
    let (committed, ()) = futures::join!(bench.commit("f"), going);
    committed.unwrap();
    drop(file);
    bench.crash(|| true).await;
    let whole = [vec![7; 4_096], pattern(1, 10_000)[4_096..].to_vec()].concat();
    assert!(bench.read("f").await.unwrap() == whole);
    bench.drain().await;
    assert!(bench.object("f") == whole);
}

/// Beyond what comes in with the first byte of a cold file.
const FAR: usize = 5 << 20;
const LEN: usize = 8 << 20;

/// Writes to a file of which only the start is in the cache; while the write waits for what is
/// behind it, others put another object, which is listed.
async fn write_meanwhile(bench: &Bench, theirs: &[u8]) {
    bench.insert("f", pattern(1, LEN));
    bench.fs().sync(None).await.unwrap();
    let file = bench.node("f").await;
    bench.fs().read(&root(), file.inode, 0, 100).await.unwrap();
    bench
        .until("what is read ahead is here", |_| {
            let mut state = file.state.lock();
            let mut fetches = state.loaded().unwrap().fetches.iter();
            !fetches.any(Fetch::is_under_way)
        })
        .await;
    let closed = bench.gate.close().await;
    let others = async {
        turns_until(|| bench.gate.waiting() > 0).await;
        bench.insert("f", theirs.to_vec());
        let listed = bench.store.list("f", None).await.unwrap();
        let engine = bench.fs().engine();
        engine.take_in(&listed.objects[0]).await.unwrap();
        drop(closed);
    };
    let (written, ()) = futures::join!(bench.write("f", 100, vec![7; FAR]), others);
    written.unwrap();
}

#[tokio::test]
async fn what_a_write_does_not_change_is_of_one_object() {
    let bench = bench().await;
    let mut whole = pattern(2, LEN);
    write_meanwhile(&bench, &whole).await;
    whole[100..100 + FAR].fill(7);
    assert!(bench.read("f").await.unwrap() == whole);
}

#[tokio::test]
async fn a_write_to_what_was_listed_meanwhile_is_a_conflict_with_what_others_put_later() {
    let bench = bench().await;
    write_meanwhile(&bench, &pattern(2, LEN)).await;
    let old = Metadata::from([("file-mtime".to_owned(), "1".to_owned())]);
    bench.store.insert("f", "theirs", old);
    let found = bench.find("f").await.unwrap();
    assert_eq!(found.size, LEN as u64);
    assert!(found.mtime.seconds > 0, "it was written just now");
    let file = bench.node("f").await;
    bench.upload_now(&file);
    bench.at_rest(&file).await;
    assert_eq!(bench.read("f").await.unwrap(), b"theirs");
    let kept = format!(".conflicts/{}", bench.list(".conflicts").await[0]);
    let kept = bench.read(&kept).await.unwrap();
    assert!(kept[100..100 + FAR].iter().all(|byte| *byte == 7));
}

/// A file whose start was written here while others put another object; nobody has noticed.
async fn changed_on_both_sides(policy: ConflictPolicy) -> Bench {
    let bench = with_policy(policy).await;
    bench.insert("f", pattern(1, LEN));
    bench.fs().sync(None).await.unwrap();
    bench.write("f", 0, vec![7; 4_096]).await.unwrap();
    bench.insert("f", pattern(2, LEN));
    bench
}

/// What somebody is told who must not wait for ever.
async fn answered<T>(bench: &Bench, asked: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        answer = asked => answer,
        () = bench.clock.sleep(PATIENCE) => panic!("it is not answered"),
    }
}

#[tokio::test]
async fn a_write_that_finds_both_sides_changed_is_made_when_the_bucket_has_won() {
    let bench = changed_on_both_sides(ConflictPolicy::BucketWins).await;
    let write = || bench.write("f", FAR as u64 + 100, "ours");
    fails(answered(&bench, write()).await, ErrorKind::Unavailable);
    let file = bench.node("f").await;
    bench.at_rest(&file).await;
    answered(&bench, write()).await.unwrap();
    let mut whole = pattern(2, LEN);
    whole[FAR + 100..][..4].copy_from_slice(b"ours");
    assert!(bench.read("f").await.unwrap() == whole);
    assert_eq!(bench.fs().status().conflicts, 1);
}

#[tokio::test]
async fn a_conflict_that_many_find_is_resolved_once() {
    for policy in [
        ConflictPolicy::KeepBoth,
        ConflictPolicy::BucketWins,
        ConflictPolicy::GatewayWins,
    ] {
        let bench = changed_on_both_sides(policy).await;
        let file = bench.node("f").await;
        let theirs = bench.store.head("f").await.unwrap();
        let engine = bench.fs().engine();
        let each = (0..5).map(|_| engine.resolve_conflict(&file, &theirs));
        futures::future::try_join_all(each).await.unwrap();
        assert_eq!(bench.fs().status().conflicts, 1, "{policy:?}");
        assert_eq!(bench.fs().take_events().len(), 1, "{policy:?}");
        if policy == ConflictPolicy::KeepBoth {
            assert_eq!(bench.list(".conflicts").await.len(), 1);
            assert!(bench.read("f").await.unwrap() == pattern(2, LEN));
        }
        bench.upload_now(&file);
        bench.at_rest(&file).await;
        assert!(bench.keys().len() <= 2, "{:?}", bench.keys());
    }
}

#[tokio::test]
async fn an_object_that_goes_while_parts_of_it_are_copied_is_in_what_comes_of_them() {
    const PART: usize = 64 << 10;
    let mut config = ObjectFsConfig {
        upload_delay: PATIENCE,
        ..config()
    };
    config.uploads.part_bytes = PART as u64;
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), config).await;
    let mut whole = pattern(1, 4 * PART);
    bench.insert("f", whole.clone());
    bench.fs().sync(None).await.unwrap();
    bench.write("f", 0, vec![7; PART]).await.unwrap();
    whole[..PART].fill(7);
    let file = bench.node("f").await;
    let closed = bench.gate.close().await;
    bench.upload_now(&file);
    bench
        .until("its own part waits, the others are there", |bench| {
            bench.gate.waiting() == 1 && bench.store.counts().part_copies == 1
        })
        .await;
    bench.store.remove("f");
    bench.fs().sync(None).await.unwrap();
    assert!(file.state.lock().record.remote.is_none());
    drop(closed);
    let engine = bench.fs().engine();
    let work = Work::Inode(file.inode);
    bench
        .until("its parts are an object, and that is put again", |bench| {
            bench.upload_now(&file);
            !engine.queue.has(&work)
        })
        .await;
    assert!(bench.object("f") == whole);
    assert!(bench.read("f").await.unwrap() == whole);
}

#[tokio::test]
async fn a_file_removed_while_its_commit_is_under_way_leaves_nothing_on_the_cache_disk() {
    let bench = bench().await;
    bench.put("f", pattern(1, 10_000)).await;
    bench.write("f", 0, pattern(2, 10_000)).await.unwrap();
    let file = bench.node("f").await;
    let removal = async {
        commit_under_way(&file).await;
        bench.remove("f").await.unwrap();
    };
    let commit = bench.fs().engine().commit_node(&file);
    let (committed, ()) = futures::join!(commit, removal);
    fails(committed, ErrorKind::Stale);
    bench
        .until("nothing is left of it", |bench| {
            bench.fs().status().cache_used_bytes == 0
        })
        .await;
}

#[tokio::test]
async fn an_upload_that_panics_has_failed_and_is_tried_again() {
    let bench = Bench::new().await;
    bench.imported().await;
    bench.gate.set_panics(true);
    bench.put("f", "x").await;
    bench
        .until("failed", |bench| bench.fs().status().uploads_failing == 1)
        .await;
    bench.gate.set_panics(false);
    bench.drain().await;
    assert_eq!(bench.object("f"), "x");
}
