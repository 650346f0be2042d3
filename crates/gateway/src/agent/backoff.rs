//! How long to wait before connecting again.

use std::time::Duration;

use rand::Rng;

use crate::limits::{RECONNECT_PAUSE_MAX, RECONNECT_PAUSE_MIN, UNREACHABLE_PAUSE_MAX};

/// What the pause comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// A connection that was lost.
    Loss,
    /// Nobody listens where the broker should be.
    Unreachable,
    /// Somebody does, and did not let the gateway in.
    Refusal,
}

/// Doubles from attempt to attempt, and spreads the gateways of a fleet that lost their
/// broker at the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    attempts: u32,
    pause_max: Duration,
}

impl Backoff {
    /// Pauses no longer than `pause_max`, whatever they come after.
    pub(super) fn new(pause_max: Duration) -> Self {
        Self {
            attempts: 0,
            pause_max,
        }
    }

    /// The next pause: between an eighth and the whole of the doubled one.
    pub(super) fn next(&mut self, after: After, random: &mut impl Rng) -> Duration {
        let pause_max = match after {
            After::Loss | After::Refusal => RECONNECT_PAUSE_MAX,
            After::Unreachable => UNREACHABLE_PAUSE_MAX,
        };
        let pause_max = pause_max.min(self.pause_max);
        let factor = 1_u32 << self.attempts.min(16);
        self.attempts = self.attempts.saturating_add(1);
        let longest = RECONNECT_PAUSE_MIN.saturating_mul(factor).min(pause_max);
        random.random_range(longest / 8..=longest)
    }

    /// The connection was a good one.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_again_after_a_reset() {
        let mut random = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(RECONNECT_PAUSE_MAX);
        for want in [2, 4, 8, 16, 32, 60, 60] {
            let pause = backoff.next(After::Refusal, &mut random).as_secs_f64();
            let want = f64::from(want);
            assert!((want / 8.0..=want).contains(&pause), "{pause}");
        }
        backoff.reset();
        assert!(backoff.next(After::Loss, &mut random) <= RECONNECT_PAUSE_MIN);
    }

    #[test]
    fn however_long_a_broker_was_away_it_is_found_within_eight_seconds() {
        let mut random = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(RECONNECT_PAUSE_MAX);
        backoff.next(After::Loss, &mut random);
        for _ in 0..10_000 {
            assert!(backoff.next(After::Unreachable, &mut random) <= UNREACHABLE_PAUSE_MAX);
        }
    }

    #[test]
    fn a_site_may_ask_for_shorter_pauses() {
        let mut random = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for after in [After::Loss, After::Unreachable, After::Refusal].repeat(100) {
            assert!(backoff.next(after, &mut random) <= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_fleet_that_lost_its_broker_does_not_come_back_in_one_moment() {
        let mut random = StdRng::seed_from_u64(7);
        let mut in_slice = [0_u32; 10];
        for _ in 0..15_000 {
            let pause = Backoff::new(RECONNECT_PAUSE_MAX).next(After::Loss, &mut random);
            let slice = pause.as_millis() * 10 / (RECONNECT_PAUSE_MIN.as_millis() + 1);
            in_slice[usize::try_from(slice).unwrap()] += 1;
        }
        // Of a fifth of a second each; the broker takes 15,000 at once within its ten seconds.
        assert!(in_slice.iter().all(|n| *n < 2_000), "{in_slice:?}");
    }
}
