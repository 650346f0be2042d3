//! What must be known of all entries without reading them: ids, order, sizes.

use std::collections::{BTreeSet, HashMap};

use model::{CommandId, Timestamp};
use uuid::Uuid;

use super::Entry;

/// Where an entry stands in the order of forgetting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Oldest {
    pub(super) arrived: Timestamp,
    pub(super) key: Uuid,
}

#[derive(Debug)]
struct Row {
    arrived: Timestamp,
    pending: bool,
    len: usize,
    ids: Vec<CommandId>,
}

/// The index of all entries.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: HashMap<Uuid, Row>,
    keys: HashMap<CommandId, Uuid>,
    done: BTreeSet<Oldest>,
    bytes: usize,
}

impl Index {
    /// Notes an entry, in place of what was noted of its key.
    pub(super) fn insert(&mut self, entry: &Entry, len: usize) {
        let key = entry.key();
        self.remove(key);
        let ids: Vec<_> = entry.calls.iter().map(|call| call.id).collect();
        self.keys.extend(ids.iter().map(|&id| (id, key)));
        let (arrived, pending) = (entry.arrived, entry.state.is_pending());
        if !pending {
            self.done.insert(Oldest { arrived, key });
        }
        self.bytes = self.bytes.saturating_add(len);
        self.rows.insert(
            key,
            Row {
                arrived,
                pending,
                len,
                ids,
            },
        );
    }

    pub(super) fn remove(&mut self, key: Uuid) {
        let Some(row) = self.rows.remove(&key) else {
            return;
        };
        for id in row.ids {
            self.keys.remove(&id);
        }
        self.done.remove(&Oldest {
            arrived: row.arrived,
            key,
        });
        self.bytes = self.bytes.saturating_sub(row.len);
        debug_assert!(row.pending || self.done.len() < self.rows.len().saturating_add(1));
    }

    pub(super) fn key_of(&self, id: CommandId) -> Option<Uuid> {
        self.keys.get(&id).copied()
    }

    /// The first to be forgotten.
    pub(super) fn oldest_done(&self) -> Option<Oldest> {
        self.done.first().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many have no outcome yet.
    pub(super) fn pending(&self) -> usize {
        self.rows.len().saturating_sub(self.done.len())
    }
}
