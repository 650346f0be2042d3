//! Deadlines of connections, in constant time each.
//!
//! A wheel of buckets, one a tick. A connection stands in one bucket; what it does meanwhile
//! only moves a number of its own. When its bucket is due, its owner says when to look again.

const BUCKETS: u32 = 1_024;

/// Counted from the start of the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(pub(crate) u32);

impl Tick {
    pub(crate) const PER_SECOND: u32 = 4;

    pub(crate) const fn plus(self, ticks: u32) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

/// Whose deadline: a slot, and which of its occupants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occupant {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

#[derive(Debug)]
pub(crate) struct Wheel {
    buckets: Box<[Vec<Occupant>]>,
    now: Tick,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Vec::new()).collect(),
            now: Tick(0),
        }
    }

    /// Looks at `occupant` again at `at`, or earlier if that is further than the wheel reaches.
    pub(crate) fn insert(&mut self, at: Tick, occupant: Occupant) {
        let latest = self.now.plus(BUCKETS - 1);
        let at = at.clamp(self.now.plus(1), latest);
        if let Some(bucket) = self.bucket(at) {
            bucket.push(occupant);
        }
    }

    fn bucket(&mut self, at: Tick) -> Option<&mut Vec<Occupant>> {
        self.buckets.get_mut(usize::try_from(at.0 % BUCKETS).ok()?)
    }

    /// Moves on to `now` and returns who is due.
    pub(crate) fn advance(&mut self, now: Tick) -> Vec<Occupant> {
        let mut due = Vec::new();
        // Further than one turn is one turn: each bucket is emptied once.
        let behind = now.0.saturating_sub(self.now.0).min(BUCKETS);
        for step in (0..behind).rev() {
            if let Some(bucket) = self.bucket(Tick(now.0 - step)) {
                due.append(&mut std::mem::take(bucket));
            }
        }
        self.now = self.now.max(now);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occupant(slot: u32) -> Occupant {
        Occupant {
            slot,
            generation: 0,
        }
    }

    #[test]
    fn each_is_due_once_and_not_before_its_time() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick(3), occupant(1));
        wheel.insert(Tick(5), occupant(2));
        assert_eq!(wheel.advance(Tick(2)), []);
        assert_eq!(wheel.advance(Tick(3)), [occupant(1)]);
        assert_eq!(wheel.advance(Tick(9)), [occupant(2)]);
        assert_eq!(wheel.advance(Tick(3_000)), []);
    }

    #[test]
    fn what_is_further_than_the_wheel_reaches_is_looked_at_early() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick(50_000), occupant(1));
        assert_eq!(wheel.advance(Tick(BUCKETS)), [occupant(1)]);
    }

    #[test]
    fn nobody_is_missed_when_the_loop_was_held_up() {
        let mut wheel = Wheel::new();
        wheel.advance(Tick(700));
        (0..1_000).for_each(|n| wheel.insert(Tick(700 + n), occupant(n)));
        assert_eq!(wheel.advance(Tick(90_000)).len(), 1_000);
    }
}
