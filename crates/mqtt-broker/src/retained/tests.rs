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

fn topics(retained: &Retained, filter: &str) -> Vec<String> {
    let found = retained.matching(filter, 100);
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
    assert_eq!(retained.matching("a/#", 7).len(), 7);
    assert_eq!(retained.matching("a/+/x", 7).len(), 7);
}

proptest! {
    #[test]
    fn what_is_found_is_what_the_filter_matches(
        names in prop::collection::vec(prop::collection::vec("[abc]", 1..5), 0..20),
        filter in prop::collection::vec("[abc+]", 1..5),
        all in proptest::bool::ANY,
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
        assert_eq!(topics(&retained, &filter), expected);
    }
}
