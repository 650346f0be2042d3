//! What all parts of the console share.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clock::Clock;
use database::{Database, DatabaseError, EventRecord};
use message_bus::{BusError, MessageBus};
use model::{
    CMD, ChangeNotice, ClientId, Command, CommandId, Downlink, EXPRESS, GatewayId, INTENT, Method,
    ParentTopic, Timestamp, WIRE_VERSION,
};
use serde::Serialize;
use sts::StsClient;
use uuid::Uuid;

use crate::{
    api::{Gateway, PlacedShare, ShareKeys},
    audit::Auditor,
    auth::{login_limit::LoginLimit, password::Passwords},
    bucket_probe::BucketProbe,
    bundle::BundleSigner,
    config::ConsoleConfig,
    fleet::{FleetHandle, View, view},
    limits::SEND_TIMEOUT,
    stream::{Item, Stream},
};

/// What all parts of the console share.
pub(crate) struct App {
    pub(crate) config: ConsoleConfig,
    pub(crate) clock: Clock,
    pub(crate) database: Arc<Database>,
    pub(crate) bus: Arc<dyn MessageBus>,
    pub(crate) audit: Arc<Auditor>,
    pub(crate) stream: Stream,
    pub(crate) view: View,
    pub(crate) fleet: FleetHandle,
    pub(crate) probe: Arc<dyn BucketProbe>,
    /// Asks roles to lend keys.
    pub(crate) sts: StsClient,
    pub(crate) passwords: Passwords,
    pub(crate) logins: LoginLimit,
    pub(crate) bundles: BundleSigner,
}

impl App {
    /// A new id; ids of later commands are larger.
    pub(crate) fn new_command_id() -> CommandId {
        CommandId(Uuid::now_v7())
    }

    /// A command of the console's own, which nobody issued.
    pub(crate) fn own_command(
        &self,
        method: Method,
        params: serde_json::Value,
        noreply: bool,
        good_for: Duration,
    ) -> Command {
        let now = self.clock.wall();
        Command {
            version: WIRE_VERSION,
            id: Self::new_command_id(),
            method,
            issued_at: now,
            deadline: now.plus(good_for),
            idempotency_key: Uuid::new_v4(),
            generation: 1,
            reply_to: self.config.node.clone(),
            noreply,
            params,
        }
    }

    /// Puts a command on a gateway's connection.
    pub(crate) async fn send_command(
        &self,
        to: &ClientId,
        command: &Command,
    ) -> Result<(), BusError> {
        self.send(CMD, to, command).await
    }

    /// Puts an intent or a credential on a gateway's connection.
    pub(crate) async fn send_downlink(
        &self,
        to: &ClientId,
        message: &Downlink,
    ) -> Result<(), BusError> {
        self.send(INTENT, to, message).await
    }

    /// Puts what others changed on a gateway's connection.
    pub(crate) async fn send_notice(
        &self,
        to: &ClientId,
        notice: &ChangeNotice,
    ) -> Result<(), BusError> {
        self.send(EXPRESS, to, notice).await
    }

    async fn send(
        &self,
        parent: &str,
        to: &ClientId,
        message: &(impl Serialize + Sync),
    ) -> Result<(), BusError> {
        let refused = |reason: String| BusError::Refused { reason };
        let parent: ParentTopic = parent
            .parse()
            .map_err(|e: model::TopicError| refused(e.to_string()))?;
        let payload = serde_json::to_vec(message).map_err(|e| refused(e.to_string()))?;
        let sending = self.bus.send(&parent, to, Bytes::from(payload));
        match tokio::time::timeout(SEND_TIMEOUT, sending).await {
            Ok(sent) => sent.map(|_channel| ()),
            Err(_elapsed) => Err(BusError::Unreachable {
                reason: "it does not answer".to_owned(),
            }),
        }
    }

    /// Keeps an event, and tells those who watch.
    pub(crate) async fn add_event(&self, record: EventRecord) -> Result<(), DatabaseError> {
        let stored = self.database.add_event(record).await?;
        self.stream.publish(Item::Event(stored.into()));
        Ok(())
    }

    /// A gateway as the API shows it.
    pub(crate) async fn gateway(&self, id: &GatewayId) -> Result<Gateway, DatabaseError> {
        let record = self.database.gateway(id).await?;
        let bundles = self.good_bundles().await?;
        let bundle = bundles.into_iter().find(|(of, _)| of == id);
        let live = self.view.get(id);
        Ok(view::gateway(
            record,
            live.as_ref(),
            bundle.map(|(_, at)| at),
        ))
    }

    /// All gateways as the API shows them.
    pub(crate) async fn gateways(&self) -> Result<Vec<Gateway>, DatabaseError> {
        let bundles = self.good_bundles().await?;
        let records = self.database.gateways().await?;
        let shown = records.into_iter().map(|record| {
            let bundle = bundles.iter().find(|(of, _)| *of == record.id);
            let live = self.view.get(&record.id);
            view::gateway(record, live.as_ref(), bundle.map(|(_, at)| *at))
        });
        Ok(shown.collect())
    }

    async fn good_bundles(&self) -> Result<Vec<(GatewayId, Timestamp)>, DatabaseError> {
        let now = self.clock.wall();
        let mut bundles = self.database.bundle_expiries().await?;
        bundles.retain(|(_, expires_at)| *expires_at > now);
        Ok(bundles)
    }

    /// Shares of a gateway as the API shows them.
    pub(crate) async fn shares(
        &self,
        id: &GatewayId,
    ) -> Result<Vec<crate::api::Share>, DatabaseError> {
        let version = self.database.gateway(id).await?.intent_version;
        let live = self.view.get(id);
        let shares = self.database.shares_of(id).await?;
        let (keys, now) = (self.database.lent_keys_of(id).await?, self.clock.wall());
        let shown = shares.into_iter().map(|share| {
            let keys = keys.iter().find(|keys| keys.share == share.settings.name);
            let keys = keys.map(|keys| ShareKeys::of(keys, now));
            view::share(share, version, live.as_ref(), keys)
        });
        Ok(shown.collect())
    }

    /// Shows a gateway as it is now to whoever listens.
    pub(crate) async fn publish_gateway(&self, id: &GatewayId) {
        if !self.stream.has_readers() {
            return;
        }
        match self.gateway(id).await {
            Ok(gateway) => self.stream.publish(Item::Gateway(Box::new(gateway))),
            Err(error) => tracing::debug!(gateway.id = %id, %error, "not shown"),
        }
    }

    /// Shows a gateway and its shares as they are now to whoever listens.
    pub(crate) async fn publish_gateway_and_shares(&self, id: &GatewayId) {
        if !self.stream.has_readers() {
            return;
        }
        self.publish_gateway(id).await;
        for share in self.shares(id).await.unwrap_or_default() {
            let gateway_id = id.as_str().to_owned();
            let placed = PlacedShare { gateway_id, share };
            self.stream.publish(Item::Share(Box::new(placed)));
        }
    }
}
