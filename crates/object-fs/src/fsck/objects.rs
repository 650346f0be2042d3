//! Whose objects are: the notes in the index against the inodes.

use cache::{Batch, Entry, Table};
use vfs::VfsResult;

use super::{Check, Checker, tables::list_bucket_again};
use crate::keys::{Gone, KeyState};

impl Checker<'_> {
    /// A note on an object.
    pub(super) fn look_at_key(&mut self, entry: &Entry) -> VfsResult<()> {
        let key = std::str::from_utf8(&entry.key).ok();
        let (Some(key), Ok(state)) = (key, KeyState::decode(&entry.value)) else {
            self.find_damaged(Table::Keys, entry);
            return Ok(());
        };
        match state {
            KeyState::Held { inode } | KeyState::Claimed { inode, .. } => {
                let is_claim = matches!(state, KeyState::Claimed { .. });
                let record = self.tables.record(inode)?;
                let knows = record.is_some_and(|record| {
                    let is_remote = record.remote.is_some_and(|remote| *remote.key == *key);
                    is_remote || (is_claim && record.claim.as_deref() == Some(key))
                });
                if !knows {
                    // What is there, a listing finds; nothing is deleted on a suspicion.
                    let mut fix = Batch::default();
                    fix.remove(Table::Keys, key);
                    list_bucket_again(&mut fix);
                    let what = format!("object `{key}` of inode {}", inode.0);
                    self.find(Check::KeyWithoutInode, what, fix);
                }
            }
            KeyState::Kept { .. } => {}
            KeyState::Gone => {
                // What is there all the same, a listing finds.
                if self.tables.get(Table::Tombstones, &entry.key)?.is_none() {
                    let mut fix = Batch::default();
                    fix.remove(Table::Keys, key);
                    let what = format!("object `{key}`");
                    self.find(Check::DeletionWithoutPromise, what, fix);
                }
            }
            KeyState::Tomb { .. } => {
                if self.tables.get(Table::Tombstones, &entry.key)?.is_none() {
                    let mut fix = Batch::default();
                    fix.put(Table::Tombstones, key, []);
                    let what = format!("object `{key}`");
                    self.find(Check::DeletionWithoutPromise, what, fix);
                }
            }
        }
        Ok(())
    }

    /// The promise of a deletion.
    pub(super) fn look_at_tombstone(&mut self, entry: &Entry) -> VfsResult<()> {
        let state = match std::str::from_utf8(&entry.key) {
            Ok(key) => self.tables.key_state(key)?,
            Err(_) => None,
        };
        let is_right = match Gone::decode(&entry.value) {
            Ok(None) => matches!(state, Some(KeyState::Tomb { .. })),
            Ok(Some(_)) => matches!(state, Some(KeyState::Gone)),
            Err(_) => false,
        };
        if !is_right {
            let mut fix = Batch::default();
            fix.remove(Table::Tombstones, &entry.key);
            let what = format!("object `{}`", String::from_utf8_lossy(&entry.key));
            self.find(Check::TombstoneWithLiveEntry, what, fix);
        }
        Ok(())
    }
}
