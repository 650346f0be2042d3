//! Two processes under one identity: each takes the other's place at the message queue, over and
//! over. One take-over alone is what a gateway does that lost its line before the broker knew.

use database::EventRecord;
use model::{GatewayId, Severity, Timestamp};

use super::{owner::Owner, presence::Channel};
use crate::limits::{CONFLICT_TELL_INTERVAL, CONFLICT_WINDOW};

/// Take-overs of one gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conflicts {
    last: Option<Timestamp>,
    told: Option<Timestamp>,
}

impl Conflicts {
    /// One more; whether the operator is to hear of it now.
    fn note(&mut self, now: Timestamp) -> bool {
        let before = self.last.replace(now);
        let again = before.is_some_and(|last| now.since(last) < CONFLICT_WINDOW);
        let rested = self
            .told
            .is_none_or(|told| now.since(told) >= CONFLICT_TELL_INTERVAL);
        if again && rested {
            self.told = Some(now);
        }
        again && rested
    }
}

impl Owner {
    /// A connection was closed because somebody came in under the same client ID.
    pub(super) async fn handle_taken_over(&self, id: &GatewayId, gone: Option<Channel>) {
        let now = self.app.clock.wall();
        let seen = self.app.view.update(id, |live| {
            let tell = live.conflicts.note(now);
            tell.then(|| live.channels.newest().cloned())
        });
        let Some(Some(newest)) = seen else {
            return;
        };
        let address = |channel: Option<Channel>| {
            channel.map_or_else(|| "an unknown address".to_owned(), |c| c.address)
        };
        let message = format!(
            "two processes run as this gateway and take each other's place, from {} and from {}; \
             stop one of them, and if both are wanted add a gateway for it",
            address(gone),
            address(newest)
        );
        tracing::warn!(gateway.id = %id, message, "take-over");
        let record = EventRecord {
            id: 0,
            gateway: id.clone(),
            at: now,
            severity: Severity::Warning,
            share: None,
            message,
        };
        if let Err(error) = self.app.add_event(record).await {
            tracing::error!(gateway.id = %id, %error, "an event is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_take_over_in_a_short_time_is_told_and_then_once_an_hour() {
        let mut conflicts = Conflicts::default();
        let mut told = Vec::new();
        for minute in [0, 10, 11, 12, 40, 41, 71, 72] {
            if conflicts.note(Timestamp::from_millis(minute * 60_000)) {
                told.push(minute);
            }
        }
        assert_eq!(told, [11, 72]);
    }
}
