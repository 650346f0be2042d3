//! A client that says exactly what it is told to.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
};

use mqtt_codec::{
    Connect, Delivery, FilterList, Limits, Packet, PacketId, Properties, PropertiesBuf, Property,
    ProtocolVersion, Publish, QoS, ReasonCode, Subscribe, SubscribeOptions, decode, encode,
};

use crate::kit::{Device, PATIENCE};

pub(crate) struct Raw {
    socket: TcpStream,
    pub(crate) version: ProtocolVersion,
    input: Vec<u8>,
}

/// What a broker said, without borrowing from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    ConnAck(ReasonCode, String),
    PubAck(u16, ReasonCode, String),
    PubRec(u16, ReasonCode, String),
    PubRel(u16, ReasonCode),
    PubComp(u16, ReasonCode),
    Publish {
        topic: String,
        payload: Vec<u8>,
        packet_id: Option<PacketId>,
    },
    SubAck(Vec<ReasonCode>),
    UnsubAck(Vec<ReasonCode>),
    PingResp,
    Disconnect(ReasonCode, String),
    /// The connection is closed.
    Closed,
}

fn text(properties: Properties<'_>) -> String {
    properties.reason_string().unwrap_or_default().to_owned()
}

fn said(packet: Packet<'_>) -> Said {
    match packet {
        Packet::ConnAck(ack) => Said::ConnAck(ack.reason, text(ack.properties)),
        Packet::PubAck(ack) => Said::PubAck(ack.packet_id.get(), ack.reason, text(ack.properties)),
        Packet::PubRec(ack) => Said::PubRec(ack.packet_id.get(), ack.reason, text(ack.properties)),
        Packet::PubRel(ack) => Said::PubRel(ack.packet_id.get(), ack.reason),
        Packet::PubComp(ack) => Said::PubComp(ack.packet_id.get(), ack.reason),
        Packet::Publish(publish) => Said::Publish {
            topic: publish.topic.into(),
            payload: publish.payload.into(),
            packet_id: match publish.delivery {
                Delivery::AtLeastOnce { packet_id, .. }
                | Delivery::ExactlyOnce { packet_id, .. } => Some(packet_id),
                Delivery::AtMostOnce => None,
            },
        },
        Packet::SubAck(ack) => Said::SubAck(ack.codes.iter().collect()),
        Packet::UnsubAck(ack) => Said::UnsubAck(ack.codes.iter().collect()),
        Packet::PingResp => Said::PingResp,
        Packet::Disconnect(bye) => Said::Disconnect(bye.reason, text(bye.properties)),
        other => panic!("a server does not send {other:?}"),
    }
}

pub(crate) fn connect_packet(device: &Device, version: ProtocolVersion) -> Connect<'_> {
    Connect {
        version,
        clean_start: true,
        keep_alive_s: 60,
        properties: Properties::NONE,
        client_id: device.client_id.as_str(),
        will: None,
        user_name: Some(&device.user_name),
        password: Some(device.password.as_bytes()),
    }
}

impl Raw {
    pub(crate) fn open(address: SocketAddr, version: ProtocolVersion) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            version,
            input: Vec::new(),
        }
    }

    /// Connects, successfully.
    pub(crate) fn connect(address: SocketAddr, device: &Device, version: ProtocolVersion) -> Self {
        let mut raw = Self::open(address, version);
        raw.send(&Packet::Connect(connect_packet(device, version)));
        assert_eq!(
            raw.recv(),
            Said::ConnAck(ReasonCode::Success, String::new())
        );
        raw
    }

    /// Connects with a receive maximum, successfully.
    pub(crate) fn connect_with(
        address: SocketAddr,
        device: &Device,
        property: Property<'_>,
    ) -> Self {
        let mut raw = Self::open(address, ProtocolVersion::V5);
        let mut properties = PropertiesBuf::new();
        properties.push(property).unwrap();
        let properties = properties.as_properties();
        let connect = Connect {
            properties,
            ..connect_packet(device, ProtocolVersion::V5)
        };
        raw.send(&Packet::Connect(connect));
        assert_eq!(
            raw.recv(),
            Said::ConnAck(ReasonCode::Success, String::new())
        );
        raw
    }

    /// Gives up writing what the broker does not read: it may have stopped for good.
    pub(crate) fn write_for_at_most(&mut self, time: std::time::Duration) {
        self.socket.set_write_timeout(Some(time)).unwrap();
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        // The broker may have closed already; what it said is what counts.
        self.socket.write_all(bytes).ok();
    }

    /// In one write.
    pub(crate) fn send_all(&mut self, packets: &[Packet<'_>]) {
        let mut bytes = Vec::new();
        for packet in packets {
            encode(packet, self.version, &mut bytes).unwrap();
        }
        self.send_bytes(&bytes);
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes).unwrap();
        self.send_bytes(&bytes);
    }

    /// Publishes, with QoS 1 if there is a packet id.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], packet_id: Option<u16>) {
        let packet_id = packet_id.map(|id| PacketId::new(id).unwrap());
        let delivery = packet_id.map_or(Delivery::AtMostOnce, |packet_id| Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        });
        let properties = Properties::NONE;
        self.send(&Packet::Publish(Publish {
            delivery,
            retain: false,
            topic,
            properties,
            payload,
        }));
    }

    pub(crate) fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Vec<ReasonCode> {
        let mut list = FilterList::new();
        for (filter, qos) in filters {
            list.push_with(filter, SubscribeOptions::qos(*qos), self.version)
                .unwrap();
        }
        let (packet_id, properties) = (PacketId::MAX, Properties::NONE);
        let filters = list.for_subscribe(self.version);
        self.send(&Packet::Subscribe(Subscribe {
            packet_id,
            properties,
            filters,
        }));
        match self.recv() {
            Said::SubAck(codes) => codes,
            other => panic!("not a SUBACK: {other:?}"),
        }
    }

    /// Says something that is always answered: all before it was handled when this returns.
    pub(crate) fn ping(&mut self) {
        // The first answer goes before its event loop writes down what else it did.
        for _ in 0..2 {
            self.send(&Packet::PingReq);
            assert_eq!(self.recv(), Said::PingResp);
        }
    }

    pub(crate) fn recv(&mut self) -> Said {
        self.recv_as(said).unwrap_or(Said::Closed)
    }

    /// The next packet as `read` sees it; nothing if the connection is closed.
    pub(crate) fn recv_as<T>(&mut self, read: impl FnOnce(Packet<'_>) -> T) -> Option<T> {
        loop {
            let limits = Limits {
                version: self.version,
                packet_len_max: u32::MAX,
            };
            if let Some((packet, len)) = decode(&self.input, limits).unwrap() {
                let seen = read(packet);
                self.input.drain(..len);
                return Some(seen);
            }
            let mut buf = [0; 4_096];
            match self.socket.read(&mut buf) {
                Ok(0) => return None,
                Ok(len) => self.input.extend_from_slice(&buf[..len]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("the broker says nothing: {e}"),
            }
        }
    }

    /// Whether nothing comes for a moment: for what must not happen.
    pub(crate) fn is_silent(&mut self) -> bool {
        if !self.input.is_empty() {
            return false;
        }
        self.socket
            .set_read_timeout(Some(std::time::Duration::from_millis(150)))
            .unwrap();
        let result = self.socket.peek(&mut [0]);
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(result, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }

    /// Says that nothing more comes, behind all that was said.
    pub(crate) fn end(&self) {
        self.socket.shutdown(Shutdown::Write).ok();
    }

    /// Hangs up without a word.
    pub(crate) fn hang_up(self) {
        self.socket.shutdown(Shutdown::Both).ok();
    }
}
