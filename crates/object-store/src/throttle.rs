//! A bound on what goes over a line, and between clients and a share; shared by whoever uses it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use clock::Clock;
use model::{Bandwidth, LineLimits};
use parking_lot::Mutex;

/// Steps in which a second's worth is reserved, so that a changed limit holds soon …
const STEPS_PER_SECOND: u64 = 4;
/// … and none is shorter than this.
const STEP_BYTES_MIN: u64 = 4 << 10;
/// What was not used lately may be used at once, up to this long.
const BURST: Duration = Duration::from_millis(100);

/// What may go over the line, shared by whoever uses it; can be changed at any time.
#[derive(Debug)]
pub struct Throttle {
    clock: Clock,
    bandwidth: Mutex<Bandwidth>,
    up: Lane,
    down: Lane,
    write: Lane,
    read: Lane,
}

/// One direction: when it is free again. Whoever has the lock is the next to go; the others wait
/// in their order, and none longer than a step by a limit that has changed.
#[derive(Debug, Default)]
struct Lane {
    /// At some time of the week. Who has no bound at all waits for no lock either.
    is_bounded: AtomicBool,
    free_at: tokio::sync::Mutex<Option<Instant>>,
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the bucket.
    Up,
    /// From it.
    Down,
    /// From clients.
    Write,
    /// To them.
    Read,
}

impl Direction {
    const ALL: [Self; 4] = [Self::Up, Self::Down, Self::Write, Self::Read];

    const fn of(self, limits: &LineLimits) -> Option<u64> {
        let rate = match self {
            Self::Up => limits.upload_bytes_per_s,
            Self::Down => limits.download_bytes_per_s,
            Self::Write => limits.write_bytes_per_s,
            Self::Read => limits.read_bytes_per_s,
        };
        if rate > 0 { Some(rate) } else { None }
    }
}

impl Throttle {
    /// With bounds from the beginning.
    #[must_use]
    pub fn new(clock: Clock, bandwidth: Bandwidth) -> Self {
        let throttle = Self {
            clock,
            bandwidth: Mutex::default(),
            up: Lane::default(),
            down: Lane::default(),
            write: Lane::default(),
            read: Lane::default(),
        };
        throttle.set(bandwidth);
        throttle
    }

    /// From now on these bounds hold, for bodies under way too.
    pub fn set(&self, bandwidth: Bandwidth) {
        let mut held = self.bandwidth.lock();
        for direction in Direction::ALL {
            let of_windows = bandwidth.windows.iter().map(|window| &window.limits);
            let mut all = of_windows.chain([&bandwidth.limits]);
            let is_bounded = all.any(|limits| direction.of(limits).is_some());
            let lane = self.lane(direction);
            lane.is_bounded.store(is_bounded, Ordering::Relaxed);
        }
        *held = bandwidth;
    }

    /// What holds at this moment.
    fn rate(&self, direction: Direction) -> Option<u64> {
        let now_ms = self.clock.wall().as_millis();
        direction.of(&self.bandwidth.lock().limits_at(now_ms))
    }

    const fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
            Direction::Write => &self.write,
            Direction::Read => &self.read,
        }
    }

    /// Waits until so many more bytes may go.
    pub async fn pass(&self, direction: Direction, bytes: u64) {
        let lane = self.lane(direction);
        let mut left = bytes;
        while left > 0 && lane.is_bounded.load(Ordering::Relaxed) {
            let mut free_at = lane.free_at.lock().await;
            let Some(rate) = self.rate(direction) else {
                return;
            };
            let step = left.min((rate / STEPS_PER_SECOND).max(STEP_BYTES_MIN));
            let now = self.clock.now();
            let end = end_of(*free_at, step, rate, now);
            self.clock.sleep(end.saturating_duration_since(now)).await;
            *free_at = Some(end);
            left -= step;
        }
    }
}

/// When the bytes have gone.
fn end_of(free_at: Option<Instant>, bytes: u64, rate: u64, now: Instant) -> Instant {
    let earliest = now.checked_sub(BURST).unwrap_or(now);
    let begin = free_at.map_or(now, |free| free.max(earliest));
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
    begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use model::{LineWindow, Timestamp, Weekday};

    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn a_changed_limit_holds_for_all_that_are_under_way() {
        let clock = Clock::of_runtime(Timestamp::from_millis(0));
        let slow = Bandwidth {
            limits: LineLimits {
                upload_bytes_per_s: MIB,
                ..LineLimits::default()
            },
            ..Bandwidth::default()
        };
        let throttle = Throttle::new(clock.clone(), slow);
        let change = async {
            clock.sleep(Duration::from_secs(2)).await;
            throttle.set(Bandwidth::default());
        };
        let began = clock.now();
        let bodies = (0..100).map(|_| throttle.pass(Direction::Up, MIB));
        futures::join!(futures::future::join_all(bodies), change);
        let took = clock.now() - began;
        assert!(took <= Duration::from_millis(2_500), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_begins_later_bounds_those_who_come_then() {
        let clock = Clock::of_runtime(Timestamp::from_millis(0));
        let at_noon = LineWindow {
            days: vec![Weekday::Thursday],
            from_minute: 12 * 60,
            to_minute: 13 * 60,
            limits: LineLimits {
                write_bytes_per_s: MIB,
                ..LineLimits::default()
            },
        };
        let throttle = Throttle::new(clock.clone(), Bandwidth::default());
        throttle.set(Bandwidth {
            windows: vec![at_noon],
            ..Bandwidth::default()
        });
        let took = async || {
            let began = clock.now();
            throttle.pass(Direction::Write, 4 * MIB).await;
            clock.now() - began
        };
        // The epoch began on a Thursday.
        assert_eq!(took().await, Duration::ZERO);
        clock.sleep(Duration::from_secs(12 * 3_600)).await;
        assert!(took().await >= Duration::from_secs(3));
    }
}
