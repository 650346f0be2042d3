//! Entries in memory, with a disk that forgets what was not synced when it crashes.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use uuid::Uuid;

use super::{Durability, Entry, EntryStore, StoreError};

/// The disk; it outlives the stores opened on it.
#[derive(Clone, Debug, Default)]
pub(super) struct MemStore(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    cached: BTreeMap<Uuid, Entry>,
    synced: BTreeMap<Uuid, Entry>,
}

impl MemStore {
    /// The machine stops: what was not synced is gone.
    pub(super) fn crash(&self) {
        let mut disk = self.0.lock();
        disk.cached = disk.synced.clone();
    }
}

impl EntryStore for MemStore {
    fn load(&self, key: Uuid) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.lock().cached.get(&key).cloned())
    }

    fn store(&self, entry: &Entry, durability: Durability) -> Result<usize, StoreError> {
        let mut disk = self.0.lock();
        disk.cached
            .insert(entry.command.idempotency_key, entry.clone());
        if durability == Durability::Now {
            disk.synced = disk.cached.clone();
        }
        Ok(serde_json::to_vec(entry).unwrap().len())
    }

    fn remove(&self, key: Uuid) -> Result<(), StoreError> {
        self.0.lock().cached.remove(&key);
        Ok(())
    }

    fn for_each(&self, visit: &mut dyn FnMut(Entry, usize)) -> Result<(), StoreError> {
        for entry in self.0.lock().cached.values() {
            visit(entry.clone(), 1);
        }
        Ok(())
    }
}
