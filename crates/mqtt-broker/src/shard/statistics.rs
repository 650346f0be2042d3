//! `$SYS/broker/…`: what the broker counts, as messages to whoever may subscribe to them.

use std::{collections::BTreeMap, fmt::Display};

use model::STATISTICS;
use mqtt_codec::{Properties, QoS};

use super::Shard;
use crate::{
    inbox::Letter,
    limits::STATISTICS_EVERY_S,
    message::{MessageRef, Outgoing},
    wheel::Tick,
};

impl Shard {
    /// Once in a while, on one shard for all.
    pub(super) fn publish_statistics(&mut self) {
        if self.index != 0 || self.now < self.statistics_at {
            return;
        }
        self.statistics_at = self.now.plus(STATISTICS_EVERY_S * Tick::PER_SECOND);
        // Their filters begin with the same two levels, or with one and a wildcard.
        let beginning = format!("{STATISTICS}/broker/x");
        let interests = &self.shared.interests;
        let wanted = interests.iter().any(|i| i.is_there(beginning.as_str()));
        let shared = &self.shared.shared_subscriptions;
        if !wanted && shared.is_empty() {
            return;
        }
        for (name, value) in self.statistics() {
            self.publish_statistic(&format!("{STATISTICS}/broker/{name}"), &value);
        }
    }

    fn statistics(&self) -> Vec<(String, String)> {
        let shared = &self.shared;
        let metrics = shared.metrics();
        let mut all = Vec::new();
        let mut say = |name: &str, value: &dyn Display| {
            all.push((name.to_owned(), value.to_string()));
        };
        say("version", &env!("CARGO_PKG_VERSION"));
        say("uptime", &shared.uptime().as_secs());
        say("clients/connected", &metrics.clients);
        say("connections", &metrics.connections);
        say("sessions/persistent", &metrics.sessions_persistent);
        say("messages/received", &metrics.messages_in);
        say("messages/sent", &metrics.messages_out);
        say("messages/dropped", &metrics.messages_dropped);
        say("messages/waiting", &metrics.messages_waiting);
        say("messages/retained", &metrics.messages_retained);
        say("bytes/received", &metrics.bytes_in);
        say("bytes/sent", &metrics.bytes_out);
        let mut totals = BTreeMap::new();
        for meters in &shared.topic_meters {
            meters.add_to(&mut totals);
        }
        // What these messages cause is nothing to tell of.
        totals.retain(|parent, _| **parent != *STATISTICS);
        for (parent, total) in totals {
            let of_parent = format!("topics/{parent}/messages");
            say(&format!("{of_parent}/received"), &total.messages_in);
            say(&format!("{of_parent}/sent"), &total.messages_out);
            say(&format!("{of_parent}/dropped"), &total.dropped);
        }
        all
    }

    fn publish_statistic(&mut self, topic: &str, value: &str) {
        let outgoing = Outgoing::borrowed(MessageRef {
            topic,
            properties: Properties::NONE,
            payload: value.as_bytes(),
            qos: QoS::AtMostOnce,
            retain: false,
            expires_at: None,
        });
        for shard in (0_u32..).take(self.shared.inboxes.len()) {
            if shard == u32::from(self.index) {
                self.fan_out(None, &outgoing);
                continue;
            }
            // One that is full misses a number that comes again soon.
            self.inbox(shard)
                .push(Letter::Fanout(outgoing.share()))
                .ok();
        }
        for shared in self.shared.shared_subscriptions.matching(topic) {
            self.send_shared(shared, &outgoing);
        }
    }
}
