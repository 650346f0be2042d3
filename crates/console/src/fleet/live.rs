//! What is known of one gateway at this moment.

use std::collections::BTreeMap;

use database::StatusRecord;
use model::{ClientId, IntentReport, ShareName, Timestamp};

use super::{conflict::Conflicts, presence::Channels};
use crate::api::Rates;

/// What is known of one gateway at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) client_id: ClientId,
    pub(crate) channels: Channels,
    /// Connections that took each other's place.
    pub(crate) conflicts: Conflicts,
    /// The version of its intent that is wanted.
    pub(crate) wanted_version: u64,
    /// When the intent was last sent.
    pub(crate) intent_sent_at: Option<Timestamp>,
    /// When the intent was last raised above what the gateway knows.
    pub(crate) intent_raised_at: Option<Timestamp>,
    /// How far it says it has come, part by part.
    pub(crate) report: Option<IntentReport>,
    pub(crate) status: Option<StatusRecord>,
    pub(crate) rates: Option<BTreeMap<ShareName, Rates>>,
    pub(crate) round_trip_ms: Option<u64>,
    pub(crate) last_seen_at: Option<Timestamp>,
}

impl Live {
    pub(crate) fn new(client_id: ClientId, wanted_version: u64) -> Self {
        Self {
            client_id,
            channels: Channels::default(),
            conflicts: Conflicts::default(),
            wanted_version,
            intent_sent_at: None,
            intent_raised_at: None,
            report: None,
            status: None,
            rates: None,
            round_trip_ms: None,
            last_seen_at: None,
        }
    }

    /// The version it says it has reached, from its reports and its answers to intents.
    pub(crate) fn reached_version(&self) -> Option<u64> {
        let by_status = self.status.as_ref().map(|s| s.status.intent_version);
        let by_report = self.report.as_ref().map(|r| r.version);
        by_status.max(by_report)
    }

    pub(crate) fn total_rates(&self) -> Option<Rates> {
        let mut total = Rates::default();
        for rates in self.rates.as_ref()?.values() {
            total += *rates;
        }
        Some(total)
    }
}
