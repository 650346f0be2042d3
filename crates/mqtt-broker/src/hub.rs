//! Where uplink and presence leave the broker for the console.
//!
//! Invariant: a receiver's first event names every client that is connected; whoever comes or
//! goes later is told after it. So changes of presence hold the lock for reading, and a new
//! receiver holds it for writing.

use message_bus::{
    BusEvent, BusReceiver, BusSender, Precedence, Presence, QueueFull, Uplink, bus_queue,
    fair::{FairQueue, Place},
};
use model::{FLEET_TOPICS, Priority, Topic};
use parking_lot::{Mutex, RwLock};

use crate::{limits::BACKLOG_BOUNDS, routes::Routes};

/// No room for an uplink message; it comes back.
#[derive(Debug)]
pub(crate) struct HubFull(pub(crate) Uplink);

#[derive(Debug)]
pub(crate) struct Hub {
    receiver: RwLock<Option<BusSender>>,
    /// What came while no receiver was attached.
    backlog: Mutex<FairQueue<BusEvent>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            receiver: RwLock::default(),
            backlog: Mutex::new(FairQueue::new(&BACKLOG_BOUNDS)),
        }
    }
}

impl Hub {
    /// Hands a message to the receiver, or keeps it for the next one.
    pub(crate) fn push(&self, uplink: Uplink) -> Result<(), HubFull> {
        let receiver = self.receiver.read();
        let event = BusEvent::Uplink(uplink);
        let pushed = match receiver.as_ref().filter(|s| !s.is_closed()) {
            Some(sender) => sender.push(event).map_err(|QueueFull(event)| event),
            None => self.backlog.lock().push(event),
        };
        match pushed {
            Err(BusEvent::Uplink(uplink)) => Err(HubFull(uplink)),
            Ok(()) | Err(BusEvent::Online { .. } | BusEvent::Presence(_)) => Ok(()),
        }
    }

    /// Whether a message of `topic` with a payload of `bytes` would find room.
    pub(crate) fn has_room(&self, topic: &Topic, bytes: usize) -> bool {
        let receiver = self.receiver.read();
        match receiver.as_ref().filter(|s| !s.is_closed()) {
            Some(sender) => sender.has_room(topic, bytes),
            None => {
                let precedence = Precedence::of_fleet(topic.parent()).unwrap_or_default();
                let place = Place::of_topic(topic.as_str(), precedence);
                self.backlog
                    .lock()
                    .has_room(place, topic.as_str().len() + bytes)
            }
        }
    }

    /// Makes a change of presence and tells about it, as one step.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut dyn FnMut(Presence)) -> T) -> T {
        let receiver = self.receiver.read();
        change(&mut |presence| {
            if let Some(sender) = receiver.as_ref() {
                // Presence is never refused.
                sender.push(BusEvent::Presence(presence)).ok();
            }
        })
    }

    /// A new receiver, which replaces the one before.
    pub(crate) fn attach(&self, routes: &Routes) -> BusReceiver {
        let (sender, new_receiver) = bus_queue();
        let mut receiver = self.receiver.write();
        let channels = routes.online();
        sender
            .push(BusEvent::Online { channels })
            .expect("a new queue has room");
        let mut backlog = self.backlog.lock();
        while let Some(uplink) = backlog.pop() {
            let pushed = sender.push(uplink);
            pushed.expect("what waits of a topic in the backlog is less than the queue takes");
        }
        drop(backlog);
        if let Some(old) = receiver.replace(sender) {
            old.close();
        }
        new_receiver
    }

    /// Ends the receiver's queue.
    pub(crate) fn close(&self) {
        if let Some(sender) = self.receiver.write().take() {
            sender.close();
        }
    }
}

/// Of its parent topic.
pub(crate) fn priority_of(uplink: &Uplink) -> Priority {
    let parent = uplink.topic.parent();
    FLEET_TOPICS
        .iter()
        .find(|topic| topic.name == parent)
        .map_or(Priority::Low, |topic| topic.priority)
}
