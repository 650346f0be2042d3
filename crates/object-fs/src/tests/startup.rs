//! A start with many files: seconds, and memory for those in use only.
//!
//! `CAUSEWAY_STARTUP_FILES=1000000 cargo test -p object-fs --release startup -- --nocapture`
//! measures a million.

use std::path::Path;

use cache::{Batch, Table};

use super::*;
use crate::{
    engine::{Engine, ROOT},
    keys,
    record::Record,
};

/// Files in the share unless the environment says otherwise.
const FILES: u64 = 20_000;
const FILES_IN_DIR: u64 = 1_000;
/// Longest start, on a machine that does other things besides. It reads the journal, whose
/// length is bounded, and the queue; not the files.
const START_MAX: Duration = Duration::from_secs(20);
/// Memory that a start may take besides what the process had before.
const MEMORY_MAX: u64 = 512 << 20;

fn files() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no main that reads it"
    )]
    let files = std::env::var("CAUSEWAY_STARTUP_FILES");
    files.map_or(FILES, |text| text.parse().unwrap())
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Fills the index as an import and an application would, without the wait for either.
async fn fill(engine: &Engine, files: u64) {
    let template = engine.load_record(ROOT).unwrap().unwrap();
    let mut dir = ROOT;
    for n in 0..files {
        let mut batch = Batch::default();
        let mut namespace = *engine.namespace.lock();
        if n % FILES_IN_DIR == 0 {
            let inode = namespace.new_inode();
            let mut record = Record::new(template.attributes, ROOT, &format!("d{n}"));
            record.attributes.inode = inode;
            put(&mut batch, &record);
            dir = inode;
        }
        let inode = namespace.new_inode();
        let mut record = Record::new(template.attributes, dir, &format!("file-{n}"));
        record.attributes.inode = inode;
        record.attributes.file_type = vfs::FileType::Regular;
        record.content.size = 4_096;
        put(&mut batch, &record);
        if n % 100 == 0 {
            let since = engine.clock.wall().as_millis();
            batch.put(Table::Dirty, keys::of_inode(inode), since.to_be_bytes());
        }
        namespace.save(&mut batch);
        *engine.namespace.lock() = namespace;
        let ticket = engine.index.submit(batch);
        if n % 5_000 == 0 {
            engine.durable(ticket).await.unwrap();
        }
    }
    engine.index.all_durable().await.unwrap();
}

fn put(batch: &mut Batch, record: &Record) {
    let inode = record.attributes.inode;
    batch.put(Table::Inodes, keys::of_inode(inode), record.encode());
    let name = keys::of_name(record.parent, &record.name);
    batch.put(Table::Names, name, keys::of_inode(inode));
    let listing = keys::of_listing(record.parent, inode);
    batch.put(Table::Listing, listing, record.name.as_bytes());
}

async fn open(dir: &Path, store: &Arc<MemStore>) -> Arc<ObjectFs> {
    let config = ObjectFsConfig {
        dir: dir.to_owned(),
        writers: Writers::None,
        ..config()
    };
    let store = Arc::clone(store) as _;
    ObjectFs::open(config, store, Clock::system())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_takes_seconds_and_memory_for_what_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let store = Arc::new(MemStore::new(clock.clone()));
    let fs = open(dir.path(), &store).await;
    fill(fs.engine(), files()).await;
    // Not closed: as after `kill -9`.
    drop(fs);
    let before = resident_bytes();
    let began = clock.now();
    let fs = open(dir.path(), &store).await;
    let started = clock.now() - began;
    let found = fs.lookup(&root(), fs.root(), "d0").await.unwrap();
    let page = fs.read_dir(&root(), found.inode, Cookie(0), 100).await;
    assert_eq!(page.unwrap().entries.len(), 100);
    let usable = clock.now() - began;
    let memory = resident_bytes().saturating_sub(before);
    let files = files();
    tracing::info!(files, ?started, ?usable, memory, "started");
    #[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
    {
        eprintln!(
            "{files} files: open {started:?}, usable {usable:?}, {} MiB more",
            memory >> 20
        );
    }
    assert!(usable < START_MAX, "{usable:?}");
    assert!(memory < MEMORY_MAX, "{memory} bytes");
    assert!(fs.status().upload_queue >= files / 100);
}
