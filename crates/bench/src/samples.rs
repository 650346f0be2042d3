//! Medians, quantiles and means.

use serde::Serialize;

/// When how many had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Times {
    /// Microseconds, as all that follow.
    pub(crate) first_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) last_us: f64,
}

impl Times {
    pub(crate) fn of(mut samples_us: Vec<u32>) -> Option<Self> {
        samples_us.sort_unstable();
        let at = |quantile| quantile_of(&samples_us, quantile);
        Some(Self {
            first_us: at(0.0)?,
            p50_us: at(0.5)?,
            p99_us: at(0.99)?,
            p999_us: at(0.999)?,
            last_us: at(1.0)?,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index far below 2^52, rounded down on purpose"
)]
fn quantile_of(sorted: &[u32], quantile: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = (last as f64 * quantile) as usize;
    sorted.get(at).copied().map(f64::from)
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_unstable_by(f64::total_cmp);
    let half = all.len() / 2;
    let upper = *all.get(half)?;
    if all.len() % 2 == 1 {
        return Some(upper);
    }
    all.get(half.checked_sub(1)?)
        .map(|lower| f64::midpoint(*lower, upper))
}

/// What each of `count` had of `sum`.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people: 52 bits are more than enough"
)]
pub(crate) fn per(sum: u64, count: u64) -> f64 {
    sum as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_and_the_ends_are_exact() {
        let times = Times::of((1..=1_000).rev().collect()).unwrap();
        assert_eq!((times.first_us, times.last_us), (1.0, 1_000.0));
        assert_eq!((times.p50_us, times.p99_us), (500.0, 990.0));
        assert_eq!(Times::of(Vec::new()), None);
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }
}
