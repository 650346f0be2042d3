//! Tasks with a name and an owner.

use std::future::Future;

use tracing::Instrument as _;

/// A running task. Dropping it ends the task, so that nothing outlives its owner.
#[derive(Debug)]
pub struct Task<T = ()>(Option<tokio::task::JoinHandle<T>>);

impl<T> Task<T> {
    /// Waits for the task; `None` if it panicked or was ended.
    pub async fn join(mut self) -> Option<T> {
        self.0.take()?.await.ok()
    }

    /// Whether the task has come to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(tokio::task::JoinHandle::is_finished)
    }

    /// Lets the task run on without an owner: for a connection, which ends with its peer.
    pub fn detach(mut self) {
        self.0 = None;
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.abort();
        }
    }
}

/// Starts a task whose log lines carry its name.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate is where tasks are started"
)]
pub fn spawn_named<F>(name: &'static str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task(Some(tokio::spawn(
        future.instrument(tracing::debug_span!("task", name)),
    )))
}
