//! Where uplink and presence leave the broker for the console.
//!
//! Invariant: a receiver's first event names every client that is connected; whoever comes or
//! goes later is told after it. Nobody waits while that event is made: what changes meanwhile is
//! noted, and done to it. Changes of presence hold the lock for reading, so the notes of a new
//! receiver begin, and end, between two changes.

use std::collections::HashMap;

use message_bus::{
    BusEvent, BusReceiver, BusSender, ChannelId, Online, Precedence, Presence, PresenceKind,
    QueueFull, Uplink, bus_queue,
    fair::{FairQueue, Place},
};
use model::{FLEET_TOPICS, Priority, Topic};
use parking_lot::{Mutex, RwLock};

use crate::limits::{BACKLOG_BOUNDS, PRESENCE_AT_ONCE, PRESENCE_ROUNDS_MAX};

/// No room for an uplink message; it comes back.
#[derive(Debug)]
pub(crate) struct HubFull(pub(crate) Uplink);

#[derive(Debug)]
pub(crate) struct Hub {
    ends: RwLock<Ends>,
    /// What came while no receiver was attached.
    backlog: Mutex<FairQueue<BusEvent>>,
    /// One receiver at a time attaches.
    attaching: Mutex<()>,
}

#[derive(Debug, Default)]
struct Ends {
    receiver: Option<BusSender>,
    /// What changes while one attaches. As long as many as come and go meanwhile.
    noted: Option<Mutex<Vec<Presence>>>,
    /// The broker stops: nobody attaches any more.
    closed: bool,
}

impl Ends {
    fn open(&self) -> Option<&BusSender> {
        self.receiver.as_ref().filter(|sender| !sender.is_closed())
    }

    /// What was noted since this was asked last.
    fn take_noted(&self) -> Vec<Presence> {
        let noted = self.noted.as_ref();
        noted.map_or_else(Vec::new, |noted| std::mem::take(&mut noted.lock()))
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            ends: RwLock::default(),
            backlog: Mutex::new(FairQueue::new(&BACKLOG_BOUNDS)),
            attaching: Mutex::default(),
        }
    }
}

impl Hub {
    /// Hands a message to the receiver, or keeps it for the next one.
    pub(crate) fn push(&self, uplink: Uplink) -> Result<(), HubFull> {
        let ends = self.ends.read();
        let event = BusEvent::Uplink(uplink);
        let pushed = match ends.open() {
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
        let ends = self.ends.read();
        match ends.open() {
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
        let ends = self.ends.read();
        change(&mut |presence| {
            if let Some(noted) = &ends.noted {
                noted.lock().push(presence.clone());
            }
            if let Some(sender) = &ends.receiver {
                // Presence is never refused.
                sender.push(BusEvent::Presence(presence)).ok();
            }
        })
    }

    /// A new receiver, which replaces the one before. `online` says who is connected, each as it
    /// is at some time during the call.
    pub(crate) fn attach(&self, online: impl FnOnce() -> Vec<Online>) -> BusReceiver {
        let _alone = self.attaching.lock();
        self.ends.write().noted = Some(Mutex::default());
        let mut channels: HashMap<_, _> = online().into_iter().map(|o| (o.channel, o)).collect();
        for _ in 0..PRESENCE_ROUNDS_MAX {
            let noted = self.ends.read().take_noted();
            let are_few = noted.len() < PRESENCE_AT_ONCE;
            noted.into_iter().for_each(|it| note(&mut channels, it));
            if are_few {
                break;
            }
        }
        let channels = channels.into_values().collect();
        let (sender, new_receiver) = bus_queue();
        sender
            .push(BusEvent::Online { channels })
            .expect("a new queue has room");
        self.put_through(sender);
        new_receiver
    }

    /// From now on `sender` gets all that comes.
    fn put_through(&self, sender: BusSender) {
        let mut ends = self.ends.write();
        for presence in ends.take_noted() {
            // Presence is never refused.
            sender.push(BusEvent::Presence(presence)).ok();
        }
        ends.noted = None;
        let mut backlog = self.backlog.lock();
        while let Some(uplink) = backlog.pop() {
            let pushed = sender.push(uplink);
            pushed.expect("what waits of a topic in the backlog is less than the queue takes");
        }
        drop(backlog);
        let old = if ends.closed {
            Some(sender)
        } else {
            ends.receiver.replace(sender)
        };
        if let Some(old) = old {
            old.close();
        }
    }

    /// Ends the receiver's queue.
    pub(crate) fn close(&self) {
        let mut ends = self.ends.write();
        ends.closed = true;
        if let Some(sender) = ends.receiver.take() {
            sender.close();
        }
    }
}

/// A change to who is connected.
fn note(channels: &mut HashMap<ChannelId, Online>, presence: Presence) {
    let Presence {
        client_id,
        channel,
        at,
        kind,
    } = presence;
    match kind {
        PresenceKind::Connect {
            address,
            access_key_id,
        } => {
            let online = Online {
                client_id,
                channel,
                since: at,
                address,
                access_key_id,
            };
            channels.insert(channel, online);
        }
        // Tcpclean follows.
        PresenceKind::Disconnect => {}
        PresenceKind::TcpClean { .. } => {
            channels.remove(&channel);
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

#[cfg(test)]
mod tests;
