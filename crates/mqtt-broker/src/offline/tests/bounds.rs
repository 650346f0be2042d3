//! How much is kept, how long, and what goes first.

use std::{sync::atomic::Ordering, time::Duration};

use model::Timestamp;
use mqtt_codec::QoS;

use super::rig::{Client, Rig, plain, small, text};
use crate::{
    config::OfflineLimits,
    limits::{RETAINED_WAITING_BYTES_MAX, STORE_QUEUE_BYTES_MAX},
    message::{MessageRef, Outgoing, Terms},
    offline::{Detached, NotKept, StoredWill},
};

const CLIENT: &str = "GID_a@@@sub";

/// A client that has subscribed and gone.
fn away(rig: &mut Rig, client_id: &str, expiry_s: u32) -> Client {
    let client = rig.attach_with(client_id, false, expiry_s, None);
    rig.subscribe(&client, "updates/#");
    rig.offline.detach(client.at, expiry_s, true, rig.now);
    client
}

fn dropped(rig: &Rig) -> u64 {
    rig.offline.tally.dropped.load(Ordering::Relaxed)
}

#[test]
fn the_oldest_messages_of_a_client_go_first_and_are_counted() {
    let mut rig = Rig::new(OfflineLimits {
        client_messages_max: 3,
        ..small()
    });
    away(&mut rig, CLIENT, 60);
    for n in 0..5 {
        rig.publish("updates/a", format!("{n}").as_bytes(), QoS::AtLeastOnce);
    }
    assert_eq!(dropped(&rig), 2);
    rig.commit();
    let mut rig = rig.crash(0);
    let client = rig.attach(CLIENT, false);
    assert_eq!(rig.drain(&client), ["2", "3", "4"]);
}

#[test]
fn what_a_subscription_brings_does_not_push_out_what_waits() {
    let mut rig = Rig::new(OfflineLimits {
        client_messages_max: 3,
        ..small()
    });
    away(&mut rig, CLIENT, 60);
    for n in 0..2 {
        rig.publish("updates/a", format!("{n}").as_bytes(), QoS::AtLeastOnce);
    }
    let client = rig.attach(CLIENT, false);
    let retained = Outgoing::borrowed(MessageRef {
        retain: true,
        payload: b"retained",
        ..plain("updates/b")
    });
    let put = || {
        let terms = Terms::P2P;
        let (uid, _) = client.at;
        rig.offline.put_retained(uid, &retained, terms, rig.now)
    };
    assert_eq!(put(), Ok(()));
    assert_eq!(put(), Err(NotKept::Full));
    assert_eq!(dropped(&rig), 0);
    rig.commit();
    assert_eq!(rig.drain(&client), ["0", "1", "retained"]);
}

#[test]
fn what_a_subscription_brings_may_wait_longer_for_the_disk() {
    let mut rig = Rig::new(OfflineLimits {
        client_bytes_max: usize::MAX,
        ..OfflineLimits::default()
    });
    let client = rig.attach(CLIENT, false);
    let payload = vec![7; 1 << 20];
    let large = Outgoing::borrowed(MessageRef {
        payload: &payload,
        ..plain("updates/b")
    });
    let (uid, _) = client.at;
    let (offline, now) = (&rig.offline, rig.now);
    let put = || offline.put_retained(uid, &large, Terms::P2P, now);
    for _ in 0..2 * STORE_QUEUE_BYTES_MAX / payload.len() {
        assert_eq!(put(), Ok(()));
    }
    // Nobody else waits for that.
    let live = || offline.put(uid, &large, Terms::P2P, now);
    assert_eq!(live(), Ok(()));
    let mut more = 0..2 * RETAINED_WAITING_BYTES_MAX / payload.len();
    assert!(more.any(|_| put().is_err()), "there is a bound");
    let mut others = 0..2 * STORE_QUEUE_BYTES_MAX / payload.len();
    assert!(others.any(|_| live().is_err()), "and one for the others");
}

#[test]
fn the_oldest_messages_of_the_broker_go_first_by_count_and_by_bytes() {
    for limits in [
        OfflineLimits {
            messages_max: 4,
            ..small()
        },
        OfflineLimits {
            bytes_max: 2 * ("updates/a".len() + 1),
            ..small()
        },
    ] {
        let mut rig = Rig::new(limits);
        away(&mut rig, CLIENT, 60);
        away(&mut rig, "GID_a@@@two", 60);
        for n in 0..4 {
            rig.publish("updates/a", format!("{n}").as_bytes(), QoS::AtLeastOnce);
        }
        assert_eq!(dropped(&rig), 4, "two messages, for two clients each");
        for client_id in [CLIENT, "GID_a@@@two"] {
            let client = rig.attach(client_id, false);
            assert_eq!(rig.drain(&client), ["2", "3"]);
        }
        assert_eq!(rig.offline.counts().1, 0);
    }
}

#[test]
fn a_message_waits_three_days_and_no_longer() {
    let mut rig = Rig::new(small());
    away(&mut rig, CLIENT, u32::MAX);
    rig.publish("updates/a", b"old", QoS::AtLeastOnce);
    rig.now = rig.now.plus(Duration::from_secs(3 * 24 * 3_600 - 1));
    rig.publish("updates/a", b"new", QoS::AtLeastOnce);
    rig.offline.sweep(rig.now);
    assert_eq!(rig.offline.counts().1, 2);
    rig.now = rig.now.plus(Duration::from_secs(1));
    rig.offline.sweep(rig.now);
    let client = rig.attach(CLIENT, false);
    assert_eq!(rig.drain(&client), ["new"]);
}

#[test]
fn a_message_whose_expiry_interval_is_over_is_not_sent() {
    let mut rig = Rig::new(small());
    away(&mut rig, CLIENT, u32::MAX);
    let expires_at = Some(rig.now.plus(Duration::from_secs(10)));
    rig.publish_from(
        None,
        MessageRef {
            expires_at,
            ..plain("updates/a")
        },
    );
    rig.publish("updates/a", b"stays", QoS::AtLeastOnce);
    rig.now = rig.now.plus(Duration::from_secs(10));
    let client = rig.attach(CLIENT, false);
    assert_eq!(rig.drain(&client), ["stays"]);
    assert_eq!(rig.offline.tally.expired.load(Ordering::Relaxed), 1);
}

#[test]
fn a_session_ends_with_its_expiry_interval_also_over_a_restart() {
    let mut rig = Rig::new(small());
    away(&mut rig, CLIENT, 100);
    away(&mut rig, "GID_a@@@two", 200);
    rig.commit();
    rig.now = rig.now.plus(Duration::from_secs(60));
    let mut rig = rig.crash(0);
    rig.now = rig.now.plus(Duration::from_secs(40));
    assert!(rig.offline.sweep(rig.now).is_empty());
    assert_eq!(rig.offline.counts().0, 1);
    assert!(!rig.attach(CLIENT, false).present);
    assert!(rig.attach("GID_a@@@two", false).present);
}

#[test]
fn a_clean_start_ends_the_session_and_its_queue() {
    let mut rig = Rig::new(small());
    away(&mut rig, CLIENT, 100);
    rig.publish("updates/a", b"one", QoS::AtLeastOnce);
    let client = rig.attach(CLIENT, true);
    assert!(!client.present);
    assert_eq!(rig.drain(&client), [""; 0]);
    assert_eq!(
        rig.publish("updates/a", b"two", QoS::AtLeastOnce),
        None,
        "nobody subscribes"
    );
}

#[test]
fn who_was_taken_over_changes_nothing_any_more() {
    let mut rig = Rig::new(small());
    let old = rig.attach(CLIENT, false);
    rig.subscribe(&old, "updates/#");
    rig.publish("updates/a", b"one", QoS::AtLeastOnce);
    let new = rig.attach(CLIENT, false);
    assert!(new.present);
    rig.commit();
    assert!(rig.take(&old).is_empty());
    assert_eq!(
        rig.offline.detach(old.at, 0, true, rig.now),
        Detached::Resumed
    );
    assert_eq!(rig.drain(&new), ["one"]);
}

fn will(delay_s: u32) -> StoredWill {
    let message = Outgoing::borrowed(plain("updates/will")).share();
    StoredWill { delay_s, message }
}

#[test]
fn a_will_waits_for_its_delay_or_the_end_of_the_session_whichever_is_first() {
    for (delay_s, expiry_s, after_s) in [(30, 100, 30), (100, 30, 30)] {
        let mut rig = Rig::new(small());
        let client = rig.attach_with(CLIENT, false, expiry_s, Some(will(delay_s)));
        let detached = rig.offline.detach(client.at, expiry_s, true, rig.now);
        assert_eq!(detached, Detached::WillLater);
        rig.now = rig.now.plus(Duration::from_secs(after_s - 1));
        assert!(rig.offline.sweep(rig.now).is_empty());
        rig.now = rig.now.plus(Duration::from_secs(1));
        let wills = rig.offline.sweep(rig.now);
        assert_eq!(wills.len(), 1);
        assert_eq!(text(&wills[0].1), "x");
        rig.now = rig.now.plus(Duration::from_secs(1_000));
        assert!(rig.offline.sweep(rig.now).is_empty(), "once");
    }
}

#[test]
fn who_comes_back_in_time_leaves_no_will() {
    let mut rig = Rig::new(small());
    let client = rig.attach_with(CLIENT, false, 100, Some(will(30)));
    rig.offline.detach(client.at, 100, true, rig.now);
    rig.attach_with(CLIENT, false, 100, None);
    rig.now = rig.now.plus(Duration::from_secs(1_000));
    assert!(rig.offline.sweep(rig.now).is_empty());
}

#[test]
fn the_will_of_who_was_connected_when_the_power_went_comes_after_a_grace() {
    let mut rig = Rig::new(small());
    rig.attach_with(CLIENT, false, 1_000, Some(will(0)));
    rig.commit();
    let mut rig = rig.crash(0);
    assert!(rig.offline.sweep(rig.now).is_empty());
    rig.now = rig.now.plus(Duration::from_secs(60));
    assert_eq!(rig.offline.sweep(rig.now).len(), 1);
}

#[test]
fn retained_messages_are_bounded_and_expire_and_survive() {
    let mut rig = Rig::new(OfflineLimits {
        retained_max: 2,
        ..small()
    });
    let expires_at = Some(Timestamp::from_millis(rig.now.as_millis() + 5_000));
    let retain = |rig: &Rig, topic: &str, expires_at| {
        rig.publish_from(
            None,
            MessageRef {
                retain: true,
                expires_at,
                ..plain(topic)
            },
        )
    };
    assert!(retain(&rig, "updates/a", expires_at).is_some());
    assert!(retain(&rig, "updates/b", None).is_some());
    assert!(
        retain(&rig, "updates/c", None).is_none(),
        "there is no room"
    );
    assert!(
        retain(&rig, "updates/b", None).is_some(),
        "but it may be replaced"
    );
    rig.commit();
    let mut rig = rig.crash(0);
    let found = |rig: &Rig| rig.offline.retained("updates/#", 10, rig.now).len();
    assert_eq!(found(&rig), 2);
    rig.now = rig.now.plus(Duration::from_secs(5));
    assert_eq!(found(&rig), 1);
    rig.offline.sweep(rig.now);
    assert_eq!(rig.offline.counts().2, 1);
}

#[test]
fn the_log_stays_short_however_much_passes_through() {
    let mut rig = Rig::new(small());
    let client = rig.attach(CLIENT, false);
    rig.subscribe(&client, "updates/#");
    rig.publish("updates/a", b"stays", QoS::AtLeastOnce);
    rig.commit();
    let stays = rig.take(&client).len();
    for n in 0..2_000 {
        rig.publish("updates/a", format!("{n}").as_bytes(), QoS::AtLeastOnce);
        assert_eq!(rig.drain(&client).len(), 1);
    }
    assert_eq!(stays, 1);
    assert!(rig.disk.len() < 8_000, "{} bytes", rig.disk.len());
    let mut rig = rig.crash(0);
    let client = rig.attach(CLIENT, false);
    assert_eq!(rig.drain(&client), ["stays"]);
}
