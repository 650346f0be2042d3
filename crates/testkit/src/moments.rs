//! Moments without a pattern, which a seed brings back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clock::Clock;

/// Random pauses and choices of one test.
#[derive(Debug)]
pub struct Moments {
    state: u64,
}

impl Moments {
    /// From the seed `CAUSEWAY_KILL_SEED`, or another one each time. Prints it: a test that
    /// failed is run again with the same moments.
    ///
    /// # Errors
    /// The variable is no number.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no main that could pass it"
    )]
    #[expect(clippy::print_stdout, reason = "cargo shows it if the test fails")]
    pub fn seeded() -> Result<Self> {
        let state = match std::env::var("CAUSEWAY_KILL_SEED") {
            Err(_) => Clock::system().wall().as_millis(),
            Ok(text) => text.parse().context("CAUSEWAY_KILL_SEED")?,
        };
        println!("CAUSEWAY_KILL_SEED={state}");
        Ok(Self { state })
    }

    /// The same each time.
    pub(crate) const fn of_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// Any length of time up to `longest`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.next() % micros.saturating_add(1))
    }

    /// True once in `times`, on average.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times.max(1))
    }

    /// Splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_back_the_same_moments_and_they_spread() {
        let pauses = |seed| {
            let mut moments = Moments::of_seed(seed);
            let some = std::iter::repeat_with(|| moments.up_to(Duration::from_secs(1)));
            some.take(1_000).collect::<Vec<_>>()
        };
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
        let mean = pauses(7).iter().sum::<Duration>() / 1_000;
        assert!((450..550).contains(&mean.as_millis()), "{mean:?}");
    }
}
