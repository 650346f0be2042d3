//! Replies to calls that must not be carried out twice (RFC 1813, 4.6).
//!
//! A client that loses its connection sends its calls again, from another port or the same.
//! So a call is known by its client's address, its number and a hash of all of it; of
//! a write's data only the ends are looked at.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher as _,
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use clock::Clock;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::{
    limits::{
        DUPLICATE_AGE_MAX, DUPLICATES_MAX, DUPLICATES_PER_LANE_MAX, WRITE_HEAD_LEN, WRITE_TAIL_LEN,
    },
    rpc::Reply,
};

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Changes names or attributes: done twice it is answered differently.
    Change,
    /// Writes data. Done twice it is answered alike, but the first run may come after writes that
    /// the client has sent since, and undo them.
    Write,
}

/// Calls among which the oldest replies make room for new ones: a client's load pushes out no
/// other's replies, and its writes, which are many, none of its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lane {
    client: IpAddr,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CallId {
    xid: u32,
    hash: u64,
}

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallKey {
    lane: Lane,
    id: CallId,
}

/// Who comes second while the first is at work waits for it; if the first is given up, the second
/// does the work.
type ReplyCell = Arc<OnceCell<Reply>>;

/// How far a call is.
///
/// ```text
/// under way ──► answered ──► forgotten
///     └── given up ──────────────┘
/// ```
#[derive(Debug)]
enum State {
    /// Somebody waits for it; such calls are bounded where they come in, and never make room.
    UnderWay(ReplyCell),
    Answered(Reply),
}

/// Calls under way, and replies of the recent past.
#[derive(Debug, Default)]
pub(crate) struct DuplicateCache {
    hasher: RandomState,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    lanes: HashMap<Lane, Calls>,
    /// Replies in all lanes.
    replies: usize,
}

#[derive(Debug, Default)]
struct Calls {
    states: HashMap<CallId, State>,
    /// Those that are answered, oldest first.
    answered: VecDeque<(Instant, CallId)>,
}

impl DuplicateCache {
    pub(crate) fn key(&self, client: IpAddr, kind: Kind, xid: u32, record: &[u8]) -> CallKey {
        let hash = match kind {
            Kind::Change => self.hasher.hash_one(record),
            // Not all of it: a write is up to a mebibyte long.
            Kind::Write => {
                let head = &record[..record.len().min(WRITE_HEAD_LEN)];
                let tail = &record[record.len().saturating_sub(WRITE_TAIL_LEN)..];
                self.hasher.hash_one((head, tail, record.len()))
            }
        };
        CallKey {
            lane: Lane { client, kind },
            id: CallId { xid, hash },
        }
    }

    /// The reply to this call: that of before if there is one, else that of `work`.
    pub(crate) async fn reply(
        &self,
        key: CallKey,
        clock: &Clock,
        work: impl Future<Output = Reply>,
    ) -> Reply {
        // Before the cell, so that whoever leaves has let go of it.
        let _waiting = Waiting {
            cache: self,
            key,
            clock,
        };
        let cell = match self.recent.lock().state(key, clock.now()) {
            State::Answered(reply) => return reply.clone(),
            State::UnderWay(cell) => Arc::clone(cell),
        };
        cell.get_or_init(|| work).await.clone()
    }
}

/// One that waits for a reply, until it is dropped: also by a panic.
struct Waiting<'a> {
    cache: &'a DuplicateCache,
    key: CallKey,
    clock: &'a Clock,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = self.clock.now();
        self.cache.recent.lock().leave(self.key, now);
    }
}

impl Recent {
    fn state(&mut self, key: CallKey, now: Instant) -> &State {
        let calls = self.lanes.entry(key.lane).or_default();
        self.replies -= calls.forget_old(now);
        let new = || State::UnderWay(ReplyCell::default());
        calls.states.entry(key.id).or_insert_with(new)
    }

    /// Somebody does not wait any more.
    fn leave(&mut self, key: CallKey, now: Instant) {
        let Some(calls) = self.lanes.get_mut(&key.lane) else {
            return;
        };
        let Some(State::UnderWay(cell)) = calls.states.get(&key.id) else {
            return;
        };
        if let Some(reply) = cell.get().cloned() {
            calls.states.insert(key.id, State::Answered(reply));
            calls.answered.push_back((now, key.id));
            self.replies += 1;
            let excess = calls.answered.len().saturating_sub(DUPLICATES_PER_LANE_MAX);
            self.replies -= calls.forget(excess);
            self.make_room(now);
        } else if Arc::strong_count(cell) == 1 {
            calls.states.remove(&key.id);
        }
    }

    /// Takes replies from whom has most.
    fn make_room(&mut self, now: Instant) {
        if self.replies <= DUPLICATES_MAX {
            return;
        }
        for calls in self.lanes.values_mut() {
            self.replies -= calls.forget_old(now);
        }
        self.lanes.retain(|_, calls| !calls.states.is_empty());
        if self.replies > DUPLICATES_MAX
            && let Some(calls) = self.lanes.values_mut().max_by_key(|c| c.answered.len())
        {
            // Half of them, so that the search is not made for each new reply.
            self.replies -= calls.forget(calls.answered.len().div_ceil(2));
        }
    }
}

impl Calls {
    /// Forgets the oldest replies; how many.
    fn forget(&mut self, count: usize) -> usize {
        for (_, id) in self.answered.drain(..count) {
            self.states.remove(&id);
        }
        count
    }

    fn forget_old(&mut self, now: Instant) -> usize {
        let is_old = |since: Instant| now.saturating_duration_since(since) > DUPLICATE_AGE_MAX;
        let old = self.answered.iter().take_while(|(since, _)| is_old(*since));
        self.forget(old.count())
    }
}

#[cfg(test)]
mod tests;
