//! Totals over all gateways.

use serde::Serialize;
use utoipa::ToSchema;

use super::Rates;

/// Gateways by state.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct GatewayTotals {
    /// All.
    pub(crate) total: u64,
    /// Connected.
    pub(crate) online: u64,
    /// Not connected.
    pub(crate) offline: u64,
    /// Not joined yet.
    pub(crate) activating: u64,
}

/// Shares by state.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ShareTotals {
    /// All that are reported.
    pub(crate) total: u64,
    /// Clients can mount them.
    pub(crate) serving: u64,
    /// They cannot be served.
    pub(crate) failed: u64,
}

/// Commands that need somebody's attention.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct CommandTotals {
    /// Without an outcome.
    pub(crate) pending: u64,
    /// Failed or not executed in the last 24 hours, and not reissued.
    pub(crate) failed: u64,
    /// Unknown in the last 24 hours, and not reissued.
    pub(crate) unknown: u64,
}

/// Totals over all gateways.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// Gateways by state.
    pub(crate) gateways: GatewayTotals,
    /// Shares by state.
    pub(crate) shares: ShareTotals,
    /// Bytes not yet safe in an object store.
    pub(crate) dirty_bytes: u64,
    /// Files with such bytes.
    pub(crate) dirty_files: u64,
    /// Age of the oldest such byte.
    pub(crate) oldest_dirty_age_ms: u64,
    /// Files whose upload failed and is tried again.
    pub(crate) uploads_failing: u64,
    /// Sums over all gateways that are online.
    pub(crate) rates: Rates,
    /// Commands that need somebody's attention.
    pub(crate) commands: CommandTotals,
    /// Whether the message queue can be reached.
    pub(crate) bus_connected: bool,
    /// When this was counted.
    pub(crate) at: u64,
}
