use message_bus::{Precedence, fair::ITEM_BYTES};
use mio::{Poll, Token};
use mqtt_codec::{Properties, QoS};

use super::*;
use crate::message::{MessageRef, Outgoing};

fn message(topic: &str, len: usize) -> Arc<Message> {
    let (payload, properties) = (vec![0; len], Properties::NONE);
    let parent = topic.split('/').next().unwrap();
    let outgoing = Outgoing::borrowed(MessageRef {
        topic,
        properties,
        payload: &payload,
        qos: QoS::AtLeastOnce,
        retain: false,
        expires_at: None,
    });
    let precedence = Precedence::of_fleet(parent).unwrap_or_default();
    outgoing.ranked(precedence).share()
}

fn close() -> Letter {
    let (slot, channel, end, done) = (0, ChannelId(1), End::TakenOver, None);
    Letter::Close(Close {
        slot,
        channel,
        end,
        done,
    })
}

fn inbox() -> Inbox {
    let poll = Poll::new().unwrap();
    Inbox::new(Arc::new(Bell::new(poll.registry(), Token(0)).unwrap()))
}

fn all(inbox: &Inbox) -> Vec<Letter> {
    let mut letters = VecDeque::new();
    while inbox.len() > 0 {
        inbox.take(&mut letters, (Open::ALL, usize::MAX), false);
    }
    letters.into()
}

fn check_bound(message: &Arc<Message>, accepted_max: usize) {
    let inbox = inbox();
    let fanout = || Letter::Fanout(Arc::clone(message));
    let accepted = (0..=accepted_max)
        .take_while(|_| inbox.push(fanout()).is_ok())
        .count();
    assert_eq!(accepted, accepted_max);
    inbox.push(close()).unwrap();
    assert_eq!(all(&inbox).len(), accepted_max + 1);
    inbox.push(fanout()).unwrap();
}

#[test]
fn letters_are_bounded_by_number_and_by_bytes_but_never_those_that_close() {
    check_bound(&message("lab/x", 0), INBOX_BOUNDS.lane.len);
    let large = message("lab/x", 60_000);
    let bytes = large.len() + ITEM_BYTES;
    check_bound(&large, INBOX_BOUNDS.lane.bytes / bytes);
}

#[test]
fn a_command_finds_room_beside_saturated_topics_and_is_the_first_to_be_taken() {
    let inbox = inbox();
    let fanout = |topic: &str| Letter::Fanout(message(topic, 100));
    for topic in ["csg_bulk/x", "csg_status/x", "lab/x"] {
        while inbox.push(fanout(topic)).is_ok() {}
    }
    inbox.push(fanout("csg_cmd/x")).unwrap();
    let mut letters = VecDeque::new();
    inbox.take(&mut letters, (Open::ALL, usize::MAX), false);
    assert_eq!(letters.len(), LETTERS_AT_ONCE);
    let first = letters.front().and_then(Letter::message).unwrap();
    assert_eq!(first.parts().topic, "csg_cmd/x");
}

#[test]
fn who_waits_for_an_event_loop_that_has_ended_is_told() {
    let poll = Poll::new().unwrap();
    let inbox = Inbox::new(Arc::new(Bell::new(poll.registry(), Token(0)).unwrap()));
    inbox.close();
    let (reply, mut delivered) = oneshot::channel();
    let (slot, channel) = (0, ChannelId(1));
    let deliver = Deliver {
        slot,
        channel,
        message: message("lab/x", 1),
        reply: Some(reply),
    };
    inbox.push(Letter::Deliver(deliver)).unwrap();
    assert_eq!(
        delivered.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    );
}

#[test]
fn a_call_stands_until_the_shard_has_its_turn_whoever_takes_the_letters() {
    let inbox = inbox();
    inbox.push(close()).unwrap();
    assert_eq!(all(&inbox).len(), 1);
    assert!(inbox.is_waiting());
    inbox.answer_call();
    assert!(!inbox.is_waiting());
}
