//! A gateway that knows a newer intent than the database has: that was restored from a backup.
//!
//! A gateway takes no older intent, so what the console says from now on would be ignored. The
//! console's word is what counts: it goes on above what the gateway knows.

use database::EventRecord;
use model::{GatewayId, Severity, Timestamp};
use serde_json::json;

use super::owner::Owner;
use crate::{
    audit::{Deed, outcome_of},
    auth::Origin,
    error::{ApiError, ApiResult},
    limits::{INTENT_RAISE_INTERVAL, INTENT_VERSION_MAX},
};

impl Owner {
    /// Looks at the version of the intent that a gateway says it has.
    pub(super) async fn handle_version(&self, id: &GatewayId, reported: u64) {
        let now = self.app.clock.wall();
        let is_ahead = self.app.view.update(id, |live| {
            let rested = live
                .intent_raised_at
                .is_none_or(|at| now.since(at) >= INTENT_RAISE_INTERVAL);
            reported > live.wanted_version && rested
        });
        if is_ahead != Some(true) {
            return;
        }
        if reported > INTENT_VERSION_MAX {
            tracing::warn!(gateway.id = %id, reported, "no gateway was ever told such a version");
            return;
        }
        if let Err(error) = self.overtake(id, reported, now).await {
            tracing::error!(gateway.id = %id, error = %error.failure, "an intent is behind its gateway");
        }
    }

    async fn overtake(&self, id: &GatewayId, reported: u64, now: Timestamp) -> ApiResult<()> {
        let stored = self.app.database.gateway(id).await?.intent_version;
        if stored >= reported {
            // A change of which this loop is about to hear, and the gateway has.
            return Ok(());
        }
        let deed = Deed {
            action: "gateway.raise_intent",
            target: format!("gateway/{id}"),
            details: json!({"reported": reported, "stored": stored}),
        };
        let audit = &self.app.audit;
        let entry = audit.open("system", &Origin::system(), deed).await?;
        let raised = self.app.database.raise_intent(id, reported).await;
        let raised = raised.map_err(ApiError::from);
        audit.close(entry, outcome_of(&raised)).await;
        let version = raised?;
        self.app.view.update(id, |live| {
            live.wanted_version = live.wanted_version.max(version);
            live.intent_raised_at = Some(now);
        });
        self.send_intent(id).await;
        let message = format!(
            "the gateway knows version {reported} of its shares and settings, and the console's \
             database had version {stored}, as after a restore from a backup; the console's are \
             sent as version {version}: shares that were made since the backup are removed from \
             the gateway, once what they hold is in the bucket; make them again if they are wanted"
        );
        tracing::warn!(gateway.id = %id, message, "intent raised");
        let record = EventRecord {
            id: 0,
            gateway: id.clone(),
            at: now,
            severity: Severity::Warning,
            share: None,
            message,
        };
        self.app.add_event(record).await?;
        Ok(())
    }
}
