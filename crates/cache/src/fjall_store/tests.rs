//! A power cut while the journal is written.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::*;
use crate::Batch;

const SECTOR_LEN: usize = 512;
/// Batches that are durable before the one in which the power goes off.
const BATCHES: u32 = 20;
const CUTS: u64 = 24;

type Files = BTreeMap<PathBuf, Content>;

/// Bytes of a file up to its last one that is not zero, and its length: journals are long, and
/// nearly empty.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Content {
    bytes: Vec<u8>,
    len: u64,
}

impl Content {
    fn of(mut bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        let end = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(end.map_or(0, |at| at + 1));
        Self { bytes, len }
    }
}

/// Records of one batch; large enough to cross sectors.
fn batch(number: u32) -> Vec<Change> {
    let mut batch = Batch::default();
    for part in 0..10_u32 {
        let key = format!("{number:04}-{part}");
        batch.put(Table::Names, key, [u8::try_from(number).unwrap(); 200]);
    }
    batch.into_changes()
}

fn files_of(dir: &Path) -> Files {
    let (mut files, mut dirs) = (Files::new(), vec![dir.to_owned()]);
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                files.insert(name, Content::of(fs::read(path).unwrap()));
            }
        }
    }
    files
}

/// What the disk has after the cut: of what was written in between, each sector or not.
fn torn(before: &Files, after: &Files, mut survives: impl FnMut() -> bool) -> Files {
    let of_file = |(name, after): (&PathBuf, &Content)| {
        let before = before.get(name).map_or(&[][..], |content| &content.bytes);
        let mut content = after.clone();
        for (n, sector) in content.bytes.chunks_mut(SECTOR_LEN).enumerate() {
            let start = (n * SECTOR_LEN).min(before.len());
            let end = (start + sector.len()).min(before.len());
            let mut old = before[start..end].to_vec();
            old.resize(sector.len(), 0);
            if old != sector && !survives() {
                sector.copy_from_slice(&old);
            }
        }
        (name.clone(), content)
    };
    after.iter().map(of_file).collect()
}

fn write_to(files: &Files, dir: &Path) {
    for (name, content) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &content.bytes).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(content.len).unwrap();
    }
}

/// How many records of a batch are there.
fn found(store: &FjallStore, number: u32) -> usize {
    let range = KeyRange::prefix(format!("{number:04}-").as_bytes());
    store.scan(Table::Names, &range, 100).unwrap().len()
}

#[test]
fn a_batch_in_which_the_power_goes_off_is_whole_or_not_there_and_those_before_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path()).unwrap();
    for number in 0..BATCHES {
        store.apply(&batch(number)).unwrap();
    }
    let before = files_of(dir.path());
    store.apply(&batch(BATCHES)).unwrap();
    let after = files_of(dir.path());
    assert_ne!(before, after);
    let (mut random, mut outcomes) = (1_u64, BTreeMap::<usize, u32>::new());
    for cut in 0..CUTS {
        let keep = 1 + cut % 8;
        let survives = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005);
            random = random.wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % 8 < keep
        };
        let copy = tempfile::tempdir().unwrap();
        write_to(&torn(&before, &after, survives), copy.path());
        let store = FjallStore::open(copy.path()).unwrap();
        for number in 0..BATCHES {
            assert_eq!(found(&store, number), 10, "batch {number} after cut {cut}");
        }
        *outcomes.entry(found(&store, BATCHES)).or_default() += 1;
    }
    let kinds: Vec<usize> = outcomes.keys().copied().collect();
    assert_eq!(kinds, [0, 10], "{outcomes:?}");
}
