use proptest::prelude::{any, prop, proptest};

use super::*;

fn message(topic: &str, payload: &[u8]) -> Arc<Message> {
    let parts = MessageRef {
        topic,
        properties: Properties::NONE,
        payload,
        qos: QoS::ExactlyOnce,
        retain: true,
        expires_at: Some(Timestamp::from_millis(77)),
    };
    Outgoing::borrowed(parts).share()
}

fn one_of_each() -> Vec<Record> {
    let (uid, seq) = (Uid(7), Seq(NUMBER_MAX));
    vec![
        Record::Session(SessionRecord {
            uid,
            client_id: "GID_a@@@b".into(),
            expiry_s: u32::MAX,
            away_since: Some(0),
            next_seq: Seq(9),
            sent: Seq(4),
            inbound: vec![1, 65_535],
            subscriptions: vec![StoredSubscription {
                filter: "a/#".parse().unwrap(),
                share: Some("$share/x/a/#".into()),
                qos: QoS::AtLeastOnce,
                no_local: true,
                retain_as_published: true,
                id: SubscriptionId::new(5),
            }],
            will: Some(StoredWill {
                delay_s: 3,
                message: message("a/will", b"gone"),
            }),
        }),
        Record::SessionGone(uid),
        Record::Message(MessageRecord {
            id: NUMBER_MAX,
            at: 5,
            message: message("a/b", b"payload"),
            inbound: Some((uid, 12)),
            receivers: vec![Receiver {
                uid,
                seq,
                qos: QoS::AtLeastOnce,
                retain: true,
                ids: SubscriptionId::new(5).into_iter().collect(),
            }],
        }),
        Record::Sent(uid, seq),
        Record::Settled(uid, seq),
        Record::Received(uid, seq),
        Record::Inbound(uid, 1),
        Record::InboundDone(uid, 1),
        Record::Retained(message("a/b", b"")),
    ]
}

#[test]
fn each_record_comes_back_as_it_was_written() {
    for record in one_of_each() {
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        let (back, len) = decode(&bytes).unwrap();
        assert_eq!(len, bytes.len());
        assert_eq!(format!("{back:?}"), format!("{record:?}"));
    }
}

#[test]
fn a_number_that_nobody_has_counted_to_is_no_record() {
    let whole: Vec<_> = one_of_each().iter().map(bytes_of).collect();
    let last = NUMBER_MAX.to_le_bytes();
    let beyond = (NUMBER_MAX + 1).to_le_bytes();
    let mut refused = 0;
    for bytes in whole {
        for at in HEADER_LEN..bytes.len() - last.len() + 1 {
            if bytes[at..at + last.len()] != last {
                continue;
            }
            let mut crafted = bytes.clone();
            crafted[at..at + beyond.len()].copy_from_slice(&beyond);
            let crc = crc32c::crc32c(&crafted[HEADER_LEN..]).to_le_bytes();
            crafted[HEADER_LEN - crc.len()..HEADER_LEN].copy_from_slice(&crc);
            assert!(decode(&crafted).is_none());
            refused += 1;
        }
    }
    // Places in a message, in what was sent, settled and received; the number of a message.
    assert_eq!(refused, 5);
}

fn bytes_of(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(record, &mut bytes);
    bytes
}

#[test]
fn a_record_that_is_cut_anywhere_is_no_record() {
    for record in one_of_each() {
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_none(), "{len} of {record:?}");
        }
    }
}

#[test]
fn a_flipped_bit_is_no_record_and_the_next_one_is_found() {
    let mut good = Vec::new();
    encode(&Record::Sent(Uid(1), Seq(2)), &mut good);
    let mut bytes = [good.clone(), good.clone()].concat();
    for bit in 0..good.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bytes).is_none());
        assert_eq!(find_next(&bytes), Some(good.len()));
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

proptest! {
    #[test]
    fn whatever_is_read_does_not_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        kind in 1_u8..10,
    ) {
        let mut body = vec![kind];
        body.extend(&bytes);
        check(&body);
    }
}
