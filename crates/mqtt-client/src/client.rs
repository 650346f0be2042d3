//! The handle of a connection.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    BrokerAddress, CloseReason, ConnectError, ConnectFailure, ConnectOptions, PublishError,
    driver::{Channels, Driver, Request},
    limits::{GOODBYE_TIMEOUT, RECEIVE_MAXIMUM, REQUESTS_MAX},
    transport::{self, within},
};

/// A connection that stands. Dropping it cuts the connection.
#[derive(Debug)]
pub struct Client {
    requests: mpsc::Sender<Request>,
    closed: watch::Receiver<Option<CloseReason>>,
    broker: BrokerAddress,
    local_address: Option<SocketAddr>,
    clock: Clock,
    _driver: Task,
}

/// Messages from the broker.
#[derive(Debug)]
pub struct Deliveries {
    messages: mpsc::Receiver<Message>,
    acks: mpsc::Sender<u16>,
}

/// One message from the broker.
#[derive(Debug)]
pub struct Delivery {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
    ack: Option<(u16, mpsc::Sender<u16>)>,
}

/// A message on its way from the driver.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) packet_id: Option<u16>,
}

/// Waits until the broker has taken a message.
#[derive(Debug)]
pub struct Acknowledgement(oneshot::Receiver<Result<(), PublishError>>);

impl Future for Acknowledgement {
    type Output = Result<(), PublishError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = Pin::new(&mut self.0).poll(context);
        answered.map(|answer| answer.unwrap_or(Err(PublishError::Closed)))
    }
}

impl Client {
    /// Connects to the first of the brokers that answers.
    ///
    /// # Errors
    /// None can be reached, or one refuses us: then the others are not asked.
    pub async fn connect(
        options: &ConnectOptions,
        clock: Clock,
    ) -> Result<(Self, Deliveries), ConnectFailure> {
        let mut attempts = Vec::new();
        for broker in &options.brokers {
            match Self::connect_to(options, broker, &clock).await {
                Ok(connected) => return Ok(connected),
                Err(error) => {
                    let refused = matches!(error, ConnectError::NotAuthorized { .. });
                    attempts.push(error);
                    if refused {
                        break;
                    }
                }
            }
        }
        Err(ConnectFailure { attempts })
    }

    async fn connect_to(
        options: &ConnectOptions,
        broker: &BrokerAddress,
        clock: &Clock,
    ) -> Result<(Self, Deliveries), ConnectError> {
        let transport = transport::open(options, broker, clock).await?;
        let (requests, requests_in) = mpsc::channel(REQUESTS_MAX);
        let (messages_out, messages) = mpsc::channel(usize::from(RECEIVE_MAXIMUM));
        let (acks, acks_in) = mpsc::channel(usize::from(RECEIVE_MAXIMUM));
        let (closed_out, closed) = watch::channel(None);
        let channels = Channels {
            requests: requests_in,
            acks: acks_in,
            messages: messages_out,
            closed: closed_out,
        };
        let mut driver = Driver::start(transport.stream, options, channels, clock.clone())
            .map_err(|reason| ConnectError::Broken {
                broker: broker.to_string(),
                reason,
            })?;
        driver.handshake(broker).await?;
        let client = Self {
            requests,
            closed,
            broker: broker.clone(),
            local_address: transport.local_address,
            clock: clock.clone(),
            _driver: spawn_named("mqtt-client", driver.run()),
        };
        Ok((client, Deliveries { messages, acks }))
    }

    /// Publishes with QoS 1. Returns when the message has its place in the order of sending;
    /// the acknowledgement tells when the broker has it.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn publish(
        &self,
        topic: impl Into<String>,
        payload: Bytes,
    ) -> Result<Acknowledgement, PublishError> {
        let (answer, answered) = oneshot::channel();
        let topic = topic.into();
        let request = Request::Publish {
            topic,
            payload,
            answer,
        };
        let sent = self.requests.send(request).await;
        sent.ok().ok_or(PublishError::Closed)?;
        Ok(Acknowledgement(answered))
    }

    /// Waits for the end of the connection; says why.
    pub async fn closed(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(CloseReason::Local),
            Err(_) => CloseReason::Local,
        }
    }

    /// Says goodbye, and waits until it is said.
    pub async fn disconnect(self) {
        if self.requests.send(Request::Disconnect).await.is_ok() {
            within(&self.clock, GOODBYE_TIMEOUT, self.closed()).await;
        }
    }

    /// The broker that answered.
    #[must_use]
    pub fn broker(&self) -> &BrokerAddress {
        &self.broker
    }

    /// Our address on the way to it.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.local_address
    }
}

impl Deliveries {
    /// The next message; `None` when the connection has ended.
    pub async fn recv(&mut self) -> Option<Delivery> {
        let message = self.messages.recv().await?;
        let ack = message.packet_id.map(|id| (id, self.acks.clone()));
        let (topic, payload) = (message.topic, message.payload);
        Some(Delivery {
            topic,
            payload,
            ack,
        })
    }
}

impl Delivery {
    /// Tells the broker that the message is safe here. A delivery that is dropped instead
    /// stays unacknowledged.
    pub fn acknowledge(self) {
        let Some((packet_id, acks)) = self.ack else {
            return;
        };
        // There is room for as many as the broker may have under way; and if the connection
        // has ended, there is nobody to tell.
        if acks.try_send(packet_id).is_err() {
            tracing::debug!(packet_id, "acknowledged after the end of the connection");
        }
    }
}
