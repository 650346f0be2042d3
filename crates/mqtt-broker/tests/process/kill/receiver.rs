//! Who subscribes, and counts what comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::mpsc::{self, TryRecvError},
};

use mqtt_codec::{
    Ack, Delivery, FilterList, Packet, PacketId, Properties,
    ProtocolVersion::{self, V5},
    QoS, Subscribe, SubscribeOptions,
};

use crate::peer::{Gone, Peer};

/// Reads in which nothing comes before it is believed that nothing will.
const QUIET_READS: u32 = 5;
/// The same in the last life, when what has not come counts as lost.
pub(super) const LAST_QUIET_READS: u32 = 25;
/// The same while something must come.
const PATIENT_READS: u32 = 100;

pub(super) struct Receiver {
    pub(super) name: String,
    version: ProtocolVersion,
    filter: String,
    got: BTreeMap<u32, u32>,
    /// Of QoS 2, and not released.
    seen: BTreeSet<PacketId>,
    subscribed: bool,
    pub(super) quiet_reads: u32,
}

enum Said {
    Message(u32, Delivery),
    Release(PacketId),
    Subscribed,
    Other,
}

fn said(packet: &Packet<'_>) -> Said {
    match packet {
        Packet::Publish(publish) => {
            let text = std::str::from_utf8(publish.payload).unwrap();
            Said::Message(text.parse().unwrap(), publish.delivery)
        }
        Packet::PubRel(ack) => Said::Release(ack.packet_id),
        Packet::SubAck(_) => Said::Subscribed,
        _ => Said::Other,
    }
}

impl Receiver {
    pub(super) fn new(name: &str, version: ProtocolVersion, filter: &str) -> Self {
        Self {
            name: name.to_owned(),
            version,
            filter: filter.to_owned(),
            got: BTreeMap::new(),
            seen: BTreeSet::new(),
            subscribed: false,
            quiet_reads: QUIET_READS,
        }
    }

    /// How often it got a message.
    pub(super) fn count(&self, number: u32) -> u32 {
        self.got.get(&number).copied().unwrap_or_default()
    }

    /// Says `up` once it is subscribed, and takes what comes until the broker is gone, or
    /// nothing has come for a while after all who could say `stop` are gone.
    pub(super) fn run(
        &mut self,
        address: SocketAddr,
        up: mpsc::Sender<()>,
        stop: &mpsc::Receiver<()>,
    ) -> Result<(), Gone> {
        let (mut peer, present) = Peer::connect(address, &self.name, false, self.version)?;
        let mut up = Some(up);
        if present {
            up.take().unwrap().send(()).ok();
        } else {
            assert!(!self.subscribed, "the session of {} is lost", self.name);
            subscribe(&mut peer, &self.filter, self.version)?;
        }
        let (mut stopping, mut quiet) = (false, 0);
        loop {
            stopping = stopping || stop.try_recv() == Err(TryRecvError::Disconnected);
            match peer.recv(|packet| said(&packet))? {
                Some(Said::Message(number, delivery)) => self.take(&mut peer, number, delivery)?,
                Some(Said::Release(id)) => {
                    self.seen.remove(&id);
                    peer.send(&Packet::PubComp(Ack::success(id)))?;
                }
                Some(Said::Subscribed) => {
                    self.subscribed = true;
                    up.take().expect("it subscribes once").send(()).ok();
                }
                Some(Said::Other) => {}
                None if stopping && quiet == self.quiet_reads => return Ok(()),
                None => {
                    quiet += 1;
                    continue;
                }
            }
            quiet = 0;
        }
    }

    fn take(&mut self, peer: &mut Peer, number: u32, delivery: Delivery) -> Result<(), Gone> {
        match delivery {
            Delivery::AtMostOnce => panic!("QoS 0 was not asked for"),
            Delivery::AtLeastOnce { packet_id, .. } => {
                *self.got.entry(number).or_default() += 1;
                peer.send(&Packet::PubAck(Ack::success(packet_id)))
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if self.seen.insert(packet_id) {
                    *self.got.entry(number).or_default() += 1;
                }
                peer.send(&Packet::PubRec(Ack::success(packet_id)))
            }
        }
    }
}

fn subscribe(peer: &mut Peer, filter: &str, version: ProtocolVersion) -> Result<(), Gone> {
    let mut list = FilterList::new();
    let options = SubscribeOptions::qos(QoS::ExactlyOnce);
    list.push_with(filter, options, version).unwrap();
    peer.send(&Packet::Subscribe(Subscribe {
        packet_id: PacketId::MIN,
        properties: Properties::NONE,
        filters: list.for_subscribe(version),
    }))
}

/// The retained message of a topic, which must be there; nothing if the broker is gone.
pub(super) fn retained(address: SocketAddr, topic: &str) -> Option<u32> {
    let (mut peer, _) = Peer::connect(address, "late", true, V5).ok()?;
    subscribe(&mut peer, topic, V5).ok()?;
    let mut quiet = 0;
    loop {
        match peer.recv(|packet| said(&packet)).ok()? {
            Some(Said::Message(number, _)) => return Some(number),
            Some(_) => {}
            // It follows SUBACK at once, but the machine may be busy.
            None => quiet += 1,
        }
        assert!(quiet < PATIENT_READS, "nothing is retained for {topic}");
    }
}
