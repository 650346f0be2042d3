//! The way of events from the link to a receiver. It ends with the link.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use clock::{Task, spawn_named};
use message_bus::{BusEvent, BusSender, Online};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::{
    error::LinkFault,
    limits::{CREDIT_STEP, EVENTS_MAX, ONLINE_CHANNELS_MAX},
};

static NEXT_SUBSCRIPTION: AtomicU64 = AtomicU64::new(1);

/// Events for one receiver, bounded by the credit that is granted for their room.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Told to the broker, and by it with each event.
    pub(super) subscription: u64,
    receiver: BusSender,
    state: Mutex<State>,
    _pump: Task,
}

#[derive(Debug)]
struct State {
    /// Gone when no more comes.
    queue: Option<mpsc::Sender<BusEvent>>,
    /// Events that the broker may send without asking.
    granted: usize,
    /// An `Online` whose last part has not come.
    online: Vec<Online>,
}

impl Inbox {
    /// `room` is told whenever some comes free.
    pub(super) fn start(receiver: BusSender, room: Arc<Notify>) -> Self {
        let (queue, queued) = mpsc::channel(EVENTS_MAX);
        let state = State {
            queue: Some(queue),
            granted: 0,
            online: Vec::new(),
        };
        let pump = pump(queued, receiver.clone(), room);
        Self {
            subscription: NEXT_SUBSCRIPTION.fetch_add(1, Ordering::Relaxed),
            receiver,
            state: Mutex::new(state),
            _pump: spawn_named("bus-link-inbox", pump),
        }
    }

    /// Credit to begin with.
    pub(super) fn begin(&self) -> usize {
        let mut state = self.state.lock();
        state.granted = state.queue.as_ref().map_or(0, mpsc::Sender::capacity);
        state.granted
    }

    /// More credit, if there is enough to be worth a frame.
    pub(super) fn grant(&self) -> Option<usize> {
        let mut state = self.state.lock();
        let room = state.queue.as_ref().map_or(0, mpsc::Sender::capacity);
        let more = room.saturating_sub(state.granted);
        if more < CREDIT_STEP {
            return None;
        }
        state.granted += more;
        Some(more)
    }

    /// An event has come.
    pub(super) fn push(&self, event: BusEvent) -> Result<(), LinkFault> {
        let mut state = self.state.lock();
        let over = LinkFault::Protocol("it sent more events than it was granted");
        state.granted = state.granted.checked_sub(1).ok_or(over)?;
        if let Some(queue) = &state.queue {
            // The receiver may be gone; there is room, for it was granted.
            drop(queue.try_send(event));
        }
        Ok(())
    }

    /// A part of an `Online` has come.
    pub(super) fn push_online(&self, channels: Vec<Online>, last: bool) -> Result<(), LinkFault> {
        let mut state = self.state.lock();
        if state.online.len() + channels.len() > ONLINE_CHANNELS_MAX {
            return Err(LinkFault::Protocol("it has more clients than any broker"));
        }
        state.online.extend(channels);
        if !last {
            return Ok(());
        }
        let channels = std::mem::take(&mut state.online);
        drop(state);
        self.push(BusEvent::Online { channels })
    }

    /// The link is cut, or another receiver has taken over: this one gets what has come, and
    /// then the end.
    pub(super) fn end(&self) {
        self.state.lock().queue = None;
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.receiver.close();
    }
}

async fn pump(mut queued: mpsc::Receiver<BusEvent>, receiver: BusSender, room: Arc<Notify>) {
    while let Some(event) = queued.recv().await {
        receiver.push_wait(event).await;
        room.notify_one();
    }
    receiver.close();
}
