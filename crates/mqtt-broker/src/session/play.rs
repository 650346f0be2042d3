//! Any bytes, played as a script of what a client, other clients and time do to one session.

use std::{sync::Arc, time::Duration};

use mqtt_codec::{
    Ack, Delivery, FilterList, Packet, PacketId, Properties, PropertiesBuf, Property,
    ProtocolVersion, Publish, QoS, ReasonCode, RetainHandling, Subscribe, SubscribeOptions,
    Unsubscribe,
};

use super::{
    End,
    bench::{Agreed, Bench, PARENT, to_client},
};
use crate::{
    message::{MessageRef, SubscriptionId},
    registry::Registry,
};

const FILTERS: [&str; 6] = [
    "lab/#",
    "lab/+/x",
    "$share/a/lab/#",
    "$share/b+/lab",
    "csg_event/#",
    "#",
];

/// The script, read byte by byte; it ends with its bytes.
struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn qos(&mut self) -> Option<QoS> {
        Some(match self.byte()? % 3 {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        })
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.byte()? % 2 == 1)
    }

    fn packet_id(&mut self) -> Option<PacketId> {
        PacketId::new(u16::from(self.byte()? % 8) + 1)
    }

    fn bytes(&mut self) -> Option<&'s [u8]> {
        let len = usize::from(self.byte()? % 48);
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Some(bytes)
    }
}

/// Plays a script against a new session with this registry, and checks that what a
/// client may rely on holds all along.
pub(crate) fn play(script: &[u8], registry: &Arc<Registry>) {
    let mut script = Script(script);
    let mut bench = Bench::new(registry);
    if connect(&mut script, &mut bench).is_none() {
        return;
    }
    while let Some(step) = script.byte() {
        match turn(step, &mut script, &mut bench) {
            None => break,
            Some(Ok(())) => {}
            Some(Err(end)) => {
                bench.session.goodbye(&end, &mut bench.out);
                bench.drain_last();
                return;
            }
        }
        bench.check();
    }
    bench.drain();
}

fn connect(script: &mut Script<'_>, bench: &mut Bench) -> Option<()> {
    let version = if script.flag()? {
        ProtocolVersion::V5
    } else {
        ProtocolVersion::V311
    };
    let small = |n: u8| (n > 0).then(|| u16::from(n));
    let agreed = Agreed {
        version,
        receive_max: small(script.byte()?),
        packet_len_max: small(script.byte()?).map(u32::from),
        alias_max: small(script.byte()?),
    };
    let connected = bench.connect(agreed);
    bench.drain();
    connected.ok()
}

fn turn(step: u8, script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    // What most often ends a session is rare, so that most scripts go far.
    Some(match step {
        0..=59 => publish(script, bench)?,
        60..=99 => answer_well(script, bench)?,
        100..=109 => answer(script, bench)?,
        110..=139 => subscribe(script, bench)?,
        140..=149 => unsubscribe(script, bench)?,
        150..=219 => {
            deliver(script, bench)?;
            Ok(())
        }
        220..=252 => {
            bench.drain();
            bench.clock.advance(Duration::from_secs(1));
            Ok(())
        }
        253..=255 => bench.feed(script.bytes()?),
    })
}

fn publish(script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    let (packet_id, dup) = (script.packet_id()?, false);
    let delivery = match script.qos()? {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
    };
    let mut properties = PropertiesBuf::new();
    let topic = match script.byte()? {
        n @ 0..=63 => {
            let alias = if n == 0 { 0 } else { u16::from(n % 8) + 1 };
            properties
                .push(Property::TopicAlias(alias))
                .expect("numbers are short");
            if n >= 60 { "" } else { "lab/x" }
        }
        64..=127 => "csg_event/gw-1",
        128..=129 => "lab//",
        130..=255 => "lab/x",
    };
    Some(bench.handle(Packet::Publish(Publish {
        delivery,
        retain: false,
        topic,
        properties: properties.as_properties(),
        payload: script.bytes()?,
    })))
}

/// As a client should.
fn answer_well(script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    bench.drain();
    let in_flight = &mut bench.client.in_flight;
    if in_flight.is_empty() {
        return Some(Ok(()));
    }
    let place = usize::from(script.byte()?) % in_flight.len();
    let (id, qos) = in_flight.swap_remove(place);
    let ack = Ack::success(id);
    if qos == QoS::AtLeastOnce {
        return Some(bench.handle(Packet::PubAck(ack)));
    }
    let half = bench.handle(Packet::PubRec(ack));
    Some(half.and_then(|()| bench.handle(Packet::PubComp(ack))))
}

/// As it comes.
fn answer(script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    let kind = script.byte()?;
    let id = script.packet_id()?;
    let reason = if kind >= 128 {
        ReasonCode::UnspecifiedError
    } else {
        ReasonCode::Success
    };
    let ack = Ack {
        reason,
        ..Ack::success(id)
    };
    // What it has answered may be used for another message.
    bench.drain();
    bench.client.in_flight.retain(|(sent, _)| *sent != id);
    let packet = match kind % 4 {
        0 => Packet::PubAck(ack),
        1 => Packet::PubRec(ack),
        2 => Packet::PubComp(ack),
        _ => Packet::PubRel(Ack::success(id)),
    };
    Some(bench.handle(packet))
}

fn subscribe(script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    let version = bench.session.version();
    let mut filters = FilterList::new();
    for _ in 0..=script.byte()? % 4 {
        let filter = FILTERS.get(usize::from(script.byte()?) % FILTERS.len())?;
        let options = SubscribeOptions {
            qos: script.qos()?,
            no_local: script.byte()? > 250,
            retain_as_published: script.flag()?,
            retain_handling: RetainHandling::Send,
        };
        filters
            .push_with(filter, options, version)
            .expect("filters are short");
    }
    let mut properties = PropertiesBuf::new();
    if version.has_properties()
        && let Some(id) = SubscriptionId::new(u32::from(script.byte()?))
    {
        properties
            .push(Property::SubscriptionIdentifier(id.get()))
            .expect("numbers are short");
    }
    Some(bench.handle(Packet::Subscribe(Subscribe {
        packet_id: script.packet_id()?,
        properties: properties.as_properties(),
        filters: filters.for_subscribe(version),
    })))
}

fn unsubscribe(script: &mut Script<'_>, bench: &mut Bench) -> Option<Result<(), End>> {
    let mut filters = FilterList::new();
    let filter = FILTERS.get(usize::from(script.byte()?) % FILTERS.len())?;
    filters.push(filter).expect("filters are short");
    Some(bench.handle(Packet::Unsubscribe(Unsubscribe {
        packet_id: script.packet_id()?,
        properties: Properties::NONE,
        filters: filters.for_unsubscribe(),
    })))
}

fn deliver(script: &mut Script<'_>, bench: &mut Bench) -> Option<()> {
    let qos = script.qos()?;
    let topic = format!("{PARENT}/{}", script.byte()? % 32);
    let expires_at = match script.byte()? {
        0..=127 => None,
        n => Some(
            bench
                .clock
                .wall()
                .plus(Duration::from_secs(u64::from(n % 4))),
        ),
    };
    let payload = script.bytes()?;
    let id = SubscriptionId::new(u32::from(script.byte()?));
    let parts = MessageRef {
        topic: &topic,
        expires_at,
        ..to_client(payload, qos)
    };
    bench.deliver(parts, id.as_slice());
    Some(())
}
