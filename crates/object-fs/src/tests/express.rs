//! Two engines over one bucket: what the one tells, the other has at once.

use ::model::{ChangeNotice, ChangeSource, ExpressStatus, ObjectChange};
use object_store::ObjectStore as _;

use super::*;

/// Two gateways' shares over one bucket, and what passes between them.
struct Pair {
    one: Bench,
    two: Bench,
}

fn source(gateway: &str) -> ChangeSource {
    ChangeSource {
        gateway: gateway.parse().unwrap(),
        share: "test".parse().unwrap(),
    }
}

impl Pair {
    async fn new() -> Self {
        let one = Bench::new().await;
        one.imported().await;
        let two = one.second().await;
        let pair = Self { one, two };
        pair.meet().await;
        pair
    }

    /// The first words of both are a gap; from then on all is heard.
    async fn meet(&self) {
        self.carry_mark();
        self.carry_mark_back();
        self.two.until("met", |b| express(b).scans == 1).await;
        self.one.until("met", |b| express(b).scans == 1).await;
    }

    fn told(&self) -> Vec<ChangeNotice> {
        told_by(&self.one, "gw-one")
    }

    fn carry_mark(&self) {
        let batch = self.one.fs().repeat_changes();
        let mut notice = notice("gw-one", Vec::new());
        notice.batch = batch;
        self.two.fs().hear(notice);
    }

    fn carry_mark_back(&self) {
        let batch = self.two.fs().repeat_changes();
        let mut notice = notice("gw-two", Vec::new());
        notice.batch = batch;
        self.one.fs().hear(notice);
    }

    /// Hands over all that the first has to tell, and waits until the second has it.
    async fn carry(&self) {
        self.one.drain().await;
        let told = self.told();
        self.hand_over(told).await;
    }

    async fn hand_over(&self, told: Vec<ChangeNotice>) {
        let count: usize = told.iter().map(|n| n.batch.changes.len()).sum();
        let before = express(&self.two).applied;
        for notice in told {
            self.two.fs().hear(notice);
        }
        let all = before + count as u64;
        self.two
            .until("all applied", |b| express(b).applied == all)
            .await;
    }

    async fn carry_back(&self) {
        self.two.drain().await;
        let told = told_by(&self.two, "gw-two");
        let count: usize = told.iter().map(|n| n.batch.changes.len()).sum();
        let all = express(&self.one).applied + count as u64;
        for notice in told {
            self.one.fs().hear(notice);
        }
        self.one
            .until("all applied", |b| express(b).applied == all)
            .await;
    }
}

fn express(bench: &Bench) -> ExpressStatus {
    bench.fs().status().express
}

fn told_by(bench: &Bench, gateway: &str) -> Vec<ChangeNotice> {
    let mut told = Vec::new();
    while let Some((at, batch)) = bench.fs().take_changes() {
        told.push(ChangeNotice {
            at,
            batch,
            ..notice(gateway, Vec::new())
        });
    }
    told
}

fn notice(gateway: &str, changes: Vec<ObjectChange>) -> ChangeNotice {
    ChangeNotice {
        share: "test".parse().unwrap(),
        from: source(gateway),
        at: Timestamp::from_millis(0),
        prefix: String::new(),
        batch: ::model::ChangeBatch {
            epoch: 1,
            sequence: 1,
            changes,
        },
    }
}

fn put(key: &str, etag: &str) -> ObjectChange {
    ObjectChange::Put {
        key: key.into(),
        size: 3,
        etag: Some(etag.into()),
        metadata: None,
    }
}

fn delete(key: &str) -> ObjectChange {
    ObjectChange::Delete { key: key.into() }
}

#[tokio::test]
async fn what_one_writes_the_other_has_without_a_request_to_the_bucket() {
    let pair = Pair::new().await;
    pair.one.make_dir("d").await.unwrap();
    pair.one.put("d/f", "first").await;
    pair.one.chmod("d/f", 0o640).await.unwrap();
    pair.carry().await;
    let before = pair.one.store.counts();
    let (here, there) = (
        pair.one.find("d/f").await.unwrap(),
        pair.two.find("d/f").await.unwrap(),
    );
    assert_eq!(
        (there.size, there.mode, there.mtime),
        (5, 0o640, here.mtime)
    );
    let after = pair.one.store.counts();
    assert_eq!((after.heads, after.lists), (before.heads, before.lists));
    assert_eq!(pair.two.read("d/f").await.unwrap(), b"first");
    pair.one.write("d/f", 5, ", second").await.unwrap();
    pair.one.commit("d/f").await.unwrap();
    pair.carry().await;
    assert_eq!(pair.two.read("d/f").await.unwrap(), b"first, second");
    assert_eq!(express(&pair.two).gaps, 1, "the first words only");
}

#[tokio::test]
async fn a_directory_shows_by_its_times_that_it_has_a_new_name() {
    let pair = Pair::new().await;
    pair.one.make_dir("d").await.unwrap();
    pair.one.put("d/a", "x").await;
    pair.carry().await;
    let before = pair.two.find("d").await.unwrap();
    pair.one.put("d/b", "x").await;
    pair.carry().await;
    let after = pair.two.find("d").await.unwrap();
    assert!(after.mtime > before.mtime && after.ctime > before.ctime);
}

#[tokio::test]
async fn deletes_and_renames_are_seen() {
    let pair = Pair::new().await;
    pair.one.make_dir("d").await.unwrap();
    for file in ["d/a", "d/b", "c"] {
        pair.one.put(file, file.to_owned()).await;
    }
    pair.carry().await;
    pair.one.remove("c").await.unwrap();
    pair.one.rename("d", "e").await.unwrap();
    pair.carry().await;
    assert_eq!(pair.two.list("").await, ["e"]);
    assert_eq!(pair.two.list("e").await, ["a", "b"]);
    assert_eq!(pair.two.read("e/a").await.unwrap(), b"d/a");
    assert_eq!(express(&pair.two).gaps, 1);
}

#[tokio::test]
async fn new_attributes_of_the_same_content_are_seen() {
    let pair = Pair::new().await;
    pair.one.make_dir("d").await.unwrap();
    pair.one.put("f", "x").await;
    pair.carry().await;
    assert_eq!(pair.two.read("f").await.unwrap(), b"x");
    pair.one.chmod("f", 0o600).await.unwrap();
    pair.one.chmod("d", 0o700).await.unwrap();
    pair.carry().await;
    assert_eq!(pair.two.find("f").await.unwrap().mode, 0o600);
    assert_eq!(pair.two.find("d").await.unwrap().mode, 0o700);
    assert_eq!(pair.two.fs().status().dirty_files, 0);
}

#[tokio::test]
async fn a_file_changed_at_both_is_kept_twice() {
    let mut pair = Pair::new().await;
    pair.one.put("f", "before").await;
    pair.carry().await;
    pair.two.stop().await;
    pair.two.config.upload_delay = Duration::from_secs(3);
    pair.two.start().await;
    pair.carry_mark();
    pair.two.write("f", 0, "second").await.unwrap();
    pair.two.commit("f").await.unwrap();
    pair.one.write("f", 0, "first!").await.unwrap();
    pair.one.commit("f").await.unwrap();
    pair.carry().await;
    assert_eq!(pair.two.read("f").await.unwrap(), b"second", "not lost");
    pair.two
        .until("settled", |b| b.fs().status().conflicts == 1)
        .await;
    pair.two.drain().await;
    assert_eq!(pair.two.read("f").await.unwrap(), b"first!");
    let kept = pair.two.list(".conflicts").await;
    let kept = format!(".conflicts/{}", kept[0]);
    assert_eq!(pair.two.read(&kept).await.unwrap(), b"second");
    pair.one.fs().sync(None).await.unwrap();
    assert_eq!(pair.one.read(&kept).await.unwrap(), b"second");
}

#[tokio::test]
async fn a_delete_does_not_take_what_is_not_uploaded() {
    let mut pair = Pair::new().await;
    pair.one.put("f", "before").await;
    pair.carry().await;
    pair.two.stop().await;
    pair.two.config.upload_delay = Duration::from_secs(2);
    pair.two.start().await;
    pair.carry_mark();
    pair.two.write("f", 0, "after!").await.unwrap();
    pair.two.commit("f").await.unwrap();
    pair.one.remove("f").await.unwrap();
    pair.carry().await;
    assert_eq!(pair.two.read("f").await.unwrap(), b"after!");
    pair.two.drain().await;
    assert_eq!(pair.two.object("f"), "after!");
}

#[tokio::test]
async fn a_missing_batch_is_healed_by_a_listing() {
    let pair = Pair::new().await;
    pair.one.put("lost", "x").await;
    pair.one.drain().await;
    assert_eq!(pair.told().len(), 1, "and nobody hears it");
    pair.carry_mark();
    pair.two
        .until("found by a listing", |b| express(b).scans == 2)
        .await;
    pair.two
        .until("it is there", |b| b.fs().status().inodes == 2)
        .await;
    assert_eq!(pair.two.read("lost").await.unwrap(), b"x");
    pair.carry_mark();
    pair.one.fs().forget_changes();
    pair.carry_mark();
    assert_eq!(express(&pair.two).gaps, 2, "nothing more was lost");
    pair.one.put("forgotten", "y").await;
    pair.one.drain().await;
    pair.one.fs().forget_changes();
    pair.one.put("told", "z").await;
    pair.carry().await;
    pair.two
        .until("all is there", |b| b.fs().status().inodes == 4)
        .await;
    assert_eq!(express(&pair.two).gaps, 3);
}

#[tokio::test]
async fn a_gap_lists_only_where_the_other_can_have_been() {
    let pair = Pair::new().await;
    pair.one.insert("theirs/new", "x");
    pair.one.insert("elsewhere/new", "x");
    let mut message = notice("gw-far", vec![put("f", "e")]);
    message.prefix = "theirs/".into();
    pair.one.insert("theirs/f", "abc");
    pair.two.fs().hear(message);
    pair.two.until("listed", |b| express(b).scans == 2).await;
    pair.two
        .until("found", |b| b.fs().status().inodes == 4)
        .await;
    assert_eq!(pair.two.list("").await, ["theirs"]);
    assert_eq!(pair.two.read("theirs/f").await.unwrap(), b"abc");
}

#[tokio::test]
async fn what_is_heard_twice_or_late_changes_nothing() {
    let pair = Pair::new().await;
    pair.one.put("f", "one").await;
    pair.one.drain().await;
    let first = pair.told();
    pair.one.remove("f").await.unwrap();
    pair.one.drain().await;
    let second = pair.told();
    pair.hand_over(first.clone()).await;
    pair.hand_over(second).await;
    for notice in first {
        pair.two.fs().hear(notice);
    }
    assert!(pair.two.list("").await.is_empty());
    assert_eq!(express(&pair.two).gaps, 1);
}

#[tokio::test]
async fn words_of_two_that_overtake_each_other_are_checked_in_the_bucket() {
    let pair = Pair::new().await;
    pair.one.insert("f", "new");
    let new = pair.one.store.head("f").await.unwrap().etag.unwrap();
    for (from, change) in [
        ("gw-a", put("f", &new.0)),
        ("gw-b", put("f", "an-older-one")),
    ] {
        pair.hand_over(vec![notice(from, vec![change])]).await;
    }
    assert_eq!(pair.two.read("f").await.unwrap(), b"new");
    pair.one.store.remove("f");
    for (from, change) in [("gw-c", delete("f")), ("gw-d", put("f", &new.0))] {
        pair.hand_over(vec![notice(from, vec![change])]).await;
    }
    assert!(pair.two.list("").await.is_empty(), "it does not come back");
}

#[tokio::test]
async fn our_own_changes_are_not_undone_by_what_others_say() {
    let pair = Pair::new().await;
    pair.two.put("mine", "mine").await;
    pair.two.put("gone", "gone").await;
    pair.two.drain().await;
    pair.two.remove("gone").await.unwrap();
    pair.two.drain().await;
    let changes = vec![
        put("mine", "older"),
        delete("mine"),
        put("gone", "older"),
        delete(".causeway/lease/1"),
        put(".causeway/lease/1", "x"),
        put("../up", "x"),
        put("a//b", "x"),
        put("", "x"),
        delete(""),
        put(&"d/".repeat(5_000), "x"),
        put("tagged", &"x".repeat(10_000)),
        ObjectChange::Put {
            key: "endless".into(),
            size: u64::MAX,
            etag: None,
            metadata: None,
        },
    ];
    let count = changes.len() as u64;
    pair.two.fs().hear(notice("gw-liar", changes));
    pair.two
        .until("looked at", |b| express(b).applied == count)
        .await;
    assert_eq!(pair.two.list("").await, ["mine"]);
    assert_eq!(pair.two.read("mine").await.unwrap(), b"mine");
}

#[tokio::test]
async fn what_is_heard_of_our_own_doing_changes_nothing() {
    let pair = Pair::new().await;
    pair.one.put("f", "x").await;
    pair.one.drain().await;
    let told = pair.told();
    let count: usize = told.iter().map(|n| n.batch.changes.len()).sum();
    for mut own in told {
        own.from = source("gw-echo");
        pair.one.fs().hear(own);
    }
    pair.one
        .until("heard", |b| express(b).applied == count as u64)
        .await;
    assert_eq!(pair.one.read("f").await.unwrap(), b"x");
    assert_eq!(pair.one.fs().status().conflicts, 0);
}

#[tokio::test]
async fn both_write_and_both_end_with_the_same_tree() {
    let pair = Pair::new().await;
    let mut random = Random(5);
    for round in 0..20 {
        for (bench, who) in [(&pair.one, "one"), (&pair.two, "two")] {
            let name = format!("{who}-{}", random.below(8));
            match random.below(3) {
                0 => drop(bench.remove(&name).await),
                1 => drop(
                    bench
                        .rename(&name, &format!("{who}-{}", random.below(8)))
                        .await,
                ),
                _ => bench.put(&name, format!("{round}")).await,
            }
        }
        pair.carry().await;
        pair.carry_back().await;
    }
    let names = pair.one.list("").await;
    assert_eq!(names, pair.two.list("").await);
    for name in names {
        let (one, two) = (pair.one.read(&name).await, pair.two.read(&name).await);
        assert_eq!(one.unwrap(), two.unwrap(), "{name}");
    }
    let gaps = (express(&pair.one).gaps, express(&pair.two).gaps);
    assert_eq!(gaps, (1, 1));
}

#[tokio::test]
async fn a_share_that_is_told_not_to_says_and_hears_nothing() {
    let store = Arc::new(MemStore::new(Clock::system()));
    let silent = ObjectFsConfig {
        express_sync: false,
        ..config()
    };
    let bench = Bench::on(store, silent).await;
    bench.put("f", "x").await;
    bench.drain().await;
    assert!(bench.fs().take_changes().is_none());
    bench.fs().hear(notice("gw-a", vec![put("g", "e")]));
    assert_eq!(express(&bench), ExpressStatus::default());
}
