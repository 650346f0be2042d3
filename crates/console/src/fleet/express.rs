//! Express sync: what one gateway changed in a bucket goes to the others over the same objects.
//!
//! The owner only lays reports on the [`Desk`]; the [`relay`] sends beside it, so that a queue
//! that is slow to take notices never holds up presence or results. What the desk has no room for
//! is lost, and the numbers of batches tell the receivers.

mod relay;
mod routes;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use model::{ChangeReport, GatewayId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{CHANGES_BYTES_MAX, CHANGES_OF_ONE_MAX, CHANGES_WAITING_MAX};
pub(super) use relay::Relay;

/// A report and who made it.
#[derive(Debug)]
struct Report {
    from: GatewayId,
    /// By the gateway's clock.
    at: Timestamp,
    report: ChangeReport,
    /// Of its message.
    len: usize,
}

/// What waits for the relay.
#[derive(Debug, Default)]
struct Work {
    reports: VecDeque<Report>,
    bytes: usize,
    of_gateway: HashMap<GatewayId, usize>,
    /// Their shares are others now.
    changed: BTreeSet<GatewayId>,
    /// They are connected anew.
    connected: BTreeSet<GatewayId>,
}

/// Between the owner and the relay.
#[derive(Debug, Default)]
pub(super) struct Desk {
    work: Mutex<Work>,
    arrived: Notify,
}

impl Desk {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A gateway told what it changed, in a message of `len` bytes.
    pub(super) fn report(&self, from: &GatewayId, at: Timestamp, report: ChangeReport, len: usize) {
        let mut work = self.work.lock();
        let of_gateway = work.of_gateway.get(from).copied().unwrap_or_default();
        let has_room = work.reports.len() < CHANGES_WAITING_MAX
            && work.bytes + len <= CHANGES_BYTES_MAX
            && of_gateway < CHANGES_OF_ONE_MAX;
        if !has_room {
            tracing::debug!(gateway.id = %from, "changes are dropped; others will list the bucket");
            return;
        }
        work.bytes += len;
        work.of_gateway.insert(from.clone(), of_gateway + 1);
        work.reports.push_back(Report {
            from: from.clone(),
            at,
            report,
            len,
        });
        drop(work);
        self.arrived.notify_one();
    }

    /// The shares of a gateway are others now, or it is no more.
    pub(super) fn shares_changed(&self, gateway: &GatewayId) {
        self.work.lock().changed.insert(gateway.clone());
        self.arrived.notify_one();
    }

    /// A gateway is connected anew: it may have missed something.
    pub(super) fn connected(&self, gateway: &GatewayId) {
        self.work.lock().connected.insert(gateway.clone());
        self.arrived.notify_one();
    }

    /// Waits until something was laid down since the last look.
    async fn arrived(&self) {
        self.arrived.notified().await;
    }

    fn take_report(&self) -> Option<Report> {
        let mut work = self.work.lock();
        let report = work.reports.pop_front()?;
        work.bytes = work.bytes.saturating_sub(report.len);
        let left = work.of_gateway.remove(&report.from).unwrap_or_default();
        if left > 1 {
            work.of_gateway.insert(report.from.clone(), left - 1);
        }
        Some(report)
    }

    fn take_changed(&self) -> BTreeSet<GatewayId> {
        std::mem::take(&mut self.work.lock().changed)
    }

    fn take_connected(&self) -> BTreeSet<GatewayId> {
        std::mem::take(&mut self.work.lock().connected)
    }
}

#[cfg(test)]
mod tests {
    use model::ChangeBatch;

    use super::*;

    fn lay(desk: &Desk, gateway: &str, len: usize) {
        let report = ChangeReport {
            share: "a".parse().unwrap(),
            batch: ChangeBatch {
                epoch: 1,
                sequence: 1,
                changes: Vec::new(),
            },
        };
        let at = Timestamp::from_millis(0);
        desk.report(&gateway.parse().unwrap(), at, report, len);
    }

    #[test]
    fn one_gateway_that_talks_much_leaves_room_for_others() {
        let desk = Desk::new();
        for _ in 0..2 * CHANGES_OF_ONE_MAX {
            lay(&desk, "gw-loud", 10);
        }
        lay(&desk, "gw-quiet", 10);
        let mut taken = Vec::new();
        while let Some(report) = desk.take_report() {
            taken.push(report.from.to_string());
        }
        assert_eq!(taken.len(), CHANGES_OF_ONE_MAX + 1);
        assert_eq!(taken.last().unwrap(), "gw-quiet");
        lay(&desk, "gw-loud", CHANGES_BYTES_MAX);
        lay(&desk, "gw-quiet", 1);
        assert!(desk.take_report().is_some() && desk.take_report().is_none());
        let work = desk.work.lock();
        assert_eq!((work.bytes, work.of_gateway.len()), (0, 0));
    }
}
