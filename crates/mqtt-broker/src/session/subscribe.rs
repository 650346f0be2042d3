//! SUBSCRIBE and UNSUBSCRIBE.

use message_bus::admin::Subscription;
use model::TopicFilter;
use mqtt_codec::{
    Codes, Packet, Properties, Property, QoS, ReasonCode, SubAck, Subscribe, SubscribeOptions,
    UnsubAck, Unsubscribe,
};

use super::{Context, End, Live, Output, out_of_place, retained::Granted};
use crate::{
    message::SubscriptionId,
    offline::{Lsn, StoredSubscription},
    rights::{Act, Denial},
    routes::Seat,
    shared_subscriptions::{BadShareName, Member, SharedFilter, SharedSubscriptions},
    subscriptions::{Held, NodeId, Subscriber, Subscriptions},
};

/// The shard's part of a session's subscriptions.
#[derive(Debug)]
pub(crate) struct Desk<'d> {
    pub(crate) tree: &'d mut Subscriptions,
    pub(crate) interest: &'d crate::interest::Interest,
    pub(crate) shared: &'d SharedSubscriptions,
    /// The session's own.
    pub(crate) seat: Seat,
    /// Subscriptions of other sessions that have a new position.
    pub(crate) moved: Vec<Moved>,
}

/// A subscription of `slot` has taken the position of one that was removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) slot: u32,
    pub(crate) to: Held,
}

impl Desk<'_> {
    fn remove(&mut self, held: Held) {
        self.interest.remove(self.tree.beginning(held));
        if let Some(slot) = self.tree.remove(held) {
            self.moved.push(Moved { slot, to: held });
        }
    }
}

/// How many a client may have, and so say in one packet.
fn subscriptions_max(context: &Context<'_>) -> usize {
    let max = context.registry.rules().settings().subscriptions_max;
    usize::try_from(max).unwrap_or(usize::MAX)
}

impl Live {
    /// Subscribes as far as allowed and answers.
    pub(crate) fn subscribe(
        &mut self,
        subscribe: &Subscribe<'_>,
        context: &Context<'_>,
        desk: &mut Desk<'_>,
        out: &mut Output,
    ) -> Result<(), End> {
        for (text, _) in subscribe.filters.iter() {
            let shared = SharedFilter::parse(text).ok().flatten();
            let filter = shared.map_or(text, |shared| shared.filter);
            if let Err(Denial::Token(invalid)) = self.check_rights(Act::Subscribe, filter) {
                return Err(End::TokenInvalid(invalid));
            }
        }
        let mut codes = Vec::new();
        let mut granted = Vec::new();
        let mut why = String::new();
        let id = subscription_id(subscribe.properties);
        let id_in_use = self.is_in_use(subscribe.packet_id);
        // Each may cost a record of the whole session.
        let is_behind = self.persistent.is_some() && context.offline.is_behind();
        let max = if is_behind {
            0
        } else {
            subscriptions_max(context)
        };
        for (n, (filter, options)) in subscribe.filters.iter().enumerate() {
            let node = desk.tree.find(filter);
            let is_new = node.and_then(|node| self.held(node)).is_none();
            let code = match SharedFilter::parse(filter) {
                _ if id_in_use => Err(ReasonCode::PacketIdentifierInUse),
                _ if n >= max => Err(ReasonCode::QuotaExceeded),
                // MQTT 5, 3.8.3.1: whoever shares cannot choose whose messages it gets.
                Ok(Some(_)) if options.no_local => {
                    return Err(out_of_place("a shared subscription has no No Local"));
                }
                Ok(Some(shared)) => self.subscribe_shared(shared, options, id, context, desk),
                Ok(None) => {
                    let code = self.subscribe_one(filter, options, id, context, desk);
                    granted.extend(code.is_ok().then_some(Granted {
                        filter,
                        options,
                        id,
                        is_new,
                    }));
                    code
                }
                Err(BadShareName) => Err(ReasonCode::TopicFilterInvalid),
            };
            match code {
                Ok(_) => out.hold(self.store_subscription(filter, options, id, context)),
                Err(reason) if why.is_empty() => why = explain(reason, filter),
                Err(_) => {}
            }
            codes.push(code.unwrap_or_else(|refused| refused).value());
        }
        let (packet_id, codes) = (subscribe.packet_id, Codes::from_values(&codes));
        let explained = self.explanation(&why);
        let ack = |properties| {
            Packet::SubAck(SubAck {
                packet_id,
                properties,
                codes,
            })
        };
        if !self.says(&ack(explained.as_properties()), out) {
            self.put(&ack(Properties::NONE), out)?;
        }
        for granted in &granted {
            self.send_retained(granted, context, out);
        }
        Ok(())
    }

    /// A persistent session has it in the store, too; SUBACK waits for that.
    fn store_subscription(
        &self,
        whole: &str,
        options: SubscribeOptions,
        id: Option<SubscriptionId>,
        context: &Context<'_>,
    ) -> Option<Lsn> {
        let persistent = self.persistent.as_ref()?;
        let shared = SharedFilter::parse(whole).ok()?;
        let subscription = StoredSubscription {
            filter: shared.map_or(whole, |shared| shared.filter).parse().ok()?,
            share: shared.map(|shared| shared.whole.into()),
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            id,
        };
        context.offline.subscribe(persistent.uid, subscription)
    }

    /// Subscribes again with what the session had, unless it may not any more.
    pub(crate) fn resubscribe(
        &mut self,
        subscription: &StoredSubscription,
        context: &Context<'_>,
        desk: &mut Desk<'_>,
    ) {
        let options = SubscribeOptions {
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
            ..SubscribeOptions::qos(subscription.qos)
        };
        let (whole, id) = (subscription.whole(), subscription.id);
        let subscribed = match SharedFilter::parse(whole) {
            Ok(Some(shared)) => self.subscribe_shared(shared, options, id, context, desk),
            Ok(None) => self.subscribe_one(whole, options, id, context, desk),
            Err(BadShareName) => Err(ReasonCode::TopicFilterInvalid),
        };
        if let (Err(_), Some(persistent)) = (subscribed, &self.persistent) {
            context.offline.unsubscribe(persistent.uid, whole);
        }
    }

    fn subscribe_one(
        &mut self,
        text: &str,
        options: SubscribeOptions,
        id: Option<SubscriptionId>,
        context: &Context<'_>,
        desk: &mut Desk<'_>,
    ) -> Result<ReasonCode, ReasonCode> {
        let filter = self.check_filter(text, context)?;
        let subscriber = Subscriber {
            slot: desk.seat.slot,
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            id,
        };
        let node = desk.tree.find(text);
        if let Some(held) = node.and_then(|node| self.held(node)) {
            desk.tree.replace(held, subscriber);
        } else {
            self.check_room(context)?;
            let mine = self.subscriptions.get_or_insert_default();
            mine.reserve_exact(1);
            mine.push(desk.tree.add(text, subscriber));
            desk.interest.add(filter.as_str());
        }
        Ok(granted(options.qos))
    }

    fn subscribe_shared(
        &mut self,
        shared: SharedFilter<'_>,
        options: SubscribeOptions,
        id: Option<SubscriptionId>,
        context: &Context<'_>,
        desk: &Desk<'_>,
    ) -> Result<ReasonCode, ReasonCode> {
        self.check_filter(shared.filter, context)?;
        let mine = self.extras.as_ref().map(|extras| &extras.shared);
        if !mine.is_some_and(|mine| mine.iter().any(|whole| **whole == *shared.whole)) {
            self.check_room(context)?;
            self.extras().shared.push(shared.whole.into());
        }
        let member = Member {
            seat: desk.seat,
            channel: self.channel,
            uid: self.persistent.as_ref().map(|persistent| persistent.uid),
            qos: options.qos,
            retain_as_published: options.retain_as_published,
            id,
        };
        desk.shared.join(shared, member);
        Ok(granted(options.qos))
    }

    fn check_filter(&self, text: &str, context: &Context<'_>) -> Result<TopicFilter, ReasonCode> {
        let filter: TopicFilter = text.parse().ok().ok_or(ReasonCode::TopicFilterInvalid)?;
        let (group, _) = self.names();
        let rules = context.registry.rules();
        if let Err(refusal) = rules.check_subscribe(group, filter.parent()) {
            tracing::debug!(client.id = &*self.client_id, %refusal, "subscription refused");
            return Err(refusal.reason());
        }
        if self.check_rights(Act::Subscribe, text).is_err() {
            return Err(ReasonCode::NotAuthorized);
        }
        Ok(filter)
    }

    /// Whether another subscription is allowed.
    fn check_room(&self, context: &Context<'_>) -> Result<(), ReasonCode> {
        let own = self.subscriptions.as_ref().map_or(0, |mine| mine.len());
        let shared = self.extras.as_ref().map_or(0, |extras| extras.shared.len());
        if own + shared < subscriptions_max(context) {
            Ok(())
        } else {
            Err(ReasonCode::QuotaExceeded)
        }
    }

    fn held(&self, node: NodeId) -> Option<Held> {
        let mine = self.subscriptions.as_deref()?;
        mine.iter().copied().find(|held| held.node == node)
    }

    /// Unsubscribes and answers.
    pub(crate) fn unsubscribe(
        &mut self,
        unsubscribe: &Unsubscribe<'_>,
        context: &Context<'_>,
        desk: &mut Desk<'_>,
        out: &mut Output,
    ) -> Result<(), End> {
        let mut codes = Vec::new();
        let id_in_use = self.is_in_use(unsubscribe.packet_id);
        for filter in unsubscribe.filters.iter() {
            let held = desk.tree.find(filter).and_then(|node| self.held(node));
            let code = if id_in_use {
                ReasonCode::PacketIdentifierInUse
            } else if let Some(held) = held {
                self.forget(held);
                desk.remove(held);
                ReasonCode::Success
            } else if self.leave_shared(filter, desk) {
                ReasonCode::Success
            } else {
                ReasonCode::NoSubscriptionExisted
            };
            if let (ReasonCode::Success, Some(persistent)) = (code, &self.persistent) {
                out.hold(context.offline.unsubscribe(persistent.uid, filter));
            }
            codes.push(code.value());
        }
        let (packet_id, codes) = (unsubscribe.packet_id, Codes::from_values(&codes));
        let ack = UnsubAck {
            packet_id,
            properties: Properties::NONE,
            codes,
        };
        self.put(&Packet::UnsubAck(ack), out)
    }

    fn leave_shared(&mut self, whole: &str, desk: &Desk<'_>) -> bool {
        let Some(extras) = &mut self.extras else {
            return false;
        };
        let count = extras.shared.len();
        extras.shared.retain(|mine| **mine != *whole);
        if extras.shared.len() == count {
            return false;
        }
        desk.shared.leave(whole, self.channel);
        self.drop_empty_extras();
        true
    }

    fn forget(&mut self, held: Held) {
        if let Some(mine) = &mut self.subscriptions {
            mine.retain(|other| *other != held);
            if mine.is_empty() {
                self.subscriptions = None;
            }
        }
    }

    /// Removes all subscriptions, at the end of the session.
    pub(crate) fn unsubscribe_all(&mut self, desk: &mut Desk<'_>) {
        for held in self.subscriptions.take().into_iter().flat_map(|mine| *mine) {
            desk.remove(held);
        }
        let extras = self.extras.as_mut();
        for whole in extras.into_iter().flat_map(|e| e.shared.drain(..)) {
            desk.shared.leave(&whole, self.channel);
        }
    }

    /// What it subscribes to.
    pub(crate) fn describe(&self, tree: &Subscriptions) -> Vec<Subscription> {
        let held = self.subscriptions.iter().flat_map(|mine| mine.iter());
        let shared = self.extras.iter().flat_map(|extras| &extras.shared);
        let shared = shared.map(|whole| Subscription {
            filter: whole.to_string(),
            qos: QoS::ExactlyOnce as u8,
        });
        held.map(|held| tree.describe(*held))
            .chain(shared)
            .collect()
    }

    /// One of its subscriptions has a new position.
    pub(crate) fn moved(&mut self, to: Held) {
        let mine = self
            .subscriptions
            .iter_mut()
            .flat_map(|mine| mine.iter_mut());
        for held in mine.filter(|held| held.node == to.node) {
            *held = to;
        }
    }
}

/// Why a filter was refused, for people.
fn explain(reason: ReasonCode, whole: &str) -> String {
    let shared = SharedFilter::parse(whole);
    match (reason, shared) {
        (ReasonCode::TopicFilterInvalid, Err(BadShareName)) => {
            format!("`{whole}` must read $share/<name>/<filter>, the name without `+` and `#`")
        }
        (ReasonCode::TopicFilterInvalid, Ok(shared)) => {
            let filter = shared.map_or(whole, |shared| shared.filter);
            let parsed = filter.parse::<TopicFilter>();
            parsed.map_or_else(|error| error.to_string(), |_| String::new())
        }
        (ReasonCode::NotAuthorized, _) => {
            format!(
                "this client may not subscribe to `{whole}`, or its parent topic does not exist"
            )
        }
        (ReasonCode::QuotaExceeded, _) => {
            "the client has as many subscriptions as it may have".into()
        }
        (ReasonCode::PacketIdentifierInUse, _) => {
            "the identifier is of a message of QoS 2 that is not released".into()
        }
        _ => String::new(),
    }
}

fn subscription_id(properties: Properties<'_>) -> Option<SubscriptionId> {
    properties.iter().find_map(|property| match property {
        Property::SubscriptionIdentifier(id) => SubscriptionId::new(id),
        _ => None,
    })
}

const fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}
