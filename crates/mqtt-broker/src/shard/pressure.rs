//! How many threads a broker should work with just now.

use std::time::{Duration, Instant};

use super::processors::Processors;
use crate::limits::{
    ALONE_FOR_MAX, ALONE_FOR_MIN, CROWDED_SHARE, IDLE_LOOK_EVERY, LITTLE_WORK_MAX, PRESSED_AFTER,
    RUN_DELAY_LOOK_EVERY,
};

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Staff {
    /// The poller; helpers for what many get.
    Poller,
    /// The poller, which does not keep up, and its helpers.
    All,
}

/// What the poller knows of its own haste, and of room for helpers.
///
/// While it is alone and does not keep up, it looks whether a processor is idle; if so, it has
/// itself helped. While it has help, it looks whether it waits for a processor: then a helper does,
/// too, with a shard in its hands. So the poller goes on alone, for longer each time.
#[derive(Debug)]
pub(super) struct Pressure {
    /// Since it does not keep up: when it is pressed, if it has not caught up before.
    pressed_from: Option<Instant>,
    processors: Processors,
    looked_at: Instant,
    seen: Seen,
    alone_for: Duration,
}

/// What was seen at the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Alone, at least `until` then: how long processors have been idle.
    Idle { total: Duration, until: Instant },
    /// With help: how long the poller has waited for processors, and whether it was long since the
    /// look before.
    RunDelay { total: Duration, long: bool },
}

impl Pressure {
    /// For the thread that calls it.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            pressed_from: None,
            processors: Processors::open(),
            looked_at: now,
            seen: Seen::Idle {
                total: Duration::ZERO,
                until: now,
            },
            alone_for: ALONE_FOR_MIN,
        }
    }

    /// So many events were there after `wait`. If they are few, and nothing was left to do before,
    /// there was time for all that came.
    pub(super) fn note(&mut self, now: Instant, events: usize, wait: Option<Duration>) {
        if events <= LITTLE_WORK_MAX && wait != Some(Duration::ZERO) {
            self.pressed_from = None;
        } else {
            self.pressed_from.get_or_insert_with(|| now + PRESSED_AFTER);
        }
    }

    pub(super) fn staff(&mut self, now: Instant) -> Staff {
        if self.pressed_from.is_none_or(|from| now <= from) {
            return Staff::Poller;
        }
        self.look(now);
        match self.seen {
            Seen::Idle { .. } => Staff::Poller,
            Seen::RunDelay { .. } => Staff::All,
        }
    }

    fn look(&mut self, now: Instant) {
        match self.seen {
            Seen::Idle { until, .. } => {
                if now >= until.max(self.looked_at + IDLE_LOOK_EVERY) {
                    let idle = self.processors.idle();
                    self.judge_idle(now, idle);
                }
            }
            Seen::RunDelay { .. } => {
                if now >= self.looked_at + RUN_DELAY_LOOK_EVERY {
                    let run_delay = self.processors.run_delay();
                    self.judge_run_delay(now, run_delay);
                }
            }
        }
    }

    /// Takes help if half a processor was idle, or nobody knows.
    fn judge_idle(&mut self, now: Instant, idle: Option<Duration>) {
        let Seen::Idle { total, until } = self.seen else {
            return;
        };
        let since = self.since_look(now, IDLE_LOOK_EVERY);
        let is_half = |idle: Duration| since.is_some_and(|s| 2 * idle.saturating_sub(total) >= s);
        self.seen = if idle.is_none_or(is_half) {
            tracing::debug!("the event loop has itself helped");
            let (run_delay, long) = (self.processors.run_delay(), false);
            let total = run_delay.unwrap_or_default();
            Seen::RunDelay { total, long }
        } else {
            let total = idle.unwrap_or(total);
            Seen::Idle { total, until }
        };
    }

    /// Goes on alone if it was long twice in a row: once may be chance.
    fn judge_run_delay(&mut self, now: Instant, run_delay: Option<Duration>) {
        let Seen::RunDelay { total, long } = self.seen else {
            return;
        };
        let run_delay = run_delay.unwrap_or(total);
        let waited = run_delay.saturating_sub(total);
        let since = self.since_look(now, RUN_DELAY_LOOK_EVERY);
        let is_long = since.is_some_and(|since| waited * CROWDED_SHARE > since);
        if is_long && long {
            tracing::debug!("the event loop goes on alone: processors are scarce");
            self.seen = Seen::Idle {
                total: Duration::ZERO,
                until: now + self.alone_for,
            };
            self.alone_for = (2 * self.alone_for).min(ALONE_FOR_MAX);
        } else {
            self.seen = Seen::RunDelay {
                total: run_delay,
                long: is_long,
            };
            let less = self.alone_for.saturating_sub(RUN_DELAY_LOOK_EVERY);
            self.alone_for = less.max(ALONE_FOR_MIN);
        }
    }

    /// How long ago the last look was. One that is too long ago says nothing of now: this one is a
    /// beginning.
    fn since_look(&mut self, now: Instant, every: Duration) -> Option<Duration> {
        let last = std::mem::replace(&mut self.looked_at, now);
        let since = now.saturating_duration_since(last);
        (since <= 4 * every).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;

    use super::*;

    /// Behind since `start`, at `start + at`.
    fn pressed(pressure: &mut Pressure, start: Instant, at: Duration) -> Staff {
        pressure.note(start + at, 1_000, Some(Duration::ZERO));
        pressure.staff(start + at)
    }

    #[test]
    fn who_keeps_up_needs_no_help() {
        let start = Clock::system().now();
        let mut pressure = Pressure::new(start);
        let (total, long) = (Duration::MAX, false);
        pressure.seen = Seen::RunDelay { total, long };
        let at_once = Duration::ZERO;
        assert_eq!(pressed(&mut pressure, start, at_once), Staff::Poller);
        assert_eq!(pressed(&mut pressure, start, PRESSED_AFTER), Staff::Poller);
        let late = PRESSED_AFTER + Duration::from_millis(1);
        assert_eq!(pressed(&mut pressure, start, late), Staff::All);
        pressure.note(start + late, 1, None);
        assert_eq!(pressure.staff(start + late), Staff::Poller);
    }

    #[test]
    fn help_comes_when_a_processor_is_idle() {
        let every = IDLE_LOOK_EVERY;
        let start = Clock::system().now();
        let mut pressure = Pressure::new(start);
        let mut idle = Duration::from_hours(1);
        let mut look = |at: u32, more: Duration| {
            idle += more;
            pressure.judge_idle(start + at * every, Some(idle));
            matches!(pressure.seen, Seen::RunDelay { .. })
        };
        // Of the time before the first look nothing is known.
        assert!(!look(100, every));
        assert!(!look(101, every / 4));
        assert!(look(102, every / 2));
    }

    #[test]
    fn it_goes_when_the_poller_waits_for_a_processor_for_longer_each_time() {
        let every = RUN_DELAY_LOOK_EVERY;
        let start = Clock::system().now();
        let mut pressure = Pressure::new(start);
        let (mut now, mut waited) = (start, Duration::ZERO);
        let mut look = |pressure: &mut Pressure, more: Duration| {
            now += every;
            waited += more;
            pressure.judge_run_delay(now, Some(waited));
            match pressure.seen {
                Seen::RunDelay { .. } => None,
                Seen::Idle { until, .. } => Some(until - now),
            }
        };
        for alone_for in [ALONE_FOR_MIN, 2 * ALONE_FOR_MIN - 4 * every] {
            let (total, long) = (Duration::MAX, false);
            pressure.seen = Seen::RunDelay { total, long };
            assert_eq!(look(&mut pressure, every), None);
            assert_eq!(look(&mut pressure, every / 4), None, "it may be chance");
            assert_eq!(look(&mut pressure, every / CROWDED_SHARE), None);
            assert_eq!(look(&mut pressure, every / 4), None);
            assert_eq!(look(&mut pressure, every / 4), Some(alone_for));
        }
    }
}
