//! Whoever waits for a message is told of it.

use mqtt_codec::QoS;

use super::rig::{Client, Rig, small, text};
use crate::{
    config::OfflineLimits,
    offline::Ready,
    session::{Answer, Step},
};

const CLIENT: &str = "GID_a@@@sub";

fn texts(ready: &[Ready]) -> Vec<String> {
    let messages = ready.iter().filter_map(|ready| match ready {
        Ready::Message { message, .. } => Some(text(message)),
        Ready::Release(_) => None,
    });
    messages.collect()
}

#[test]
fn what_comes_before_its_shard_has_looked_and_is_not_durable_then_is_told_of_later() {
    let mut rig = Rig::new(small());
    let client = rig.attach(CLIENT, false);
    rig.subscribe(&client, "updates/#");
    assert_eq!(rig.commit(), [client.at.1]);
    rig.offline.hear(client.at);
    assert!(rig.take(&client).is_empty());

    let publish = |rig: &Rig, text: &[u8]| rig.publish("updates/a", text, QoS::AtLeastOnce);
    publish(&rig, b"one");
    assert_eq!(rig.commit(), [client.at.1]);
    // The shard is told, and has not looked: once is enough.
    publish(&rig, b"two");
    rig.offline.hear(client.at);
    assert_eq!(texts(&rig.take(&client)), ["one"]);
    // Nor is it told twice if it looks again before that.
    assert!(rig.take(&client).is_empty());
    assert_eq!(rig.commit(), [client.at.1]);
    rig.offline.hear(client.at);
    assert_eq!(texts(&rig.take(&client)), ["two"]);
    assert_eq!(rig.commit(), []);
}

/// A client that takes one message at a time, and has one that it has not answered.
fn busy(rig: &mut Rig, waiting: &[&str]) -> (Client, Ready) {
    let client = rig.attach(CLIENT, false);
    rig.subscribe(&client, "updates/#");
    for text in waiting {
        rig.publish("updates/a", text.as_bytes(), QoS::AtLeastOnce);
    }
    rig.commit();
    rig.offline.hear(client.at);
    let mut ready = rig.offline.take(client.at, 1, rig.now);
    assert_eq!(ready.len(), 1);
    (client, ready.remove(0))
}

#[test]
fn who_has_room_since_a_message_on_its_way_was_dropped_is_told_of_the_next() {
    let mut rig = Rig::new(OfflineLimits {
        messages_max: 2,
        ..small()
    });
    let (client, _) = busy(&mut rig, &["one", "two"]);
    let other = rig.attach("GID_a@@@other", false);
    rig.subscribe(&other, "others/#");
    rig.commit();
    rig.offline.hear(other.at);
    rig.publish("others/a", b"three", QoS::AtLeastOnce);
    assert!(rig.commit().contains(&client.at.1));
    rig.offline.hear(client.at);
    assert_eq!(texts(&rig.offline.take(client.at, 1, rig.now)), ["two"]);
}

#[test]
fn a_message_on_its_way_is_not_dropped_for_those_that_wait_behind_it() {
    let mut rig = Rig::new(OfflineLimits {
        client_messages_max: 3,
        ..small()
    });
    let (client, first) = busy(&mut rig, &["one", "two", "three"]);
    for text in ["four", "five"] {
        rig.publish("updates/a", text.as_bytes(), QoS::AtLeastOnce);
    }
    rig.commit();
    rig.offline.hear(client.at);
    // It takes one message at a time, and has one.
    assert!(rig.offline.take(client.at, 1, rig.now).is_empty());
    let Ready::Message { packet_id, .. } = first else {
        panic!("{first:?}");
    };
    let answered = rig.offline.answered(client.at, packet_id, Answer::PubAck);
    assert_eq!(answered.step, Step::Done);
    assert_eq!(rig.drain(&client), ["four", "five"]);
}
