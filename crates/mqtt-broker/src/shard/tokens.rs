//! Tokens that end: their clients are told before, and closed then.

use std::collections::BTreeMap;

use message_bus::{ChannelId, Precedence};
use model::Timestamp;
use mqtt_codec::{Properties, QoS};

use super::{Shard, to_key};
use crate::{
    inbox::Delivered,
    message::{MessageRef, Outgoing, Terms},
    session::{End, Live, token},
};

/// Which connections have tokens, by when something must be done about one.
#[derive(Debug, Default)]
pub(super) struct TokenWatch {
    due: BTreeMap<(Timestamp, u32), ChannelId>,
    at: BTreeMap<u32, Timestamp>,
}

impl TokenWatch {
    fn watch(&mut self, slot: u32, channel: ChannelId, at: Timestamp) {
        if let Some(before) = self.at.insert(slot, at) {
            self.due.remove(&(before, slot));
        }
        self.due.insert((at, slot), channel);
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, slot: u32, live: &Live) {
        let of_it = |at: &Timestamp| self.due.get(&(*at, slot)) == Some(&live.channel);
        if live.rights.is_some()
            && let Some(at) = self.at.get(&slot).copied().filter(of_it)
        {
            self.due.remove(&(at, slot));
            self.at.remove(&slot);
        }
    }

    fn take_due(&mut self, now: Timestamp) -> Option<u32> {
        let (at, slot) = *self.due.first_key_value()?.0;
        if at > now {
            return None;
        }
        self.due.remove(&(at, slot));
        self.at.remove(&slot);
        Some(slot)
    }
}

impl Shard {
    /// Looks at the tokens of a client at the right time.
    pub(super) fn watch_tokens(&mut self, slot: u32) {
        let connection = self.connections.get_mut(to_key(slot));
        let live = connection.and_then(|c| c.session.live());
        let Some((live, at)) = live.and_then(|live| {
            let at = live.rights.as_deref()?.next_at()?;
            Some((live, at))
        }) else {
            return;
        };
        let channel = live.channel;
        self.tokens.watch(slot, channel, at);
    }

    pub(super) fn look_at_tokens(&mut self) {
        if self.tokens.due.is_empty() {
            return;
        }
        let now = self.shared.clock.wall();
        while let Some(slot) = self.tokens.take_due(now) {
            self.look_at_tokens_of(slot, now);
        }
    }

    fn look_at_tokens_of(&mut self, slot: u32, now: Timestamp) {
        let live = self.connection(slot).and_then(|c| c.session.live());
        let Some(rights) = live.and_then(|live| live.rights.as_deref_mut()) else {
            return;
        };
        if let Some(invalid) = rights.ended(now) {
            return self.doom(slot, End::TokenInvalid(invalid));
        }
        for (expires_at, kind) in rights.notices(now) {
            let payload = token::expire_notice(expires_at, kind);
            let parts = MessageRef {
                topic: token::EXPIRE_NOTICE,
                properties: Properties::NONE,
                payload: payload.as_bytes(),
                qos: QoS::AtLeastOnce,
                retain: false,
                expires_at: None,
            };
            // Behind nothing: the client has little time.
            let notice = Outgoing::borrowed(parts).ranked(Precedence::COMMAND);
            let delivered = self.deliver(slot, None, &notice, Terms::P2P);
            if !matches!(
                delivered,
                Delivered::Sent | Delivered::Waits | Delivered::Stored
            ) {
                // It hears of the end when it comes.
                tracing::debug!(slot, "a client was not told that its token ends");
            }
        }
        self.watch_tokens(slot);
    }

    /// Closes all who hold a token that was revoked.
    pub(super) fn take_revoked(&mut self, id: &str) {
        let slots: Vec<u32> = self.tokens.at.keys().copied().collect();
        for slot in slots {
            let live = self.connection(slot).and_then(|c| c.session.live());
            let rights = live.and_then(|live| live.rights.as_deref());
            if let Some(invalid) = rights.and_then(|rights| rights.revoked(id)) {
                self.doom(slot, End::TokenInvalid(invalid));
            }
        }
    }
}
