//! One link, greeted: calls in, replies and events out.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use message_bus::{BusEvent, BusReceiver, MessageBus, Online};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    error::LinkFault,
    limits::{CALLS_MAX, EVENTS_MAX, ONLINE_PART_MAX, PING_INTERVAL, SILENCE_MAX},
    message::{Call, Event, Frame, Message, Outcome},
    wire::Wire,
};

type Running = BoxFuture<'static, Done>;

/// A call that has come out.
struct Done {
    id: u64,
    outcome: Outcome,
    subscribed: Option<Subscribed>,
}

/// Events that a console has asked for.
struct Subscribed {
    subscription: u64,
    receiver: BusReceiver,
    credit: usize,
}

/// Sends events; replaced when the console asks for them again.
struct Pump {
    subscription: u64,
    /// Events that may be sent.
    credit: Arc<Semaphore>,
    _task: Task,
}

/// A link while it is up.
pub(super) struct Session {
    wire: Wire,
    bus: Arc<dyn MessageBus>,
    clock: Clock,
    calls: FuturesUnordered<Running>,
    pump: Option<Pump>,
    heard_at: Instant,
    /// Whatever else is heard and said, the other end hears of this one in time.
    ping_at: Instant,
}

impl Session {
    pub(super) fn new(wire: Wire, bus: Arc<dyn MessageBus>, clock: &Clock) -> Self {
        Self {
            wire,
            bus,
            heard_at: clock.now(),
            ping_at: clock.now() + PING_INTERVAL,
            clock: clock.clone(),
            calls: FuturesUnordered::new(),
            pump: None,
        }
    }

    /// Serves until the link ends; why it ended.
    pub(super) async fn run(mut self) -> LinkFault {
        loop {
            if let Err(fault) = self.step().await {
                return fault;
            }
        }
    }

    async fn step(&mut self) -> Result<(), LinkFault> {
        let until_ping = self.ping_at.saturating_duration_since(self.clock.now());
        tokio::select! {
            frame = self.wire.incoming.recv() => {
                let frame = frame.unwrap_or(Err(LinkFault::Closed))?;
                self.heard_at = self.clock.now();
                self.hear(frame)
            }
            Some(done) = self.calls.next() => {
                let Done { id, outcome, subscribed } = done;
                if let Some(subscribed) = subscribed {
                    self.pump = Some(Pump::start(subscribed, self.wire.events.clone()));
                }
                self.wire.say(Message::Reply { id, outcome })
            }
            () = self.clock.sleep(until_ping) => {
                let now = self.clock.now();
                self.ping_at = now + PING_INTERVAL;
                if now.saturating_duration_since(self.heard_at) > SILENCE_MAX {
                    return Err(LinkFault::Silent);
                }
                self.wire.say(Message::Ping)
            }
        }
    }

    fn hear(&mut self, frame: Frame) -> Result<(), LinkFault> {
        match frame.message {
            Message::Call { id, call } => {
                if self.calls.len() >= CALLS_MAX {
                    return Err(LinkFault::Protocol("too many calls at once"));
                }
                let bus = Arc::clone(&self.bus);
                self.calls.push(Box::pin(run(bus, id, call, frame.body)));
                Ok(())
            }
            Message::Credit {
                subscription,
                events,
            } => match &self.pump {
                Some(pump) if pump.subscription == subscription => pump.grant(events),
                // Of a subscription that has just ended.
                Some(_) | None => Ok(()),
            },
            Message::Ping => Ok(()),
            Message::Hello { .. }
            | Message::Proof { .. }
            | Message::Welcome { .. }
            | Message::Refused { .. }
            | Message::Reply { .. }
            | Message::Online { .. }
            | Message::Event { .. }
            | Message::Ended { .. } => Err(LinkFault::Protocol("not a console's message")),
        }
    }
}

impl Pump {
    fn start(subscribed: Subscribed, events: mpsc::Sender<Frame>) -> Self {
        let subscription = subscribed.subscription;
        let credit = Arc::new(Semaphore::new(subscribed.credit.min(EVENTS_MAX)));
        let pumping = pump(subscribed, events, Arc::clone(&credit));
        Self {
            subscription,
            credit,
            _task: spawn_named("bus-link-events", pumping),
        }
    }

    fn grant(&self, events: usize) -> Result<(), LinkFault> {
        if self.credit.available_permits().saturating_add(events) > EVENTS_MAX {
            return Err(LinkFault::Protocol("too much credit"));
        }
        self.credit.add_permits(events);
        Ok(())
    }
}

/// One call of the bus.
async fn run(bus: Arc<dyn MessageBus>, id: u64, call: Call, body: Bytes) -> Done {
    let mut subscribed = None;
    let result = match call {
        Call::Send { parent, to } => bus
            .send(&parent, &to, body)
            .await
            .map(|channel| Outcome::Sent { channel }),
        Call::Receive {
            subscription,
            events,
        } => bus.receive().await.map(|receiver| {
            subscribed = Some(Subscribed {
                subscription,
                receiver,
                credit: events,
            });
            Outcome::Done
        }),
        Call::Register {
            client_id,
            credential,
            expires_at,
        } => bus
            .register(&client_id, &credential, expires_at)
            .await
            .map(|()| Outcome::Done),
        Call::Withdraw {
            client_id,
            access_key_id,
        } => bus
            .withdraw(&client_id, &access_key_id)
            .await
            .map(|()| Outcome::Done),
        Call::Expel { client_id } => bus.expel(&client_id).await.map(|()| Outcome::Done),
        Call::Sessions { client_id } => bus
            .sessions(&client_id)
            .await
            .map(|channels| Outcome::Sessions { channels }),
        Call::Administer { request } => bus.administer(*request).await.map(|answer| {
            let answer = Box::new(answer);
            Outcome::Administered { answer }
        }),
    };
    let outcome = result.unwrap_or_else(|error| Outcome::Failed { error });
    Done {
        id,
        outcome,
        subscribed,
    }
}

/// Sends events while there is credit, until the receiver is replaced or the link ends.
async fn pump(mut subscribed: Subscribed, events: mpsc::Sender<Frame>, credit: Arc<Semaphore>) {
    let subscription = subscribed.subscription;
    loop {
        let Ok(permit) = credit.acquire().await else {
            return;
        };
        permit.forget();
        let Some(event) = subscribed.receiver.recv().await else {
            break;
        };
        for frame in frames_of(subscription, event) {
            if events.send(frame).await.is_err() {
                return;
            }
        }
    }
    // A link that is gone needs no farewell.
    drop(events.send(Message::Ended { subscription }.into()).await);
}

fn frames_of(subscription: u64, event: BusEvent) -> Vec<Frame> {
    let (event, body) = match event {
        BusEvent::Online { channels } => return online_frames(subscription, &channels),
        BusEvent::Presence(presence) => (Event::Presence { presence }, Bytes::new()),
        BusEvent::Uplink(uplink) => {
            let event = Event::Uplink {
                topic: uplink.topic,
                from: uplink.from,
                at: uplink.at,
            };
            (event, uplink.payload)
        }
    };
    let message = Message::Event {
        subscription,
        event,
    };
    vec![Frame { message, body }]
}

/// In parts, for a frame does not hold a large broker's clients.
fn online_frames(subscription: u64, channels: &[Online]) -> Vec<Frame> {
    let parts = channels.len().div_ceil(ONLINE_PART_MAX).max(1);
    let part = |number: usize| {
        let from = number * ONLINE_PART_MAX;
        let upto = channels.len().min(from + ONLINE_PART_MAX);
        let channels = channels.get(from..upto).unwrap_or_default().to_vec();
        let last = number + 1 == parts;
        Frame::from(Message::Online {
            subscription,
            channels,
            last,
        })
    };
    (0..parts).map(part).collect()
}
