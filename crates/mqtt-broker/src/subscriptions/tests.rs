use model::TopicFilter;
use proptest::prelude::*;

use super::*;

const SLOTS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Subscribe(u32, String),
    Unsubscribe(u32, String),
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("+")]
}

fn filter() -> impl Strategy<Value = String> {
    (prop::collection::vec(level(), 0..4), any::<bool>()).prop_map(|(levels, all)| {
        let mut parts = vec!["top"];
        parts.extend(levels);
        if all {
            parts.push("#");
        }
        parts.join("/")
    })
}

fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("a"), Just("b"), Just("c")];
    prop::collection::vec(level, 0..5).prop_map(|levels| {
        let levels: Vec<_> = std::iter::once("top").chain(levels).collect();
        levels.join("/")
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..SLOTS, filter()).prop_map(|(slot, filter)| Step::Subscribe(slot, filter)),
        2 => (0..SLOTS, filter()).prop_map(|(slot, filter)| Step::Unsubscribe(slot, filter)),
    ]
}

/// Sessions as a shard keeps them: what each holds, by filter.
#[derive(Default)]
struct Sessions(Vec<(u32, String, Held)>);

impl Sessions {
    fn apply(&mut self, tree: &mut Subscriptions, step: &Step) {
        let (Step::Subscribe(slot, filter) | Step::Unsubscribe(slot, filter)) = step;
        let known = self.0.iter().position(|(s, f, _)| (s, f) == (slot, filter));
        match (step, known) {
            (Step::Subscribe(..), None) => {
                let subscriber = Subscriber {
                    slot: *slot,
                    qos: QoS::AtMostOnce,
                    no_local: false,
                    retain_as_published: false,
                    id: None,
                };
                let held = tree.add(filter, subscriber);
                self.0.push((*slot, filter.clone(), held));
            }
            (Step::Unsubscribe(..), Some(known)) => {
                let (_, _, held) = self.0.swap_remove(known);
                if let Some(moved) = tree.remove(held) {
                    let of_moved =
                        |(s, _, h): &&mut (u32, String, Held)| *s == moved && h.node == held.node;
                    self.0.iter_mut().find(of_moved).unwrap().2 = held;
                }
            }
            (Step::Subscribe(..), Some(_)) | (Step::Unsubscribe(..), None) => {}
        }
    }
}

proptest! {
    #[test]
    fn finds_exactly_what_matches(
        steps in prop::collection::vec(step(), 0..60),
        topics in prop::collection::vec(topic(), 1..8),
    ) {
        let mut tree = Subscriptions::new();
        let mut sessions = Sessions::default();
        for step in &steps {
            sessions.apply(&mut tree, step);
        }
        for topic in topics {
            let mut found = Vec::new();
            tree.matching(&topic, &mut |subscriber| found.push(subscriber.slot));
            let matches = |filter: &str| filter.parse::<TopicFilter>().unwrap().matches(&topic);
            let mut want: Vec<_> =
                sessions.0.iter().filter(|(_, f, _)| matches(f)).map(|(s, _, _)| *s).collect();
            found.sort_unstable();
            want.sort_unstable();
            prop_assert_eq!(found, want, "{}", topic);
        }
        for (slot, filter, held) in std::mem::take(&mut sessions.0) {
            prop_assert_eq!(tree.beginning(held), Beginning::from(filter.as_str()));
            sessions.0.push((slot, filter, held));
        }
        while let Some((slot, filter, _)) = sessions.0.first().cloned() {
            sessions.apply(&mut tree, &Step::Unsubscribe(slot, filter));
        }
        prop_assert_eq!(tree.nodes.len(), 1, "nodes without subscriptions remain");
    }
}
