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
    run::{Goal, Opened, Repair, is_over},
    wanted::Place,
};
use crate::{
    cache_disk::CacheDisk,
    limits::{BUCKET_CHECK_TIMEOUT, SHARE_RETRY_MAX},
    process,
};

/// All that opening a share needs.
pub(super) struct Opening {
    pub(super) factory: Arc<dyn ShareFactory>,
    pub(super) cache: CacheDisk,
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
                let dir = self.cache.dir().join(self.place.as_str());
                let mending = self.factory.repair(&dir, repair.data);
                let report = caught("mending the cache", mending).await;
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
        let opening = caught("opening the share", self.open()).await;
        let (outcome, known) = opening.unwrap_or_else(|f| (OpenOutcome::Failed(f), false));
        let is_open = matches!(outcome, OpenOutcome::Opened(_));
        self.opened(events, outcome).await;
        known && is_open
    }

    /// Opens it if it may be; whether it was open before.
    async fn open(&self) -> Result<(OpenOutcome, bool), Failure> {
        let dir = self.cache.dir().join(self.place.as_str());
        let known = tokio::fs::try_exists(&dir).await;
        let known = known.map_err(|e| disk_failure(&e))?;
        match self.goal {
            Goal::Drain if !known => {
                self.refuse_to_forget().await?;
                return Ok((OpenOutcome::Nothing, known));
            }
            Goal::Drain => {}
            Goal::Serve => {
                self.check_disk().await?;
                if !known {
                    self.check_bucket().await?;
                }
            }
        }
        let share = self.factory.open(&self.settings, &dir).await?;
        let with = self.settings.clone();
        let opened = Box::new(Opened { share, with });
        Ok((OpenOutcome::Opened(opened), known))
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

    /// There is nothing to upload only if this is the disk that it would be on.
    async fn refuse_to_forget(&self) -> Result<(), Failure> {
        let cache = self.cache.clone();
        let strange = tokio::task::spawn_blocking(move || cache.is_strange()).await;
        let strange = strange.unwrap_or_else(|e| Err(io::Error::other(e)));
        if !strange.map_err(|e| disk_failure(&e))? {
            return Ok(());
        }
        let (dir, note) = (self.cache.dir().display(), self.cache.note().display());
        let text = format!(
            "removed, and what it still has to upload is not there: `{dir}` is not the cache disk \
             that this gateway has filled. Mount that; or if it is lost, remove `{note}`"
        );
        Err(Failure::new(ErrorCode::Internal, text))
    }

    async fn check_disk(&self) -> Result<(), Failure> {
        let dir = self.cache.dir().to_owned();
        let disk = tokio::task::spawn_blocking(move || process::disk(&dir)).await;
        let disk = disk.unwrap_or_else(|e| Err(io::Error::other(e)));
        let free = disk.map_err(|e| disk_failure(&e))?.free_bytes;
        if free >= self.free_bytes_min {
            return Ok(());
        }
        let text = format!(
            "the cache disk `{}` has {free} bytes left; a share needs {} to start: make room on it",
            self.cache.dir().display(),
            self.free_bytes_min
        );
        Err(Failure::new(ErrorCode::CacheDiskFull, text))
    }
}

/// Ends a share's tasks; removes its directory if that is wanted, and nothing in it is needed.
pub(super) async fn close_job(
    share: Arc<dyn Share>,
    remove: Option<PathBuf>,
    place: Place,
    events: mpsc::Sender<Event>,
) {
    let closing = async {
        share.close().await;
        Ok(())
    };
    if let Err(failure) = caught("closing the share", closing).await {
        warn!(place = place.as_str(), error = %failure.message, "a share was not closed in order");
    }
    // Looked at once more: what was seen before may have been a moment between two changes.
    let remove = remove.filter(|_| is_over(&*share));
    drop(share);
    let is_gone = remove.is_some();
    if let Some(dir) = remove
        && let Err(error) = tokio::fs::remove_dir_all(&dir).await
    {
        warn!(dir = %dir.display(), %error, "cannot remove the cache of a removed share");
    }
    send(&events, Event::Closed { place, is_gone }).await;
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

/// Work whose end others wait for, however it ends: they would wait for ever for a panic.
async fn caught<T>(
    what: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let panic = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(answer) => return answer,
        Err(panic) => panic,
    };
    let of_format = panic.downcast_ref::<String>().map(String::as_str);
    let said = of_format.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = format!("{what} ended in a panic: {}", said.unwrap_or_default());
    Err(Failure::new(ErrorCode::Internal, text))
}
