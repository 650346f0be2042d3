//! The queue between a broker and its receiver: bounded for each parent topic, and control goes
//! first.

use std::sync::Arc;

use model::{FLEET_TOPICS, RESULT};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Notify;

use crate::{
    BusEvent,
    fair::{Bounds, FairQueue, Load, Place, Queued},
    precedence::Precedence,
};

/// Most messages of one parent topic that wait: a fleet of 100,000 gateways that reconnects at
/// once stays below it within a second.
pub const EVENTS_MAX: usize = 4_096;
/// Most bytes of them.
pub const EVENTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most changes of presence that wait: a million clients that go and come again. A receiver so
/// far behind is cut off; it asks anew and gets who is online in one piece.
pub const PRESENCE_MAX: usize = 2_000_000;

const BOUNDS: Bounds = Bounds {
    lane: Load {
        len: EVENTS_MAX,
        bytes: EVENTS_BYTES_MAX,
    },
    others: Load {
        len: FLEET_TOPICS.len() * EVENTS_MAX,
        bytes: 3 * EVENTS_BYTES_MAX,
    },
    all: Load {
        len: (FLEET_TOPICS.len() + 1) * EVENTS_MAX,
        bytes: 4 * EVENTS_BYTES_MAX,
    },
};

/// No room: the sender must wait (or drop what is worthless late) and try again.
#[derive(Debug, Error)]
#[error("the queue to the console is full")]
pub struct QueueFull(pub BusEvent);

impl Queued for BusEvent {
    /// Presence stands among the results, so that their order is kept.
    fn place(&self) -> Place<'_> {
        let parent = match self {
            Self::Uplink(uplink) => uplink.topic.parent(),
            Self::Online { .. } | Self::Presence(_) => RESULT,
        };
        Place {
            parent,
            precedence: Precedence::of_fleet(parent).unwrap_or_default(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Uplink(uplink) => uplink.topic.as_str().len() + uplink.payload.len(),
            Self::Online { .. } | Self::Presence(_) => 0,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    events: FairQueue<BusEvent>,
    presence: usize,
    closed: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            events: FairQueue::new(&BOUNDS),
            presence: 0,
            closed: false,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    room: Notify,
}

/// The broker's end.
#[derive(Clone, Debug)]
pub struct BusSender(Arc<Shared>);

/// The console's end. Dropping it closes the queue.
#[derive(Debug)]
pub struct BusReceiver(Arc<Shared>);

/// A new queue.
#[must_use]
pub fn bus_queue() -> (BusSender, BusReceiver) {
    let shared = Arc::new(Shared::default());
    (BusSender(Arc::clone(&shared)), BusReceiver(shared))
}

impl BusSender {
    /// Adds an event. Presence is never refused; a receiver that lets [`PRESENCE_MAX`] of it
    /// pile up loses the queue instead.
    ///
    /// # Errors
    /// Its parent topic has no room; the event comes back.
    pub fn push(&self, event: BusEvent) -> Result<(), QueueFull> {
        let mut waiting = self.0.waiting.lock();
        if waiting.closed {
            return Ok(());
        }
        if matches!(event, BusEvent::Uplink(_)) {
            waiting.events.push(event).map_err(QueueFull)?;
        } else if waiting.presence < PRESENCE_MAX {
            waiting.presence += 1;
            waiting.events.push_uncounted(event);
        } else {
            *waiting = Waiting {
                closed: true,
                ..Waiting::default()
            };
        }
        drop(waiting);
        self.0.arrived.notify_one();
        Ok(())
    }

    /// Whether a message of `topic` with a payload of `bytes` would find room.
    #[must_use]
    pub fn has_room(&self, topic: &model::Topic, bytes: usize) -> bool {
        let waiting = self.0.waiting.lock();
        let parent = topic.parent();
        let place = Place {
            parent,
            precedence: Precedence::of_fleet(parent).unwrap_or_default(),
        };
        let bytes = topic.as_str().len() + bytes;
        waiting.closed || waiting.events.has_room(place, bytes)
    }

    /// Adds an event, waiting for room.
    pub async fn push_wait(&self, event: BusEvent) {
        let mut event = event;
        loop {
            let room = self.0.room.notified();
            match self.push(event) {
                Ok(()) => return,
                Err(QueueFull(back)) => event = back,
            }
            room.await;
        }
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.waiting.lock().closed
    }

    /// Ends the queue: the receiver gets what is in it and then `None`.
    pub fn close(&self) {
        self.0.waiting.lock().closed = true;
        self.0.arrived.notify_one();
        self.0.room.notify_waiters();
    }
}

impl BusReceiver {
    /// The next event, commands before others; `None` when the queue was closed.
    pub async fn recv(&mut self) -> Option<BusEvent> {
        loop {
            let arrived = self.0.arrived.notified();
            {
                let mut waiting = self.0.waiting.lock();
                if let Some(event) = waiting.events.pop() {
                    if !matches!(event, BusEvent::Uplink(_)) {
                        waiting.presence -= 1;
                    }
                    drop(waiting);
                    // All who wait: the one for this topic may not be the first in line.
                    self.0.room.notify_waiters();
                    return Some(event);
                }
                if waiting.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }
}

impl Drop for BusReceiver {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        self.0.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::Timestamp;

    use super::*;
    use crate::Uplink;

    fn uplink(topic: &str) -> BusEvent {
        BusEvent::Uplink(Uplink {
            topic: topic.parse().unwrap(),
            from: "GID_test@@@gw-1".parse().unwrap(),
            at: Timestamp::from_millis(0),
            payload: Bytes::new(),
        })
    }

    #[tokio::test]
    async fn results_overtake_status() {
        let (sender, mut receiver) = bus_queue();
        sender.push(uplink("csg_status/gw-1")).unwrap();
        sender.push(uplink("csg_result/gw-1")).unwrap();
        assert_eq!(receiver.recv().await, Some(uplink("csg_result/gw-1")));
        assert_eq!(receiver.recv().await, Some(uplink("csg_status/gw-1")));
    }

    /// What comes of a queue in which two parent topics are saturated.
    #[tokio::test]
    async fn results_wait_for_nothing_and_others_keep_a_floor() {
        let (sender, mut receiver) = bus_queue();
        while sender.push(uplink("csg_bulk/gw-1")).is_ok() {}
        while sender.push(uplink("csg_status/gw-1")).is_ok() {}
        for _ in 0..60 {
            sender.push(uplink("csg_result/gw-1")).unwrap();
        }
        let mut order = String::new();
        for _ in 0..64 {
            let Some(BusEvent::Uplink(uplink)) = receiver.recv().await else {
                panic!("another event")
            };
            order.push(if uplink.topic.parent() == RESULT {
                'r'
            } else {
                '.'
            });
        }
        let want = format!("{}.", "r".repeat(15)).repeat(4);
        assert_eq!(order, want);
    }

    #[tokio::test]
    async fn a_full_lane_refuses_and_leaves_the_others_open() {
        let (sender, mut receiver) = bus_queue();
        for _ in 0..EVENTS_MAX {
            sender.push(uplink("csg_bulk/gw-1")).unwrap();
        }
        assert!(sender.push(uplink("csg_bulk/gw-1")).is_err());
        sender.push(uplink("csg_result/gw-1")).unwrap();
        let waiting = sender.clone();
        let waiter = clock::spawn_named("waiter", async move {
            waiting.push_wait(uplink("csg_bulk/gw-2")).await;
        });
        receiver.recv().await.unwrap();
        receiver.recv().await.unwrap();
        waiter.join().await.unwrap();
    }

    #[tokio::test]
    async fn a_closed_queue_ends_after_what_is_in_it() {
        let (sender, mut receiver) = bus_queue();
        sender.push(uplink("csg_event/gw-1")).unwrap();
        sender.close();
        assert!(receiver.recv().await.is_some());
        assert!(receiver.recv().await.is_none());
    }
}
