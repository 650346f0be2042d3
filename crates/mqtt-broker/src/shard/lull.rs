//! When the poller may rest for a moment although something may come.
//!
//! What thousands of clients say after a broadcast, and pings, come one by one, and nobody waits for
//! what follows from them. To wake for each costs more than to handle it. So after several turns in
//! quick succession that brought nothing else the poller rests, and finds several at once. A message
//! ends that, so that commands come across it only beside such a crowd, and then at most once.

use std::time::{Duration, Instant};

use crate::limits::{LULL_GAP, LULL_REST, LULL_TURNS};

/// What a turn was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Brought {
    /// Acknowledgements, pings, or nothing.
    Little,
    /// Somebody may wait for what follows.
    News,
}

/// Turns that brought little, one soon after the other.
#[derive(Debug)]
pub(super) struct Lull {
    turns: u32,
    last: Instant,
}

impl Lull {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            turns: 0,
            last: now,
        }
    }

    /// A turn that began `now` has ended, and left nothing to do; how long to rest before the next.
    pub(super) fn rest(&mut self, now: Instant, brought: Brought) -> Option<Duration> {
        self.turns = match brought {
            Brought::News => 0,
            Brought::Little if now.saturating_duration_since(self.last) > LULL_GAP => 1,
            Brought::Little => self.turns.saturating_add(1),
        };
        self.last = now;
        (self.turns >= LULL_TURNS).then_some(LULL_REST)
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;

    use super::*;

    #[test]
    fn the_poller_rests_after_many_turns_that_brought_little_until_there_are_news() {
        let mut now = Clock::system().now();
        let mut lull = Lull::new(now);
        for round in 0..2 {
            for turn in 1..LULL_TURNS {
                now += LULL_GAP;
                assert_eq!(lull.rest(now, Brought::Little), None, "{round}, {turn}");
            }
            for _ in 0..3 {
                now += LULL_GAP;
                assert_eq!(lull.rest(now, Brought::Little), Some(LULL_REST));
            }
            assert_eq!(lull.rest(now, Brought::News), None);
        }
    }

    #[test]
    fn turns_that_are_far_from_each_other_are_no_crowd() {
        let mut now = Clock::system().now();
        let mut lull = Lull::new(now);
        for _ in 0..10 * LULL_TURNS {
            now += LULL_GAP + Duration::from_nanos(1);
            assert_eq!(lull.rest(now, Brought::Little), None);
        }
    }
}
