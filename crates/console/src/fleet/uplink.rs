//! What gateways send: replies, reports, events. Nothing in them is believed beyond what its
//! sender may say: the broker has authenticated who sent it, and that is whose it is.

use database::{EventRecord, StatusRecord};
use message_bus::Uplink;
use model::{
    EVENT, Event, EventKind, GatewayId, GatewayStatus, IntentReport, RESULT, Reply, STATUS,
    StatusMessage, Timestamp, WIRE_VERSION,
};
use serde::de::DeserializeOwned;

use super::{owner::Owner, rates};
use crate::{
    error::ApiResult,
    limits::{EVENT_MESSAGE_LEN_MAX, INTENT_RESEND_INTERVAL, INTENT_VERSION_MAX},
};

impl Owner {
    pub(super) async fn handle_uplink(&mut self, uplink: Uplink) {
        let Some(id) = self.gateway_of(&uplink.from).await else {
            return;
        };
        // The broker's clock, unless it is ahead of ours.
        let at = uplink.at.min(self.app.clock.wall());
        self.batch.note_seen(&id, at, None);
        self.app
            .view
            .update(&id, |live| live.last_seen_at = Some(at));
        let handled = match uplink.topic.parent() {
            RESULT => match parse::<Reply>(&id, &uplink) {
                Some(reply) if reply.version <= WIRE_VERSION => self.handle_reply(&id, reply).await,
                Some(_) | None => Ok(()),
            },
            STATUS => {
                if let Some(StatusMessage(status)) = parse(&id, &uplink) {
                    self.handle_status(&id, at, status).await;
                }
                Ok(())
            }
            EVENT => match parse::<Event>(&id, &uplink) {
                Some(Event {
                    at: made_at,
                    kind: EventKind::Changes(report),
                }) => {
                    let len = uplink.payload.len();
                    self.express.report(&id, made_at, report, len);
                    Ok(())
                }
                Some(event) => self.handle_event(&id, at, event.kind).await,
                None => Ok(()),
            },
            _ => Ok(()),
        };
        if let Err(error) = handled {
            tracing::error!(gateway.id = %id, error = %error.failure, "a message is lost");
        }
    }

    pub(super) async fn handle_status(
        &mut self,
        id: &GatewayId,
        at: Timestamp,
        status: GatewayStatus,
    ) {
        if status.gateway != *id {
            tracing::warn!(gateway.id = %id, says = %status.gateway, "a report under another name");
            return;
        }
        let record = StatusRecord { at, status };
        let known = self.app.view.update(id, |live| {
            if let Some(before) = &live.status
                && let Some(rates) = rates::between(&before.status, &record.status)
            {
                live.rates = Some(rates);
            }
            let behind = record.status.intent_version < live.wanted_version;
            let rested = live
                .intent_sent_at
                .is_none_or(|sent| at.since(sent) >= INTENT_RESEND_INTERVAL);
            live.status = Some(record.clone());
            (behind && rested, live.round_trip_ms)
        });
        let Some((resend, round_trip_ms)) = known else {
            return;
        };
        let reported = record.status.intent_version;
        self.batch.add_status(record, round_trip_ms);
        self.handle_version(id, reported).await;
        if resend {
            self.send_intent(id).await;
        }
        self.app.publish_gateway_and_shares(id).await;
    }

    async fn handle_event(
        &mut self,
        id: &GatewayId,
        at: Timestamp,
        kind: EventKind,
    ) -> ApiResult<()> {
        match kind {
            EventKind::IntentReport(report) => self.handle_intent_report(id, report).await,
            // Passed on before.
            EventKind::Changes(_) => {}
            EventKind::Notice {
                severity,
                share,
                message,
            } => {
                let record = EventRecord {
                    id: 0,
                    gateway: id.clone(),
                    at,
                    severity,
                    share: share.filter(|name| name.parse::<model::ShareName>().is_ok()),
                    message: shortened(message),
                };
                self.app.add_event(record).await?;
            }
        }
        Ok(())
    }

    async fn handle_intent_report(&mut self, id: &GatewayId, report: IntentReport) {
        let reported = report.version;
        if reported > INTENT_VERSION_MAX {
            tracing::warn!(gateway.id = %id, reported, "no gateway was ever told such a version");
            return;
        }
        self.app.view.update(id, |live| {
            // An older report that comes late says nothing new.
            if live
                .report
                .as_ref()
                .is_none_or(|r| r.version <= report.version)
            {
                live.report = Some(report);
            }
        });
        self.handle_version(id, reported).await;
        self.app.publish_gateway_and_shares(id).await;
    }
}

fn parse<T: DeserializeOwned>(id: &GatewayId, uplink: &Uplink) -> Option<T> {
    match serde_json::from_slice(&uplink.payload) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::warn!(gateway.id = %id, topic = %uplink.topic, %error, "a message is not understood");
            None
        }
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > EVENT_MESSAGE_LEN_MAX {
        let end = message.floor_char_boundary(EVENT_MESSAGE_LEN_MAX);
        message.truncate(end);
    }
    message
}
