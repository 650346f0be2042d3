//! Group commit: many wait for one piece of slow work.

use std::{sync::Arc, thread::JoinHandle};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::{CacheError, CacheErrorKind, CacheResult};

/// How far a group has come.
#[derive(Clone, Debug)]
enum Progress {
    /// All work up to this ticket is done.
    Done(u64),
    /// A round failed: after that nothing is promised any more, because the state of the
    /// disk is unknown (a second `fsync` after a failed one may lie).
    Failed(CacheErrorKind, Arc<str>),
}

/// What the thread is told.
struct Orders<T> {
    waiting: Vec<T>,
    last: u64,
    stop: bool,
    /// Called when what has gathered is taken, before anything else can gather.
    taken: Box<dyn FnMut() + Send>,
}

impl<T> Orders<T> {
    fn take(&mut self) -> (Vec<T>, u64) {
        (self.taken)();
        (std::mem::take(&mut self.waiting), self.last)
    }
}

struct Shared<T> {
    orders: Mutex<Orders<T>>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
}

/// Who works off what has gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Committer {
    /// A thread of its own.
    #[default]
    Thread,
    /// Whoever waits, after everybody else had so many turns: a simulation on one thread
    /// then runs the same way each time, and may have a disk that is slower than its network.
    Waiter(u32),
}

type Work<T> = Box<dyn FnMut(Vec<T>) -> CacheResult<()> + Send>;

enum Worker<T> {
    Thread(Option<JoinHandle<()>>),
    Waiter(u32, Mutex<Work<T>>),
}

/// Works off, in one go, everything that has gathered since the last round.
pub(crate) struct Group<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    worker: Worker<T>,
}

impl<T: Send + 'static> Group<T> {
    /// Starts; `work` is called with all that has gathered.
    pub(crate) fn start(
        name: &str,
        committer: Committer,
        work: impl FnMut(Vec<T>) -> CacheResult<()> + Send + 'static,
    ) -> CacheResult<Self> {
        Self::start_telling(name, committer, || (), work)
    }

    /// The same; `taken` is called first, in the order of what is submitted.
    pub(crate) fn start_telling(
        name: &str,
        committer: Committer,
        taken: impl FnMut() + Send + 'static,
        work: impl FnMut(Vec<T>) -> CacheResult<()> + Send + 'static,
    ) -> CacheResult<Self> {
        let shared = Arc::new(Shared {
            orders: Mutex::new(Orders {
                waiting: Vec::new(),
                last: 0,
                stop: false,
                taken: Box::new(taken),
            }),
            wake: Condvar::new(),
            progress: watch::Sender::new(Progress::Done(0)),
        });
        let mut work: Work<T> = Box::new(work);
        let worker = match committer {
            Committer::Waiter(turns) => Worker::Waiter(turns, Mutex::new(work)),
            Committer::Thread => {
                let of_thread = Arc::clone(&shared);
                let thread = std::thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || of_thread.run(&mut work))
                    .map_err(|e| CacheError::io("cannot start a thread", e))?;
                Worker::Thread(Some(thread))
            }
        };
        Ok(Self { shared, worker })
    }

    /// Adds work; the number to wait for. `before` runs in the same order as the work.
    pub(crate) fn submit(&self, work: T, before: impl FnOnce(u64, &T)) -> u64 {
        let mut orders = self.shared.orders.lock();
        orders.last += 1;
        before(orders.last, &work);
        orders.waiting.push(work);
        self.shared.wake.notify_one();
        orders.last
    }

    /// Whether work is done though nobody waits for it.
    pub(crate) const fn has_thread(&self) -> bool {
        matches!(self.worker, Worker::Thread(_))
    }

    /// How much was added that nobody has begun with.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.orders.lock().waiting.len()
    }

    /// The number of the last work that was added.
    pub(crate) fn last(&self) -> u64 {
        self.shared.orders.lock().last
    }

    /// Why nothing is promised any more, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        match &*self.shared.progress.borrow() {
            Progress::Done(_) => None,
            Progress::Failed(_, message) => Some(message.to_string()),
        }
    }

    /// Waits until the work with this number, and all before it, is done.
    pub(crate) async fn wait(&self, ticket: u64) -> CacheResult<()> {
        if let Worker::Waiter(turns, work) = &self.worker {
            for _ in 0..*turns {
                tokio::task::yield_now().await;
            }
            let mut work = work.lock();
            if !self.shared.has_reached(ticket) {
                let (gathered, last) = self.shared.take();
                self.shared.round(&mut *work, gathered, last);
            }
        }
        let mut progress = self.shared.progress.subscribe();
        let reached = progress
            .wait_for(|progress| match progress {
                Progress::Done(done) => *done >= ticket,
                Progress::Failed(..) => true,
            })
            .await;
        match reached.as_deref() {
            Ok(Progress::Done(_)) => Ok(()),
            Ok(Progress::Failed(kind, message)) => Err(CacheError::new(*kind, &**message)),
            Err(_) => Err(CacheError::new(CacheErrorKind::Disk, "the cache is closed")),
        }
    }
}

impl<T> Shared<T> {
    fn run(&self, work: &mut Work<T>) {
        while let Some((gathered, last)) = self.next_round() {
            if !self.round(work, gathered, last) {
                return;
            }
        }
    }

    /// Whether it went well.
    fn round(&self, work: &mut Work<T>, gathered: Vec<T>, last: u64) -> bool {
        match work(gathered) {
            Ok(()) => {
                self.progress.send_replace(Progress::Done(last));
                true
            }
            Err(e) => {
                tracing::error!(error = %e, "the cache disk fails; the share stops");
                let failed = Progress::Failed(e.kind(), e.to_string().into());
                self.progress.send_replace(failed);
                false
            }
        }
    }

    fn has_reached(&self, ticket: u64) -> bool {
        match &*self.progress.borrow() {
            Progress::Done(done) => *done >= ticket,
            Progress::Failed(..) => true,
        }
    }

    fn take(&self) -> (Vec<T>, u64) {
        self.orders.lock().take()
    }

    fn next_round(&self) -> Option<(Vec<T>, u64)> {
        let mut orders = self.orders.lock();
        while orders.waiting.is_empty() && !orders.stop {
            self.wake.wait(&mut orders);
        }
        // What has not been waited for is not promised: stopping is as abrupt as a crash.
        (!orders.stop).then(|| orders.take())
    }
}

impl<T: Send + 'static> Drop for Group<T> {
    fn drop(&mut self) {
        self.shared.orders.lock().stop = true;
        self.shared.wake.notify_one();
        if let Worker::Thread(thread) = &mut self.worker
            && let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a cache thread has panicked");
        }
    }
}
