//! How a part of a round is divided into turns.

use super::phase::Phase;
use crate::error::BenchError;

/// A turn of what is measured by time, unless the caller says how many there are. A machine is
/// slow or quick for seconds: what is compared must lie closer together. Much shorter, and
/// waiting for brokers to rest would take longer than the turns.
const TURN_MS: u64 = 250;
/// Less than that is no time for a thousand commands a second.
const TURN_MS_MIN: u64 = 10;
/// Of saturation: its devices go on for half a second after the last command, and what is on its
/// way has to build up first. Its p99 is that of all commands of a round, so that fewer turns
/// cost it nothing.
const SATURATION_TURN_MS: u64 = 1_000;
/// Broadcasts in a round; their times are put together.
const BROADCASTS: u32 = 10;
/// Of so many clients one is enough.
const MANY_CLIENTS: u32 = 100_000;

/// What each subject does in one turn of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Of a part that is measured by time.
    pub(super) run_ms: u64,
    /// Of a part that consists of these.
    pub(super) broadcasts: u32,
}

/// The same for all rounds of a run.
#[derive(Debug)]
pub(super) struct Plan {
    part_ms: u64,
    turns: u32,
    broadcasts: u32,
}

impl Plan {
    pub(super) fn of(part_ms: u64, turns: Option<u32>, clients: u32) -> Result<Self, BenchError> {
        let turns = turns.unwrap_or_else(|| turns_of(part_ms, TURN_MS));
        if part_ms / u64::from(turns) < TURN_MS_MIN {
            let text = format!(
                "{turns} turns in {part_ms} ms are less than {TURN_MS_MIN} ms each: take fewer \
                 --turns or more --part-ms"
            );
            return Err(BenchError::Usage(text));
        }
        let many = clients > MANY_CLIENTS;
        Ok(Self {
            part_ms,
            turns,
            broadcasts: if many { 1 } else { BROADCASTS },
        })
    }

    /// The turns of one part.
    pub(super) fn turns(&self, phase: Phase) -> impl Iterator<Item = Share> {
        let turns = match phase {
            Phase::Connect => 1,
            // Each has one at least.
            Phase::FanOut0 | Phase::FanOut1 => self.turns.min(self.broadcasts),
            Phase::Saturation => self.turns.min(turns_of(self.part_ms, SATURATION_TURN_MS)),
            _ => self.turns,
        };
        let (run_ms, broadcasts) = (self.part_ms / u64::from(turns), self.broadcasts);
        (0..turns).map(move |n| Share {
            run_ms,
            broadcasts: share(broadcasts, n, turns).1,
        })
    }
}

/// How many turns of `turn_ms` at least there are in a part, which has one in any case.
fn turns_of(part_ms: u64, turn_ms: u64) -> u32 {
    u32::try_from(part_ms / turn_ms).unwrap_or(u32::MAX).max(1)
}

/// What part `n` of `of` has of `whole`: where it begins, and how much it is.
pub(super) fn share(whole: u32, n: u32, of: u32) -> (u32, u32) {
    let at = |n: u32| {
        let at = u64::from(whole) * u64::from(n) / u64::from(of.max(1));
        u32::try_from(at).unwrap_or(whole)
    };
    (at(n), at(n + 1) - at(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(plan: &Plan, phase: Phase) -> Vec<(u64, u32)> {
        let turns = plan.turns(phase);
        turns.map(|turn| (turn.run_ms, turn.broadcasts)).collect()
    }

    #[test]
    fn shares_are_the_whole_without_gaps() {
        for (whole, of) in [(19_000, 3), (1_000_000, 300), (5, 5), (20, 7)] {
            let mut end = 0;
            for n in 0..of {
                let (first, count) = share(whole, n, of);
                assert_eq!(first, end, "{n} of {of}");
                end += count;
            }
            assert_eq!(end, whole);
        }
    }

    #[test]
    fn a_part_has_turns_of_a_quarter_of_a_second_unless_told_otherwise() {
        for (part_ms, asked, count, run_ms) in [
            (3_000, None, 12, 250),
            (800, None, 3, 266),
            (100, None, 1, 100),
            (3_000, Some(4), 4, 750),
        ] {
            let plan = Plan::of(part_ms, asked, 5_000).unwrap();
            let turns = turns(&plan, Phase::Ping);
            assert_eq!(turns.len(), count, "{part_ms} ms, {asked:?}");
            assert!(turns.iter().all(|(ms, _)| *ms == run_ms), "{turns:?}");
        }
        let none = Plan::of(100, Some(11), 5_000).unwrap_err();
        assert!(none.is_usage(), "{none}");
    }

    #[test]
    fn broadcasts_are_dealt_over_the_turns_and_each_has_one() {
        for (asked, dealt) in [(1, vec![10]), (4, vec![2, 3, 2, 3]), (30, vec![1; 10])] {
            let plan = Plan::of(3_000, Some(asked), 100_000).unwrap();
            let turns = turns(&plan, Phase::FanOut1);
            let broadcasts: Vec<u32> = turns.iter().map(|turn| turn.1).collect();
            assert_eq!(broadcasts, dealt, "{asked}");
        }
        let plan = Plan::of(3_000, None, 100_001).unwrap();
        let turns = turns(&plan, Phase::FanOut0);
        assert_eq!(turns.iter().map(|turn| turn.1).sum::<u32>(), 1);
    }

    #[test]
    fn saturation_has_longer_turns_and_connections_are_made_once() {
        let plan = Plan::of(3_000, None, 5_000).unwrap();
        let long = turns(&plan, Phase::Saturation);
        assert_eq!(
            long.iter().map(|turn| turn.0).collect::<Vec<_>>(),
            [1_000; 3]
        );
        assert_eq!(plan.turns(Phase::Connect).count(), 1);
        let plan = Plan::of(800, None, 5_000).unwrap();
        assert_eq!(turns(&plan, Phase::Saturation).len(), 1);
    }
}
