//! Power that goes at every single operation of the disk.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_codec::{PacketId, QoS};

use super::rig::{Client, Rig, plain, small, text};
use crate::{
    message::MessageRef,
    offline::{Lsn, Ready},
    session::{Answer, Step},
};

/// What the publisher knows of its message: it goes on only when it was told to.
#[derive(Clone, Copy, Debug)]
enum Sending {
    /// PUBLISH was sent; acknowledged when this is durable.
    Published(Option<Lsn>),
    /// PUBREC came, PUBREL was sent; complete when this is durable.
    Released(Option<Lsn>),
}

/// Publisher and receiver, each with the state that MQTT has it keep.
struct World {
    rig: Rig,
    publisher: Client,
    receiver: Client,
    number: u32,
    sending: Option<Sending>,
    /// Those that the publisher was told are safe.
    safe: BTreeSet<String>,
    /// How often the receiver's application got each.
    got: BTreeMap<String, u32>,
    /// Identifiers of QoS 2 that the receiver has seen and that were not released.
    seen: BTreeSet<PacketId>,
    releases: Vec<(Lsn, PacketId)>,
}

const TOPIC: &str = "updates/fleet";

impl World {
    fn new() -> Self {
        let mut rig = Rig::new(small());
        let publisher = rig.attach("GID_a@@@pub", false);
        let receiver = rig.attach("GID_a@@@sub", false);
        rig.subscribe(&receiver, "updates/#");
        rig.commit();
        Self {
            rig,
            publisher,
            receiver,
            number: 0,
            sending: None,
            safe: BTreeSet::new(),
            got: BTreeMap::new(),
            seen: BTreeSet::new(),
            releases: Vec::new(),
        }
    }

    fn qos(&self) -> QoS {
        if self.number.is_multiple_of(2) {
            QoS::AtLeastOnce
        } else {
            QoS::ExactlyOnce
        }
    }

    fn payload(&self) -> String {
        format!("{} {:?}", self.number, self.qos())
    }

    fn packet_id(&self) -> PacketId {
        // Few identifiers, so that a forgotten release is found out.
        PacketId::new(u16::try_from(self.number % 3 + 1).unwrap()).unwrap()
    }

    fn is_safe(&self, lsn: Option<Lsn>) -> bool {
        lsn.is_none_or(|lsn| lsn <= self.rig.offline.durable())
    }

    fn send(&mut self) {
        let (uid, id, qos) = (self.publisher.at.0, self.packet_id(), self.qos());
        let again = qos == QoS::ExactlyOnce && self.publisher.inbound.contains(&id.get());
        let lsn = if again {
            // It is known; that it is may not be on disk yet.
            Some(self.rig.offline.last())
        } else {
            let payload = self.payload();
            let parts = MessageRef {
                payload: payload.as_bytes(),
                qos,
                ..plain(TOPIC)
            };
            let from = (qos == QoS::ExactlyOnce).then_some((uid, id));
            self.rig.publish_from(from, parts)
        };
        self.sending = Some(Sending::Published(lsn));
    }

    fn publisher_step(&mut self) {
        match self.sending {
            None => {
                self.number += 1;
                self.send();
            }
            Some(Sending::Published(lsn)) if self.is_safe(lsn) => {
                self.safe.insert(self.payload());
                if self.qos() == QoS::AtLeastOnce {
                    self.sending = None;
                    return;
                }
                self.release();
            }
            Some(Sending::Released(lsn)) if self.is_safe(lsn) => self.sending = None,
            Some(_) => {}
        }
    }

    fn release(&mut self) {
        let (uid, id) = (self.publisher.at.0, self.packet_id());
        self.sending = Some(Sending::Released(self.rig.offline.release_inbound(uid, id)));
    }

    fn receiver_step(&mut self) {
        for ready in self.rig.take(&self.receiver) {
            match ready {
                Ready::Message {
                    packet_id,
                    qos,
                    message,
                    ..
                } => {
                    let first = qos == QoS::AtLeastOnce || self.seen.insert(packet_id);
                    *self.got.entry(text(&message)).or_default() += u32::from(first);
                    let answer = match qos {
                        QoS::AtLeastOnce => Answer::PubAck,
                        _ => Answer::PubRec { refused: false },
                    };
                    let at = self.receiver.at;
                    let answered = self.rig.offline.answered(at, packet_id, answer);
                    let (step, lsn) = (answered.step, answered.until);
                    if step == Step::Release {
                        self.releases.push((lsn.unwrap(), packet_id));
                    }
                }
                Ready::Release(packet_id) => self.released(packet_id),
            }
        }
        let waiting = std::mem::take(&mut self.releases);
        for (lsn, packet_id) in waiting {
            if lsn <= self.rig.offline.durable() {
                self.released(packet_id);
            } else {
                self.releases.push((lsn, packet_id));
            }
        }
    }

    fn released(&mut self, packet_id: PacketId) {
        self.seen.remove(&packet_id);
        let at = self.receiver.at;
        self.rig.offline.answered(at, packet_id, Answer::PubComp);
    }

    /// The power is back; both clients are, too, and say again what was not answered.
    fn recover(mut self, torn: usize) -> Self {
        self.rig = self.rig.crash(torn);
        self.publisher = self.rig.attach("GID_a@@@pub", false);
        self.receiver = self.rig.attach("GID_a@@@sub", false);
        assert!(self.publisher.present && self.receiver.present);
        self.releases.clear();
        // Somebody else is faster: what was sent too early would have this one's identifier.
        let other = "other ExactlyOnce";
        self.rig.publish(TOPIC, other.as_bytes(), QoS::ExactlyOnce);
        self.safe.insert(other.to_owned());
        match self.sending {
            None => {}
            Some(Sending::Published(_)) => self.send(),
            Some(Sending::Released(_)) => self.release(),
        }
        self
    }

    fn finish(&mut self) {
        for _ in 0..8 {
            self.rig.commit();
            self.publisher_step();
            self.receiver_step();
        }
        for payload in &self.safe {
            let times = self.got.get(payload).copied().unwrap_or_default();
            assert!(times > 0, "{payload} was acknowledged and is lost");
        }
        for (payload, times) in &self.got {
            let once = payload.ends_with("ExactlyOnce");
            assert!(!once || *times == 1, "{payload} came {times} times");
        }
    }
}

/// Runs until the power goes after `operations`; with the remains of what was not synced.
fn run(operations: u32, torn: usize) -> bool {
    let mut world = World::new();
    world.rig.disk.fail_after(operations);
    for step in 0..40 {
        world.publisher_step();
        if step % 3 != 0 {
            world.rig.commit();
        }
        if step % 2 == 0 {
            world.receiver_step();
        }
    }
    let died = world.rig.disk.is_dead();
    let mut world = world.recover(torn);
    world.finish();
    died
}

#[test]
fn nothing_acknowledged_is_lost_and_no_qos_2_message_comes_twice_whenever_the_power_goes() {
    for torn in [0, 1, 60, 100_000] {
        let lasted = (0..1_000).find(|operations| !run(*operations, torn));
        assert!(
            lasted.is_some_and(|n| n > 50),
            "the power went during the run: {lasted:?}"
        );
    }
}

#[test]
fn a_damaged_record_is_reported_and_those_behind_it_are_there() {
    let mut rig = Rig::new(small());
    let client = rig.attach("GID_a@@@sub", false);
    rig.subscribe(&client, "updates/#");
    rig.commit();
    let start = rig.disk.len();
    rig.publish(TOPIC, b"one", QoS::AtLeastOnce);
    rig.publish(TOPIC, b"two", QoS::AtLeastOnce);
    rig.commit();
    rig.disk.damage(start + 30);
    let mut rig = rig.crash(0);
    assert!(rig.offline.recovery.damaged_bytes > 0);
    let client = rig.attach("GID_a@@@sub", false);
    assert_eq!(rig.drain(&client), ["two"]);
}

#[test]
fn what_a_failed_write_left_is_written_again_for_those_who_wait() {
    let mut rig = Rig::new(small());
    let client = rig.attach("GID_a@@@sub", false);
    rig.subscribe(&client, "updates/#");
    rig.commit();
    // The append is done, the sync is not.
    rig.disk.fail_after(1);
    let lsn = rig.publish(TOPIC, b"one", QoS::AtLeastOnce).unwrap();
    rig.commit();
    assert!(lsn > rig.offline.durable());
    rig.disk.restart(10);
    rig.commit();
    assert!(lsn <= rig.offline.durable());
    let mut rig = rig.crash(0);
    let client = rig.attach("GID_a@@@sub", false);
    assert_eq!(rig.drain(&client), ["one"]);
}

#[test]
fn what_waits_for_a_session_is_there_though_the_log_says_so_before_it_names_the_session() {
    // Compaction runs at several places of these.
    for messages in 1..60 {
        let mut rig = Rig::new(small());
        let client = rig.attach("GID_a@@@sub", false);
        rig.subscribe(&client, "updates/#");
        rig.offline.detach(client.at, u32::MAX, true, rig.now);
        let sent: Vec<String> = (0..messages).map(|n| n.to_string()).collect();
        for text in &sent {
            rig.publish("updates/a", text.as_bytes(), QoS::AtLeastOnce);
            rig.commit();
        }
        let mut rig = rig.crash(0);
        let client = rig.attach("GID_a@@@sub", false);
        assert!(client.present);
        assert_eq!(rig.drain(&client), sent, "of {messages}");
    }
}

#[test]
fn what_a_session_has_not_released_is_known_though_the_log_says_so_before_it_names_the_session() {
    // The same identifier again and again, so that what is said of an old message is seen.
    let packet_id = PacketId::MIN;
    for messages in 1..60 {
        let mut rig = Rig::new(small());
        let publisher = rig.attach("GID_a@@@pub", false);
        let receiver = rig.attach("GID_a@@@sub", false);
        rig.subscribe(&receiver, "updates/#");
        let publish = |rig: &mut Rig| {
            let parts = MessageRef {
                qos: QoS::ExactlyOnce,
                ..plain("updates/a")
            };
            rig.publish_from(Some((publisher.at.0, packet_id)), parts);
            rig.commit();
        };
        for _ in 0..messages {
            publish(&mut rig);
            rig.offline.release_inbound(publisher.at.0, packet_id);
        }
        publish(&mut rig);
        let mut rig = rig.crash(0);
        let publisher = rig.attach("GID_a@@@pub", false);
        assert_eq!(publisher.inbound, [packet_id.get()], "of {messages}");
    }
}
