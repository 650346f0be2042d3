//! How long something took, in buckets of Prometheus.

use std::time::Duration;

use crate::metrics::Counter;

/// Upper ends of the buckets, in microseconds; the last has none.
pub(crate) const BOUNDS_US: [u32; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// Of one event loop, which alone writes it.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BOUNDS_US.len()],
    beyond: Counter,
    sum_us: Counter,
}

/// Several of them together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution {
    /// How many were within each of [`BOUNDS_US`].
    pub(crate) within: [u64; BOUNDS_US.len()],
    pub(crate) count: u64,
    pub(crate) sum_us: u64,
}

impl Histogram {
    /// Notes `n` that took as long as this.
    pub(crate) fn observe(&self, took: Duration, n: usize) {
        let micros = usize::try_from(took.as_micros()).unwrap_or(usize::MAX);
        let bucket = BOUNDS_US.iter().position(|&b| micros <= b as usize);
        bucket
            .and_then(|i| self.buckets.get(i))
            .unwrap_or(&self.beyond)
            .add(n);
        self.sum_us.add(micros.saturating_mul(n));
    }
}

impl Distribution {
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        let mut within = 0;
        for (sum, bucket) in self.within.iter_mut().zip(&histogram.buckets) {
            within += bucket.read();
            *sum += within;
        }
        self.count += within + histogram.beyond.read();
        self.sum_us += histogram.sum_us.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_holds_those_before_it() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(50), 2);
        histogram.observe(Duration::from_micros(51), 1);
        histogram.observe(Duration::from_secs(60), 1);
        let mut all = Distribution::default();
        all.add(&histogram);
        all.add(&histogram);
        assert_eq!(all.within[..3], [4, 6, 6]);
        assert_eq!((all.count, all.sum_us), (8, 2 * 60_000_151));
    }
}
