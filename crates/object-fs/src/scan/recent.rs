//! Keys that were changed lately, by us or by gateways that told us: what a listing or yet another
//! gateway says of them may be older than what we know.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Listings of stores that are not consistent are that old at most. What one says of a key that
/// we changed since is not believed before the object was looked at.
pub(super) const STALE_MAX: Duration = Duration::from_secs(5 * 60);
/// Changed keys remembered besides those of a listing that is under way: about 8 MiB.
const REMEMBERED_MAX: usize = 65_536;
/// What was changed before a restart is not known, so after one everything may have been, for as
/// long; but no more than so many objects are looked at for that: who finds more of them changed
/// or gone had others at work, and a store that is consistent.
const LOOKS_AFTER_RESTART: u32 = 1_000;

/// Who changed a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Author {
    /// This share.
    Us,
    /// One of another gateway, by the number it has here.
    Source(u64),
}

/// The keys.
#[derive(Debug)]
pub(crate) struct RecentKeys(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    /// When the engine was started again, and how many looks are left because of that.
    restarted: Option<(Instant, u32)>,
    /// The listings that are under way, and of which sequence each began.
    under_way: BTreeMap<u64, u64>,
    /// The last listing that began.
    listing: u64,
    sequence: u64,
    changed: HashMap<Box<str>, Change>,
    /// In the order of their changes; a key may be in it more than once.
    order: VecDeque<(Box<str>, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    sequence: u64,
    at: Instant,
    by: Author,
}

impl RecentKeys {
    /// For the so-many-th start of the engine: listings have numbers that grow over starts.
    pub(crate) fn new(start: u64, now: Instant) -> Self {
        Self(Mutex::new(Recent {
            restarted: (start > 1).then_some((now, LOOKS_AFTER_RESTART)),
            listing: start << 32,
            ..Recent::default()
        }))
    }

    /// Notes a change of ours.
    pub(crate) fn mark(&self, key: &str, now: Instant) {
        self.mark_by(Author::Us, key, now);
    }

    /// Notes a change.
    pub(super) fn mark_by(&self, by: Author, key: &str, now: Instant) {
        let mut recent = self.0.lock();
        recent.sequence += 1;
        let change = Change {
            sequence: recent.sequence,
            at: now,
            by,
        };
        recent.changed.insert(key.into(), change);
        recent.order.push_back((key.into(), change.sequence));
        recent.trim(now);
    }

    /// Notes the beginning of a listing. Until the guard is dropped, all changes from now on are
    /// kept.
    pub(super) fn begin(&self) -> ListingGuard<'_> {
        let mut recent = self.0.lock();
        recent.listing += 1;
        let (listing, sequence) = (recent.listing, recent.sequence);
        recent.under_way.insert(listing, sequence);
        ListingGuard {
            recent: self,
            listing,
        }
    }

    /// The last listing that began.
    pub(crate) fn listing(&self) -> u64 {
        self.0.lock().listing
    }

    /// Changes from now on have higher numbers.
    pub(super) fn sequence(&self) -> u64 {
        self.0.lock().sequence
    }

    pub(super) fn is_changed_since(&self, key: &str, sequence: u64) -> bool {
        let recent = self.0.lock();
        recent
            .changed
            .get(key)
            .is_some_and(|c| c.sequence > sequence)
    }

    /// Whether somebody else has changed the key since, perhaps, `by` did.
    pub(super) fn is_contested(&self, key: &str, by: Author, now: Instant) -> bool {
        let recent = self.0.lock();
        let change = recent.changed.get(key).filter(|change| change.by != by);
        change.is_some_and(|change| is_fresh(change.at, now))
    }

    /// Whether a listing of now that says otherwise than we may be from before our last change.
    pub(super) fn is_doubtful(&self, key: &str, now: Instant) -> bool {
        let mut recent = self.0.lock();
        let is_fresh = |at: Instant| is_fresh(at, now);
        if recent.changed.get(key).is_some_and(|c| is_fresh(c.at)) {
            return true;
        }
        match &mut recent.restarted {
            Some((at, looks)) if is_fresh(*at) && *looks > 0 => {
                *looks -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < STALE_MAX
}

impl Recent {
    fn trim(&mut self, now: Instant) {
        // Numbers of listings and of changes grow together.
        let oldest = self.under_way.values().next().copied();
        let oldest = oldest.unwrap_or(u64::MAX);
        while let Some((key, sequence)) = self.order.front().filter(|(_, n)| *n <= oldest) {
            let change = self.changed.get(key).copied();
            let is_last = change.filter(|change| change.sequence == *sequence);
            let is_old = is_last.is_none_or(|c| now.saturating_duration_since(c.at) >= STALE_MAX);
            if !is_old && self.order.len() <= REMEMBERED_MAX {
                return;
            }
            if is_last.is_some() {
                self.changed.remove(key);
            }
            self.order.pop_front();
        }
    }
}

/// Ends a listing however it ends.
pub(super) struct ListingGuard<'a> {
    recent: &'a RecentKeys,
    /// Which it is.
    pub(super) listing: u64,
}

impl Drop for ListingGuard<'_> {
    fn drop(&mut self) {
        self.recent.0.lock().under_way.remove(&self.listing);
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;

    use super::*;

    fn mark_many(recent: &RecentKeys, now: Instant, mut each: impl FnMut(usize)) {
        for n in 0..2 * REMEMBERED_MAX {
            recent.mark(&n.to_string(), now);
            each(n);
        }
    }

    #[test]
    fn of_looks_that_overlap_only_those_under_way_keep_keys_in_memory() {
        let now = Clock::system().now();
        let recent = RecentKeys::new(1, now);
        let mut guard = recent.begin();
        let mut begun = 0;
        mark_many(&recent, now, |n| {
            if n.is_multiple_of(1_000) {
                begun = recent.sequence();
                guard = recent.begin();
            }
        });
        assert!(recent.0.lock().order.len() <= REMEMBERED_MAX);
        let last = (2 * REMEMBERED_MAX - 1).to_string();
        assert!(recent.is_changed_since(&last, begun));
        drop(guard);
    }

    #[test]
    fn what_was_changed_since_a_look_began_is_known_until_it_ends() {
        let now = Clock::system().now();
        let recent = RecentKeys::new(1, now);
        let (guard, begun) = (recent.begin(), recent.sequence());
        mark_many(&recent, now, |_| ());
        assert!(recent.is_changed_since("0", begun));
        drop(guard);
        recent.mark("more", now);
        assert!(recent.0.lock().order.len() <= REMEMBERED_MAX);
    }
}
