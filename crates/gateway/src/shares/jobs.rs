//! Work for one share that waits: it runs beside the loop and comes back as an event.

use std::{io, panic::AssertUnwindSafe, path::PathBuf, sync::Arc};

use clock::Clock;
use futures::FutureExt as _;
use model::{ErrorCode, Failure, ShareSettings};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{
    events::{Event, OpenOutcome},
    factory::{Share, ShareFactory},
    run::{Goal, Opened, Repair},
    wanted::Place,
};
use crate::{
    limits::{BUCKET_CHECK_TIMEOUT, SHARE_RETRY_MAX},
    process,
};

/// All that opening a share needs.
pub(super) struct Opening {
    pub(super) factory: Arc<dyn ShareFactory>,
    pub(super) cache_dir: PathBuf,
    pub(super) free_bytes_min: u64,
    pub(super) clock: Clock,
    pub(super) settings: ShareSettings,
    pub(super) goal: Goal,
    pub(super) place: Place,
}

impl Opening {
    /// A share that was open before is opened at once, bucket or no bucket: it serves what is
    /// on its disk. A new one must have a bucket that works.
    /// First its cache is mended, if somebody wants that; he hears of it when the share is open.
    pub(super) async fn run(self, repair: Option<Repair>, events: mpsc::Sender<Event>) {
        let mended = match repair {
            Some(repair) => {
                let dir = self.cache_dir.join(self.place.as_str());
                let report = self.factory.repair(&dir, repair.data).await;
                Some((report, repair.done))
            }
            None => None,
        };
        let is_known = self.open_known(&events).await;
        if let Some((report, done)) = mended {
            // Whoever asked may have gone.
            drop(done.send(report));
        }
        if is_known {
            self.watch(events).await;
        }
    }

    /// Whether it was open before, and is again.
    async fn open_known(&self, events: &mpsc::Sender<Event>) -> bool {
        let dir = self.cache_dir.join(self.place.as_str());
        let known = match tokio::fs::try_exists(&dir).await {
            Ok(known) => known,
            Err(error) => {
                self.opened(events, disk_failed(&error)).await;
                return false;
            }
        };
        let outcome = match (self.goal, known) {
            (Goal::Drain, false) => OpenOutcome::Nothing,
            (Goal::Drain, true) => self.open().await,
            (Goal::Serve, known) => match self.check_disk().await {
                Err(failure) => OpenOutcome::Failed(failure),
                Ok(()) if known => self.open().await,
                Ok(()) => match self.check_bucket().await {
                    Err(failure) => OpenOutcome::Failed(failure),
                    Ok(()) => self.open().await,
                },
            },
        };
        let is_open = matches!(outcome, OpenOutcome::Opened(_));
        self.opened(events, outcome).await;
        known && is_open
    }

    async fn open(&self) -> OpenOutcome {
        let dir = self.cache_dir.join(self.place.as_str());
        let opening = AssertUnwindSafe(self.factory.open(&self.settings, &dir));
        match opening.catch_unwind().await {
            Ok(Ok(share)) => {
                let with = self.settings.clone();
                OpenOutcome::Opened(Box::new(Opened { share, with }))
            }
            Ok(Err(failure)) => OpenOutcome::Failed(failure),
            // Whoever waits for the share would wait for ever. The log has the panic.
            Err(_) => {
                let text = "opening the share ended in a panic";
                OpenOutcome::Failed(Failure::new(ErrorCode::Internal, text))
            }
        }
    }

    async fn opened(&self, events: &mpsc::Sender<Event>, outcome: OpenOutcome) {
        let place = self.place.clone();
        send(events, Event::Opened { place, outcome }).await;
    }

    /// Asks until the bucket says something that needs nobody's help.
    pub(super) async fn watch(self, events: mpsc::Sender<Event>) {
        loop {
            let failure = self.check_bucket().await.err().filter(needs_operator);
            let again = failure.is_some();
            let place = self.place.clone();
            send(&events, Event::Checked { place, failure }).await;
            if !again {
                return;
            }
            self.clock.sleep(SHARE_RETRY_MAX).await;
        }
    }

    async fn check_bucket(&self) -> Result<(), Failure> {
        tokio::select! {
            checked = self.factory.check(&self.settings) => checked,
            () = self.clock.sleep(BUCKET_CHECK_TIMEOUT) => {
                let endpoint = &self.settings.bucket.endpoint;
                let text = format!("{endpoint} did not answer within {BUCKET_CHECK_TIMEOUT:?}");
                Err(Failure::new(ErrorCode::BucketUnreachable, text))
            }
        }
    }

    async fn check_disk(&self) -> Result<(), Failure> {
        let dir = self.cache_dir.clone();
        let disk = tokio::task::spawn_blocking(move || process::disk(&dir)).await;
        let disk = disk.unwrap_or_else(|e| Err(io::Error::other(e)));
        let free = disk.map_err(|e| disk_failure(&e))?.free_bytes;
        if free >= self.free_bytes_min {
            return Ok(());
        }
        let text = format!(
            "the cache disk `{}` has {free} bytes left; a share needs {} to start: make room on it",
            self.cache_dir.display(),
            self.free_bytes_min
        );
        Err(Failure::new(ErrorCode::CacheDiskFull, text))
    }
}

/// Ends a share's tasks; removes its directory if it has no further use.
pub(super) async fn close_job(
    share: Arc<dyn Share>,
    remove: Option<PathBuf>,
    place: Place,
    events: mpsc::Sender<Event>,
) {
    share.close().await;
    drop(share);
    if let Some(dir) = remove
        && let Err(error) = tokio::fs::remove_dir_all(&dir).await
    {
        warn!(dir = %dir.display(), %error, "cannot remove the cache of a removed share");
    }
    send(&events, Event::Closed { place }).await;
}

async fn send(events: &mpsc::Sender<Event>, event: Event) {
    if events.send(event).await.is_err() {
        debug!("the reconciler has ended");
    }
}

fn needs_operator(failure: &Failure) -> bool {
    matches!(
        failure.code,
        ErrorCode::BucketNotFound | ErrorCode::BucketAccessDenied
    )
}

fn disk_failure(error: &io::Error) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!("the cache disk fails: {error}"),
    )
}

fn disk_failed(error: &io::Error) -> OpenOutcome {
    OpenOutcome::Failed(disk_failure(error))
}
