//! One share: what it should do, and how far it is.
//!
//! ```text
//!           ┌───────────────────────────── retry ─────┐
//!  idle ──► opening ──► serving ◄──► draining         │
//!   ▲          │           │            │ clean       │
//!   │          ▼           ▼            ▼             │
//!   │        failed      closing ──►  closing for good ──► gone
//!   └──────────┴───────────┘
//! ```

use std::{sync::Arc, time::Instant};

use clock::Task;
use model::{BucketSettings, Failure, ShareCheck, ShareSettings};
use tokio::sync::oneshot;

use super::factory::Share;
use crate::limits::{SHARE_RETRY_MAX, SHARE_RETRY_MIN};

/// What a share should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Let clients in.
    Serve,
    /// Upload what is not in the bucket yet, then go.
    Drain,
}

/// How far it is; named for what it waits for.
pub(super) enum Phase {
    /// Its next step.
    Idle,
    /// The factory.
    Opening,
    /// Nothing: clients use it.
    Serving(Opened),
    /// Its uploads; no client gets in.
    Draining(Opened),
    /// Its tasks to end.
    Closing,
    /// The time of the next attempt.
    Failed { failure: Failure, retry_at: Instant },
}

/// A share that is open.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) share: Arc<dyn Share>,
    /// What it was opened with; its rules for clients are those of the last `serve`.
    pub(super) with: ShareSettings,
}

/// What follows when it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterClose {
    /// It is opened again.
    Reopen,
    /// Its directory is removed, if nothing in it is needed after all.
    Forget,
}

/// The next step of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// None for now.
    Wait,
    Open,
    Serve,
    Hide,
    /// It is emptied with other keys, or at another pace, than is wanted.
    Retune,
    Close(AfterClose),
}

/// Told when a restart is done.
pub(super) type Restarted = oneshot::Sender<Result<(), Failure>>;

/// A wish that the cache of a share is mended the next time it is opened.
pub(super) struct Repair {
    /// Whether all data is read, and compared with its checksums.
    pub(super) data: bool,
    /// Told what was found.
    pub(super) done: oneshot::Sender<Result<ShareCheck, Failure>>,
}

/// Whether somebody has asked for a restart.
#[derive(Default)]
pub(super) enum Restarts {
    #[default]
    None,
    /// It still has to be closed.
    Asked(Vec<Restarted>),
    /// It has been closed; they wait until it is served.
    Closed(Vec<Restarted>),
}

/// One share.
pub(super) struct Run {
    pub(super) settings: ShareSettings,
    pub(super) goal: Goal,
    pub(super) phase: Phase,
    /// What the bucket said when it was last asked, if that needs an operator.
    pub(super) bucket_failure: Option<Failure>,
    pub(super) restarts: Restarts,
    pub(super) repair: Option<Repair>,
    /// What works for it; a new job ends the one before.
    pub(super) job: Option<Task>,
    attempts: u32,
}

impl Run {
    pub(super) fn new(settings: ShareSettings, goal: Goal) -> Self {
        Self {
            settings,
            goal,
            phase: Phase::Idle,
            bucket_failure: None,
            restarts: Restarts::None,
            repair: None,
            job: None,
            attempts: 0,
        }
    }

    /// What has to be done for it now.
    pub(super) fn next(&self) -> Next {
        match (&self.phase, self.goal) {
            (Phase::Idle, _) => Next::Open,
            (Phase::Opening | Phase::Closing | Phase::Failed { .. }, _) => Next::Wait,
            (Phase::Serving(_), Goal::Drain) => Next::Hide,
            (Phase::Draining(opened), Goal::Drain) if is_over(&*opened.share) => {
                Next::Close(AfterClose::Forget)
            }
            // The engine cannot learn all of it: a region that was corrected needs another store.
            (Phase::Draining(opened), Goal::Drain)
                if needs_reopen(&opened.with, &self.settings) =>
            {
                Next::Close(AfterClose::Reopen)
            }
            (Phase::Draining(_), Goal::Drain) if self.has_new_keys() || self.has_new_limits() => {
                Next::Retune
            }
            (Phase::Draining(_), Goal::Drain) => Next::Wait,
            (Phase::Serving(opened) | Phase::Draining(opened), Goal::Serve)
                if matches!(self.restarts, Restarts::Asked(_))
                    || needs_reopen(&opened.with, &self.settings) =>
            {
                Next::Close(AfterClose::Reopen)
            }
            (Phase::Serving(opened), Goal::Serve) if opened.with == self.settings => Next::Wait,
            (Phase::Serving(_) | Phase::Draining(_), Goal::Serve) => Next::Serve,
        }
    }

    /// Whether it is open with other keys than those that are wanted.
    pub(super) fn has_new_keys(&self) -> bool {
        let wanted = &self.settings.bucket;
        let differ = |with: &BucketSettings| *with != with.clone().with_keys_of(wanted);
        self.opened()
            .is_some_and(|opened| differ(&opened.with.bucket))
    }

    fn has_new_limits(&self) -> bool {
        let wanted = &self.settings.engine.bandwidth;
        self.opened()
            .is_some_and(|opened| opened.with.engine.bandwidth != *wanted)
    }

    /// Lets clients in, by the newest rules.
    pub(super) fn serve(&mut self, fs_id: u64, now: Instant) {
        let Some(opened) = self.take_opened(Phase::Idle) else {
            return;
        };
        match opened.share.serve(&self.settings, fs_id) {
            Ok(()) => {
                let with = self.settings.clone();
                self.phase = Phase::Serving(Opened { with, ..opened });
                self.attempts = 0;
            }
            Err(failure) => self.fail(failure, now),
        }
    }

    /// Lets no client in any more.
    pub(super) fn hide(&mut self, fs_id: u64) {
        if let Some(opened) = self.take_opened(Phase::Idle) {
            opened.share.hide(&opened.with, fs_id);
            self.phase = Phase::Draining(opened);
        }
    }

    /// Has it empty itself with the keys and at the pace that are wanted; all else is as it was opened.
    pub(super) fn retune(&mut self) {
        if let Some(mut opened) = self.take_opened(Phase::Idle) {
            opened.share.tune(&self.settings);
            opened.with.bucket = opened.with.bucket.with_keys_of(&self.settings.bucket);
            let bandwidth = &self.settings.engine.bandwidth;
            opened.with.engine.bandwidth.clone_from(bandwidth);
            self.phase = Phase::Draining(opened);
        }
    }

    /// Notes a failure, to be tried again later and later.
    pub(super) fn fail(&mut self, failure: Failure, now: Instant) {
        let factor = 1 << self.attempts.min(5);
        let pause = SHARE_RETRY_MIN.saturating_mul(factor).min(SHARE_RETRY_MAX);
        self.attempts = self.attempts.saturating_add(1);
        let retry_at = now.checked_add(pause).unwrap_or(now);
        self.phase = Phase::Failed { failure, retry_at };
    }

    /// Tries again at once what has failed.
    pub(super) fn retry(&mut self) {
        if let Phase::Failed { .. } = self.phase {
            self.phase = Phase::Idle;
            self.attempts = 0;
        }
    }

    /// Whether it is as far as it can get with nobody's help.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Failed { .. })
            || self.next() == Next::Wait && self.opened().is_some()
    }

    /// Why it is not as wanted.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Failed { failure, .. } => Some(failure),
            Phase::Serving(_) | Phase::Draining(_) => self.bucket_failure.as_ref(),
            Phase::Idle | Phase::Opening | Phase::Closing => None,
        }
    }

    pub(super) fn opened(&self) -> Option<&Opened> {
        match &self.phase {
            Phase::Serving(opened) | Phase::Draining(opened) => Some(opened),
            Phase::Idle | Phase::Opening | Phase::Closing | Phase::Failed { .. } => None,
        }
    }

    /// Takes the open share out, if it is open, and leaves `phase`.
    pub(super) fn take_opened(&mut self, phase: Phase) -> Option<Opened> {
        let opened = self.opened().cloned()?;
        self.phase = phase;
        Some(opened)
    }

    /// Closes it, because the gateway stops.
    pub(super) async fn end(mut self, fs_id: u64) {
        let closing = matches!(self.phase, Phase::Closing);
        if let Some(job) = self.job.take().filter(|_| closing) {
            job.join().await;
        }
        if let Some(opened) = self.take_opened(Phase::Idle) {
            opened.share.suspend(&opened.with, fs_id);
            opened.share.close().await;
        }
    }
}

impl Restarts {
    /// Nobody waits for its end.
    pub(super) fn ask_unawaited(&mut self) {
        if let Self::None | Self::Closed(_) = self {
            let waiting = match std::mem::take(self) {
                Self::Closed(waiting) | Self::Asked(waiting) => waiting,
                Self::None => Vec::new(),
            };
            *self = Self::Asked(waiting);
        }
    }

    pub(super) fn ask(&mut self, done: Restarted) {
        match self {
            Self::Asked(waiting) => waiting.push(done),
            Self::Closed(waiting) => {
                let mut waiting = std::mem::take(waiting);
                waiting.push(done);
                *self = Self::Asked(waiting);
            }
            Self::None => *self = Self::Asked(vec![done]),
        }
    }

    /// Notes that the share is opened anew.
    pub(super) fn closed(&mut self) {
        if let Self::Asked(waiting) = self {
            *self = Self::Closed(std::mem::take(waiting));
        }
    }

    /// Answers those whose restart is done.
    pub(super) fn answer(&mut self, outcome: &Result<(), Failure>) {
        let Self::Closed(waiting) = self else {
            return;
        };
        for done in waiting.drain(..) {
            // Whoever asked may have gone.
            drop(done.send(outcome.clone()));
        }
        *self = Self::None;
    }
}

/// Whether a change of settings needs the directory to be opened again. Rules for clients do
/// not, nor new keys for the same bucket, nor what may go over the line.
fn needs_reopen(old: &ShareSettings, new: &ShareSettings) -> bool {
    let engine = |settings: &ShareSettings| {
        let mut s = settings.clone();
        s.access.clear();
        s.squash = model::Squash::default();
        s.engine.bandwidth = model::Bandwidth::default();
        s.bucket = s.bucket.with_keys_of(&new.bucket);
        s
    };
    engine(old) != engine(new)
}

/// Whether nothing that clients have asked of it, or may still be asking, would go with its cache.
/// Calls first: the last of them may leave something to be uploaded.
pub(super) fn is_over(share: &dyn Share) -> bool {
    share.is_idle() && is_clean(share)
}

/// Whether everything it held is in the bucket.
fn is_clean(share: &dyn Share) -> bool {
    let status = share.status();
    status.dirty_bytes == 0 && status.dirty_files == 0 && status.upload_queue == 0
}
