//! What all event loops of a broker have in common.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use clock::Clock;
use parking_lot::Mutex;

use crate::{
    bucket::Rate,
    config::{BrokerConfig, CertificateSource},
    drain::Draining,
    group_load::GroupLoad,
    hub::Hub,
    inbox::{Inbox, Letter},
    interest::Interest,
    levels,
    listener::ListenerState,
    message::MessageId,
    metrics::{Counters, Latencies},
    offline::{Committed, Offline},
    registry::Registry,
    routes::{Routes, Seat},
    session::{Context, Visitor},
    shared_subscriptions::SharedSubscriptions,
    topic_meters::TopicMeters,
    trace::Tracer,
    trace::budget::{self, Budget},
};

/// Channel ids of one run of the broker; the rest of the number is the epoch.
const CHANNEL_BITS: u32 = 40;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    started: Instant,
    pub(crate) instance: String,
    pub(crate) registry: Arc<Registry>,
    pub(crate) routes: Routes,
    pub(crate) shared_subscriptions: SharedSubscriptions,
    pub(crate) hub: Hub,
    pub(crate) offline: Offline,
    /// One for each shard, as all that follow in brackets.
    pub(crate) inboxes: Box<[Inbox]>,
    pub(crate) interests: Box<[Interest]>,
    pub(crate) counters: Box<[Counters]>,
    pub(crate) topic_meters: Box<[TopicMeters]>,
    pub(crate) latencies: Box<[Latencies]>,
    pub(crate) channels: AtomicU64,
    messages: AtomicU64,
    pub(crate) tracer: Arc<Tracer>,
    /// Of messages of the console.
    trace_budget: Mutex<Budget>,
    pub(crate) connections: AtomicUsize,
    pub(crate) connections_max: usize,
    /// Connections that get no more than an answer.
    pub(crate) turned_away: AtomicUsize,
    pub(crate) listeners: Box<[ListenerState]>,
    pub(crate) certificates: Option<Arc<dyn CertificateSource>>,
    pub(crate) groups: GroupLoad,
    pub(crate) publish_rate: Option<Rate>,
    /// Clients are being sent elsewhere.
    pub(crate) draining: ArcSwapOption<Draining>,
    pub(crate) stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        clock: Clock,
        config: &BrokerConfig,
        (registry, offline, tracer): (Arc<Registry>, Offline, Arc<Tracer>),
        inboxes: Box<[Inbox]>,
        listeners: Vec<ListenerState>,
    ) -> Self {
        let shards = inboxes.len();
        let first_channel = registry.epoch() << CHANNEL_BITS;
        Self {
            started: clock.now(),
            clock,
            instance: config.instance.clone(),
            registry,
            routes: Routes::new(),
            shared_subscriptions: SharedSubscriptions::default(),
            hub: Hub::default(),
            offline,
            inboxes,
            interests: (0..shards).map(|_| Interest::new()).collect(),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            topic_meters: (0..shards).map(|_| TopicMeters::default()).collect(),
            latencies: (0..shards)
                .map(|_| Latencies::new(listeners.len()))
                .collect(),
            channels: AtomicU64::new(first_channel),
            messages: AtomicU64::new(first_channel),
            tracer,
            trace_budget: Mutex::default(),
            connections: AtomicUsize::new(0),
            connections_max: config.connections_max,
            turned_away: AtomicUsize::new(0),
            listeners: listeners.into(),
            certificates: config.certificates.clone(),
            groups: GroupLoad::new(config.group_clients_max),
            publish_rate: config.publish_rate,
            draining: ArcSwapOption::empty(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Time since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// A number for a message, never used twice.
    pub(crate) fn next_message_id(&self) -> MessageId {
        MessageId(self.messages.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a message on `topic` is traced, if there are not too many.
    pub(crate) fn traces(&self, topic: &str) -> bool {
        let level = self.registry.rules().settings().trace;
        budget::is_wanted(level, levels::parent(topic))
    }

    /// A number for a message of the console on `topic`, if it is traced.
    pub(crate) fn message_id(&self, topic: &str) -> Option<MessageId> {
        if !self.traces(topic) {
            return None;
        }
        let takes = self.trace_budget.lock().takes(self.clock.wall());
        if !takes {
            self.tracer.leave_out();
        }
        takes.then(|| self.next_message_id())
    }

    /// Lets TLS listeners take certificates of the authorities that count now.
    pub(crate) fn trust_authorities(&self) {
        let authorities = self.registry.active_authorities();
        for listener in &self.listeners {
            let Some(tls) = &listener.tls else { continue };
            if let Err(error) = tls.trust(authorities.clone()) {
                tracing::error!(%error, listener = listener.name, "cannot trust authorities");
            }
        }
    }

    /// Lets those know who waited for the disk.
    pub(crate) fn tell(&self, committed: Committed) {
        for (seat, channel) in committed.news {
            if let Some(inbox) = self.inboxes.get(usize::from(seat.shard)) {
                let news = Letter::News {
                    slot: seat.slot,
                    channel,
                };
                inbox.push(news).expect("news are never refused");
            }
        }
        for asker in committed.askers {
            // Who asked may have given up.
            asker.send(()).ok();
        }
        for (n, inbox) in self.inboxes.iter().enumerate() {
            if committed.shards & (1 << n) != 0 {
                inbox.wake();
            }
        }
    }

    /// For the session that has this seat.
    pub(crate) fn context<'c>(&'c self, seat: Seat, visitor: Visitor<'c>) -> Context<'c> {
        Context {
            visitor,
            registry: &self.registry,
            instance: &self.instance,
            channels: &self.channels,
            clock: &self.clock,
            offline: &self.offline,
            seat,
            groups: &self.groups,
            routes: &self.routes,
        }
    }

    /// Each connection came through a listener that stays.
    pub(crate) fn listener(&self, number: u16) -> &ListenerState {
        let listener = self.listeners.get(usize::from(number));
        listener.expect("connections name listeners that are there")
    }
}
