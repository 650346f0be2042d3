//! An index store in memory whose power can be cut between any two journal records.

use std::{collections::BTreeMap, ops::Bound};

use parking_lot::Mutex;

use crate::{
    CacheError, CacheErrorKind, CacheResult, Change, Entry, KeyRange, KeyValue, Power, Records,
    Slice, Table,
};

/// What a test takes instead of a disk. It outlives the engine, as a disk does.
#[derive(Debug, Default)]
pub struct MemKeyValue {
    state: Mutex<State>,
    power: Power,
}

type Sorted = BTreeMap<Slice, Slice>;

#[derive(Debug, Default)]
struct State {
    tables: BTreeMap<Table, Sorted>,
    applied: u64,
}

impl MemKeyValue {
    /// An empty one in a machine with that power.
    #[must_use]
    pub fn on(power: Power) -> Self {
        Self {
            state: Mutex::default(),
            power,
        }
    }

    /// The power of its machine.
    #[must_use]
    pub const fn power(&self) -> &Power {
        &self.power
    }

    /// Journal records so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.state.lock().applied
    }
}

impl KeyValue for MemKeyValue {
    fn get(&self, table: Table, key: &[u8]) -> CacheResult<Option<Slice>> {
        let state = self.state.lock();
        Ok(state.tables.get(&table).and_then(|t| t.get(key)).cloned())
    }

    fn scan(&self, table: Table, range: &KeyRange, limit: usize) -> CacheResult<Vec<Entry>> {
        let state = self.state.lock();
        let Some(records) = state.tables.get(&table).filter(|_| !range.is_empty()) else {
            return Ok(Vec::new());
        };
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (
            range.from.as_ref().map(Vec::as_slice),
            range.to.as_ref().map(Vec::as_slice),
        );
        let entries = records.range::<[u8], _>(bounds).take(limit);
        Ok(entries
            .map(|(key, value)| Entry {
                key: key.clone(),
                value: value.clone(),
            })
            .collect())
    }

    fn records(&self, table: Table) -> Records {
        let records = self
            .state
            .lock()
            .tables
            .get(&table)
            .cloned()
            .unwrap_or_default();
        let entries = records.into_iter();
        Box::new(entries.map(|(key, value)| Ok(Entry { key, value })))
    }

    fn apply(&self, changes: &[Change]) -> CacheResult<()> {
        let moment = self.power.moment();
        let dark = || CacheError::new(CacheErrorKind::Disk, "the power is off");
        if !moment.has_effect() {
            return Err(dark());
        }
        let mut state = self.state.lock();
        state.applied += 1;
        for change in changes {
            let table = state.tables.entry(change.table).or_default();
            match &change.value {
                Some(value) => drop(table.insert(change.key.clone(), value.clone())),
                None => drop(table.remove(&*change.key)),
            }
        }
        if moment.is_answered() {
            Ok(())
        } else {
            Err(dark())
        }
    }
}
