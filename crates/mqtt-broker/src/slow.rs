//! Clients that do not keep up, the worst of them.

use std::collections::HashMap;

use message_bus::ChannelId;
use model::ClientId;

use crate::limits::SLOW_CONSUMERS_MAX;

/// A client that does not take its messages as fast as they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowConsumer {
    /// Who.
    pub client_id: ClientId,
    /// Its connection.
    pub channel: ChannelId,
    /// Messages of `QoS` 1 and 2 that wait for it.
    pub waiting: usize,
    /// Bytes of them.
    pub waiting_bytes: usize,
    /// Bytes that its socket has not taken.
    pub unsent_bytes: usize,
    /// Messages that it missed since it is on this list.
    pub dropped: u64,
}

/// How far a client is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) unsent_bytes: usize,
}

impl Backlog {
    pub(crate) const fn is_none(self) -> bool {
        self.waiting == 0 && self.unsent_bytes == 0
    }
}

/// Slots of those of a shard that were seen behind. When the list is full, the one who is least
/// behind makes room for one who is further.
#[derive(Debug, Default)]
pub(crate) struct SlowList(HashMap<u32, Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    waiting: usize,
    dropped: u64,
}

impl SlowList {
    pub(crate) fn note(&mut self, slot: u32, backlog: Backlog, dropped: bool) {
        if let Some(seen) = self.0.get_mut(&slot) {
            seen.waiting = backlog.waiting;
            seen.dropped += u64::from(dropped);
            return;
        }
        if self.0.len() >= SLOW_CONSUMERS_MAX {
            let least = self.0.iter().min_by_key(|(_, seen)| seen.waiting);
            match least.map(|(slot, seen)| (*slot, seen.waiting)) {
                Some((least, waiting)) if waiting < backlog.waiting => self.0.remove(&least),
                _ => return,
            };
        }
        let seen = Seen {
            waiting: backlog.waiting,
            dropped: u64::from(dropped),
        };
        self.0.insert(slot, seen);
    }

    /// Its connection is gone, or it has caught up.
    pub(crate) fn forget(&mut self, slot: u32) {
        if !self.0.is_empty() {
            self.0.remove(&slot);
        }
    }

    /// Slots, and how many messages each has missed.
    pub(crate) fn all(&self) -> Vec<(u32, u64)> {
        self.0
            .iter()
            .map(|(slot, seen)| (*slot, seen.dropped))
            .collect()
    }
}

/// The `n` who are furthest behind.
pub(crate) fn worst(mut all: Vec<SlowConsumer>, n: usize) -> Vec<SlowConsumer> {
    all.sort_by_key(|slow| std::cmp::Reverse((slow.waiting, slow.unsent_bytes, slow.dropped)));
    all.truncate(n);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(waiting: usize) -> Backlog {
        Backlog {
            waiting,
            ..Backlog::default()
        }
    }

    #[test]
    fn a_full_list_keeps_those_who_are_furthest_behind() {
        let mut list = SlowList::default();
        for slot in 0..1_000_u32 {
            list.note(slot, waiting(slot as usize), slot == 999);
        }
        let mut all = list.all();
        all.sort_unstable();
        assert_eq!(all.len(), SLOW_CONSUMERS_MAX);
        assert_eq!(all.last(), Some(&(999, 1)));
        assert_eq!(all.first().unwrap().0 as usize, 1_000 - SLOW_CONSUMERS_MAX);
        list.note(0, waiting(0), true);
        assert_eq!(list.all().len(), SLOW_CONSUMERS_MAX);
        list.forget(999);
        assert!(!list.all().contains(&(999, 1)));
    }
}
