//! The index: records that change in atomic batches, made durable many at a time.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use parking_lot::{RwLock, RwLockReadGuard};

use crate::{
    Batch, CacheResult, Change, Committer, Entry, KeyRange, KeyValue, Records, Slice, Table,
    group::Group,
};

/// Stands for a batch that may not be durable yet; see [`Index::durable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a change is promised only after its ticket was waited for"]
pub struct Ticket(u64);

/// Records that were submitted and are not yet in the store. Readers look here first, so a
/// batch is seen at once, while one thread writes and syncs whole groups of them.
#[derive(Debug, Default)]
struct Pending(RwLock<Layers>);

/// What is newer hides what is older.
#[derive(Debug, Default)]
struct Layers {
    /// What has gathered for the next round.
    gathered: Layer,
    /// What is being written: dropped as a whole once it is in the store.
    under_way: Layer,
}

#[derive(Debug, Default)]
struct Layer(BTreeMap<Table, BTreeMap<Slice, PendingValue>>);

/// A value to be; removed if `None`.
type PendingValue = Option<Slice>;

/// The index of one share.
pub struct Index {
    store: Arc<dyn KeyValue>,
    pending: Arc<Pending>,
    group: Group<Batch>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

impl Index {
    /// Over a store, with a thread of its own.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn open(store: Arc<dyn KeyValue>) -> CacheResult<Self> {
        Self::open_with(store, Committer::Thread)
    }

    /// The same, with a choice of who commits.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn open_with(store: Arc<dyn KeyValue>, committer: Committer) -> CacheResult<Self> {
        let pending = Arc::new(Pending::default());
        let of_thread = (Arc::clone(&store), Arc::clone(&pending));
        let taken = Arc::clone(&pending);
        let taken = move || taken.take();
        let write = move |batches: Vec<Batch>| {
            let (store, pending) = &of_thread;
            let changes: Vec<Change> = batches.into_iter().flat_map(|batch| batch.0).collect();
            store.apply(&changes)?;
            pending.forget();
            Ok(())
        };
        let group = Group::start_telling("index-commit", committer, taken, write)?;
        Ok(Self {
            store,
            pending,
            group,
        })
    }

    /// One record.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<Slice>> {
        let pending = self.pending.0.read().get(table, key).cloned();
        match pending {
            Some(value) => Ok(value),
            None => self.store.get(table, key),
        }
    }

    /// At most `limit` records of a range, in key order.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        let pending = self.pending.0.read().range(table, range);
        merged(&*self.store, pending, (table, range), limit)
    }

    /// The index at one moment: while it is looked at, nobody can submit anything.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            store: &*self.store,
            pending: self.pending.0.read(),
        }
    }

    /// Makes changes: every later read sees them; durable when the ticket has been waited for.
    pub fn submit(&self, batch: Batch) -> Ticket {
        let pending = &self.pending;
        Ticket(self.group.submit(batch, |_, batch| pending.add(batch)))
    }

    /// Waits until everything that can be seen now is on the disk.
    ///
    /// # Errors
    /// As [`Index::durable`].
    pub async fn all_durable(&self) -> CacheResult<()> {
        self.group.wait(self.group.last()).await
    }

    /// All records of a table that are durable now, whatever changes while they are read.
    #[must_use]
    pub fn records(&self, table: Table) -> Records {
        self.store.records(table)
    }

    /// Why nothing can be made durable any more, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.group.failure()
    }

    /// Waits until the batch of a ticket, and all before it, is on the disk.
    ///
    /// # Errors
    /// If the disk failed; from then on every call fails.
    pub async fn durable(&self, ticket: Ticket) -> CacheResult<()> {
        self.group.wait(ticket.0).await
    }
}

impl Pending {
    fn add(&self, batch: &Batch) {
        let mut layers = self.0.write();
        for change in &batch.0 {
            let table = layers.gathered.0.entry(change.table).or_default();
            table.insert(change.key.clone(), change.value.clone());
        }
    }

    /// What has gathered is going to be written.
    fn take(&self) {
        let mut layers = self.0.write();
        layers.under_way = std::mem::take(&mut layers.gathered);
    }

    /// Drops what the store has now.
    fn forget(&self) {
        let written = std::mem::take(&mut self.0.write().under_way);
        // Not under the lock: it can be much.
        drop(written);
    }
}

impl Layers {
    fn get(&self, table: Table, key: &[u8]) -> Option<&PendingValue> {
        let mut layers = [&self.gathered, &self.under_way].into_iter();
        layers.find_map(|layer| layer.0.get(&table)?.get(key))
    }

    /// All there is of a range, newer over older.
    fn range(&self, table: Table, range: &KeyRange) -> BTreeMap<Slice, PendingValue> {
        let mut found = BTreeMap::new();
        if range.is_empty() {
            return found;
        }
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (
            range.from.as_ref().map(Vec::as_slice),
            range.to.as_ref().map(Vec::as_slice),
        );
        let layers = [&self.under_way, &self.gathered].into_iter();
        for records in layers.filter_map(|layer| layer.0.get(&table)) {
            let records = records.range::<[u8], _>(bounds);
            found.extend(records.map(|(key, value)| (key.clone(), value.clone())));
        }
        found
    }
}

/// The index at one moment. To be looked at briefly: it holds up every change.
pub struct View<'a> {
    store: &'a dyn KeyValue,
    pending: RwLockReadGuard<'a, Layers>,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl View<'_> {
    /// One record.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<Slice>> {
        match self.pending.get(table, key) {
            Some(pending) => Ok(pending.clone()),
            None => self.store.get(table, key),
        }
    }

    /// At most `limit` records of a range, in key order.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        let pending = self.pending.range(table, range);
        merged(self.store, pending, (table, range), limit)
    }
}

/// Stored records with the pending ones over them.
fn merged(
    store: &dyn KeyValue,
    pending: BTreeMap<Slice, PendingValue>,
    (table, range): (Table, &KeyRange),
    limit: usize,
) -> CacheResult<Vec<Entry>> {
    if pending.is_empty() {
        return store.scan(table, range, limit);
    }
    // Every pending removal may hide one stored record.
    let hidden = pending.values().filter(|value| value.is_none()).count();
    let stored = store.scan(table, range, limit.saturating_add(hidden))?;
    let is_cut = stored.len() >= limit.saturating_add(hidden);
    let horizon = stored
        .last()
        .filter(|_| is_cut)
        .map(|entry| entry.key.clone());
    let mut merged: BTreeMap<Slice, Slice> = stored
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    for (key, value) in pending {
        match value {
            // Beyond the horizon there may be stored records that were not read.
            _ if horizon.as_ref().is_some_and(|horizon| key > *horizon) => {}
            Some(value) => drop(merged.insert(key, value)),
            None => drop(merged.remove(&key)),
        }
    }
    let entries = merged.into_iter().take(limit);
    Ok(entries.map(|(key, value)| Entry { key, value }).collect())
}

#[cfg(test)]
mod tests;
