//! Time, randomness and tasks: the only place that reads the machine's clock.
//!
//! Not here: time-outs of a protocol (they are data of its session).
//! Invariant: everything else takes a [`Clock`]; a test may hold its hands.
//! Start at [`Clock`]. Tested here with [`Clock::manual`].

mod task;
mod timestamp;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use task::{Task, spawn_named};
pub use timestamp::Timestamp;

use std::sync::atomic::{AtomicU64, Ordering};

/// The time, as a value that is passed in. Cloning shares the same hands.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    /// The runtime's own, which a test may pause: it then jumps to the next thing that
    /// anybody waits for.
    Runtime {
        origin: tokio::time::Instant,
        start_ms: u64,
    },
    /// Milliseconds since the epoch, moved by a test.
    Manual {
        origin: Instant,
        start_ms: u64,
        now_ms: AtomicU64,
    },
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// The clock of the tokio runtime this is called in, which began at `start`: with its time
    /// paused, a simulation of hours takes as long as its work.
    #[must_use]
    pub fn of_runtime(start: Timestamp) -> Self {
        Self(Arc::new(Source::Runtime {
            origin: tokio::time::Instant::now(),
            start_ms: start.as_millis(),
        }))
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is where the clock is read"
    )]
    pub fn manual(start: Timestamp) -> Self {
        let start_ms = start.as_millis();
        let now_ms = AtomicU64::new(start_ms);
        Self(Arc::new(Source::Manual {
            origin: Instant::now(),
            start_ms,
            now_ms,
        }))
    }

    /// Moves a manual clock forward; the machine's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual { now_ms, .. } = &*self.0 {
            now_ms.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// Monotonic time, for measuring and for time-outs.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is where the clock is read"
    )]
    pub fn now(&self) -> Instant {
        match &*self.0 {
            Source::System => Instant::now(),
            Source::Runtime { .. } => tokio::time::Instant::now().into_std(),
            Source::Manual {
                origin,
                start_ms,
                now_ms,
            } => {
                let gone = now_ms.load(Ordering::SeqCst).saturating_sub(*start_ms);
                origin
                    .checked_add(Duration::from_millis(gone))
                    .unwrap_or(*origin)
            }
        }
    }

    /// Wall-clock time, for what people and other machines read.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is where the clock is read"
    )]
    pub fn wall(&self) -> Timestamp {
        match &*self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp::from_millis(millis(since))
            }
            Source::Runtime { origin, start_ms } => {
                Timestamp::from_millis(start_ms.saturating_add(millis(origin.elapsed())))
            }
            Source::Manual { now_ms, .. } => Timestamp::from_millis(now_ms.load(Ordering::SeqCst)),
        }
    }

    /// Nanoseconds since the epoch, for file times.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is where the clock is read"
    )]
    pub fn wall_nanos(&self) -> u128 {
        match &*self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos(),
            Source::Runtime { origin, start_ms } => {
                u128::from(*start_ms) * 1_000_000 + origin.elapsed().as_nanos()
            }
            Source::Manual { now_ms, .. } => u128::from(now_ms.load(Ordering::SeqCst)) * 1_000_000,
        }
    }

    /// Waits; a manual clock waits until its hands have been moved that far.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is where the clock is read"
    )]
    pub async fn sleep(&self, for_how_long: Duration) {
        match &*self.0 {
            Source::System | Source::Runtime { .. } => tokio::time::sleep(for_how_long).await,
            Source::Manual { now_ms, .. } => {
                let until = now_ms
                    .load(Ordering::SeqCst)
                    .saturating_add(millis(for_how_long));
                while now_ms.load(Ordering::SeqCst) < until {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Timestamp::from_millis(1_000));
        let before = clock.now();
        assert_eq!(clock.wall().as_millis(), 1_000);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.wall().as_millis(), 3_000);
        assert_eq!(clock.now().duration_since(before), Duration::from_secs(2));
    }
}
