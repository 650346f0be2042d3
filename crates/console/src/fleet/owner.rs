//! The loop that owns the gateways' state: events in, one at a time.

use std::{collections::HashMap, sync::Arc, time::Duration, time::Instant};

use message_bus::{BusEvent, BusReceiver, Online, Presence, PresenceKind, TAKEN_OVER};
use model::{ClientId, CommandId, ErrorCode, GatewayId, Method};
use mqtt_rpc::caller::Check;
use rand::Rng as _;
use tokio::sync::mpsc;

use super::{
    Notice, calls,
    credentials::{self, Standing, restore_credentials},
    express::{Desk, Relay},
    flush::Batch,
    intent::send_intent,
    live::Live,
    presence::Channel,
    queries::{Asked, Queries, Query},
};
use crate::{
    app::App,
    error::ApiResult,
    limits::{
        BUS_RETRY_MAX, DUE_MAX, EVENT_AGE_MAX, FLUSH_INTERVAL, PENDING_MAX, PING_INTERVAL,
        QUERY_AGE_MAX, SEND_TIMEOUT, THIN_INTERVAL, UNKNOWN_ASKED_MAX,
    },
};

/// How often the loop looks at the time.
const TICK: Duration = Duration::from_millis(500);
/// First wait before the message queue is tried again.
const BUS_RETRY_MIN: Duration = Duration::from_millis(200);
/// A gateway that has just connected is measured soon, but not in the middle of its greeting.
const FIRST_PING_AFTER: Duration = Duration::from_secs(1);

/// What the loop waits for.
enum Event {
    Bus(Option<BusEvent>),
    Notice(Notice),
    Tick,
}

/// When the next of each is due.
#[derive(Debug)]
struct Timers {
    tick: Instant,
    flush: Instant,
    thin: Instant,
    bus: Instant,
    bus_wait: Duration,
}

/// The owner of the gateways' state.
pub(crate) struct Owner {
    pub(super) app: Arc<App>,
    notices: mpsc::Receiver<Notice>,
    receiver: Option<BusReceiver>,
    pub(super) queries: Queries,
    pub(super) batch: Batch,
    pings: HashMap<GatewayId, Instant>,
    timers: Timers,
    restoring: Option<clock::Task>,
    pub(super) express: Arc<Desk>,
    _relay: clock::Task,
}

impl Owner {
    /// Knows what the database knows; the message queue is reached by [`Self::run`].
    pub(crate) async fn load(app: Arc<App>, notices: mpsc::Receiver<Notice>) -> ApiResult<Self> {
        for record in app.database.gateways().await? {
            let live = Live::new(record.client_id, record.intent_version);
            app.view.insert(record.id, live);
        }
        for status in app.database.statuses().await? {
            let id = status.status.gateway.clone();
            app.view.update(&id, |live| live.status = Some(status));
        }
        let now = app.clock.now();
        let express = Desk::new();
        let relay = Relay::new(Arc::clone(&app), Arc::clone(&express));
        Ok(Self {
            express,
            _relay: clock::spawn_named("express-relay", relay.run()),
            app,
            notices,
            receiver: None,
            queries: Queries::default(),
            batch: Batch::default(),
            pings: HashMap::new(),
            timers: Timers {
                tick: now,
                flush: now,
                thin: now,
                bus: now,
                bus_wait: BUS_RETRY_MIN,
            },
            restoring: None,
        })
    }

    pub(super) async fn run(mut self) {
        loop {
            let event = self.next_event().await;
            self.apply(event).await;
        }
    }

    async fn next_event(&mut self) -> Event {
        let now = self.app.clock.now();
        let wait = self.timers.tick.saturating_duration_since(now);
        tokio::select! {
            event = recv(&mut self.receiver) => Event::Bus(event),
            Some(notice) = self.notices.recv() => Event::Notice(notice),
            () = self.app.clock.sleep(wait) => Event::Tick,
        }
    }

    async fn apply(&mut self, event: Event) {
        match event {
            Event::Bus(Some(BusEvent::Online { channels })) => self.handle_online(channels).await,
            Event::Bus(Some(BusEvent::Presence(presence))) => self.handle_presence(presence).await,
            Event::Bus(Some(BusEvent::Uplink(uplink))) => self.handle_uplink(uplink).await,
            Event::Bus(None) => self.handle_bus_lost().await,
            Event::Notice(notice) => self.handle_notice(notice).await,
            Event::Tick => self.handle_tick().await,
        }
    }

    async fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::IntentChanged(id, version) => {
                self.express.shares_changed(&id);
                if self.know(&id).await {
                    self.app.view.update(&id, |live| {
                        live.wanted_version = live.wanted_version.max(version);
                    });
                    self.send_intent(&id).await;
                    self.app.publish_gateway_and_shares(&id).await;
                }
            }
            Notice::Removed(id) => {
                self.express.shares_changed(&id);
                self.app.view.remove(&id);
                self.batch.forget(&id);
                self.pings.remove(&id);
            }
        }
    }

    async fn handle_tick(&mut self) {
        let now = self.app.clock.now();
        self.timers.tick = now + TICK;
        if self.receiver.is_none() && now >= self.timers.bus {
            self.reach_bus().await;
        }
        if let Err(error) = self.check_commands().await {
            tracing::error!(error = %error.failure, "commands that are due cannot be looked at");
        }
        self.send_pings().await;
        self.queries.forget_old(now);
        if now >= self.timers.flush {
            self.timers.flush = now + FLUSH_INTERVAL;
            if let Err(error) = self.batch.flush(&self.app.database).await {
                tracing::error!(%error, "reports cannot be stored");
            }
        }
        if now >= self.timers.thin {
            self.timers.thin = now + THIN_INTERVAL;
            if let Err(error) = self.thin().await {
                tracing::error!(error = %error.failure, "old history cannot be deleted");
            }
        }
    }

    async fn thin(&self) -> ApiResult<()> {
        let (database, now) = (&self.app.database, self.app.clock.wall());
        database.thin_points(now).await?;
        database.delete_expired_sessions(now).await?;
        let age_max = u64::try_from(EVENT_AGE_MAX.as_millis()).unwrap_or(u64::MAX);
        let oldest = now.as_millis().saturating_sub(age_max);
        database
            .thin_events(model::Timestamp::from_millis(oldest))
            .await?;
        Ok(())
    }

    async fn reach_bus(&mut self) {
        let reached = tokio::time::timeout(SEND_TIMEOUT, self.app.bus.receive()).await;
        match reached {
            Ok(Ok(receiver)) => {
                tracing::info!("the message queue is reached");
                self.receiver = Some(receiver);
                self.timers.bus_wait = BUS_RETRY_MIN;
                self.app.view.set_bus_connected(true);
                self.restore_credentials();
            }
            Ok(Err(error)) => self.retry_bus_later(&error.to_string()),
            Err(_elapsed) => self.retry_bus_later("it does not answer"),
        }
    }

    fn retry_bus_later(&mut self, reason: &str) {
        let wait = self.timers.bus_wait;
        tracing::warn!(
            reason,
            wait_ms = wait.as_millis(),
            "the message queue is not reached"
        );
        self.timers.bus = self.app.clock.now() + wait;
        self.timers.bus_wait = (wait * 2).min(BUS_RETRY_MAX);
    }

    /// A broker that lost its memory learns again whom to let in, beside the loop.
    fn restore_credentials(&mut self) {
        let app = Arc::clone(&self.app);
        self.restoring = Some(clock::spawn_named("restore-credentials", async move {
            for (id, live) in app.view.all() {
                if let Err(error) = restore_credentials(&app, &id, &live.client_id).await {
                    tracing::warn!(gateway.id = %id, error = %error.failure, "credentials not restored");
                }
            }
        }));
    }

    /// Without the message queue nobody can be reached: everybody is offline.
    async fn handle_bus_lost(&mut self) {
        self.receiver = None;
        self.restoring = None;
        self.app.view.set_bus_connected(false);
        self.retry_bus_later("the connection to it ended");
        for id in self.app.view.ids() {
            let gone = self.app.view.update(&id, |live| {
                let was_online = live.channels.is_online();
                live.channels.replace(std::iter::empty());
                was_online
            });
            if gone == Some(true) {
                self.app.publish_gateway(&id).await;
            }
        }
    }

    async fn handle_online(&mut self, channels: Vec<Online>) {
        let mut of_gateway: HashMap<GatewayId, Vec<Online>> = HashMap::new();
        for online in channels {
            if let Some(id) = self.gateway_of(&online.client_id).await {
                of_gateway.entry(id).or_default().push(online);
            }
        }
        for id in self.app.view.ids() {
            let now_online = of_gateway.get(&id).map_or(&[][..], Vec::as_slice);
            let changed = self.app.view.update(&id, |live| {
                let before = live.channels.is_online();
                live.channels.replace(now_online.iter());
                before != live.channels.is_online()
            });
            if changed == Some(true) && now_online.is_empty() {
                self.app.publish_gateway(&id).await;
            }
        }
        for (id, channels) in of_gateway {
            let newest = channels.into_iter().max_by_key(|c| c.since);
            if let Some(newest) = newest {
                self.greet(
                    &id,
                    &newest.client_id,
                    &newest.access_key_id,
                    newest.address,
                )
                .await;
            }
        }
    }

    async fn handle_presence(&mut self, presence: Presence) {
        let Some(id) = self.gateway_of(&presence.client_id).await else {
            return;
        };
        match presence.kind {
            PresenceKind::Connect {
                address,
                access_key_id,
            } => {
                let channel = Channel {
                    since: presence.at,
                    address: address.clone(),
                };
                let open = self.app.view.update(&id, |live| {
                    live.channels.handle_connect(presence.channel, channel)
                });
                if open == Some(true) {
                    self.greet(&id, &presence.client_id, &access_key_id, address)
                        .await;
                }
            }
            PresenceKind::TcpClean { reason } => {
                tracing::info!(gateway.id = %id, reason, "a connection is gone");
                let gone = self
                    .app
                    .view
                    .update(&id, |live| live.channels.handle_clean(presence.channel));
                if reason == TAKEN_OVER {
                    self.handle_taken_over(&id, gone.flatten()).await;
                }
                self.app.publish_gateway(&id).await;
            }
            PresenceKind::Disconnect => {}
        }
    }

    /// A gateway has connected.
    async fn greet(&mut self, id: &GatewayId, client_id: &ClientId, key: &str, address: String) {
        tracing::info!(gateway.id = %id, address, "a gateway is connected");
        let now = self.app.clock.wall();
        self.batch.note_seen(id, now, Some(address));
        self.app
            .view
            .update(id, |live| live.last_seen_at = Some(now));
        let standing = credentials::handle_connect(&self.app, id, client_id, key).await;
        match standing {
            Ok(Standing::Member) => {
                self.send_intent(id).await;
                self.express.connected(id);
                if let Err(error) = self.ask_what_became(id).await {
                    tracing::error!(gateway.id = %id, error = %error.failure, "cannot ask about commands");
                }
                let first = self.app.clock.now() + FIRST_PING_AFTER;
                self.pings.insert(id.clone(), first);
            }
            Ok(Standing::Joining | Standing::Stranger) => {}
            Err(error) => {
                tracing::error!(gateway.id = %id, error = %error.failure, "a gateway cannot be let in");
            }
        }
        self.app.publish_gateway(id).await;
    }

    /// The gateway whose client this is. A client of another group may have the same device ID; it
    /// is somebody else.
    pub(super) async fn gateway_of(&self, client_id: &ClientId) -> Option<GatewayId> {
        let id: GatewayId = client_id.device().parse().ok()?;
        if !self.know(&id).await {
            return None;
        }
        let is_its = self
            .app
            .view
            .update(&id, |live| live.client_id == *client_id);
        (is_its == Some(true)).then_some(id)
    }

    /// Whether this is one of our gateways; one that was made since the start is learnt now.
    pub(super) async fn know(&self, id: &GatewayId) -> bool {
        if self.app.view.contains(id) {
            return true;
        }
        let Ok(record) = self.app.database.gateway(id).await else {
            return false;
        };
        let live = Live::new(record.client_id, record.intent_version);
        self.app.view.insert(record.id, live);
        true
    }

    fn is_online(&self, id: &GatewayId) -> bool {
        let online = self.app.view.update(id, |live| live.channels.is_online());
        online == Some(true)
    }

    pub(super) async fn send_intent(&self, id: &GatewayId) {
        let now = self.app.clock.wall();
        self.app
            .view
            .update(id, |live| live.intent_sent_at = Some(now));
        match send_intent(&self.app, id).await.map_err(|e| e.failure) {
            Ok(()) => {}
            // It gets it when it is back.
            Err(failure) if failure.code == ErrorCode::Offline => {
                tracing::debug!(gateway.id = %id, error = %failure, "intent not sent");
            }
            Err(failure) => {
                tracing::error!(gateway.id = %id, error = %failure, "intent not sent");
            }
        }
    }

    /// A gateway is back, or this console is: what became of the commands under way?
    async fn ask_what_became(&mut self, id: &GatewayId) -> ApiResult<()> {
        use database::{CommandFilter, CommandState};
        for (state, limit) in [
            (CommandState::Pending, PENDING_MAX),
            (CommandState::Unknown, UNKNOWN_ASKED_MAX),
        ] {
            let filter = CommandFilter {
                gateway: Some(id.clone()),
                state: Some(state),
                before: None,
            };
            for command in self.app.database.commands(&filter, limit).await? {
                let now = self.app.clock.wall();
                let asked =
                    calls::apply(&self.app, command.id, |call| call.handle_connected(now)).await?;
                if let Some((_, Check::Ask)) = asked {
                    self.inquire(id, command.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Commands whose time to be looked at has come.
    async fn check_commands(&mut self) -> ApiResult<()> {
        let now = self.app.clock.wall();
        for command in self.app.database.due_commands(now, DUE_MAX).await? {
            let checked = calls::apply(&self.app, command.id, |call| call.handle_time(now)).await?;
            if let Some((_, Check::Ask)) = checked {
                self.inquire(&command.gateway, command.id).await?;
            }
        }
        Ok(())
    }

    async fn inquire(&mut self, gateway: &GatewayId, about: CommandId) -> ApiResult<()> {
        let params = serde_json::json!({ "id": about });
        let query = Query::Inquiry(about);
        if !self
            .send_query(gateway, Method::CommandGet, params, query)
            .await
        {
            let now = self.app.clock.wall();
            calls::apply(&self.app, about, |call| call.handle_unreachable(now)).await?;
        }
        Ok(())
    }

    async fn send_pings(&mut self) {
        let now = self.app.clock.now();
        let due: Vec<GatewayId> = self
            .pings
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let params = serde_json::Value::Null;
            if self
                .send_query(&id, Method::StatusGet, params, Query::Ping)
                .await
            {
                // Spread, so that a fleet that came at once is not measured at once.
                let spread = rand::rng().random_range(0.8..1.2);
                self.pings.insert(id, now + PING_INTERVAL.mul_f64(spread));
            } else if self.is_online(&id) {
                self.pings.insert(id, now + PING_INTERVAL);
            } else {
                self.pings.remove(&id);
            }
        }
    }

    /// Sends a message of our own; whether it left.
    async fn send_query(
        &mut self,
        gateway: &GatewayId,
        method: Method,
        params: serde_json::Value,
        query: Query,
    ) -> bool {
        let client_id = self.app.view.update(gateway, |live| live.client_id.clone());
        let Some(client_id) = client_id.filter(|_| self.queries.has_room()) else {
            return false;
        };
        let noreply = query == Query::Ping;
        let command = self.app.own_command(method, params, noreply, QUERY_AGE_MAX);
        let asked = Asked {
            gateway: gateway.clone(),
            query,
            at: self.app.clock.now(),
        };
        self.queries.insert(command.id, asked);
        let sent = self.app.send_command(&client_id, &command).await;
        if sent.is_err() {
            self.queries.remove(command.id);
        }
        sent.is_ok()
    }
}

/// The next event of the message queue; for ever nothing while it is not reached.
async fn recv(receiver: &mut Option<BusReceiver>) -> Option<BusEvent> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
