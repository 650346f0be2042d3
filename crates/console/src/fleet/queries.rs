//! Messages of the console's own that wait for an answer: pings and questions about commands.
//!
//! They are commands on the wire, but nobody issued them: they are neither stored nor audited,
//! and one without an answer is forgotten.

use std::{collections::HashMap, time::Instant};

use model::{CommandId, GatewayId};

use crate::limits::{QUERIES_MAX, QUERY_AGE_MAX};

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// How long a message takes there and back.
    Ping,
    /// What became of this command.
    Inquiry(CommandId),
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) gateway: GatewayId,
    pub(super) query: Query,
    pub(super) at: Instant,
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Queries(HashMap<CommandId, Asked>);

impl Queries {
    /// Whether there is room for another.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < QUERIES_MAX
    }

    pub(super) fn insert(&mut self, id: CommandId, asked: Asked) {
        self.0.insert(id, asked);
    }

    /// What was asked of `gateway` with this id.
    pub(super) fn get(&self, id: CommandId, gateway: &GatewayId) -> Option<&Asked> {
        self.0.get(&id).filter(|asked| asked.gateway == *gateway)
    }

    pub(super) fn remove(&mut self, id: CommandId) {
        self.0.remove(&id);
    }

    /// Forgets those that waited too long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.0
            .retain(|_, asked| now.saturating_duration_since(asked.at) < QUERY_AGE_MAX);
    }
}
