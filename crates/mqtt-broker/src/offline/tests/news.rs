//! Whoever waits for a message is told of it.

use mqtt_codec::QoS;

use super::rig::{Rig, small, text};
use crate::offline::Ready;

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
