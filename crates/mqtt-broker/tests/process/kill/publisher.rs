//! Who publishes, and remembers what it was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::mpsc,
};

use mqtt_codec::{
    Ack, Delivery, Packet, PacketId, Properties, ProtocolVersion::V5, Publish, ReasonCode,
};

use crate::peer::{Gone, Peer, client_id};

/// On their way at once.
const WINDOW: usize = 16;

/// How a message reaches its receivers. Numbers go through all, with QoS 1 and 2 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Subscribers,
    Named,
    Shared,
    Retained,
}

impl Way {
    pub(super) const ALL: [Self; 4] =
        [Self::Subscribers, Self::Named, Self::Shared, Self::Retained];

    pub(super) fn of(number: u32) -> Self {
        Self::ALL[usize::try_from(number / 2).unwrap() % Self::ALL.len()]
    }

    pub(super) fn topic(self, number: u32) -> String {
        match self {
            Self::Subscribers => "lab/updates".to_owned(),
            Self::Named => format!("lab/p2p/{}", client_id("here")),
            Self::Shared => "lab/work".to_owned(),
            // One for each QoS, so that an order is defined.
            Self::Retained => format!("lab/kept/{}", number % 2),
        }
    }
}

/// What a publisher must remember of a message that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Published,
    /// PUBREC came.
    Released,
}

#[derive(Default)]
pub(super) struct Publisher {
    pub(super) number: u32,
    /// By number, which is their order.
    on_their_way: BTreeMap<u32, (PacketId, Stage)>,
    /// Those that it was told are safe.
    pub(super) safe: BTreeSet<u32>,
}

/// Odd ones have QoS 1, even ones 2.
fn delivery(number: u32, packet_id: PacketId, dup: bool) -> Delivery {
    if number % 2 == 1 {
        Delivery::AtLeastOnce { packet_id, dup }
    } else {
        Delivery::ExactlyOnce { packet_id, dup }
    }
}

impl Publisher {
    /// Publishes until the broker is gone, or `stop` says so and all is answered.
    pub(super) fn run(
        &mut self,
        address: SocketAddr,
        stop: &mpsc::Receiver<()>,
    ) -> Result<(), Gone> {
        let (mut peer, _) = Peer::connect(address, "pub", false, V5)?;
        for (number, (id, stage)) in &self.on_their_way {
            match stage {
                Stage::Published => publish(&mut peer, *number, delivery(*number, *id, true))?,
                Stage::Released => peer.send(&Packet::PubRel(Ack::success(*id)))?,
            }
        }
        let mut stopping = false;
        loop {
            stopping = stopping || stop.try_recv().is_ok();
            while !stopping && self.on_their_way.len() < WINDOW {
                self.number += 1;
                let id = self.free_id();
                self.on_their_way
                    .insert(self.number, (id, Stage::Published));
                publish(&mut peer, self.number, delivery(self.number, id, false))?;
            }
            if stopping && self.on_their_way.is_empty() {
                return Ok(());
            }
            let answered = peer.recv(|packet| match packet {
                Packet::PubAck(ack) | Packet::PubComp(ack) => (ack.packet_id, ack.reason, true),
                Packet::PubRec(ack) => (ack.packet_id, ack.reason, false),
                other => panic!("not for a publisher: {other:?}"),
            })?;
            if let Some((id, reason, done)) = answered {
                self.answered(&mut peer, (id, reason), done)?;
            }
        }
    }

    fn answered(
        &mut self,
        peer: &mut Peer,
        (id, reason): (PacketId, ReasonCode),
        done: bool,
    ) -> Result<(), Gone> {
        let mut all = self.on_their_way.iter_mut();
        let Some((number, (_, stage))) = all.find(|(_, (other, _))| *other == id) else {
            return Ok(());
        };
        let number = *number;
        // Retained messages have no subscriber here, but they are kept.
        let known = *stage == Stage::Published;
        assert!(
            !known || reason == ReasonCode::Success,
            "{number}: {reason:?}"
        );
        self.safe.insert(number);
        if done {
            self.on_their_way.remove(&number);
            return Ok(());
        }
        *stage = Stage::Released;
        peer.send(&Packet::PubRel(Ack::success(id)))
    }

    /// Few are used, so that one which the broker has forgotten to release is found out.
    fn free_id(&self) -> PacketId {
        let mut ids = (1..).map_while(PacketId::new);
        let used = |id: &PacketId| self.on_their_way.values().any(|(other, _)| other == id);
        ids.find(|id| !used(id)).unwrap()
    }

    /// What was acknowledged and retained is there, or something newer. `read` gives nothing when
    /// the broker is gone.
    pub(super) fn check_retained(&self, read: impl Fn(&str) -> Option<u32>) {
        for parity in 0..2 {
            let of_topic = |n: &&u32| Way::of(**n) == Way::Retained && **n % 2 == parity;
            let last = self.safe.iter().rev().find(of_topic);
            if let Some(last) = last
                && let Some(found) = read(&Way::Retained.topic(*last))
            {
                assert!(
                    found >= *last,
                    "{last} was acknowledged, {found} is retained"
                );
            }
        }
    }
}

fn publish(peer: &mut Peer, number: u32, delivery: Delivery) -> Result<(), Gone> {
    let way = Way::of(number);
    peer.send(&Packet::Publish(Publish {
        delivery,
        retain: way == Way::Retained,
        topic: &way.topic(number),
        properties: Properties::NONE,
        payload: number.to_string().as_bytes(),
    }))
}
