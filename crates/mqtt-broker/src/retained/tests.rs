use std::sync::Arc;

use model::{Timestamp, TopicFilter};
use mqtt_codec::{Properties, QoS};
use proptest::prelude::{prop, proptest};

use super::*;
use crate::message::{MessageRef, Outgoing};

fn message(topic: &str, payload: &[u8], expires_at: Option<u64>) -> Arc<Message> {
    let parts = MessageRef {
        topic,
        properties: Properties::NONE,
        payload,
        qos: QoS::AtLeastOnce,
        retain: true,
        expires_at: expires_at.map(Timestamp::from_millis),
    };
    Outgoing::borrowed(parts).share()
}

/// All that a filter finds, looked for in parts of so many levels.
fn matching(retained: &Retained, (filter, max): (&str, usize), levels: usize) -> Vec<Arc<Message>> {
    let mut walk = Walk::new(filter, max);
    while !walk.go_on(retained, levels) {}
    walk.into_found()
}

fn topics(retained: &Retained, filter: &str, levels: usize) -> Vec<String> {
    let found = matching(retained, (filter, 100), levels);
    let mut topics: Vec<_> = found.iter().map(|m| m.parts().topic.to_owned()).collect();
    topics.sort_unstable();
    topics
}

#[test]
fn the_last_of_a_topic_is_kept_until_an_empty_one_comes() {
    let mut retained = Retained::default();
    retained.set(&message("a/b", b"1", Some(5)));
    retained.set(&message("a/b", b"22", Some(5)));
    assert_eq!((retained.len(), retained.bytes()), (1, 5));
    assert_eq!(retained.get("a/b").unwrap().parts().payload, b"22");
    retained.set(&message("a/b", b"", None));
    retained.set(&message("a/none", b"", None));
    assert_eq!((retained.len(), retained.bytes()), (0, 0));
    assert!(
        retained.root.below.is_empty(),
        "no level stays without need"
    );
    assert!(retained.expired(Timestamp::from_millis(100)).is_none());
}

#[test]
fn a_replaced_message_does_not_take_its_successor_with_it() {
    let mut retained = Retained::default();
    retained.set(&message("a/b", b"1", Some(5)));
    retained.set(&message("a/b", b"2", Some(9)));
    assert_eq!(retained.expired(Timestamp::from_millis(8)), None);
    assert_eq!(retained.expired(Timestamp::from_millis(9)), Some("a/b"));
}

#[test]
fn a_filter_brings_so_many_and_no_more() {
    let mut retained = Retained::default();
    for n in 0..20 {
        retained.set(&message(&format!("a/{n}/x"), b"1", None));
    }
    for levels in [1, 3, 100] {
        assert_eq!(matching(&retained, ("a/#", 7), levels).len(), 7);
        assert_eq!(matching(&retained, ("a/+/x", 7), levels).len(), 7);
    }
}

#[test]
fn a_part_of_a_walk_looks_at_so_many_levels_even_if_it_finds_nothing() {
    let mut retained = Retained::default();
    for n in 0..20 {
        retained.set(&message(&format!("a/{n}/y"), b"1", None));
    }
    let mut walk = Walk::new("a/+/x", 7);
    // The root, `a`, and one level for each name below it.
    let parts = std::iter::from_fn(|| (!walk.go_on(&retained, 4)).then_some(())).count();
    assert_eq!(parts, 22 / 4);
    assert!(walk.into_found().is_empty());
}

#[test]
fn what_comes_and_goes_between_the_parts_of_a_walk_does_not_lead_it_astray() {
    let mut retained = Retained::default();
    let set = |retained: &mut Retained, topics: &[&str], payload: &[u8]| {
        for topic in topics {
            retained.set(&message(topic, payload, None));
        }
    };
    set(
        &mut retained,
        &["a", "a/b", "a/b/c", "a/b/d", "a/e", "a/f"],
        b"1",
    );
    let mut walk = Walk::new("a/#", 100);
    // The root, `a`, `a/b` and `a/b/c`.
    assert!(!walk.go_on(&retained, 4));
    set(&mut retained, &["a/b", "a/b/c", "a/b/d"], b"");
    set(&mut retained, &["a/a", "a/c"], b"2");
    assert!(walk.go_on(&retained, 100));
    let found = walk.into_found();
    let topics: Vec<_> = found.iter().map(|m| m.parts().topic).collect();
    assert_eq!(topics, ["a", "a/b", "a/b/c", "a/c", "a/e", "a/f"]);
}

proptest! {
    #[test]
    fn what_is_found_is_what_the_filter_matches(
        names in prop::collection::vec(prop::collection::vec("[abc]", 1..5), 0..20),
        filter in prop::collection::vec("[abc+]", 1..5),
        all in proptest::bool::ANY,
        levels in 1_usize..8,
    ) {
        let mut retained = Retained::default();
        let mut expected = Vec::new();
        let mut filter = format!("a/{}", filter.join("/"));
        if all {
            filter.push_str("/#");
        }
        let parsed: TopicFilter = filter.parse().unwrap();
        for name in &names {
            let topic = format!("a/{}", name.join("/"));
            retained.set(&message(&topic, b"1", None));
            if parsed.matches(&topic) {
                expected.push(topic);
            }
        }
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(topics(&retained, &filter, levels), expected);
    }
}
