//! How many requests go to the store at a time: as many as it takes.
//!
//! The bound grows while requests wait for it and are answered as fast as ever, doubles at
//! first, and is halved when the store asks for less, fails, or becomes slow.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use object_store::{StoreErrorKind, StoreResult};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::engine::Engine;

/// Where the bound begins.
const BEGIN: u32 = 16;
/// It is never lower.
const MIN: u32 = 2;
/// Bytes of bodies under way at a time: they are in memory. One body is let through alone,
/// however large it is.
const BYTES_MAX: u64 = 64 << 20;
/// Only small requests tell how slow the store is: large ones are as slow as the line.
const SMALL: u64 = 64 << 10;
/// The store counts as slow when it takes so many times what it took at best …
const SLOW_TIMES: u32 = 3;
/// … and this much more.
const SLOW_MORE: Duration = Duration::from_millis(10);

/// The bound, and what is under way.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    max: f64,
    limit: f64,
    /// It doubles until something goes wrong for the first time.
    is_searching: bool,
    under_way: u32,
    bytes: u64,
    /// Requests that began before this have been answered for already.
    lowered_at: Option<Instant>,
    best: Option<Duration>,
    /// Of small requests, smoothed.
    usual: Option<Duration>,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// The store wants less, or has trouble.
    Strained,
    /// It says nothing of the store's strength.
    Neutral,
}

/// Leave for one request.
struct Permit<'a> {
    pace: &'a Pace,
    bytes: u64,
    /// The bound was reached: it may be too low.
    is_last: bool,
}

impl Pace {
    pub(crate) fn new(requests_max: u32) -> Self {
        let max = f64::from(requests_max.max(1));
        Self {
            state: Mutex::new(State {
                max,
                limit: f64::from(BEGIN).min(max),
                is_searching: true,
                under_way: 0,
                bytes: 0,
                lowered_at: None,
                best: None,
                usual: None,
            }),
            freed: Notify::new(),
        }
    }

    /// Requests that may be under way now.
    #[cfg(test)]
    pub(crate) fn limit(&self) -> u32 {
        self.state.lock().whole_limit()
    }

    async fn enter(&self, bytes: u64) -> Permit<'_> {
        loop {
            let freed = self.freed.notified();
            if let Some(permit) = self.try_enter(bytes) {
                return permit;
            }
            freed.await;
        }
    }

    fn try_enter(&self, bytes: u64) -> Option<Permit<'_>> {
        let mut state = self.state.lock();
        let has_room = state.bytes + bytes <= BYTES_MAX && state.under_way < state.whole_limit();
        if state.under_way > 0 && !has_room {
            return None;
        }
        state.under_way += 1;
        state.bytes += bytes;
        let is_last = state.under_way >= state.whole_limit();
        drop(state);
        if !is_last {
            // One who was woken passes it on: there may be room for more than one.
            self.freed.notify_one();
        }
        Some(Permit {
            pace: self,
            bytes,
            is_last,
        })
    }
}

impl State {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between MIN and a u32"
    )]
    fn whole_limit(&self) -> u32 {
        self.limit as u32
    }

    fn judge(&mut self, permit: &Permit<'_>, began: Instant, (verdict, now): (Verdict, Instant)) {
        let took = now.saturating_duration_since(began);
        let is_slow = verdict == Verdict::Good && permit.bytes <= SMALL && self.is_slow(took);
        match verdict {
            Verdict::Strained => self.lower(0.5, began, now),
            Verdict::Good if is_slow => self.lower(0.9, began, now),
            Verdict::Good if permit.is_last => {
                let more = if self.is_searching {
                    1.0
                } else {
                    1.0 / self.limit
                };
                self.limit = (self.limit + more).min(self.max);
            }
            Verdict::Good | Verdict::Neutral => {}
        }
    }

    /// Once for all that was under way at that time.
    fn lower(&mut self, factor: f64, began: Instant, now: Instant) {
        if self.lowered_at.is_some_and(|at| began < at) {
            return;
        }
        self.is_searching = false;
        self.lowered_at = Some(now);
        self.limit = (self.limit * factor).max(f64::from(MIN)).min(self.max);
    }

    fn is_slow(&mut self, took: Duration) -> bool {
        let best = self.best.map_or(took, |best| best.min(took));
        let usual = self
            .usual
            .map_or(took, |usual| usual - usual / 8 + took / 8);
        self.usual = Some(usual);
        // Slow even for the fewest requests: that is what is best now. Stores move, lines change.
        let is_lowest = self.whole_limit() <= MIN;
        self.best = Some(if is_lowest { usual } else { best });
        usual > best * SLOW_TIMES + SLOW_MORE
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state.lock();
        state.under_way -= 1;
        state.bytes -= self.bytes;
        drop(state);
        self.pace.freed.notify_one();
    }
}

impl Engine {
    /// Sends a request that changes the bucket, when there is room for it and while the lease
    /// lets it.
    pub(super) async fn paced<T>(
        &self,
        bytes: u64,
        request: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let permit = self.pace.enter(bytes).await;
        let began = self.clock.now();
        let answer = self.fenced(request).await;
        let verdict = match answer.as_ref().map_err(object_store::StoreError::kind) {
            Ok(_) => Verdict::Good,
            Err(StoreErrorKind::Throttled | StoreErrorKind::Unavailable) => Verdict::Strained,
            Err(_) => Verdict::Neutral,
        };
        let mut state = self.pace.state.lock();
        state.judge(&permit, began, (verdict, self.clock.now()));
        drop(state);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of which `at_once` wait for leave at any time, each answered after `took`.
    fn run(pace: &Pace, at_once: u32, rounds: u32, answer: impl Fn(u32) -> (Verdict, Duration)) {
        let clock = clock::Clock::manual(model::Timestamp::from_millis(0));
        for _ in 0..rounds {
            let began = clock.now();
            let permits: Vec<Permit<'_>> =
                (0..at_once).map_while(|_| pace.try_enter(100)).collect();
            let (verdict, took) = answer(u32::try_from(permits.len()).unwrap());
            clock.advance(took);
            for permit in permits {
                let mut state = pace.state.lock();
                state.judge(&permit, began, (verdict, clock.now()));
                drop(state);
            }
        }
    }

    const FAST: Duration = Duration::from_millis(20);

    #[test]
    fn the_bound_grows_while_the_store_keeps_up_and_requests_wait() {
        let pace = Pace::new(200);
        run(&pace, 4, 100, |_| (Verdict::Good, FAST));
        assert_eq!(pace.limit(), BEGIN, "nobody waits");
        run(&pace, 1_000, 400, |_| (Verdict::Good, FAST));
        assert_eq!(pace.limit(), 200);
    }

    #[test]
    fn a_store_that_takes_forty_is_sent_about_forty() {
        let pace = Pace::new(500);
        run(&pace, 1_000, 5_000, |count| {
            let is_much = count > 40;
            (
                if is_much {
                    Verdict::Strained
                } else {
                    Verdict::Good
                },
                FAST,
            )
        });
        let limit = pace.limit();
        assert!((20..=41).contains(&limit), "{limit}");
    }

    #[test]
    fn a_store_that_becomes_slow_is_sent_less() {
        let pace = Pace::new(500);
        run(&pace, 1_000, 5_000, |count| {
            (Verdict::Good, FAST * count.div_ceil(30))
        });
        let limit = pace.limit();
        assert!((30..=130).contains(&limit), "{limit}");
    }

    #[test]
    fn bodies_share_a_budget_and_one_goes_alone_however_large() {
        let pace = Pace::new(100);
        let huge = pace.try_enter(BYTES_MAX * 2).unwrap();
        assert!(pace.try_enter(1).is_none());
        drop(huge);
        let half = pace.try_enter(BYTES_MAX / 2).unwrap();
        let other = pace.try_enter(BYTES_MAX / 2).unwrap();
        assert!(pace.try_enter(1).is_none());
        drop((half, other));
        assert!(pace.try_enter(1).is_some());
    }
}
