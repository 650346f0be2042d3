//! What this event loop writes into the traces.

use std::{borrow::Cow, sync::Arc};

use message_bus::{ChannelId, admin::TraceAction};
use model::Timestamp;
use mqtt_codec::Delivery;

use super::Shard;
use crate::{
    inbox::Delivered,
    message::MessageId,
    session::{End, KeptIn, Live, Refusal, RefusedPublish, Told},
    trace::Event,
};

/// Whose trace it is.
#[derive(Clone, Debug)]
pub(super) struct Traced {
    pub(super) client_id: Arc<str>,
    pub(super) channel: ChannelId,
}

impl Traced {
    pub(super) fn of(live: &Live) -> Self {
        Self {
            client_id: Arc::clone(&live.client_id),
            channel: live.channel,
        }
    }
}

impl Shard {
    fn trace(&self, event: Event) {
        self.shared.tracer.push(self.index, event);
    }

    /// When this turn began, for people.
    fn wall(&mut self) -> Timestamp {
        let clock = &self.shared.clock;
        *self.turn_wall.get_or_insert_with(|| clock.wall())
    }

    pub(super) fn trace_connect(&self, who: &Traced, info: String) {
        self.trace(Event {
            at: self.shared.clock.wall(),
            action: TraceAction::Connect,
            code: "accepted",
            info: info.into(),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: None,
        });
    }

    pub(super) fn trace_refusal(&self, refusal: &Refusal, text: &str) {
        self.trace(Event {
            at: self.shared.clock.wall(),
            action: TraceAction::Connect,
            code: refusal.code,
            info: Cow::Owned(text.to_owned()),
            client_id: Arc::clone(&refusal.client_id),
            channel: None,
            message: None,
        });
    }

    /// The end of a connection: a goodbye, if there was one, and that it is gone.
    pub(super) fn trace_end(&self, who: &Traced, end: &End, at: Timestamp) {
        let event = |action| Event {
            at,
            action,
            code: end.code(),
            info: Cow::Owned(end.text().into_owned()),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: None,
        };
        if matches!(end, End::Goodbye { .. }) {
            self.trace(event(TraceAction::Disconnect));
        }
        self.trace(event(TraceAction::Close));
    }

    /// A number for a message on `topic`, if it is traced.
    pub(super) fn message_id(&mut self, topic: &str) -> Option<MessageId> {
        let is_wanted = self.shared.traces(topic);
        is_wanted.then(|| self.number_within_budget()).flatten()
    }

    /// The same for one on a topic whose messages are.
    pub(super) fn number_within_budget(&mut self) -> Option<MessageId> {
        let now = self.wall();
        if self.trace_budget.takes(now) {
            return Some(self.shared.next_message_id());
        }
        self.counters().messages_untraced.one();
        None
    }

    /// A client published a message.
    pub(super) fn trace_publish(
        &mut self,
        who: &Traced,
        (id, topic): (MessageId, &str),
        code: &'static str,
        delivery: Delivery,
    ) {
        let at = self.wall();
        self.trace(Event {
            at,
            action: TraceAction::Pub,
            code,
            info: qos(delivery).into(),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: Some((id, Some(topic.into()))),
        });
    }

    /// A message of a client broke a rule.
    pub(super) fn trace_refused(&self, who: &Traced, id: MessageId, refused: &RefusedPublish) {
        self.trace(Event {
            at: self.shared.clock.wall(),
            action: TraceAction::Pub,
            code: refused.code,
            info: Cow::Owned(format!("{}: {}", qos(refused.delivery), refused.text)),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: Some((id, Some(refused.topic.as_str().into()))),
        });
    }

    /// The last words of a client were published.
    pub(super) fn trace_will(
        &mut self,
        client_id: &str,
        (id, topic): (MessageId, &str),
        code: &'static str,
    ) {
        let at = self.wall();
        self.trace(Event {
            at,
            action: TraceAction::Pub,
            code,
            info: "the client's will".into(),
            client_id: client_id.into(),
            channel: None,
            message: Some((id, Some(topic.into()))),
        });
    }

    /// What a session says about messages.
    pub(super) fn take_told(&mut self, who: &Traced, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Sent {
                    message,
                    from,
                    waited,
                } => {
                    self.meter_sent(&message, from, waited);
                    let topic = message.parts().topic;
                    if let Some(id) = message.id() {
                        self.trace_sent(who, (id, topic), from);
                    }
                }
                Told::Answered { id, refused } => self.trace_answer(who, id, refused),
            }
        }
    }

    fn trace_sent(&mut self, who: &Traced, (id, topic): (MessageId, &str), from: KeptIn) {
        let (action, info) = match from {
            KeptIn::Store => (TraceAction::Sub, "from the offline store"),
            KeptIn::Away => (
                TraceAction::PushOffline,
                "it waited for the client, which was away",
            ),
            KeptIn::Retained => (TraceAction::Sub, "a retained message"),
        };
        let at = self.wall();
        self.trace(Event {
            at,
            action,
            code: "delivered",
            info: info.into(),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: Some((id, Some(topic.into()))),
        });
    }

    fn trace_answer(&mut self, who: &Traced, id: MessageId, refused: bool) {
        let (code, info) = if refused {
            ("refused", "the client does not take the message")
        } else {
            ("accepted", "the client has the message")
        };
        let at = self.wall();
        self.trace(Event {
            at,
            action: TraceAction::Acked,
            code,
            info: info.into(),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: Some((id, None)),
        });
    }

    /// A client was given a message, or not.
    pub(super) fn trace_delivery(
        &mut self,
        who: &Traced,
        (id, topic): (MessageId, &str),
        delivered: Delivered,
    ) {
        let (code, info) = match delivered {
            Delivered::Sent => ("delivered", "on the client's connection"),
            Delivered::Waits => (
                "waits",
                "in the client's queue, behind those it has not answered",
            ),
            // Told when it is sent.
            Delivered::Stored => return,
            Delivered::Full => ("too_slow", "the client does not take its messages"),
            Delivered::Gone => ("gone", "the connection is gone or takes no message so long"),
            Delivered::Expired => ("expired", "the message's interval was over"),
        };
        let at = self.wall();
        self.trace(Event {
            at,
            action: TraceAction::Sub,
            code,
            info: info.into(),
            client_id: Arc::clone(&who.client_id),
            channel: Some(who.channel),
            message: Some((id, Some(topic.into()))),
        });
    }
}

const fn qos(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::AtMostOnce => "QoS 0",
        Delivery::AtLeastOnce { .. } => "QoS 1",
        Delivery::ExactlyOnce { .. } => "QoS 2",
    }
}
