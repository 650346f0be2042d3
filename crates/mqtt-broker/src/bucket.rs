//! A rate with room for a burst.

use std::time::{Duration, Instant};

/// How many a second, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// A second, in the long run.
    pub per_second: u32,
    /// At once, after a quiet time.
    pub burst: u32,
}

/// Tokens come at a rate; whoever wants something takes one.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// In millionths of a token, so that a slow rate loses nothing to rounding.
    micros: u64,
    since: Instant,
}

const MICROS: u64 = 1_000_000;

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            micros: u64::from(rate.burst) * MICROS,
            since: now,
        }
    }

    /// Whether there was one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let gone = now.saturating_duration_since(self.since);
        self.since = self.since.max(now);
        self.micros = self
            .micros
            .saturating_add(earned(self.rate.per_second, gone))
            .min(u64::from(self.rate.burst) * MICROS);
        let left = self.micros.checked_sub(MICROS);
        self.micros = left.unwrap_or(self.micros);
        left.is_some()
    }
}

fn earned(per_second: u32, gone: Duration) -> u64 {
    let micros = u64::try_from(gone.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_mul(u64::from(per_second))
}

#[cfg(test)]
mod tests {
    use clock::Clock;

    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = Clock::system().now();
        let rate = Rate {
            per_second: 2,
            burst: 3,
        };
        let mut bucket = Bucket::new(rate, start);
        let taken = |bucket: &mut Bucket, ms: u64| {
            let now = start + Duration::from_millis(ms);
            (0..10).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 499), 0);
        assert_eq!(taken(&mut bucket, 500), 1);
        assert_eq!(taken(&mut bucket, 600), 0);
        assert_eq!(taken(&mut bucket, 60_000), 3);
        assert_eq!(
            taken(&mut bucket, 10),
            0,
            "time that goes back earns nothing"
        );
    }
}
