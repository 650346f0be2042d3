//! Clients that may not connect, whatever they can prove.

use std::ops::Bound;

use message_bus::admin::{BlockedClient, BlockedPage, BlockedQuery};
use model::{ClientId, Timestamp};

use super::{Registry, change::Change, page::page};
use crate::{error::RegistryError, limits::BLOCKED_MAX};

impl Registry {
    pub(crate) fn is_blocked(&self, client_id: &ClientId) -> bool {
        self.identities.read().blocked.contains_key(client_id)
    }

    /// Shuts a client out. Does not close connections; the bus does.
    ///
    /// # Errors
    /// Too many are, or it cannot be stored.
    pub fn block(&self, client_id: &ClientId) -> Result<(), RegistryError> {
        if self.is_blocked(client_id) {
            return Ok(());
        }
        if self.identities.read().blocked.len() >= BLOCKED_MAX {
            let text = format!("{BLOCKED_MAX} clients are blocked; unblock one first");
            return Err(RegistryError::Conflict(text));
        }
        let (client_id, since) = (client_id.clone(), self.clock.wall());
        self.commit(vec![Change::Block { client_id, since }])
    }

    pub(crate) fn unblock(&self, client_id: &ClientId) -> Result<(), RegistryError> {
        if !self.is_blocked(client_id) {
            let what = format!("block on {client_id}");
            return Err(RegistryError::NotFound(what));
        }
        let client_id = client_id.clone();
        self.commit(vec![Change::Unblock { client_id }])
    }

    pub(crate) fn blocked(&self, query: &BlockedQuery) -> BlockedPage {
        let after = query.after.as_deref();
        let after = after.and_then(|after| after.parse::<ClientId>().ok());
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let identities = self.identities.read();
        let blocked = identities.blocked.range((from, Bound::Unbounded));
        let (blocked, next) = page(blocked, query.limit);
        let shown = |(client_id, since): (&ClientId, &Timestamp)| BlockedClient {
            client_id: client_id.to_string(),
            since: *since,
        };
        let items = blocked.into_iter().map(shown).collect();
        BlockedPage { items, next }
    }
}
