//! The index store on a real disk.

use std::{collections::BTreeMap, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::{CacheError, CacheResult, Change, Entry, KeyRange, KeyValue, Records, Slice, Table};

/// A log-structured merge tree per table, one journal for all.
pub struct FjallStore {
    database: Database,
    tables: BTreeMap<Table, Keyspace>,
}

impl std::fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallStore").finish_non_exhaustive()
    }
}

impl FjallStore {
    /// Opens the store in `dir`, or makes one.
    ///
    /// # Errors
    /// If another process has it open, it is damaged, or the disk fails.
    pub fn open(dir: &Path) -> CacheResult<Self> {
        let failed =
            |e| CacheError::store(format!("cannot open the index in `{}`", dir.display()), e);
        let database = Database::builder(dir)
            .cache_size(BLOCK_CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .manual_journal_persist(true)
            .worker_threads(WORKERS)
            .open()
            .map_err(failed)?;
        let mut tables = BTreeMap::new();
        for table in Table::ALL {
            let keyspace = database
                .keyspace(table.name(), || {
                    KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX)
                })
                .map_err(failed)?;
            tables.insert(table, keyspace);
        }
        database.persist(PersistMode::SyncAll).map_err(failed)?;
        Ok(Self { database, tables })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        &self.tables[&table]
    }
}

impl KeyValue for FjallStore {
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<Slice>> {
        let found = self.keyspace(table).get(key);
        found.map_err(|e| CacheError::store("cannot read the index", e))
    }

    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        let bounds = (range.from.clone(), range.to.clone());
        let mut entries = Vec::new();
        if range.is_empty() {
            return Ok(entries);
        }
        for guard in self.keyspace(table).range::<Vec<u8>, _>(bounds).take(limit) {
            let (key, value) = guard
                .into_inner()
                .map_err(|e| CacheError::store("cannot scan the index", e))?;
            entries.push(Entry { key, value });
        }
        Ok(entries)
    }

    fn records(&self, table: Table) -> Records {
        let entries = self.keyspace(table).iter().map(|guard| {
            let (key, value) = guard
                .into_inner()
                .map_err(|e| CacheError::store("cannot scan the index", e))?;
            Ok(Entry { key, value })
        });
        Box::new(entries)
    }

    fn apply(&self, changes: &[Change]) -> CacheResult<()> {
        let database = self.database.clone();
        let mut batch = fjall::OwnedWriteBatch::with_capacity(database, changes.len())
            .durability(Some(PersistMode::SyncData));
        for change in changes {
            let keyspace = self.keyspace(change.table);
            match &change.value {
                Some(value) => batch.insert(keyspace, change.key.clone(), value.clone()),
                None => batch.remove(keyspace, change.key.clone()),
            }
        }
        batch
            .commit()
            .map_err(|e| CacheError::store("cannot write the index journal", e))
    }
}

/// Memory for hot parts of the index, per share.
const BLOCK_CACHE_BYTES: u64 = 64 << 20;
/// The journal is replayed at a start: small enough for seconds.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// What each table keeps in memory before it goes to a file of its own. The journal can be let
/// go only behind that, so it bounds the journal too.
const MEMTABLE_BYTES_MAX: u64 = 16 << 20;
/// Threads that flush and compact.
const WORKERS: usize = 2;

#[cfg(test)]
mod tests;
