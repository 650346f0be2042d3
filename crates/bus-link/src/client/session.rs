//! One link, greeted: calls out, replies and events in.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use clock::Clock;
use message_bus::{BusError, BusEvent, Uplink};

use super::{Link, Shared, calls::Calls, inbox::Inbox};
use crate::{
    error::LinkFault,
    limits::{PING_INTERVAL, SILENCE_MAX},
    message::{Call, Event, Frame, Message, Outcome},
    wire::Wire,
};

/// A link while it is up.
pub(super) struct Session {
    wire: Wire,
    shared: Arc<Shared>,
    clock: Clock,
    calls: Calls,
    heard_at: Instant,
    /// Whatever else is heard and said, the other end hears of this one in time.
    ping_at: Instant,
}

impl Session {
    pub(super) fn new(wire: Wire, shared: Arc<Shared>, clock: &Clock) -> Self {
        let calls = Calls::new(wire.control.clone());
        Self {
            wire,
            shared,
            heard_at: clock.now(),
            ping_at: clock.now() + PING_INTERVAL,
            clock: clock.clone(),
            calls,
        }
    }

    /// Runs until the link ends; why it ended.
    pub(super) async fn run(mut self) -> LinkFault {
        let fault = self.serve().await;
        self.calls.close();
        // A receiver whose events are lost must know: it begins again when the link is back.
        let inbox = self.shared.inbox.lock().take();
        if let Some(inbox) = inbox {
            inbox.end();
        }
        fault
    }

    async fn serve(&mut self) -> LinkFault {
        self.shared.link.send_replace(Link::Up(self.calls.clone()));
        tracing::info!("the bus link is up");
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
            () = self.shared.room.notified() => self.grant(),
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

    fn hear(&self, frame: Frame) -> Result<(), LinkFault> {
        match frame.message {
            Message::Reply { id, outcome } => {
                self.calls.answer(id, outcome);
                Ok(())
            }
            Message::Online {
                subscription,
                channels,
                last,
            } => self
                .inbox(subscription)
                .map_or(Ok(()), |i| i.push_online(channels, last)),
            Message::Event {
                subscription,
                event,
            } => {
                let event = bus_event(event, frame.body);
                self.inbox(subscription)
                    .map_or(Ok(()), |inbox| inbox.push(event))
            }
            Message::Ended { subscription } => {
                if let Some(inbox) = self.inbox(subscription) {
                    inbox.end();
                }
                Ok(())
            }
            Message::Ping => Ok(()),
            Message::Hello { .. }
            | Message::Proof { .. }
            | Message::Welcome { .. }
            | Message::Refused { .. }
            | Message::Call { .. }
            | Message::Credit { .. } => Err(LinkFault::Protocol("not a broker's message")),
        }
    }

    /// The receiver that this is for, if it is still the latest.
    fn inbox(&self, subscription: u64) -> Option<Arc<Inbox>> {
        let latest = self.shared.inbox.lock().clone();
        latest.filter(|inbox| inbox.subscription == subscription)
    }

    fn grant(&self) -> Result<(), LinkFault> {
        let Some(inbox) = self.shared.inbox.lock().clone() else {
            return Ok(());
        };
        let Some(events) = inbox.grant() else {
            return Ok(());
        };
        let subscription = inbox.subscription;
        self.wire.say(Message::Credit {
            subscription,
            events,
        })
    }
}

/// Asks the broker for events into `inbox`.
pub(super) async fn subscribe(calls: Calls, clock: Clock, inbox: &Inbox) -> Result<(), BusError> {
    let call = Call::Receive {
        subscription: inbox.subscription,
        events: inbox.begin(),
    };
    match calls.call(&clock, call, Bytes::new()).await? {
        Outcome::Done => Ok(()),
        other => Err(super::unexpected(other)),
    }
}

fn bus_event(event: Event, payload: Bytes) -> BusEvent {
    match event {
        Event::Presence { presence } => BusEvent::Presence(presence),
        Event::Uplink { topic, from, at } => BusEvent::Uplink(Uplink {
            topic,
            from,
            at,
            payload,
        }),
    }
}
