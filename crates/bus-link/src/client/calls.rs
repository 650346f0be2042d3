//! Calls under way on one link, by their ids.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use clock::Clock;
use message_bus::BusError;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::unreachable;
use crate::{
    limits::{CALL_TIMEOUT, CALLS_MAX, FRAME_BYTES_MAX},
    message::{Call, Frame, Message, Outcome},
};

/// Room in a frame beside a payload.
const HEAD_BYTES: usize = 4 << 10;

/// The calls of one link. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Calls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outgoing: mpsc::Sender<Frame>,
    waiting: Mutex<Waiting>,
    room: Semaphore,
    next_id: AtomicU64,
}

#[derive(Debug)]
enum Waiting {
    Open(HashMap<u64, oneshot::Sender<Outcome>>),
    /// The link is gone.
    Closed,
}

impl Calls {
    pub(super) fn new(outgoing: mpsc::Sender<Frame>) -> Self {
        Self(Arc::new(Inner {
            outgoing,
            waiting: Mutex::new(Waiting::Open(HashMap::new())),
            room: Semaphore::new(CALLS_MAX),
            next_id: AtomicU64::new(1),
        }))
    }

    /// Makes a call and waits for its outcome.
    pub(super) async fn call(
        &self,
        clock: &Clock,
        call: Call,
        body: Bytes,
    ) -> Result<Outcome, BusError> {
        if body.len() > FRAME_BYTES_MAX - HEAD_BYTES {
            let reason = format!(
                "a message of {} bytes is too long for the bus link",
                body.len()
            );
            return Err(BusError::Refused { reason });
        }
        tokio::select! {
            outcome = self.run(call, body) => outcome,
            () = clock.sleep(CALL_TIMEOUT) => {
                let reason = format!("no answer within {CALL_TIMEOUT:?}; it may have been done");
                Err(unreachable(reason))
            }
        }
    }

    async fn run(&self, call: Call, body: Bytes) -> Result<Outcome, BusError> {
        let _room = self.0.room.acquire().await.or(Err(broken()))?;
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        match &mut *self.0.waiting.lock() {
            Waiting::Open(waiting) => waiting.insert(id, answer),
            Waiting::Closed => return Err(broken()),
        };
        // Given up by its caller, a call is forgotten.
        let _entry = Entry(self, id);
        let message = Message::Call { id, call };
        self.0
            .outgoing
            .send(Frame { message, body })
            .await
            .or(Err(broken()))?;
        answered.await.or(Err(broken()))
    }

    /// An outcome has come; for a call that was given up it is nothing.
    pub(super) fn answer(&self, id: u64, outcome: Outcome) {
        if let Some(answer) = self.forget(id) {
            drop(answer.send(outcome));
        }
    }

    /// The link is gone: all that wait are told.
    pub(super) fn close(&self) {
        *self.0.waiting.lock() = Waiting::Closed;
        self.0.room.close();
    }

    fn forget(&self, id: u64) -> Option<oneshot::Sender<Outcome>> {
        match &mut *self.0.waiting.lock() {
            Waiting::Open(waiting) => waiting.remove(&id),
            Waiting::Closed => None,
        }
    }
}

struct Entry<'a>(&'a Calls, u64);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        drop(self.0.forget(self.1));
    }
}

fn broken() -> BusError {
    unreachable("the link broke; the call may have been done".to_owned())
}
