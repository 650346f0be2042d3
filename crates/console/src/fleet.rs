//! The gateways as they are now: presence, reports, commands under way.
//!
//! One owner loop ([`owner`]) takes what comes from the message queue; only it writes the
//! [`View`] that requests read. What must not be lost goes to the database first.

mod ahead;
pub(crate) mod calls;
mod conflict;
mod credentials;
mod express;
mod flush;
pub(crate) mod intent;
mod live;
mod owner;
mod presence;
mod queries;
mod rates;
pub(crate) mod recovery;
mod replies;
mod uplink;
pub(crate) mod view;

use clock::Task;
use model::GatewayId;
use tokio::sync::mpsc;

use crate::limits::REQUESTS_MAX;
pub(crate) use credentials::{new_credential, settle_credentials};
pub(crate) use owner::Owner;
pub(crate) use view::View;

/// What requests tell the owner.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// Its intent has a new version.
    IntentChanged(GatewayId, u64),
    /// It is no more.
    Removed(GatewayId),
}

/// The requests' end of the owner.
#[derive(Clone, Debug)]
pub(crate) struct FleetHandle(mpsc::Sender<Notice>);

impl FleetHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
        (Self(sender), receiver)
    }

    /// Waits while the owner is busy. An owner that has ended needs no notice: the next one
    /// reads the database.
    pub(crate) async fn tell(&self, notice: Notice) {
        drop(self.0.send(notice).await);
    }
}

/// Starts the owner; it ends when the task is dropped.
pub(crate) fn start(owner: Owner) -> Task {
    clock::spawn_named("fleet-owner", owner.run())
}
