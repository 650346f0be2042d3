//! What the reconciler's loop is told, and the handle that tells it.

use std::sync::Arc;

use model::{ErrorCode, Failure, Intent, ShareCheck, ShareName};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    run::{Opened, Repair, Restarted},
    snapshot::Snapshot,
    wanted::Place,
};

/// What the loop is told.
pub(super) enum Event {
    /// An intent came. Answered when it is on disk.
    Intent {
        intent: Intent,
        stored: oneshot::Sender<()>,
    },
    /// Somebody wants a share to be closed and opened again.
    Restart { name: ShareName, done: Restarted },
    /// Somebody wants the cache of a share to be mended, which closes it for a while.
    Repair { name: ShareName, repair: Repair },
    /// The factory is done.
    Opened { place: Place, outcome: OpenOutcome },
    /// The bucket of a share that is already open was asked; what needs an operator.
    Checked {
        place: Place,
        failure: Option<Failure>,
    },
    /// A share's tasks have ended, and its directory is gone if it was to go.
    Closed { place: Place, is_gone: bool },
    /// Everything is to be closed.
    Shutdown { done: oneshot::Sender<()> },
}

/// How opening a share ended.
pub(super) enum OpenOutcome {
    /// It is open.
    Opened(Box<Opened>),
    /// It should be emptied, and there is nothing.
    Nothing,
    /// It cannot be opened.
    Failed(Failure),
}

/// The way to the reconciler.
#[derive(Clone, Debug)]
pub(crate) struct SharesHandle {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl SharesHandle {
    /// Hands an intent over. Says whether it is on disk (or was there already).
    pub(crate) async fn want(&self, intent: Intent) -> bool {
        let (stored, answer) = oneshot::channel();
        let sent = self.events.send(Event::Intent { intent, stored }).await;
        sent.is_ok() && answer.await.is_ok()
    }

    /// Closes a share and serves it again.
    pub(crate) async fn restart(&self, name: ShareName) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        let stopping = || Failure::new(ErrorCode::Busy, "the gateway is stopping");
        let sent = self.events.send(Event::Restart { name, done }).await;
        sent.ok().ok_or_else(stopping)?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Closes a share, mends its cache, and serves it again; what was found. With `data`, all data
    /// is read.
    pub(crate) async fn repair(&self, name: ShareName, data: bool) -> Result<ShareCheck, Failure> {
        let (done, answer) = oneshot::channel();
        let stopping = || Failure::new(ErrorCode::Busy, "the gateway is stopping");
        let repair = Repair { data, done };
        let sent = self.events.send(Event::Repair { name, repair }).await;
        sent.ok().ok_or_else(stopping)?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Closes all shares.
    pub(crate) async fn shutdown(&self) {
        let (done, answer) = oneshot::channel();
        if self.events.send(Event::Shutdown { done }).await.is_ok() {
            // An error means that the loop has ended: just as good.
            answer.await.unwrap_or_default();
        }
    }

    /// What the shares are doing now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Tells of each change.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}
