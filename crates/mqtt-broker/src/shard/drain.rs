//! Emptying a shard: its listening sockets close, then its clients go, some at each tick.

use std::sync::Arc;

use super::{Shard, TICK, to_slot};
use crate::{drain::Draining, limits::DRAINED_PER_TICK_MIN, session::End, wheel::Tick};

/// How far a shard is with a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emptying {
    /// Clients may come.
    No,
    /// None may come. Those in slots before `next` were sent away, at `last`.
    Since { last: Option<Tick>, next: usize },
}

impl Shard {
    pub(super) fn drain_some(&mut self) {
        let Some(draining) = self.shared.draining.load_full() else {
            return;
        };
        if self.emptying == Emptying::No {
            for listener in &mut self.listeners {
                listener.close(&self.registry);
            }
            self.emptying = Emptying::Since {
                last: None,
                next: 0,
            };
        }
        let Emptying::Since { last, next } = self.emptying else {
            return;
        };
        if last == Some(self.now) || self.connections.is_empty() {
            return;
        }
        let next = self.send_away(&draining, next);
        self.emptying = Emptying::Since {
            last: Some(self.now),
            next,
        };
    }

    /// Sends away this tick's share, from slot `next` on; says where to go on.
    fn send_away(&mut self, draining: &Arc<Draining>, mut next: usize) -> usize {
        let left = draining
            .ends
            .saturating_duration_since(self.shared.clock.now());
        let ticks = usize::try_from(left.as_millis() / TICK.as_millis()).unwrap_or(usize::MAX);
        let share = self.connections.len().div_ceil(ticks.max(1));
        let mut share = share.max(DRAINED_PER_TICK_MIN);
        for _ in 0..self.connections.capacity() {
            if share == 0 {
                break;
            }
            if next >= self.connections.capacity() {
                next = 0;
            }
            if self.connections.contains(next) {
                self.doom(to_slot(next), End::SentAway(draining.farewell.clone()));
                share -= 1;
            }
            next += 1;
        }
        next
    }
}
