//! Groups, parent topics, grants and credentials: served from memory, kept in a journal.
//!
//! Invariant: a change counts, and its caller returns, only once it is on disk.

mod access_keys;
mod blocked;
pub(crate) mod certificates;
pub(crate) mod change;
pub(crate) mod credentials;
mod groups;
mod identities;
mod journal;
mod page;
pub(crate) mod rights;
pub(crate) mod rules;
mod secrets;
pub(crate) mod tokens;
mod x509;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use clock::Clock;
use model::{ClientId, GroupId};
use parking_lot::{Mutex, RwLock};

pub use change::Access;
use change::Change;
use identities::Identities;
use journal::Journal;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use journal::check as check_journal;
use rules::Rules;

use crate::error::RegistryError;

/// A journal below this is never rewritten.
const JOURNAL_LEN_MIN: u64 = 1024 * 1024;

/// Who may connect, and who may publish and subscribe where. Calls that change something wait
/// for the disk.
#[derive(Debug)]
pub struct Registry {
    clock: Clock,
    epoch: u64,
    journal: Mutex<Kept>,
    identities: RwLock<Identities>,
    rules: ArcSwap<Rules>,
    /// Groups of gateways, as configured.
    fleet: RwLock<BTreeSet<GroupId>>,
}

#[derive(Debug)]
struct Kept {
    journal: Journal,
    /// Rewritten when the journal has grown to this.
    rewrite_at: u64,
}

impl Registry {
    /// Opens the registry of `dir`, or makes an empty one.
    pub(crate) fn open(dir: &Path, clock: Clock) -> Result<Self, RegistryError> {
        let (mut journal, changes) = Journal::open(dir)?;
        let mut identities = Identities::default();
        let mut rules = Rules::default();
        let mut epoch = 0;
        for change in changes {
            if let Change::Epoch { epoch: n } = change {
                epoch = n.max(epoch);
            }
            rules.apply(&change);
            identities.apply(change);
        }
        epoch += 1;
        journal.append(&[Change::Epoch { epoch }])?;
        let rewrite_at = journal.len().saturating_mul(2).max(JOURNAL_LEN_MIN);
        let registry = Self {
            clock,
            epoch,
            journal: Mutex::new(Kept {
                journal,
                rewrite_at,
            }),
            identities: RwLock::new(identities),
            rules: ArcSwap::from_pointee(rules),
            fleet: RwLock::default(),
        };
        registry.ensure_token_key()?;
        Ok(registry)
    }

    /// How many times this registry has been opened: no two brokers in time share it.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn rules(&self) -> arc_swap::Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Whether a client that came in with `credential` may stay.
    pub(crate) fn may_stay(&self, client_id: &ClientId, credential: &str) -> bool {
        let known = match credential.split_once('/') {
            Some(("key", access_key_id)) => self.identities.read().keys.has(access_key_id),
            Some(_) => self.certificate_is_active(credential),
            None => self.holds(client_id, credential),
        };
        known && !self.is_blocked(client_id)
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), RegistryError> {
        let mut kept = self.journal.lock();
        kept.journal.append(&changes)?;
        if changes.iter().any(Rules::are_changed_by) {
            let mut rules = Rules::clone(&self.rules.load());
            changes.iter().for_each(|c| rules.apply(c));
            self.rules.store(Arc::new(rules));
        }
        let mut identities = self.identities.write();
        changes.into_iter().for_each(|c| identities.apply(c));
        drop(identities);
        if kept.journal.len() >= kept.rewrite_at {
            // The change itself is on disk: failing to make the journal shorter is not its failure.
            if let Err(error) = self.rewrite(&mut kept) {
                tracing::warn!(%error, "cannot shorten the registry's journal");
            }
            kept.rewrite_at = kept.journal.len().saturating_mul(2).max(JOURNAL_LEN_MIN);
        }
        Ok(())
    }

    fn rewrite(&self, kept: &mut Kept) -> Result<(), RegistryError> {
        let mut changes = vec![Change::Epoch { epoch: self.epoch }];
        let rules = self.rules.load_full();
        changes.extend(rules.changes());
        changes.extend(self.identities.read().changes(self.clock.wall()));
        kept.journal.rewrite(&changes)
    }
}

#[cfg(test)]
mod tests;
