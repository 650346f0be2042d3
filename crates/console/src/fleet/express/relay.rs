//! Sends to each gateway what others changed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use message_bus::BusError;
use model::{ChangeBatch, ChangeNotice, ChangeSource, GatewayId, Timestamp};

use super::{
    Desk, Report,
    routes::{Peer, Routes},
};
use crate::app::App;

/// Wait before what could not be done is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The relay. Its state is only what it heard: a new console learns it again from what gateways
/// repeat.
pub(in crate::fleet) struct Relay {
    app: Arc<App>,
    desk: Arc<Desk>,
    /// Not read yet, if `None`.
    routes: Option<Routes>,
    /// The last batch of each share.
    heard: HashMap<ChangeSource, Number>,
    /// Gateways that a notice did not reach though they are connected: they are told the last
    /// numbers.
    owed: BTreeSet<GatewayId>,
}

/// Of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    epoch: u64,
    sequence: u64,
}

impl Relay {
    pub(in crate::fleet) fn new(app: Arc<App>, desk: Arc<Desk>) -> Self {
        Self {
            app,
            desk,
            routes: None,
            heard: HashMap::new(),
            owed: BTreeSet::new(),
        }
    }

    /// Passes on, for ever.
    pub(in crate::fleet) async fn run(mut self) {
        let clock = self.app.clock.clone();
        loop {
            if let Err(error) = self.read_routes().await {
                tracing::error!(%error, "shares cannot be read: changes are not passed on");
                clock.sleep(RETRY_PAUSE).await;
                continue;
            }
            if let Some(report) = self.desk.take_report() {
                self.pass_on(report).await;
                continue;
            }
            let connected = self.desk.take_connected();
            if !connected.is_empty() {
                for gateway in connected {
                    self.tell_numbers(&gateway).await;
                }
                continue;
            }
            tokio::select! {
                () = self.desk.arrived() => {}
                () = clock.sleep(RETRY_PAUSE), if !self.owed.is_empty() => {
                    for gateway in std::mem::take(&mut self.owed) {
                        self.tell_numbers(&gateway).await;
                    }
                }
            }
        }
    }

    /// Learns of shares that are others now; of all at first.
    async fn read_routes(&mut self) -> Result<(), database::DatabaseError> {
        let database = &self.app.database;
        let Some(routes) = &mut self.routes else {
            let mut routes = Routes::default();
            for placed in database.share_places(None).await? {
                routes.add(placed);
            }
            self.routes = Some(routes);
            return Ok(());
        };
        let changed = self.desk.take_changed();
        if changed.is_empty() {
            return Ok(());
        }
        for gateway in &changed {
            match database.share_places(Some(gateway)).await {
                Ok(shares) => routes.replace(gateway, shares),
                Err(error) => {
                    // All of them again.
                    self.routes = None;
                    return Err(error);
                }
            }
        }
        self.heard
            .retain(|source, _| routes.place(source).is_some());
        Ok(())
    }

    async fn pass_on(&mut self, report: Report) {
        let Report {
            from, at, report, ..
        } = report;
        let source = ChangeSource {
            gateway: from,
            share: report.share,
        };
        let Some(routes) = &self.routes else {
            return;
        };
        let Some(place) = routes.place(&source) else {
            tracing::debug!(gateway.id = %source.gateway, share.name = %source.share, "changes of a share that is not there or has no express sync");
            return;
        };
        let batch = report.batch;
        if !place.may_write && !batch.changes.is_empty() {
            tracing::warn!(gateway.id = %source.gateway, share.name = %source.share, "changes of a share that is read only; ignored");
            return;
        }
        let number = Number {
            epoch: batch.epoch,
            sequence: batch.sequence,
        };
        let before = self.heard.insert(source.clone(), number);
        if before == Some(number) {
            // No news; but what it was told last may have been lost on its way.
            return self.tell_numbers_to(&source).await;
        }
        let peers = routes.peers(&source);
        self.send_all(&source, at, &batch, &peers).await;
        if before.is_none_or(|before| before.epoch != number.epoch) {
            // It was opened just now, and has heard of nobody.
            self.tell_numbers_to(&source).await;
        }
    }

    async fn send_all(
        &mut self,
        source: &ChangeSource,
        at: Timestamp,
        batch: &ChangeBatch,
        peers: &[Peer],
    ) {
        let sends = peers.iter().map(|peer| {
            let app = &self.app;
            async move {
                let sent = send(app, source, at, peer, batch).await;
                (peer.gateway.clone(), sent)
            }
        });
        for (gateway, sent) in futures::future::join_all(sends).await {
            match sent {
                // Who is not there hears the numbers when it is back.
                Ok(()) | Err(BusError::Offline { .. }) => {}
                Err(error) => {
                    tracing::debug!(gateway.id = %gateway, %error, "a notice of changes is lost");
                    self.owed.insert(gateway);
                }
            }
        }
    }

    /// Tells a gateway the last numbers of all that its shares should have heard.
    async fn tell_numbers(&mut self, gateway: &GatewayId) {
        let routes = self.routes.as_ref();
        let shares = routes.map(|routes| routes.shares_of(gateway));
        for share in shares.unwrap_or_default() {
            self.tell_numbers_to(&share).await;
        }
    }

    async fn tell_numbers_to(&mut self, receiver: &ChangeSource) {
        let Some(routes) = &self.routes else {
            return;
        };
        let mut numbers = Vec::new();
        for peer in routes.peers(receiver) {
            let source = ChangeSource {
                gateway: peer.gateway,
                share: peer.share,
            };
            let Some(number) = self.heard.get(&source) else {
                continue;
            };
            let back = routes
                .peers(&source)
                .into_iter()
                .find(|back| back.gateway == receiver.gateway && back.share == receiver.share);
            let batch = ChangeBatch {
                epoch: number.epoch,
                sequence: number.sequence,
                changes: Vec::new(),
            };
            numbers.extend(back.map(|back| (source, batch, back)));
        }
        let now = self.app.clock.wall();
        for (source, batch, back) in numbers {
            self.send_all(&source, now, &batch, &[back]).await;
        }
    }
}

async fn send(
    app: &App,
    source: &ChangeSource,
    at: Timestamp,
    peer: &Peer,
    batch: &ChangeBatch,
) -> Result<(), BusError> {
    let Some(client_id) = app.view.client_if_online(&peer.gateway) else {
        return Ok(());
    };
    let (prefix, batch) = peer.see(batch);
    let notice = ChangeNotice {
        share: peer.share.clone(),
        from: source.clone(),
        at,
        prefix,
        batch,
    };
    app.send_notice(&client_id, &notice).await
}
