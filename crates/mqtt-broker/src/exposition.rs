//! Metrics as Prometheus reads them (text format 0.0.4).

use std::{collections::BTreeMap, fmt::Write as _, sync::atomic::Ordering};

use crate::{
    histogram::{BOUNDS_US, Distribution},
    listener::NotServed,
    metrics::Metrics,
    shared::Shared,
    topic_meters::TopicTotals,
};

/// A page of metrics that grows line by line.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let text = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.0.push_str(&text);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (n, (label, text)) in labels.iter().enumerate() {
            self.0.push(if n == 0 { '{' } else { ',' });
            // Names of topics, groups and listeners may hold anything that MQTT allows.
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            let text = text.replace('\n', "\\n");
            write!(self.0, "{label}=\"{text}\"").expect("a string takes everything");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.0, "{end} {value}").expect("a string takes everything");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], all: &Distribution) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BOUNDS_US.iter().zip(&all.within) {
            let le = seconds(u64::from(*bound));
            self.line(&bucket, &[labels, &[("le", &le)]].concat(), count);
        }
        self.line(&bucket, &[labels, &[("le", "+Inf")]].concat(), all.count);
        self.line(&format!("{name}_sum"), labels, seconds(all.sum_us));
        self.line(&format!("{name}_count"), labels, all.count);
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

pub(crate) fn page(shared: &Shared, metrics: &Metrics) -> String {
    let mut page = Page::default();
    broker(&mut page, metrics);
    listeners(&mut page, shared);
    topics(&mut page, shared);
    queues(&mut page, shared);
    latencies(&mut page, shared);
    page.0
}

fn broker(page: &mut Page, metrics: &Metrics) {
    for (name, help, value) in metrics.measured() {
        page.single(
            &format!("causeway_mqtt_{name}"),
            "gauge",
            help.trim(),
            value,
        );
    }
    for (name, help, value) in metrics.counted() {
        let name = format!("causeway_mqtt_{name}_total");
        page.single(&name, "counter", help.trim(), value);
    }
}

fn listeners(page: &mut Page, shared: &Shared) {
    let name = "causeway_mqtt_listener_connections";
    page.head(name, "gauge", "Sockets that are open.");
    for listener in &shared.listeners {
        let labels = [
            ("listener", &*listener.name),
            ("protocol", listener.protocol()),
        ];
        page.line(name, &labels, listener.connections());
    }
    let name = "causeway_mqtt_listener_accepted_total";
    page.head(name, "counter", "Sockets that came.");
    for listener in &shared.listeners {
        let accepted = listener.counters.accepted.load(Ordering::Relaxed);
        page.line(name, &[("listener", &listener.name)], accepted);
    }
    let name = "causeway_mqtt_listener_connects_total";
    page.head(name, "counter", "Clients that were let in.");
    for listener in &shared.listeners {
        let connected = listener.counters.connected.load(Ordering::Relaxed);
        page.line(name, &[("listener", &listener.name)], connected);
    }
    let name = "causeway_mqtt_listener_refused_total";
    page.head(
        name,
        "counter",
        "Connections that were not served, and why.",
    );
    for listener in &shared.listeners {
        for (why, counter) in NotServed::ALL.iter().zip(&listener.counters.refused) {
            let labels = [("listener", &*listener.name), ("reason", why.name())];
            page.line(name, &labels, counter.load(Ordering::Relaxed));
        }
    }
}

type Total = fn(&TopicTotals) -> u64;

const TOPIC_TOTALS: [(&str, &str, Total); 5] = [
    ("messages_in", "Messages from clients.", |t| t.messages_in),
    ("bytes_in", "Payload from clients.", |t| t.bytes_in),
    (
        "messages_out",
        "Messages to clients, whether or not these have taken them yet.",
        |t| t.messages_out,
    ),
    (
        "bytes_out",
        "Payload to clients, whether or not these have taken it yet.",
        |t| t.bytes_out,
    ),
    ("dropped", "Deliveries that did not happen.", |t| t.dropped),
];

fn topics(page: &mut Page, shared: &Shared) {
    let mut totals = BTreeMap::new();
    for meters in &shared.topic_meters {
        meters.add_to(&mut totals);
    }
    for (what, help, value) in TOPIC_TOTALS {
        let name = format!("causeway_mqtt_topic_{what}_total");
        page.head(&name, "counter", help);
        for (parent, total) in &totals {
            page.line(&name, &[("parent_topic", parent)], value(total));
        }
    }
    let help = "From the read of a message to the write to its receiver, bounded from above.";
    let name = "causeway_mqtt_deliver_seconds";
    page.head(name, "histogram", help);
    for (parent, total) in &totals {
        page.histogram(name, &[("parent_topic", parent)], &total.deliver);
    }
}

fn queues(page: &mut Page, shared: &Shared) {
    let name = "causeway_mqtt_group_clients";
    page.head(name, "gauge", "Clients that are connected.");
    for (group, clients) in shared.groups.all() {
        page.line(name, &[("group", &group)], clients);
    }
    let name = "causeway_mqtt_inbox_letters";
    page.head(name, "gauge", "What waits between event loops.");
    for (n, inbox) in shared.inboxes.iter().enumerate() {
        page.line(name, &[("event_loop", &n.to_string())], inbox.len());
    }
}

fn latencies(page: &mut Page, shared: &Shared) {
    let help = "From the arrival of a connection to its CONNACK.";
    let name = "causeway_mqtt_connect_seconds";
    page.head(name, "histogram", help);
    for (number, listener) in shared.listeners.iter().enumerate() {
        let mut connect = Distribution::default();
        for of_listener in shared
            .latencies
            .iter()
            .filter_map(|l| l.connect.get(number))
        {
            connect.add(of_listener);
        }
        page.histogram(name, &[("listener", &listener.name)], &connect);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_cannot_break_a_line() {
        let mut page = Page::default();
        page.line("x", &[("a", "b\"c\\d\ne"), ("f", "g")], 7);
        assert_eq!(page.0, "x{a=\"b\\\"c\\\\d\\ne\",f=\"g\"} 7\n");
        page.0.clear();
        page.single("y", "gauge", "Why.", 1);
        assert_eq!(page.0, "# HELP y Why.\n# TYPE y gauge\ny 1\n");
        assert_eq!(seconds(1_000_050), "1.000050");
    }
}
