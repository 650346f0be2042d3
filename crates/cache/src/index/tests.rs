//! The index on a real directory and on the model.

use super::*;
use crate::{FjallStore, MemKeyValue};

fn one(key: &str, value: &str) -> Batch {
    let mut batch = Batch::default();
    batch.put(Table::Names, key, value);
    batch
}

fn keys(index: &Index, range: &KeyRange, limit: usize) -> Vec<String> {
    let entries = index.scan(Table::Names, range, limit).unwrap();
    let text = |entry: Entry| String::from_utf8(entry.key.to_vec()).unwrap();
    entries.into_iter().map(text).collect()
}

#[tokio::test]
async fn a_batch_is_seen_at_once_and_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path()).unwrap();
    let index = Index::open(Arc::new(store)).unwrap();
    let ticket = index.submit(one("a", "1"));
    assert_eq!(
        index.get(Table::Names, b"a").unwrap().as_deref(),
        Some(&b"1"[..])
    );
    index.durable(ticket).await.unwrap();
    drop(index);
    let index = Index::open(Arc::new(FjallStore::open(dir.path()).unwrap())).unwrap();
    assert_eq!(
        index.get(Table::Names, b"a").unwrap().as_deref(),
        Some(&b"1"[..])
    );
}

#[tokio::test]
async fn a_scan_joins_what_is_stored_and_what_is_on_its_way() {
    let store = Arc::new(MemKeyValue::default());
    let stored = Index::open(Arc::clone(&store) as Arc<dyn KeyValue>).unwrap();
    let mut last = None;
    for key in ["a", "b", "c", "d", "e"] {
        last = Some(stored.submit(one(key, "stored")));
    }
    stored.durable(last.unwrap()).await.unwrap();
    drop(stored);
    // With the power off nothing leaves the list of pending changes.
    store.power().cut_after(0);
    let index = Index::open(store).unwrap();
    let mut batch = one("bb", "pending");
    batch.remove(Table::Names, "a");
    batch.remove(Table::Names, "c");
    let ticket = index.submit(batch);
    assert_eq!(keys(&index, &KeyRange::all(), 3), ["b", "bb", "d"]);
    assert_eq!(keys(&index, &KeyRange::all(), 9), ["b", "bb", "d", "e"]);
    assert_eq!(keys(&index, &KeyRange::prefix(b"b"), 9), ["b", "bb"]);
    assert_eq!(
        keys(&index, &KeyRange::all().after(b"b".to_vec()), 1),
        ["bb"]
    );
    index.durable(ticket).await.unwrap_err();
}

#[tokio::test]
async fn many_batches_share_a_journal_record() {
    let store = Arc::new(MemKeyValue::default());
    let index = Index::open(Arc::clone(&store) as Arc<dyn KeyValue>).unwrap();
    let tickets: Vec<_> = (0..1_000)
        .map(|n| index.submit(one(&format!("{n:04}"), "")))
        .collect();
    for ticket in tickets {
        index.durable(ticket).await.unwrap();
    }
    assert!(store.records() < 1_000, "{} records", store.records());
    assert_eq!(keys(&index, &KeyRange::all(), 2_000).len(), 1_000);
}
