//! How fast the share fills and empties, and when it will be full.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Engine;

/// Over so long rates are taken.
const SPAN: Duration = Duration::from_secs(60);

/// Rates of the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Bytes per second.
    pub(crate) written: u64,
    /// Bytes per second.
    pub(crate) uploaded: u64,
}

/// Counters at earlier moments.
#[derive(Debug, Default)]
pub(crate) struct Trend(Mutex<Vec<Sample>>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    written: u64,
    uploaded: u64,
}

/// Samples kept: one for each second of the span, and the one before.
const SAMPLES_MAX: usize = 61;

impl Trend {
    fn note(&self, sample: Sample) {
        let mut samples = self.0.lock();
        if samples.len() >= SAMPLES_MAX {
            samples.remove(0);
        }
        samples.push(sample);
    }

    fn rates(&self) -> Rates {
        let samples = self.0.lock();
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Rates::default();
        };
        let span_ms = last.at.saturating_duration_since(first.at).as_millis();
        let span_ms = u64::try_from(span_ms.min(SPAN.as_millis() * 2)).unwrap_or(u64::MAX);
        let rate = |bytes: u64| bytes.saturating_mul(1_000) / span_ms.max(1);
        Rates {
            written: rate(last.written - first.written),
            uploaded: rate(last.uploaded - first.uploaded),
        }
    }
}

impl Engine {
    /// To be called each second.
    pub(crate) fn note_trend(&self) {
        self.trend.note(Sample {
            at: self.clock.now(),
            written: self.counters.written_bytes.value(),
            uploaded: self.counters.uploaded_bytes.value(),
        });
    }

    pub(crate) fn rates(&self) -> Rates {
        self.trend.rates()
    }

    /// When the cache is full of data that is nowhere else, in milliseconds from now.
    pub(crate) fn full_in_ms(&self, dirty_bytes: u64) -> Option<u64> {
        let rates = self.rates();
        let growth = rates.written.checked_sub(rates.uploaded)?;
        let room = self.config.cache_bytes_max.saturating_sub(dirty_bytes);
        room.saturating_mul(1_000).checked_div(growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let trend = Trend::default();
        assert_eq!(trend.rates(), Rates::default());
        let begin = clock::Clock::system().now();
        for second in 0..200_u32 {
            let n = u64::from(second);
            trend.note(Sample {
                at: begin + Duration::from_secs(n),
                written: if n < 100 {
                    n * 10
                } else {
                    1_000 + (n - 100) * 50
                },
                uploaded: n * 5,
            });
        }
        let rates = trend.rates();
        assert_eq!((rates.written, rates.uploaded), (50, 5));
    }
}
