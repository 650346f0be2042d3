//! Clients that may not connect, whatever they can prove.

use message_bus::admin::BlockedClient;
use model::ClientId;

use super::{Registry, change::Change};
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

    pub(crate) fn blocked(&self) -> Vec<BlockedClient> {
        let identities = self.identities.read();
        let shown = identities.blocked.iter();
        let shown = shown.map(|(client_id, since)| BlockedClient {
            client_id: client_id.to_string(),
            since: *since,
        });
        shown.collect()
    }
}
