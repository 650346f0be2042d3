//! The loop that owns the socket of a connection.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use clock::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot, watch},
};
use tracing::{debug, warn};

use crate::{
    BrokerAddress, CloseReason, ConnectError, ConnectOptions, PublishError,
    client::Message,
    limits::{GOODBYE_TIMEOUT, OUT_LEN_MAX, READ_LEN, STEP_TIMEOUT},
    session::{Event, Session},
    transport::{Stream, within},
};

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Publish {
        topic: String,
        payload: Bytes,
        answer: oneshot::Sender<Result<(), PublishError>>,
    },
    Disconnect,
}

/// The driver's ends of the handle's channels.
pub(crate) struct Channels {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) acks: mpsc::Receiver<u16>,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) closed: watch::Sender<Option<CloseReason>>,
}

/// What woke the loop.
enum Woken {
    Read(std::io::Result<usize>),
    Written(std::io::Result<usize>),
    Flushed(std::io::Result<()>),
    Ack(u16),
    Request(Option<Request>),
    Timer,
}

pub(crate) struct Driver {
    session: Session,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    input: BytesMut,
    unflushed: bool,
    channels: Channels,
    answers: HashMap<u16, oneshot::Sender<Result<(), PublishError>>>,
    clock: Clock,
}

impl Driver {
    pub(crate) fn start(
        stream: Box<dyn Stream>,
        options: &ConnectOptions,
        channels: Channels,
        clock: Clock,
    ) -> Result<Self, CloseReason> {
        let session = Session::start(options, clock.now());
        let session = session.map_err(|e| CloseReason::Protocol(e.to_string()))?;
        let (reader, writer) = tokio::io::split(stream);
        Ok(Self {
            session,
            reader,
            writer,
            input: BytesMut::with_capacity(READ_LEN),
            unflushed: false,
            channels,
            answers: HashMap::new(),
            clock,
        })
    }

    /// Sends CONNECT and waits for CONNACK.
    pub(crate) async fn handshake(&mut self, broker: &BrokerAddress) -> Result<(), ConnectError> {
        let clock = self.clock.clone();
        let answer = within(&clock, STEP_TIMEOUT, self.first_event()).await;
        let broker = broker.to_string();
        match answer {
            None => Err(ConnectError::TimedOut {
                peer: broker,
                step: "CONNACK",
            }),
            Some(Event::Connected) => Ok(()),
            Some(Event::Refused {
                credential: true,
                reason,
            }) => Err(ConnectError::NotAuthorized { broker, reason }),
            Some(Event::Refused {
                credential: false,
                reason,
            }) => Err(ConnectError::Refused { broker, reason }),
            Some(Event::Closed(reason)) => Err(ConnectError::Broken { broker, reason }),
            Some(Event::Message { .. } | Event::Published { .. }) => {
                let reason = CloseReason::Protocol("a message before CONNACK".into());
                Err(ConnectError::Broken { broker, reason })
            }
        }
    }

    async fn first_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.session.poll_event() {
                return event;
            }
            let woken = self.wait().await;
            self.apply(woken);
        }
    }

    /// Runs until the connection ends.
    pub(crate) async fn run(mut self) {
        let reason = 'ended: loop {
            while let Some(event) = self.session.poll_event() {
                if let Some(reason) = self.tell(event) {
                    break 'ended reason;
                }
            }
            let woken = self.wait().await;
            self.apply(woken);
        };
        debug!(%reason, "connection ended");
        if reason == CloseReason::Local {
            self.say_goodbye().await;
        }
        self.answers.clear();
        self.channels.closed.send_replace(Some(reason));
    }

    async fn wait(&mut self) -> Woken {
        let now = self.clock.now();
        let timeout = self.session.poll_timeout();
        let pause = timeout.map(|at| at.saturating_duration_since(now));
        let may_publish = self.session.may_publish();
        let Self {
            session,
            reader,
            writer,
            input,
            channels,
            clock,
            ..
        } = self;
        let out = session.out();
        let has_room = out.len() < OUT_LEN_MAX;
        let has_output = !out.is_empty() || self.unflushed;
        // Reading goes on while the socket takes no more: else two full sockets would wait
        // for each other.
        let write = async {
            if out.is_empty() {
                Woken::Flushed(writer.flush().await)
            } else {
                Woken::Written(writer.write_buf(out).await)
            }
        };
        tokio::select! {
            read = reader.read_buf(input) => Woken::Read(read),
            written = write, if has_output => written,
            Some(ack) = channels.acks.recv() => Woken::Ack(ack),
            request = channels.requests.recv(), if may_publish && has_room => Woken::Request(request),
            () = clock.sleep(pause.unwrap_or_default()), if pause.is_some() => Woken::Timer,
        }
    }

    fn apply(&mut self, woken: Woken) {
        let now = self.clock.now();
        match woken {
            Woken::Read(Ok(0)) => self.session.handle_closed(CloseReason::Eof),
            Woken::Read(Ok(_)) => {
                let bytes = self.input.split();
                self.session.handle_bytes(&bytes, now);
                drop(bytes);
                self.input.reserve(READ_LEN);
            }
            Woken::Written(Ok(_)) => self.unflushed = true,
            Woken::Flushed(Ok(())) => self.unflushed = false,
            Woken::Read(Err(e)) | Woken::Written(Err(e)) | Woken::Flushed(Err(e)) => {
                self.session.handle_closed(CloseReason::Io(e.to_string()));
            }
            Woken::Ack(packet_id) => self.session.acknowledge(packet_id, now),
            Woken::Request(Some(Request::Publish {
                topic,
                payload,
                answer,
            })) => {
                match self.session.publish(&topic, &payload, now) {
                    Ok(packet_id) => drop(self.answers.insert(packet_id, answer)),
                    // Nobody waits any more: then nobody is told.
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            // Without a handle nobody can want anything any more. What was acknowledged before
            // the goodbye is still told.
            Woken::Request(Some(Request::Disconnect) | None) => {
                while let Ok(packet_id) = self.channels.acks.try_recv() {
                    self.session.acknowledge(packet_id, now);
                }
                self.session.disconnect(now);
            }
            Woken::Timer => self.session.handle_timeout(now),
        }
    }

    /// Passes an event on; says why if it was the last.
    fn tell(&mut self, event: Event) -> Option<CloseReason> {
        match event {
            Event::Message {
                topic,
                payload,
                packet_id,
            } => {
                let message = Message {
                    topic,
                    payload,
                    packet_id,
                };
                self.deliver(message)
            }
            Event::Published { packet_id, outcome } => {
                if let Some(answer) = self.answers.remove(&packet_id) {
                    drop(answer.send(outcome));
                }
                None
            }
            Event::Closed(reason) => Some(reason),
            Event::Connected | Event::Refused { .. } => {
                Some(CloseReason::Protocol("a second CONNACK".into()))
            }
        }
    }

    fn deliver(&mut self, message: Message) -> Option<CloseReason> {
        match self.channels.messages.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(message)) if message.packet_id.is_none() => {
                warn!(
                    topic = message.topic,
                    "message of QoS 0 dropped: too many wait"
                );
                None
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                let text = "more messages than the receive maximum";
                Some(CloseReason::Protocol(text.into()))
            }
        }
    }

    async fn say_goodbye(&mut self) {
        let clock = self.clock.clone();
        let out = self.session.out().split();
        let saying = async {
            self.writer.write_all(&out).await?;
            self.writer.shutdown().await
        };
        if !matches!(within(&clock, GOODBYE_TIMEOUT, saying).await, Some(Ok(()))) {
            debug!("the goodbye could not be sent");
        }
    }
}
