//! Gateways, their bundles and events.

use database::EventRecord;
use model::{GatewayStatus, Location, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a gateway can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GatewayState {
    /// It has not joined yet.
    Activating,
    /// It is connected to the message queue.
    Online,
    /// It is not.
    Offline,
}

/// Bytes a second, from the last two reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rates {
    /// To the object store.
    pub(crate) upload_bytes_per_s: u64,
    /// From the object store.
    pub(crate) download_bytes_per_s: u64,
    /// To clients.
    pub(crate) read_bytes_per_s: u64,
    /// From clients.
    pub(crate) write_bytes_per_s: u64,
}

impl std::ops::AddAssign for Rates {
    fn add_assign(&mut self, other: Self) {
        self.upload_bytes_per_s += other.upload_bytes_per_s;
        self.download_bytes_per_s += other.download_bytes_per_s;
        self.read_bytes_per_s += other.read_bytes_per_s;
        self.write_bytes_per_s += other.write_bytes_per_s;
    }
}

/// A gateway.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Gateway {
    /// Its id.
    pub(crate) id: String,
    /// The name its operator gave it.
    pub(crate) name: String,
    /// Where it runs.
    pub(crate) location: Location,
    /// Its client of the message queue.
    pub(crate) client_id: String,
    /// Whether it can be reached.
    pub(crate) state: GatewayState,
    /// When it was last heard of.
    pub(crate) last_seen_at: Option<u64>,
    /// Since when it is connected.
    pub(crate) online_since: Option<u64>,
    /// Its address, as the broker sees it.
    pub(crate) address: Option<String>,
    /// Time for a message there and back.
    pub(crate) round_trip_ms: Option<u64>,
    /// Version of what is wanted of it.
    pub(crate) intent_version: u64,
    /// The version it says it has reached.
    pub(crate) reached_version: Option<u64>,
    /// Version of its software.
    pub(crate) software_version: Option<String>,
    /// When it joined.
    pub(crate) activated_at: Option<u64>,
    /// When it was made.
    pub(crate) created_at: u64,
    /// Until when its activation bundle can be used; nothing if there is none.
    pub(crate) bundle_expires_at: Option<u64>,
    /// Its last report.
    pub(crate) status: Option<GatewayStatus>,
    /// When that came.
    pub(crate) status_at: Option<u64>,
    /// Sum over its shares; nothing until two reports are there.
    pub(crate) rates: Option<Rates>,
}

/// On the stream: a gateway was deleted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GatewayGone {
    pub(crate) id: String,
    pub(crate) deleted: bool,
}

/// A new gateway.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewGateway {
    /// A name for people, 1 to 64 characters.
    pub(crate) name: String,
    /// Where it will run.
    #[serde(default)]
    pub(crate) location: Location,
}

/// A gateway's new name.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Rename {
    /// A name for people, 1 to 64 characters.
    pub(crate) name: String,
}

/// An activation bundle: all that a site needs to join one gateway, once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bundle {
    /// Its text. Shown once.
    #[schema(value_type = String)]
    pub(crate) bundle: model::Secret,
    /// Until when it can be used.
    pub(crate) expires_at: u64,
    /// What to run on the site.
    #[schema(value_type = String)]
    pub(crate) command: model::Secret,
}

/// A gateway that was made, and its bundle.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedGateway {
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// How it joins.
    #[serde(flatten)]
    pub(crate) bundle: Bundle,
}

/// Something a gateway told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its number.
    pub(crate) id: u64,
    /// Who told it.
    pub(crate) gateway_id: String,
    /// When.
    pub(crate) at: u64,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The share it is about.
    pub(crate) share: Option<String>,
    /// The sentence.
    pub(crate) message: String,
}

impl From<EventRecord> for Event {
    fn from(record: EventRecord) -> Self {
        Self {
            id: record.id,
            gateway_id: record.gateway.into(),
            at: record.at.as_millis(),
            severity: record.severity,
            share: record.share,
            message: record.message,
        }
    }
}
