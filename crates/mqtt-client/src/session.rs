//! MQTT 5 without I/O: bytes and time in, bytes and events out.
//!
//! Packets, packet ids and flow control are `mqtt-protocol-core`'s; ours is what a gateway
//! makes of them: manual acknowledgement, and when a link counts as dead.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::{
    Connection, Version,
    common::Cursor,
    connection::{ConnectionOptions, Event as CoreEvent, TimerKind, role},
    packet::{GenericPacketTrait as _, Packet, Property, Qos, v5_0},
    result_code::{ConnectReasonCode, DisconnectReasonCode, MqttError, PubackReasonCode},
};

use crate::{
    CloseReason, ConnectOptions, PublishError,
    limits::{PACKET_LEN_MAX, PAYLOAD_LEN_MAX, RECEIVE_MAXIMUM},
};

/// What the session tells its driver.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// CONNACK: we are in.
    Connected,
    /// CONNACK: we are not.
    Refused { credential: bool, reason: String },
    /// A message came; with an id it waits for [`Session::acknowledge`].
    Message {
        topic: String,
        payload: Bytes,
        packet_id: Option<u16>,
    },
    /// The broker has answered a publish.
    Published {
        packet_id: u16,
        outcome: Result<(), PublishError>,
    },
    /// Nothing more will come.
    Closed(CloseReason),
}

/// Whether something that was sent still waits for its answer.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Nothing,
    /// Nothing at all has come since then.
    Since(Instant),
}

/// One connection, from CONNECT to its end.
pub(crate) struct Session {
    core: Connection<role::Client>,
    events: VecDeque<Event>,
    out: BytesMut,
    ping_at: Option<Instant>,
    waiting: Waiting,
    unanswered: usize,
    answer_timeout: Duration,
}

impl Session {
    /// A session whose CONNECT is ready to be sent.
    pub(crate) fn start(options: &ConnectOptions, now: Instant) -> Result<Self, MqttError> {
        let limits = ConnectionOptions::new()
            .maximum_packet_size_recv(PACKET_LEN_MAX)
            .receive_maximum(RECEIVE_MAXIMUM);
        let mut core = Connection::<role::Client>::with_options(Version::V5_0, limits);
        let keep_alive = u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX);
        // No events yet: the timer starts with CONNACK.
        drop(core.set_pingreq_send_interval(Some(ping_interval_ms(keep_alive))));
        let connect = v5_0::Connect::builder()
            .client_id(options.client_id.as_str())?
            .user_name(options.user_name.as_str())?
            .password(options.password.expose())?
            .clean_start(true)
            .keep_alive(keep_alive)
            .build()?;
        let mut session = Self {
            core,
            events: VecDeque::new(),
            out: BytesMut::new(),
            ping_at: None,
            waiting: Waiting::Nothing,
            unanswered: 0,
            answer_timeout: options.answer_timeout(),
        };
        let events = session.core.checked_send(connect);
        session.apply(events, now);
        Ok(session)
    }

    /// Takes what came from the socket.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        let mut cursor = Cursor::new(bytes);
        let end = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        while cursor.position() < end && !self.is_closed() {
            let events = self.core.recv(&mut cursor);
            self.apply(events, now);
        }
        self.waiting = match self.unanswered {
            0 => Waiting::Nothing,
            _ => Waiting::Since(now),
        };
    }

    /// Takes note of the time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.ping_at.is_some_and(|at| at <= now) {
            self.ping_at = None;
            let events = self.core.notify_timer_fired(TimerKind::PingreqSend);
            self.apply(events, now);
        }
        if self.dead_at().is_some_and(|at| at <= now) {
            self.close(CloseReason::NoAnswer);
        }
    }

    /// Takes note that the other side hung up, or the socket failed.
    pub(crate) fn handle_closed(&mut self, reason: CloseReason) {
        self.close(reason);
    }

    /// Publishes with QoS 1; [`Event::Published`] follows.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        payload: &Bytes,
        now: Instant,
    ) -> Result<u16, PublishError> {
        if payload.len() > PAYLOAD_LEN_MAX {
            let len = payload.len();
            let text = format!("payload of {len} bytes; at most {PAYLOAD_LEN_MAX} are allowed");
            return Err(PublishError::Invalid(text));
        }
        let invalid = |e: MqttError| PublishError::Invalid(e.to_string());
        let publish = v5_0::Publish::builder()
            .topic_name(topic)
            .map_err(invalid)?;
        let packet_id = self.core.acquire_packet_id().map_err(invalid)?;
        let packet = publish
            .qos(Qos::AtLeastOnce)
            .packet_id(packet_id)
            .payload(payload.to_vec())
            .build()
            .map_err(invalid)?;
        let events = self.core.checked_send(packet);
        self.apply(events, now);
        Ok(packet_id)
    }

    /// Acknowledges a message: the broker forgets it.
    pub(crate) fn acknowledge(&mut self, packet_id: u16, now: Instant) {
        if let Ok(puback) = v5_0::Puback::builder().packet_id(packet_id).build() {
            let events = self.core.checked_send(puback);
            self.apply(events, now);
        }
    }

    /// Says goodbye.
    pub(crate) fn disconnect(&mut self, now: Instant) {
        if let Ok(disconnect) = v5_0::Disconnect::builder().build() {
            let events = self.core.checked_send(disconnect);
            self.apply(events, now);
        }
        self.close(CloseReason::Local);
    }

    /// Whether the broker's receive maximum lets us publish now.
    pub(crate) fn may_publish(&self) -> bool {
        self.core.get_receive_maximum_vacancy_for_send() != Some(0)
    }

    /// The next thing to tell.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes for the socket.
    pub(crate) fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// When [`Session::handle_timeout`] must be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match (self.ping_at, self.dead_at()) {
            (Some(ping), Some(dead)) => Some(ping.min(dead)),
            (ping, dead) => ping.or(dead),
        }
    }

    fn dead_at(&self) -> Option<Instant> {
        match self.waiting {
            Waiting::Nothing => None,
            Waiting::Since(since) => since.checked_add(self.answer_timeout),
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.ping_at = None;
        self.waiting = Waiting::Nothing;
        if !self.is_closed() {
            self.events.push_back(Event::Closed(reason));
        }
    }

    fn is_closed(&self) -> bool {
        self.events.iter().any(|e| matches!(e, Event::Closed(_)))
    }

    fn apply(&mut self, events: Vec<CoreEvent>, now: Instant) {
        // The wish to close comes before its reason.
        for event in &events {
            if let CoreEvent::NotifyError(error) = event {
                self.close(CloseReason::Protocol(error.to_string()));
            }
        }
        for event in events {
            match event {
                CoreEvent::RequestSendPacket { packet, .. } => self.send(&packet, now),
                CoreEvent::NotifyPacketReceived(packet) => self.receive(packet),
                CoreEvent::RequestTimerReset {
                    kind: TimerKind::PingreqSend,
                    duration_ms,
                } => {
                    self.ping_at = now.checked_add(Duration::from_millis(duration_ms));
                }
                CoreEvent::RequestTimerCancel(TimerKind::PingreqSend) => self.ping_at = None,
                CoreEvent::RequestClose => self.close(CloseReason::Eof),
                CoreEvent::NotifyError(_)
                | CoreEvent::NotifyPacketIdReleased(_)
                | CoreEvent::RequestTimerReset { .. }
                | CoreEvent::RequestTimerCancel(_) => {}
            }
        }
    }

    fn send(&mut self, packet: &Packet, now: Instant) {
        self.out.extend_from_slice(&packet.to_continuous_buffer());
        if matches!(packet, Packet::V5_0Publish(_) | Packet::V5_0Pingreq(_)) {
            self.unanswered = self.unanswered.saturating_add(1);
            if let Waiting::Nothing = self.waiting {
                self.waiting = Waiting::Since(now);
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other packets are of another version or role; the core refuses them"
    )]
    fn receive(&mut self, packet: Packet) {
        match packet {
            Packet::V5_0Connack(connack) => self.receive_connack(&connack),
            Packet::V5_0Publish(publish) => self.events.push_back(Event::Message {
                topic: publish.topic_name().to_owned(),
                payload: Bytes::copy_from_slice(publish.payload().as_slice()),
                packet_id: publish.packet_id(),
            }),
            Packet::V5_0Puback(puback) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                let outcome = puback_outcome(&puback);
                let packet_id = puback.packet_id();
                self.events
                    .push_back(Event::Published { packet_id, outcome });
            }
            Packet::V5_0Pingresp(_) => self.unanswered = self.unanswered.saturating_sub(1),
            Packet::V5_0Disconnect(disconnect) => {
                let code = disconnect.reason_code();
                if code == Some(DisconnectReasonCode::SessionTakenOver) {
                    return self.close(CloseReason::TakenOver);
                }
                let code = code.map(|c| c.to_string());
                let words = disconnect.props.as_deref().and_then(reason_string);
                let reason = words.or(code).unwrap_or_else(|| "no reason given".into());
                self.close(CloseReason::Broker(reason));
            }
            _ => {}
        }
    }

    fn receive_connack(&mut self, connack: &v5_0::Connack) {
        let code = connack.reason_code();
        if code == ConnectReasonCode::Success {
            self.events.push_back(Event::Connected);
            return;
        }
        let credential = matches!(
            code,
            ConnectReasonCode::NotAuthorized | ConnectReasonCode::BadUserNameOrPassword
        );
        let reason = reason_string(&connack.props).unwrap_or_else(|| code.to_string());
        self.events.push_back(Event::Refused { credential, reason });
    }
}

/// A PINGREQ leaves early enough to arrive before the keep alive has passed.
fn ping_interval_ms(keep_alive_s: u16) -> u64 {
    u64::from(keep_alive_s) * 750
}

fn puback_outcome(puback: &v5_0::Puback) -> Result<(), PublishError> {
    let Some(code) = puback
        .reason_code()
        .filter(|c| !PubackReasonCode::is_success(c))
    else {
        return Ok(());
    };
    let words = puback.props.as_deref().and_then(reason_string);
    Err(PublishError::Refused(
        words.unwrap_or_else(|| code.to_string()),
    ))
}

fn reason_string(properties: &[Property]) -> Option<String> {
    properties.iter().find_map(|property| match property {
        Property::ReasonString(reason) => Some(reason.val().to_owned()),
        _ => None,
    })
}
