//! Entries in a fjall database of their own.

use std::{fmt, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tracing::error;
use uuid::Uuid;

use super::{Durability, Entry, EntryStore, StoreError};

/// Memory for blocks read: entries are read once each, so little is gained by more.
const CACHE_BYTES: u64 = 1 << 20;
/// Journal on disk before it is folded into tables.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;

/// Entries in a directory.
pub struct FjallStore {
    database: Database,
    entries: Keyspace,
}

impl fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FjallStore")
    }
}

impl FjallStore {
    /// Opens or creates it.
    ///
    /// # Errors
    /// The disk fails, or another process has it open.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(1)
            .open()
            .map_err(failed)?;
        let entries = database
            .keyspace("entries", KeyspaceCreateOptions::default)
            .map_err(failed)?;
        Ok(Self { database, entries })
    }
}

impl EntryStore for FjallStore {
    fn load(&self, key: Uuid) -> Result<Option<Entry>, StoreError> {
        let json = self.entries.get(key.as_bytes()).map_err(failed)?;
        Ok(json.and_then(|json| read(&json)))
    }

    fn store(&self, entry: &Entry, durability: Durability) -> Result<usize, StoreError> {
        let json = serde_json::to_vec(entry).map_err(|e| StoreError(e.into()))?;
        let len = json.len();
        let key = entry.command.idempotency_key;
        self.entries.insert(key.as_bytes(), json).map_err(failed)?;
        match durability {
            Durability::Now => self
                .database
                .persist(PersistMode::SyncAll)
                .map_err(failed)?,
            Durability::Later => {}
        }
        Ok(len)
    }

    fn remove(&self, key: Uuid) -> Result<(), StoreError> {
        self.entries.remove(key.as_bytes()).map_err(failed)
    }

    fn for_each(&self, visit: &mut dyn FnMut(Entry, usize)) -> Result<(), StoreError> {
        for item in self.entries.iter() {
            let json = item.value().map_err(failed)?;
            if let Some(entry) = read(&json) {
                visit(entry, json.len());
            }
        }
        Ok(())
    }
}

/// An entry that another version wrote in a way we do not know is no reason to serve no
/// shares; its command would be new to us.
fn read(json: &[u8]) -> Option<Entry> {
    let entry = serde_json::from_slice(json);
    entry
        .inspect_err(|e| error!(error = %e, "a remembered command cannot be read"))
        .ok()
}

fn failed(source: fjall::Error) -> StoreError {
    StoreError(Box::new(source))
}
