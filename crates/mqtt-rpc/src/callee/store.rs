//! Where entries are kept.

use thiserror::Error;
use uuid::Uuid;

use super::Entry;

/// When an entry must be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Before the call returns.
    Now,
    /// With the next one: losing it does no harm, it would be decided again in the same way.
    Later,
}

/// The store failed.
#[derive(Debug, Error)]
#[error("the memory of commands failed")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps entries by their key. Its calls block.
pub trait EntryStore: Send {
    /// One entry.
    ///
    /// # Errors
    /// The disk fails.
    fn load(&self, key: Uuid) -> Result<Option<Entry>, StoreError>;
    /// Stores an entry, replacing that of the same key; tells its length in bytes.
    ///
    /// # Errors
    /// The disk fails.
    fn store(&self, entry: &Entry, durability: Durability) -> Result<usize, StoreError>;
    /// Removes an entry.
    ///
    /// # Errors
    /// The disk fails.
    fn remove(&self, key: Uuid) -> Result<(), StoreError>;
    /// Shows every entry and its length.
    ///
    /// # Errors
    /// The disk fails.
    fn for_each(&self, visit: &mut dyn FnMut(Entry, usize)) -> Result<(), StoreError>;
}
