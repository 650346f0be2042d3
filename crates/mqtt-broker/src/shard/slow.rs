//! Clients of this shard that are behind in what they get, or ahead in what they send.

use super::{Shard, connection::Connection, to_key};
use crate::slow::{Backlog, SlowConsumer};

impl Shard {
    /// Remembers a client that is behind after a delivery.
    pub(super) fn note_backlog(&mut self, slot: u32, dropped: bool) {
        let Some(connection) = self.connections.get_mut(to_key(slot)) else {
            return;
        };
        let backlog = backlog_of(connection);
        if dropped || backlog.waiting > 0 {
            self.slow.note(slot, backlog, dropped);
        }
    }

    /// Who of them is still behind, or has missed something.
    pub(super) fn survey_slow(&mut self) -> Vec<SlowConsumer> {
        let mut found = Vec::new();
        for (slot, dropped) in self.slow.all() {
            let Some(connection) = self.connections.get_mut(to_key(slot)) else {
                self.slow.forget(slot);
                continue;
            };
            let backlog = backlog_of(connection);
            let live = connection.session.live().filter(|_| !backlog.is_none());
            let Some(live) = live else {
                self.slow.forget(slot);
                continue;
            };
            found.push(SlowConsumer {
                client_id: live.client_id.parse().expect("checked at CONNECT"),
                channel: live.channel,
                waiting: backlog.waiting,
                waiting_bytes: backlog.waiting_bytes,
                unsent_bytes: backlog.unsent_bytes,
                dropped,
            });
        }
        found
    }

    /// Lets a client rest that sends faster than it may.
    pub(super) fn pace(&mut self, slot: u32) {
        let (Some(rate), now) = (self.shared.publish_rate, self.now) else {
            return;
        };
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if !connection.pace.take(rate, now) {
            self.throttled.push_back(slot);
            self.counters().throttled.one();
        }
    }

    /// Lets go on who has rested.
    pub(super) fn release_throttled(&mut self) {
        let (Some(rate), now) = (self.shared.publish_rate, self.now) else {
            return;
        };
        for _ in 0..self.throttled.len() {
            let Some(slot) = self.throttled.pop_front() else {
                break;
            };
            let Some(connection) = self.connection(slot) else {
                continue;
            };
            // Another may sit there now.
            if !connection.pace.is_out() {
                continue;
            }
            if connection.pace.fill(rate, now) {
                self.mark_ready(slot);
            } else {
                self.throttled.push_back(slot);
            }
        }
    }
}

fn backlog_of(connection: &mut Connection) -> Backlog {
    let unsent_bytes = connection
        .output
        .as_deref()
        .map_or(0, |o| o.pending().len());
    let (waiting, waiting_bytes) = match connection.session.live() {
        Some(live) => live.waiting(),
        None => (0, 0),
    };
    Backlog {
        waiting,
        waiting_bytes,
        unsent_bytes,
    }
}
