//! Replies to calls that must not be carried out twice (RFC 1813, 4.6).
//!
//! A client that loses its connection sends its calls again, from another port or the same.
//! So a call is known by its client's address, its number and a hash of all of it.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher as _,
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::{
    limits::{DUPLICATE_AGE_MAX, DUPLICATES_MAX},
    rpc::Reply,
};

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey {
    client: IpAddr,
    xid: u32,
    hash: u64,
}

/// The reply to a call. Who comes second while the first is at work waits for it; if the
/// first is given up, the second does the work.
pub(crate) type ReplyCell = Arc<OnceCell<Reply>>;

/// Replies of the recent past.
#[derive(Debug, Default)]
pub(crate) struct DuplicateCache {
    hasher: RandomState,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    replies: HashMap<CallKey, ReplyCell>,
    /// Oldest first.
    order: VecDeque<(Instant, CallKey)>,
}

impl DuplicateCache {
    pub(crate) fn key(&self, client: IpAddr, xid: u32, record: &[u8]) -> CallKey {
        CallKey {
            client,
            xid,
            hash: self.hasher.hash_one(record),
        }
    }

    /// The place of the reply to this call: filled if it was answered before.
    pub(crate) fn cell(&self, key: CallKey, now: Instant) -> ReplyCell {
        let mut recent = self.recent.lock();
        recent.forget_old(now);
        if let Some(cell) = recent.replies.get(&key) {
            return Arc::clone(cell);
        }
        let cell = ReplyCell::default();
        recent.replies.insert(key, Arc::clone(&cell));
        recent.order.push_back((now, key));
        cell
    }
}

impl Recent {
    fn forget_old(&mut self, now: Instant) {
        while let Some((since, key)) = self.order.front() {
            let is_old = now.saturating_duration_since(*since) > DUPLICATE_AGE_MAX;
            if !is_old && self.order.len() < DUPLICATES_MAX {
                return;
            }
            self.replies.remove(key);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::Clock;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_call_is_its_client_number_and_content() {
        let cache = DuplicateCache::default();
        let key = cache.key(CLIENT, 1, b"call");
        assert_eq!(key, cache.key(CLIENT, 1, b"call"));
        assert_ne!(key, cache.key(CLIENT, 2, b"call"));
        assert_ne!(key, cache.key(CLIENT, 1, b"other"));
        assert_ne!(key, cache.key(IpAddr::from([1, 2, 3, 4]), 1, b"call"));
    }

    #[test]
    fn replies_are_kept_for_a_while_and_in_bounded_number() {
        let cache = DuplicateCache::default();
        let now = Clock::system().now();
        let key = cache.key(CLIENT, 0, b"");
        let cell = cache.cell(key, now);
        cell.set(Reply::default()).unwrap();
        assert!(cache.cell(key, now + DUPLICATE_AGE_MAX).initialized());
        let late = now + DUPLICATE_AGE_MAX + Duration::from_secs(1);
        assert!(!cache.cell(key, late).initialized());
        for xid in 0..u32::try_from(DUPLICATES_MAX).unwrap() * 2 {
            cache.cell(cache.key(CLIENT, xid, b""), late);
        }
        assert_eq!(cache.recent.lock().replies.len(), DUPLICATES_MAX);
        assert_eq!(cache.recent.lock().order.len(), DUPLICATES_MAX);
    }
}
