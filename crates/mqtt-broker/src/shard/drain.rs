//! Emptying a shard: its listening sockets close, then its clients go, some at each tick.

use std::sync::Arc;

use super::{Shard, TICK, to_slot};
use crate::{drain::Draining, limits::DRAINED_PER_TICK_MIN, session::End};

/// How far a shard is with a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emptying {
    /// Clients may come.
    No,
    /// None may come. Those in slots before this one were sent away.
    From(usize),
}

impl Shard {
    /// Once a tick.
    pub(super) fn drain_some(&mut self) {
        let Some(draining) = self.shared.draining.load_full() else {
            return;
        };
        let next = match self.emptying {
            Emptying::From(next) => next,
            Emptying::No => {
                for listener in &mut self.listeners {
                    listener.close(&self.registry);
                }
                0
            }
        };
        let next = if self.connections.is_empty() {
            next
        } else {
            self.send_away(&draining, next)
        };
        self.emptying = Emptying::From(next);
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
