//! Each fault is planted, found by its name, mended, and not found again; the share serves
//! afterwards what could be saved.

use std::collections::BTreeMap;

use cache::{Batch, KeyValue as _, Run, SegmentId};
use object_store::Faults;

use super::{offline::check_devices, *};
use crate::{
    engine::{META_COUNTERS, ROOT},
    extents::{Extent, ExtentMap},
    keys::{self, KeyState},
    record::Record,
    tests::{Bench, pattern},
};

/// A share at rest: `d/e/`, `d/f` and `d/h` in cache and bucket, `cold` in the bucket, `dirty`
/// in the cache only. Its engine has ended.
struct Scene {
    bench: Bench,
}

impl Scene {
    async fn new() -> Self {
        let mut bench = Bench::new().await;
        bench.insert("cold", pattern(3, 9_000));
        bench.fs().sync(None).await.unwrap();
        bench.make_dir("d").await.unwrap();
        bench.make_dir("d/e").await.unwrap();
        bench.put("d/f", pattern(1, 20_000)).await;
        bench.put("d/h", pattern(4, 5_000)).await;
        bench.drain().await;
        bench.store.set_faults(Faults {
            offline: true,
            ..Faults::default()
        });
        bench.put("dirty", pattern(2, 20_000)).await;
        bench.stop().await;
        Self { bench }
    }

    async fn check(&self, options: FsckOptions) -> ShareCheck {
        check_devices(self.bench.devices(), options, &self.bench.clock)
            .await
            .unwrap()
    }

    fn change(&self, plant: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::default();
        plant(&mut batch);
        self.bench.index.apply(&batch.into_changes()).unwrap();
    }

    fn find(&self, path: &str) -> Inode {
        path.split('/').fold(ROOT, |dir, name| {
            let key = keys::of_name(dir, name);
            let found = self.bench.index.get(Table::Names, &key).unwrap();
            Inode(keys::number(&found.unwrap()).unwrap())
        })
    }

    fn record(&self, inode: Inode) -> Record {
        let key = keys::of_inode(inode);
        let found = self.bench.index.get(Table::Inodes, &key).unwrap();
        Record::decode(&found.unwrap()).unwrap()
    }

    fn edit(&self, path: &str, edit: impl FnOnce(&mut Record)) {
        let inode = self.find(path);
        let mut record = self.record(inode);
        edit(&mut record);
        self.change(|b| b.put(Table::Inodes, keys::of_inode(inode), record.encode()));
    }

    fn map(&self, path: &str) -> ExtentMap {
        let mut map = ExtentMap::default();
        let key = keys::of_page(self.find(path), 0);
        let page = self.bench.index.get(Table::Extents, &key).unwrap();
        map.decode_page(0, &page.unwrap()).unwrap();
        map
    }

    fn edit_map(&self, path: &str, edit: impl FnOnce(&mut ExtentMap)) {
        let mut map = self.map(path);
        edit(&mut map);
        let key = keys::of_page(self.find(path), 0);
        self.change(|b| b.put(Table::Extents, key, map.encode_page(0).unwrap()));
    }

    fn first_run(&self, path: &str) -> Run {
        self.map(path).iter().next().unwrap().1.run
    }

    /// Damages the first block of a file.
    fn damage(&self, path: &str) {
        let first = self.first_run(path).first;
        let segment = SegmentId(u32::try_from(first / 65_536).unwrap());
        let offset = first % 65_536 * 4_096;
        self.bench.disk.flip_bit(segment, offset);
    }

    /// Punches the first blocks of a file out of the disk.
    fn punch(&self, path: &str) {
        use cache::Disk as _;
        let run = self.first_run(path);
        let segment = SegmentId(u32::try_from(run.first / 65_536).unwrap());
        let file = self.bench.disk.open(segment).unwrap();
        let offset = run.first % 65_536 * 4_096;
        file.free(offset, run.len_bytes()).unwrap();
    }

    /// Serves again, from a store that answers.
    async fn serve(&mut self) {
        self.bench.store.set_faults(Faults::default());
        self.bench.start().await;
        self.bench.drain().await;
    }
}

const DATA: FsckOptions = FsckOptions {
    repair: false,
    data: true,
};
const REPAIR: FsckOptions = FsckOptions {
    repair: true,
    data: true,
};

/// Plants a fault; the share afterwards, mended and serving, and the report of the repair.
async fn mended(check: Check, plant: impl FnOnce(&Scene)) -> (Scene, ShareCheck) {
    let mut scene = Scene::new().await;
    assert_eq!(scene.check(DATA).await.found, BTreeMap::new(), "before");
    plant(&scene);
    let dry = scene.check(DATA).await;
    assert!(dry.found.contains_key(check.name()), "{dry:?}");
    assert!(dry.remaining > 0 && dry.repaired == 0, "{dry:?}");
    let again = scene.check(DATA).await;
    assert_eq!(again, dry, "a dry run changes nothing");
    let repair = scene.check(REPAIR).await;
    assert!(repair.is_clean() && repair.repaired > 0, "{repair:?}");
    assert_eq!(scene.check(DATA).await.found, BTreeMap::new(), "after");
    scene.serve().await;
    scene.bench.stop().await;
    let served = scene.check(DATA).await;
    assert_eq!(served.found, BTreeMap::new(), "when it had served");
    scene.bench.start().await;
    (scene, repair)
}

impl Scene {
    /// All files are what they were.
    async fn has_all(&self) {
        for (path, seed, len) in [
            ("d/f", 1, 20_000),
            ("d/h", 4, 5_000),
            ("dirty", 2, 20_000),
            ("cold", 3, 9_000),
        ] {
            assert!(
                self.bench.read(path).await.unwrap() == pattern(seed, len),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_damaged_record_of_a_file_is_had_from_the_bucket_again() {
    let (scene, _) = mended(Check::RecordDamaged, |scene| {
        let inode = scene.find("d/f");
        scene.change(|b| b.put(Table::Inodes, keys::of_inode(inode), b"?"));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn a_missing_root_is_made_anew_with_all_that_was_in_it() {
    let (scene, _) = mended(Check::RootMissing, |scene| {
        scene.change(|b| b.remove(Table::Inodes, keys::of_inode(ROOT)));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn an_entry_without_an_inode_goes() {
    let (scene, _) = mended(Check::EntryWithoutInode, |scene| {
        let name = keys::of_name(ROOT, "ghost");
        scene.change(|b| b.put(Table::Names, name, keys::of_inode(Inode(999))));
    })
    .await;
    assert!(!scene.bench.list("").await.contains(&"ghost".to_owned()));
}

#[tokio::test]
async fn an_inode_without_an_entry_gets_its_name_back() {
    let (scene, _) = mended(Check::InodeWithoutEntry, |scene| {
        scene.change(|b| b.remove(Table::Names, keys::of_name(ROOT, "dirty")));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn an_inode_whose_directory_is_gone_is_found_in_lost_and_found() {
    let mut orphan = Inode(0);
    let (scene, _) = mended(Check::ParentMissing, |scene| {
        orphan = scene.find("d/f");
        let d = scene.find("d");
        scene.change(|b| b.remove(Table::Inodes, keys::of_inode(d)));
    })
    .await;
    let found = format!("lost+found/#{}", orphan.0);
    assert!(scene.bench.read(&found).await.unwrap() == pattern(1, 20_000));
    assert!(scene.bench.object(&found) == pattern(1, 20_000));
}

#[tokio::test]
async fn an_inode_that_says_it_is_elsewhere_is_where_its_name_is() {
    let (scene, _) = mended(Check::ParentMismatch, |scene| {
        let d = scene.find("d");
        scene.edit("dirty", |record| record.parent = d);
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn a_second_name_goes() {
    let (scene, _) = mended(Check::DuplicateName, |scene| {
        let inode = scene.find("dirty");
        let name = keys::of_name(scene.find("d"), "twin");
        scene.change(|b| b.put(Table::Names, name, keys::of_inode(inode)));
    })
    .await;
    scene.has_all().await;
    assert_eq!(scene.bench.list("d").await, ["e", "f", "h"]);
}

#[tokio::test]
async fn an_impossible_name_moves_to_lost_and_found() {
    let mut inode = Inode(0);
    let (scene, _) = mended(Check::NameInvalid, |scene| {
        inode = scene.find("dirty");
        let (old, new) = (keys::of_name(ROOT, "dirty"), keys::of_name(ROOT, "a/b"));
        scene.edit("dirty", |record| record.name = "a/b".into());
        let listing = keys::of_listing(ROOT, inode);
        scene.change(|b| {
            b.remove(Table::Names, old);
            b.put(Table::Names, new, keys::of_inode(inode));
            b.put(Table::Listing, listing, "a/b");
        });
    })
    .await;
    let path = format!("lost+found/#{}", inode.0);
    assert!(scene.bench.read(&path).await.unwrap() == pattern(2, 20_000));
}

#[tokio::test]
async fn a_name_that_is_not_listed_is_listed_again() {
    let (scene, _) = mended(Check::ListingMissing, |scene| {
        let listing = keys::of_listing(ROOT, scene.find("dirty"));
        scene.change(|b| b.remove(Table::Listing, listing));
    })
    .await;
    assert!(scene.bench.list("").await.contains(&"dirty".to_owned()));
}

#[tokio::test]
async fn a_listed_name_that_is_not_there_goes() {
    let (scene, _) = mended(Check::ListingWithoutEntry, |scene| {
        let listing = keys::of_listing(ROOT, Inode(999));
        scene.change(|b| b.put(Table::Listing, listing, "ghost"));
    })
    .await;
    assert_eq!(scene.bench.list("").await, ["cold", "d", "dirty"]);
}

#[tokio::test]
async fn a_directory_below_itself_is_found_in_lost_and_found() {
    let mut d = Inode(0);
    let (scene, _) = mended(Check::Cycle, |scene| {
        d = scene.find("d");
        let e = scene.find("d/e");
        let old = (keys::of_name(ROOT, "d"), keys::of_listing(ROOT, d));
        let new = (keys::of_name(e, "d"), keys::of_listing(e, d));
        scene.edit("d", |record| record.parent = e);
        scene.change(|b| {
            b.remove(Table::Names, old.0);
            b.remove(Table::Listing, old.1);
            b.put(Table::Names, new.0, keys::of_inode(d));
            b.put(Table::Listing, new.1, "d");
        });
    })
    .await;
    let file = format!("lost+found/#{}/f", d.0);
    assert!(scene.bench.read(&file).await.unwrap() == pattern(1, 20_000));
}

#[tokio::test]
async fn a_wrong_link_count_is_counted_again() {
    let (scene, _) = mended(Check::LinkCount, |scene| {
        scene.edit("d", |record| record.attributes.link_count = 9);
    })
    .await;
    assert_eq!(scene.bench.find("d").await.unwrap().link_count, 3);
}

#[tokio::test]
async fn a_generation_that_would_count_as_uploaded_moves_on() {
    let (scene, _) = mended(Check::GenerationReuse, |scene| {
        scene.edit("d/f", |record| {
            record.content.generation = record.clean_generation;
            record.content.changed = record.content.changed.min(record.clean_generation);
        });
    })
    .await;
    scene.bench.write("d/f", 0, "new").await.unwrap();
    scene.bench.drain().await;
    assert!(scene.bench.object("d/f").starts_with(b"new"));
}

#[tokio::test]
async fn bytes_that_the_object_does_not_have_are_lost_by_name() {
    let (_, report) = mended(Check::SizeBeyondObject, |scene| {
        scene.edit("cold", |record| {
            record.content.size = 50_000;
            record.content.base_len = 50_000;
        });
    })
    .await;
    assert_eq!(report.lost, ["cold"]);
}

#[tokio::test]
async fn a_map_without_a_file_goes() {
    mended(Check::ExtentWithoutInode, |scene| {
        let page = scene.map("d/f").encode_page(0).unwrap();
        scene.change(|b| b.put(Table::Extents, keys::of_page(Inode(999), 0), page));
    })
    .await;
}

#[tokio::test]
async fn a_map_to_nowhere_is_fetched_again() {
    let (scene, report) = mended(Check::ExtentOutOfRange, |scene| {
        scene.edit_map("d/f", |map| {
            map.insert(
                0,
                Extent {
                    run: Run { first: 1, count: 1 },
                    generation: 0,
                    is_fresh: false,
                },
            );
        });
    })
    .await;
    assert!(report.lost.is_empty());
    scene.has_all().await;
}

#[tokio::test]
async fn data_behind_the_end_goes() {
    let (scene, report) = mended(Check::ExtentBeyondSize, |scene| {
        scene.edit("dirty", |record| record.content.size = 4_000);
    })
    .await;
    assert!(report.lost.is_empty());
    let read = scene.bench.read("dirty").await.unwrap();
    assert!(read == pattern(2, 20_000)[..4_000]);
}

#[tokio::test]
async fn a_block_is_lost_that_only_an_object_before_had() {
    let (_, report) = mended(Check::BlockCrc, |scene| {
        scene.edit("d/f", |record| {
            record.content.base_len = 0;
            record.content.changed = record.content.generation;
            record.clean_generation = 0;
        });
        scene.edit_map("d/f", |map| {
            let (first, extent) = map.iter().next().unwrap();
            let fetched = Extent {
                generation: 0,
                ..extent
            };
            map.insert(first, fetched);
        });
        scene.damage("d/f");
    })
    .await;
    assert_eq!(report.lost, ["d/f"]);
}

#[tokio::test]
async fn of_two_files_with_one_block_one_is_fetched_again() {
    let (scene, report) = mended(Check::ExtentOverlap, |scene| {
        let run = scene.first_run("d/f");
        scene.edit_map("d/h", |map| {
            map.insert(
                0,
                Extent {
                    run: Run { count: 2, ..run },
                    generation: 0,
                    is_fresh: false,
                },
            );
        });
    })
    .await;
    assert!(report.lost.is_empty());
    scene.has_all().await;
}

#[tokio::test]
async fn missing_blocks_of_a_clean_file_are_fetched_again() {
    let (scene, report) = mended(Check::ExtentMissingBlock, |scene| scene.punch("d/f")).await;
    assert!(report.lost.is_empty());
    scene.has_all().await;
}

#[tokio::test]
async fn missing_blocks_of_a_dirty_file_are_lost_by_name() {
    let (scene, report) = mended(Check::ExtentMissingBlock, |scene| scene.punch("dirty")).await;
    assert_eq!(report.lost, ["dirty"]);
    assert_eq!(scene.bench.read("dirty").await.unwrap().len(), 20_000);
}

#[tokio::test]
async fn damaged_blocks_are_found_by_reading_them() {
    let (scene, report) = mended(Check::BlockCrc, |scene| scene.damage("d/f")).await;
    assert!(report.lost.is_empty());
    scene.has_all().await;
    let (_, report) = mended(Check::BlockCrc, |scene| scene.damage("dirty")).await;
    assert_eq!(report.lost, ["dirty"]);
}

#[tokio::test]
async fn blocks_that_nobody_names_are_given_back() {
    let (scene, _) = mended(Check::LeakedBlock, |scene| {
        let key = keys::of_page(scene.find("d/h"), 0);
        scene.change(|b| b.remove(Table::Extents, key));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn an_object_that_is_not_noted_is_noted_again() {
    let (scene, _) = mended(Check::ObjectWithoutKey, |scene| {
        scene.change(|b| b.remove(Table::Keys, "d/f"));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn a_note_on_nobodys_object_goes() {
    mended(Check::KeyWithoutInode, |scene| {
        let held = KeyState::Held { inode: Inode(999) };
        scene.change(|b| b.put(Table::Keys, "nobody", held.encode()));
    })
    .await;
}

#[tokio::test]
async fn of_two_files_with_one_object_one_keeps_it() {
    let (scene, report) = mended(Check::RemoteKeyDuplicate, |scene| {
        let remote = scene.record(scene.find("d/f")).remote;
        scene.edit("d/h", |record| record.remote = remote);
    })
    .await;
    assert!(report.lost.is_empty(), "it is in the cache whole");
    scene.has_all().await;
}

#[tokio::test]
async fn an_upload_that_nobody_notes_is_noted() {
    let (scene, _) = mended(Check::UnfinishedUpload, |scene| {
        scene.edit("d/f", |record| record.claim = Some("somewhere".into()));
    })
    .await;
    scene.has_all().await;
}

#[tokio::test]
async fn a_tombstone_on_a_live_object_goes() {
    let (scene, _) = mended(Check::TombstoneWithLiveEntry, |scene| {
        scene.change(|b| b.put(Table::Tombstones, "d/f", []));
    })
    .await;
    scene.has_all().await;
    assert!(scene.bench.object("d/f") == pattern(1, 20_000));
}

#[tokio::test]
async fn a_deletion_that_nobody_promises_is_promised() {
    let (scene, _) = mended(Check::DeletionWithoutPromise, |scene| {
        scene.bench.insert("old", "x");
        let (etag, owner) = (None, keys::Owner::Us);
        let tomb = KeyState::Tomb { etag, owner };
        scene.change(|b| b.put(Table::Keys, "old", tomb.encode()));
    })
    .await;
    assert!(!scene.bench.keys().contains(&"old".to_owned()));
}

#[tokio::test]
async fn a_file_that_nobody_would_upload_is_uploaded() {
    let (scene, _) = mended(Check::DirtyWithoutQueueEntry, |scene| {
        let dirty = keys::of_inode(scene.find("dirty"));
        scene.change(|b| b.remove(Table::Dirty, dirty));
    })
    .await;
    assert!(scene.bench.object("dirty") == pattern(2, 20_000));
}

#[tokio::test]
async fn promises_for_what_is_no_more_go() {
    mended(Check::QueueEntryWithoutInode, |scene| {
        let (key, since) = (keys::of_inode(Inode(999)), 1_u64.to_be_bytes());
        scene.change(|b| b.put(Table::Dirty, key, since));
    })
    .await;
    mended(Check::PendingRenameWithoutTarget, |scene| {
        let (key, stamp) = (keys::of_inode(Inode(999)), 1_u64.to_be_bytes());
        scene.change(|b| b.put(Table::Walks, key, stamp));
    })
    .await;
}

#[tokio::test]
async fn pins_of_what_is_no_more_go() {
    mended(Check::PinWithoutInode, |scene| {
        scene.change(|b| b.put(Table::Pins, keys::of_inode(Inode(999)), []));
    })
    .await;
}

#[tokio::test]
async fn wrong_counters_are_counted_again() {
    let (scene, _) = mended(Check::CounterWrong, |scene| {
        let wrong = [3_u64.to_be_bytes(), 77_u64.to_be_bytes()].concat();
        scene.change(|b| b.put(Table::Meta, META_COUNTERS, wrong));
    })
    .await;
    let before = scene.find("dirty");
    let new = scene.bench.create("new").await.unwrap().inode;
    assert!(new > before, "numbers are not used again");
    scene.has_all().await;
}

#[tokio::test]
async fn a_share_in_use_is_checked_without_false_alarms() {
    let bench = Bench::new().await;
    bench.imported().await;
    let churn = async {
        for n in 0..60_u64 {
            bench.make_dir(&format!("d{n}")).await.unwrap();
            bench.put(&format!("d{n}/f"), pattern(n, 9_000)).await;
            bench
                .rename(&format!("d{n}"), &format!("e{n}"))
                .await
                .unwrap();
            bench.remove(&format!("e{n}/f")).await.unwrap();
        }
    };
    let checks = async {
        for _ in 0..20 {
            let report = bench.fs().check(true).await.unwrap();
            assert!(report.is_clean(), "{report:?}");
        }
    };
    tokio::join!(churn, checks);
}

#[tokio::test]
async fn a_fault_is_found_while_the_share_is_in_use() {
    let scene = Scene::new().await;
    scene.damage("d/f");
    let name = keys::of_name(ROOT, "ghost");
    scene.change(|b| b.put(Table::Names, name, keys::of_inode(Inode(999))));
    let mut scene = scene;
    scene.bench.start().await;
    let report = scene.bench.fs().check(true).await.unwrap();
    let found: Vec<&str> = report.found.keys().map(String::as_str).collect();
    assert_eq!(found, ["block-crc", "entry-without-inode"]);
    assert_eq!(report.remaining, 2);
}

#[test]
fn checks_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> = Check::ALL.iter().map(|c| c.name()).collect();
    assert_eq!(names.len(), Check::ALL.len());
}
