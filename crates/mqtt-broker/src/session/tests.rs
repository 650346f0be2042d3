//! Whatever a client says, its session neither panics nor grows without bound, and answers as
//! the standard wants.

use std::sync::LazyLock;

use mqtt_codec::{Delivery, Limits, QoS, decode};
use proptest::prelude::*;

use super::{
    bench::{Bench, to_client},
    *,
};
use crate::{
    inbox::Delivered,
    limits::OUT_BYTES_MAX,
    message::{MessageRef, Outgoing, Terms},
};

/// All share one, as it writes to a disk; its directory may go once it is open.
static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    bench::registry(dir.path())
});

/// A client of MQTT 5 that reads packets of any length.
const ANY_LEN: Limits = Limits {
    version: ProtocolVersion::V5,
    packet_len_max: u32::MAX,
};

fn is_taken(delivered: Delivered) -> bool {
    matches!(delivered, Delivered::Sent | Delivered::Waits)
}

proptest! {
    #[test]
    fn a_session_survives_whatever_is_done_to_it(
        script in prop::collection::vec(any::<u8>(), 0..2_000),
        connects in prop::bool::weighted(0.9),
    ) {
        if connects {
            // Room for CONNACK and most answers.
            let agreed = [&[1, 3, 200, 5][..], &script[..]].concat();
            play::play(&agreed, &REGISTRY);
        } else {
            play::play(&script, &REGISTRY);
        }
    }

    #[test]
    fn a_stranger_s_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bench = Bench::new(&REGISTRY);
        if let Err(end) = bench.feed(&bytes) {
            bench.session.goodbye(&end, &mut bench.out);
        }
        prop_assert!(bench.session.live().is_none());
    }

    #[test]
    fn messages_come_in_order_within_the_window_and_leave_nothing_behind(
        steps in prop::collection::vec(prop::option::weighted(0.6, 0..2_000_usize), 1..300),
    ) {
        let mut bench = Bench::new(&REGISTRY);
        bench.connect_plain(ProtocolVersion::V5);
        let (mut sent, mut received, mut in_flight) = (0_u32, 0_u32, Vec::new());
        let mut steps = steps.into_iter();
        loop {
            match steps.next() {
                Some(Some(len)) => {
                    let mut payload = sent.to_be_bytes().to_vec();
                    payload.resize(len + 4, 0);
                    if is_taken(bench.deliver(to_client(&payload, QoS::AtLeastOnce), &[])) {
                        sent += 1;
                    }
                }
                // The client reads what is there and acknowledges the oldest.
                step => {
                    let pending = bench.out.pending().to_vec();
                    bench.out.sent(pending.len());
                    let mut rest = &pending[..];
                    while let Some((packet, len)) = decode(rest, ANY_LEN).unwrap() {
                        let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
                        let Delivery::AtLeastOnce { packet_id, .. } = publish.delivery else {
                            panic!("{publish:?}")
                        };
                        prop_assert_eq!(&publish.payload[..4], &received.to_be_bytes()[..]);
                        prop_assert!(!in_flight.contains(&packet_id));
                        in_flight.push(packet_id);
                        received += 1;
                        rest = &rest[len..];
                    }
                    prop_assert!(in_flight.len() <= usize::from(crate::limits::INFLIGHT_MAX));
                    if !in_flight.is_empty() {
                        let ack = Ack::success(in_flight.remove(0));
                        bench.handle(Packet::PubAck(ack)).unwrap();
                    }
                    if let Some(live) = bench.session.live() {
                        live.send_waiting(&bench.clock, &mut bench.out);
                    }
                    if step.is_none() && in_flight.is_empty() && bench.out.pending().is_empty() {
                        break;
                    }
                }
            }
        }
        prop_assert_eq!(sent, received);
        let live = bench.session.live().unwrap();
        prop_assert!(live.window.is_none() && live.alone.is_none());
    }
}

#[test]
fn what_waits_for_a_client_has_a_limit() {
    let mut bench = Bench::new(&REGISTRY);
    bench.connect_plain(ProtocolVersion::V311);
    let payload = vec![0; 60_000];
    let accepted = (0..10_000)
        .take_while(|_| is_taken(bench.deliver(to_client(&payload, QoS::AtLeastOnce), &[])))
        .count();
    let queued_max = crate::limits::QUEUE_BYTES_MAX / payload.len() + 1;
    assert!(
        accepted <= OUT_BYTES_MAX / payload.len() + 1 + queued_max,
        "{accepted}"
    );
    assert_eq!(
        bench.deliver(to_client(b"x", QoS::AtMostOnce), &[]),
        Delivered::Full
    );
}

#[test]
fn a_second_connect_without_sense_is_a_protocol_error() {
    let mut bench = Bench::new(&REGISTRY);
    bench.connect_plain(ProtocolVersion::V5);
    bench.drain();
    // Its protocol has no name.
    let end = bench.feed(&[0x10, 4, 0, 0, 0, 0]).unwrap_err();
    bench.session.goodbye(&end, &mut bench.out);
    let said = decode(bench.out.pending(), ANY_LEN).unwrap();
    let Some((Packet::Disconnect(last), _)) = said else {
        panic!("{said:?}");
    };
    assert_eq!(last.reason, ReasonCode::ProtocolError);
}

#[test]
fn an_idle_client_is_small() {
    assert!(size_of::<Live>() <= 96, "{}", size_of::<Live>());
}

#[test]
fn the_retain_flag_is_passed_on_only_where_it_is_asked_for() {
    let mut bench = Bench::new(&REGISTRY);
    bench.connect_plain(ProtocolVersion::V5);
    for (published, asked) in [(true, true), (true, false), (false, true)] {
        let parts = MessageRef {
            retain: published,
            ..to_client(b"x", QoS::AtLeastOnce)
        };
        let terms = Terms {
            retain_as_published: asked,
            ..Terms::P2P
        };
        let live = bench.session.live().unwrap();
        live.deliver(
            &Outgoing::borrowed(parts),
            terms,
            &bench.clock,
            &mut bench.out,
        );
        let (packet, len) = decode(bench.out.pending(), ANY_LEN).unwrap().unwrap();
        let Packet::Publish(publish) = packet else {
            panic!("{packet:?}")
        };
        assert_eq!(publish.retain, published && asked);
        bench.out.sent(len);
    }
}
