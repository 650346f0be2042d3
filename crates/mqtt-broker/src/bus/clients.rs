//! Clients of the broker as an administrator sees them: connected or blocked.

use message_bus::{
    BusError,
    admin::{
        AdminAnswer, AdminCall, ClientSession, ClientsPage, ClientsQuery, PAGE_MAX,
        SESSIONS_QUERY_MAX, Subscription,
    },
};
use model::ClientId;
use tokio::sync::oneshot;

use super::{EmbeddedBus, refused};
use crate::{
    inbox::{Describe, Letter},
    routes::Route,
    session::End,
};

impl EmbeddedBus {
    pub(super) async fn answer_clients(&self, call: AdminCall) -> Result<AdminAnswer, BusError> {
        match call {
            AdminCall::BlockedClients { query } => {
                let page = self.0.registry.blocked(&query);
                Ok(AdminAnswer::BlockedClients(page))
            }
            AdminCall::Block { client_id } => {
                let blocked = client_id.clone();
                self.change(move |shared| shared.registry.block(&blocked))
                    .await?;
                self.close_if(&client_id, End::ClosedByAdministrator, |_| true)
                    .await;
                Ok(AdminAnswer::Done)
            }
            AdminCall::Unblock { client_id } => {
                self.change(move |shared| shared.registry.unblock(&client_id))
                    .await?;
                Ok(AdminAnswer::Done)
            }
            AdminCall::CloseConnection { client_id } => {
                let end = End::ClosedByAdministrator;
                if self.close_if(&client_id, end, |_| true).await {
                    return Ok(AdminAnswer::Done);
                }
                Err(BusError::Offline { client_id })
            }
            AdminCall::Clients { query } => Ok(AdminAnswer::Clients(self.clients(&query))),
            AdminCall::Sessions { client_ids } => {
                let items = self.sessions_of(&client_ids).await?;
                Ok(AdminAnswer::Clients(ClientsPage { items, next: None }))
            }
            AdminCall::Send { message } => Ok(AdminAnswer::Sent(self.send_message(message).await?)),
            _ => Err(refused("this call is not known here")),
        }
    }

    fn clients(&self, query: &ClientsQuery) -> ClientsPage {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let after = query.after.as_deref().unwrap_or_default();
        let of_group = |id: &str| {
            let group = id.split_once("@@@").map(|(group, _)| group);
            query
                .group
                .as_ref()
                .is_none_or(|g| group == Some(g.as_str()))
        };
        let mut found = (self.0.routes).select(|id, _| id > after && of_group(id));
        let more = found.len() > limit;
        if more {
            found.select_nth_unstable_by(limit, |(a, _), (b, _)| a.cmp(b));
            found.truncate(limit);
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let next = found.last().filter(|_| more).map(|(id, _)| id.to_string());
        let items = found.iter().map(|(id, route)| online(id, route)).collect();
        ClientsPage { items, next }
    }

    async fn sessions_of(&self, client_ids: &[ClientId]) -> Result<Vec<ClientSession>, BusError> {
        let count = client_ids.len();
        if count == 0 || count > SESSIONS_QUERY_MAX {
            let text = format!("{count} client IDs; 1 to {SESSIONS_QUERY_MAX} are allowed");
            return Err(refused(&text));
        }
        let mut sessions = Vec::with_capacity(count);
        for client_id in client_ids {
            let Some(route) = self.0.routes.find(client_id.as_str()) else {
                sessions.push(offline(client_id));
                continue;
            };
            let mut session = online(client_id.as_str(), &route);
            session.subscriptions = self.subscriptions(&route).await;
            sessions.push(session);
        }
        Ok(sessions)
    }

    async fn subscriptions(&self, route: &Route) -> Vec<Subscription> {
        let (reply, described) = oneshot::channel();
        let (slot, channel) = (route.seat.slot, route.channel);
        let describe = Describe {
            slot,
            channel,
            reply,
        };
        let Some(inbox) = self.0.inboxes.get(usize::from(route.seat.shard)) else {
            return Vec::new();
        };
        if inbox.push(Letter::Describe(describe)).is_err() {
            return Vec::new();
        }
        // A connection that has gone meanwhile has none.
        let mut subscriptions = described.await.unwrap_or_default();
        subscriptions.sort();
        subscriptions
    }
}

fn online(client_id: &str, route: &Route) -> ClientSession {
    ClientSession {
        client_id: client_id.to_owned(),
        online: true,
        channel_id: Some(route.channel.to_string()),
        address: Some(route.origin.address.to_string()),
        since: Some(route.origin.since),
        credential: Some(route.origin.access_key_id.to_string()),
        subscriptions: Vec::new(),
    }
}

fn offline(client_id: &ClientId) -> ClientSession {
    ClientSession {
        client_id: client_id.to_string(),
        online: false,
        channel_id: None,
        address: None,
        since: None,
        credential: None,
        subscriptions: Vec::new(),
    }
}
