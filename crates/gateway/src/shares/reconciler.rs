//! The loop that owns all shares.

use std::{collections::BTreeMap, io, sync::Arc};

use clock::{Clock, Task, spawn_named};
use model::{ErrorCode, Failure, Intent, IntentReport, ShareName, ShareReport, ShareSettings};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::{
    events::{Event, OpenOutcome, SharesHandle},
    factory::ShareFactory,
    jobs::{Opening, close_job},
    notices::Notices,
    overlap::{overlaps, plan},
    run::{AfterClose, Goal, Next, Phase, Repair, Restarted, Run},
    snapshot::{Line, LineState, Snapshot},
    wanted::{Place, Wanted, WantedFile},
};
use crate::{
    agent::Outbox,
    cache_disk::CacheDisk,
    limits::{QUEUE_MAX, RECONCILE_INTERVAL},
};

/// What the reconciler works with.
pub(crate) struct ReconcilerConfig {
    pub(crate) cache: CacheDisk,
    pub(crate) cache_free_bytes_min: u64,
    pub(crate) wanted: WantedFile,
    pub(crate) factory: Arc<dyn ShareFactory>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) clock: Clock,
}

/// The loop.
pub(crate) struct Reconciler {
    config: ReconcilerConfig,
    wanted: Wanted,
    runs: BTreeMap<Place, Run>,
    refused: BTreeMap<ShareName, Failure>,
    /// The version all of whose shares are settled.
    reached: IntentReport,
    notices: Notices,
    events: mpsc::Receiver<Event>,
    events_out: mpsc::Sender<Event>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Reconciler {
    /// Starts the loop with what is on disk.
    pub(crate) fn start(config: ReconcilerConfig) -> io::Result<(SharesHandle, Task)> {
        let wanted = config.wanted.load()?;
        std::fs::create_dir_all(config.cache.dir())?;
        let (events_out, events) = mpsc::channel(QUEUE_MAX);
        let (snapshots, snapshots_in) = watch::channel(Arc::default());
        let handle = SharesHandle {
            events: events_out.clone(),
            snapshots: snapshots_in,
        };
        let notices = Notices::new(Arc::clone(&config.outbox), config.clock.clone());
        let mut reconciler = Self {
            config,
            wanted: Wanted::default(),
            runs: BTreeMap::new(),
            refused: BTreeMap::new(),
            reached: IntentReport::default(),
            notices,
            events,
            events_out,
            snapshots,
        };
        reconciler.adopt(wanted);
        reconciler.converge();
        Ok((handle, spawn_named("shares", reconciler.run())))
    }

    async fn run(mut self) {
        let clock = self.config.clock.clone();
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = clock.sleep(RECONCILE_INTERVAL) => None,
            };
            match event {
                None => {}
                Some(Event::Shutdown { done }) => {
                    self.shutdown().await;
                    // Whoever asked may have gone.
                    done.send(()).unwrap_or_default();
                    return;
                }
                Some(event) => self.apply(event).await,
            }
            self.converge();
        }
    }

    async fn apply(&mut self, event: Event) {
        match event {
            Event::Intent { intent, stored } => self.apply_intent(intent, stored).await,
            Event::Restart { name, done } => self.apply_restart(&name, done),
            Event::Repair { name, repair } => self.apply_repair(&name, repair),
            Event::Opened { place, outcome } => self.apply_opened(&place, outcome).await,
            Event::Checked { place, failure } => {
                if let Some(run) = self.runs.get_mut(&place) {
                    run.bucket_failure = failure;
                }
            }
            Event::Closed { place, is_gone } => self.apply_closed(&place, is_gone).await,
            // The loop ends with it.
            Event::Shutdown { .. } => {}
        }
    }

    async fn apply_intent(&mut self, intent: Intent, stored: oneshot::Sender<()>) {
        let (new, known) = (intent.version, self.wanted.intent.version);
        if new < known {
            warn!(new, known, "an older intent came late; ignored");
            stored.send(()).unwrap_or_default();
            return;
        }
        // The same version once more is a wish to try again at once.
        self.runs.values_mut().for_each(Run::retry);
        let wanted = self.after(intent);
        if wanted == self.wanted || self.persist(&wanted).await {
            self.adopt(wanted);
            stored.send(()).unwrap_or_default();
        }
        // Not stored: `stored` is dropped, the message is not acknowledged, and comes again.
    }

    /// What is wanted when `intent` replaces the one before: shares that it leaves out, or
    /// moves to another bucket, are retired. Of those that it retires itself the settings are taken,
    /// as they have newer keys; and so are those that only the cache disk still knows, when what was
    /// wanted is lost; but not what is not here, or is gone already.
    fn after(&self, mut intent: Intent) -> Wanted {
        let newer = std::mem::take(&mut intent.retired);
        let keeps: Vec<Place> = plan(&intent).shares.into_iter().map(Place::of).collect();
        let mut retired: BTreeMap<Place, ShareSettings> = BTreeMap::new();
        let before = self.wanted.retired.iter().chain(&self.wanted.intent.shares);
        for share in before {
            let place = Place::of(share);
            if !keeps.contains(&place) {
                retired.insert(place, share.clone());
            }
        }
        for share in newer {
            let place = Place::of(&share);
            let dir = self.config.cache.dir().join(place.as_str());
            // What cannot be seen may be there.
            let is_here = || dir.try_exists().unwrap_or(true);
            if !keeps.contains(&place) && (retired.contains_key(&place) || is_here()) {
                retired.insert(place, share);
            }
        }
        Wanted {
            intent,
            retired: retired.into_values().collect(),
        }
    }

    async fn persist(&self, wanted: &Wanted) -> bool {
        let (file, wanted) = (self.config.wanted.clone(), wanted.clone());
        let stored = tokio::task::spawn_blocking(move || file.store(&wanted)).await;
        match stored {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                error!(%error, "cannot store the intent");
                false
            }
            Err(error) => {
                error!(%error, "cannot store the intent");
                false
            }
        }
    }

    /// Gives every share its goal.
    fn adopt(&mut self, wanted: Wanted) {
        let plan = plan(&wanted.intent);
        let served = plan.shares.iter().map(|&s| (s, Goal::Serve));
        let drained = wanted.retired.iter().map(|s| (s, Goal::Drain));
        for (settings, goal) in drained.chain(served) {
            let new = || Run::new(settings.clone(), goal);
            let run = self.runs.entry(Place::of(settings)).or_insert_with(new);
            run.goal = goal;
            run.settings = settings.clone();
        }
        let path_of = ShareSettings::export_path;
        let served: Vec<String> = plan.shares.iter().map(|s| path_of(s)).collect();
        for path in wanted.retired.iter().map(path_of) {
            if !served.contains(&path) {
                self.config.factory.give_up(&path);
            }
        }
        self.refused = plan.refused;
        self.wanted = wanted;
    }

    fn apply_restart(&mut self, name: &ShareName, done: Restarted) {
        match self.serving(name) {
            Ok(run) => {
                run.restarts.ask(done);
                run.retry();
            }
            Err(failure) => drop(done.send(Err(failure))),
        }
    }

    fn apply_repair(&mut self, name: &ShareName, repair: Repair) {
        match self.serving(name) {
            Ok(run) if run.repair.is_some() => {
                let text = format!("the cache of share `{name}` is being mended already");
                drop(repair.done.send(Err(Failure::new(ErrorCode::Busy, text))));
            }
            Ok(run) => {
                run.repair = Some(repair);
                run.restarts.ask_unawaited();
                run.retry();
            }
            Err(failure) => drop(repair.done.send(Err(failure))),
        }
    }

    /// A share that is to be served.
    fn serving(&mut self, name: &ShareName) -> Result<&mut Run, Failure> {
        let wanted = |run: &&mut Run| run.goal == Goal::Serve && run.settings.name == *name;
        self.runs.values_mut().find(wanted).ok_or_else(|| {
            let text = format!("this gateway has no share `{name}`");
            Failure::new(ErrorCode::NotFound, text)
        })
    }

    async fn apply_opened(&mut self, place: &Place, outcome: OpenOutcome) {
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        match outcome {
            // Served in `converge`, if that is still wanted.
            OpenOutcome::Opened(opened) => run.phase = Phase::Draining(*opened),
            OpenOutcome::Failed(failure) => run.fail(failure, self.config.clock.now()),
            OpenOutcome::Nothing if run.goal == Goal::Drain => self.forget(place).await,
            OpenOutcome::Nothing => run.phase = Phase::Idle,
        }
    }

    async fn apply_closed(&mut self, place: &Place, is_gone: bool) {
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        run.phase = Phase::Idle;
        if is_gone && run.goal == Goal::Drain {
            self.forget(place).await;
        }
    }

    /// A share has gone for good.
    async fn forget(&mut self, place: &Place) {
        let mut wanted = self.wanted.clone();
        wanted.retired.retain(|share| Place::of(share) != *place);
        // If it cannot be stored, the next start finds no directory, and forgets it then.
        self.persist(&wanted).await;
        self.wanted = wanted;
        let dir = self.config.cache.dir().join(place.as_str());
        let lost = self.config.factory.forget(&dir).await;
        if let Some(run) = self.runs.remove(place) {
            self.notices.gone(place, &run.settings.name, lost);
        }
    }

    /// Takes every share one step further, if it can go one.
    fn converge(&mut self) {
        let places: Vec<Place> = self.runs.keys().cloned().collect();
        for place in &places {
            self.step(place);
        }
        self.report();
    }

    fn step(&mut self, place: &Place) {
        let rival = self.draining_rival(place);
        let now = self.config.clock.now();
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        if let Phase::Failed { retry_at, .. } = run.phase
            && retry_at <= now
        {
            run.phase = Phase::Idle;
        }
        match (run.next(), rival) {
            (Next::Wait, _) => {}
            (Next::Open, Some(failure)) => run.fail(failure, now),
            (Next::Open, None) => self.open(place),
            (Next::Serve, _) => {
                let has_new_keys = run.has_new_keys();
                run.serve(place.fs_id(), now);
                if has_new_keys {
                    self.watch(place);
                }
            }
            (Next::Hide, _) => run.hide(place.fs_id()),
            (Next::Retune, _) => {
                run.retune();
                self.watch(place);
            }
            (Next::Close(after), _) => self.close(place, after),
        }
        self.tell(place);
    }

    /// The answer for a share whose objects a removed share still has to upload.
    fn draining_rival(&self, place: &Place) -> Option<Failure> {
        let run = self.runs.get(place).filter(|run| run.goal == Goal::Serve)?;
        let mut others = self.runs.iter().filter(|(other, _)| *other != place);
        let (_, rival) = others.find(|(_, other)| {
            other.goal == Goal::Drain && overlaps(&other.settings.bucket, &run.settings.bucket)
        })?;
        let text = format!(
            "waits for the removed share `{}` to upload what it still holds",
            rival.settings.name
        );
        Some(Failure::new(ErrorCode::Conflict, text))
    }

    fn tell(&mut self, place: &Place) {
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        self.notices.tell(place, run);
        let outcome = match (&run.phase, run.goal) {
            (Phase::Serving(_), Goal::Serve) => Ok(()),
            (Phase::Failed { failure, .. }, _) => Err(failure.clone()),
            (_, Goal::Drain) => Err(Failure::new(ErrorCode::NotFound, "the share was removed")),
            (Phase::Idle | Phase::Opening | Phase::Draining(_) | Phase::Closing, _) => return,
        };
        run.restarts.answer(&outcome);
    }

    fn open(&mut self, place: &Place) {
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        run.phase = Phase::Opening;
        run.restarts.closed();
        let repair = run.repair.take();
        let job = opening(&self.config, place, run).run(repair, self.events_out.clone());
        run.job = Some(spawn_named("open-share", job));
    }

    /// Asks the bucket what it says to new keys.
    fn watch(&mut self, place: &Place) {
        if let Some(run) = self.runs.get_mut(place) {
            let job = opening(&self.config, place, run).watch(self.events_out.clone());
            run.job = Some(spawn_named("watch-bucket", job));
        }
    }

    fn close(&mut self, place: &Place, after: AfterClose) {
        let Some(run) = self.runs.get_mut(place) else {
            return;
        };
        let Some(opened) = run.take_opened(Phase::Closing) else {
            return;
        };
        match after {
            AfterClose::Reopen => opened.share.suspend(&opened.with, place.fs_id()),
            AfterClose::Forget => opened.share.hide(&opened.with, place.fs_id()),
        }
        let dir = self.config.cache.dir().join(place.as_str());
        let dir = (after == AfterClose::Forget).then_some(dir);
        let job = close_job(opened.share, dir, place.clone(), self.events_out.clone());
        run.job = Some(spawn_named("close-share", job));
    }

    /// Publishes what has changed.
    fn report(&mut self) {
        let serves = |run: &&Run| run.goal == Goal::Serve;
        let settled = self.runs.values().filter(serves).all(Run::is_settled);
        let served = self.runs.values().filter(serves).map(|run| ShareReport {
            name: run.settings.name.clone(),
            error: run.failure().cloned(),
        });
        let refused = self.refused.iter().map(|(name, failure)| ShareReport {
            name: name.clone(),
            error: Some(failure.clone()),
        });
        let mut shares: Vec<_> = served.chain(refused).collect();
        shares.sort_by(|a, b| a.name.cmp(&b.name));
        let report = IntentReport {
            version: self.wanted.intent.version,
            shares,
        };
        if settled && report != self.reached {
            info!(version = report.version, "intent reached");
            self.reached = report.clone();
            self.notices.reached(report);
        }
        let snapshot = Snapshot {
            report: self.reached.clone(),
            lines: self.lines(),
        };
        self.snapshots.send_if_modified(|old| {
            let changed = !old.same_as(&snapshot);
            *old = Arc::new(snapshot);
            changed
        });
    }

    fn lines(&self) -> Vec<Line> {
        let wanted = |name: &ShareName| self.wanted.intent.shares.iter().any(|s| s.name == *name);
        let refused = self.wanted.intent.shares.iter().filter_map(|share| {
            let failure = self.refused.get(&share.name)?;
            Some(Line::new(share, LineState::Failed(failure.message.clone())))
        });
        let runs = self.runs.values().filter_map(|run| {
            let share = run.opened().map(|opened| Arc::clone(&opened.share));
            let state = match (run.goal, &run.phase, share) {
                // A new share of that name speaks for it.
                (Goal::Drain, _, _) if wanted(&run.settings.name) => return None,
                (_, Phase::Failed { failure, .. }, _) => LineState::Failed(failure.message.clone()),
                (Goal::Drain, _, share) => LineState::Removed(share),
                (Goal::Serve, Phase::Serving(_), Some(share)) => LineState::Serving(share),
                (Goal::Serve, _, _) => LineState::Starting,
            };
            Some(Line::new(&run.settings, state))
        });
        runs.chain(refused).collect()
    }

    async fn shutdown(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        let ends = runs.into_iter().map(|(place, run)| run.end(place.fs_id()));
        futures::future::join_all(ends).await;
        // Who still has a snapshot must not keep a share alive.
        self.snapshots.send_replace(Arc::default());
    }
}

fn opening(config: &ReconcilerConfig, place: &Place, run: &Run) -> Opening {
    Opening {
        factory: Arc::clone(&config.factory),
        cache: config.cache.clone(),
        free_bytes_min: config.cache_free_bytes_min,
        clock: config.clock.clone(),
        settings: run.settings.clone(),
        goal: run.goal,
        place: place.clone(),
    }
}
