//! Work on trees that operators begin: bounded, with progress that everybody can see.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use model::{JobState, JobStatus};
use parking_lot::Mutex;
use vfs::{ErrorKind, VfsError, VfsResult};

/// Jobs at work at a time.
const RUNNING_MAX: usize = 4;
/// Jobs remembered, those at work among them.
const REMEMBERED_MAX: usize = 16;

/// The jobs of a share.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<VecDeque<Arc<Job>>>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Job {
    kind: &'static str,
    path: String,
    since_ms: u64,
    done: AtomicU64,
    bytes: AtomicU64,
    state: Mutex<JobState>,
}

impl Jobs {
    /// Begins a job, unless there are too many.
    pub(crate) fn begin(&self, kind: &'static str, path: &str, now_ms: u64) -> VfsResult<JobGuard> {
        let mut jobs = self.0.lock();
        let running = jobs.iter().filter(|job| job.is_running()).count();
        if running >= RUNNING_MAX {
            let message = format!("{running} jobs are at work on this share: wait for one to end");
            return Err(VfsError::new(ErrorKind::Unavailable, message));
        }
        while jobs.len() >= REMEMBERED_MAX {
            let oldest = jobs.iter().position(|job| !job.is_running());
            oldest.and_then(|oldest| jobs.remove(oldest));
        }
        let job = Arc::new(Job {
            kind,
            path: path.to_owned(),
            since_ms: now_ms,
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            state: Mutex::new(JobState::Running),
        });
        jobs.push_back(Arc::clone(&job));
        Ok(JobGuard(job))
    }

    pub(crate) fn status(&self) -> Vec<JobStatus> {
        self.0.lock().iter().map(|job| job.status()).collect()
    }
}

impl Job {
    fn is_running(&self) -> bool {
        *self.state.lock() == JobState::Running
    }

    fn status(&self) -> JobStatus {
        JobStatus {
            kind: self.kind.to_owned(),
            path: self.path.clone(),
            since: self.since_ms,
            done: self.done.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            state: self.state.lock().clone(),
        }
    }
}

/// A job at work; given up if this is dropped before its end.
#[derive(Debug)]
pub(crate) struct JobGuard(Arc<Job>);

impl JobGuard {
    /// One file more, with so many bytes.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many records in all.
    pub(crate) fn reach(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// It is over.
    pub(crate) fn end<T>(self, outcome: &VfsResult<T>) {
        *self.0.state.lock() = match outcome {
            Ok(_) => JobState::Finished,
            Err(e) => JobState::Failed {
                reason: e.to_string(),
            },
        };
    }
}

impl Drop for JobGuard {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if *state == JobState::Running {
            *state = JobState::Failed {
                reason: "it was interrupted".to_owned(),
            };
        }
    }
}
