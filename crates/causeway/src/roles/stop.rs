//! Stopping a part in order, but not for ever.

use std::{future::Future, sync::Arc, time::Duration};

use clock::Clock;
use database::Database;
use mqtt_broker::Broker;

/// A part that takes longer is left to the end of the process. What was acknowledged is
/// durable, so this costs time at the next start, not data.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits until `stopping` is done, or for [`STOP_TIMEOUT`].
pub(super) async fn stop(clock: &Clock, part: &'static str, stopping: impl Future) {
    tokio::select! {
        _ = stopping => tracing::info!(part, "stopped"),
        () = clock.sleep(STOP_TIMEOUT) => tracing::warn!(part, "did not stop in time"),
    }
}

/// The broker waits for its threads, so it is stopped from one of its own.
pub(super) async fn stop_broker(clock: &Clock, broker: impl Into<Arc<Broker>>) {
    let broker = broker.into();
    let stopping = tokio::task::spawn_blocking(move || broker.shutdown());
    stop(clock, "broker", stopping).await;
}

/// Closes the connections to the database.
pub(super) async fn stop_database(clock: &Clock, database: &Database) {
    let stopping = async {
        if let Err(error) = database.shutdown().await {
            tracing::warn!(%error, "the database did not close in order");
        }
    };
    stop(clock, "database", stopping).await;
}
