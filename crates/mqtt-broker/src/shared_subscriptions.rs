//! Shared subscriptions (MQTT 5, 4.8.2): of those who have subscribed with one
//! `$share/<name>/<filter>`, each message goes to one.
//!
//! Members sit in any event loop, so these are the one kind of subscription that all loops look
//! at together. A message starts with the next member in turn; one who is gone or full is passed
//! over, until each was asked once.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use message_bus::ChannelId;
use mqtt_codec::QoS;
use parking_lot::RwLock;
use slab::Slab;

use crate::{
    limits::SHARE_NAME_LEN_MAX,
    message::{SubscriptionId, Terms},
    offline::Uid,
    routes::Seat,
    subscriptions::{Held, Subscriber, Subscriptions},
};

const PREFIX: &str = "$share/";

/// The two parts of a shared subscription's filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedFilter<'f> {
    /// All of it, by which members find each other.
    pub(crate) whole: &'f str,
    /// What messages are matched with.
    pub(crate) filter: &'f str,
}

/// `$share/` is followed by something else than a name and a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadShareName;

impl<'f> SharedFilter<'f> {
    /// Nothing if the filter is of another kind.
    pub(crate) fn parse(whole: &'f str) -> Result<Option<Self>, BadShareName> {
        let Some(rest) = whole.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        let (name, filter) = rest.split_once('/').ok_or(BadShareName)?;
        if name.is_empty() || name.len() > SHARE_NAME_LEN_MAX || name.contains(['+', '#']) {
            return Err(BadShareName);
        }
        Ok(Some(Self { whole, filter }))
    }
}

/// One shared subscription, as long as it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedId {
    key: u32,
    generation: u32,
}

/// A client that has subscribed, with its terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) seat: Seat,
    pub(crate) channel: ChannelId,
    /// Its persistent session: what it gets of `QoS` 1 and 2 waits there.
    pub(crate) uid: Option<Uid>,
    pub(crate) qos: QoS,
    pub(crate) retain_as_published: bool,
    pub(crate) id: Option<SubscriptionId>,
}

impl Member {
    /// The session in which a message published with `qos` waits for it, if it is to wait.
    pub(crate) fn keeps(&self, qos: QoS) -> Option<Uid> {
        self.uid.filter(|_| qos.min(self.qos) > QoS::AtMostOnce)
    }

    pub(crate) fn terms(&self, of: SharedId) -> Terms<'_> {
        Terms {
            qos: self.qos,
            retain_as_published: self.retain_as_published,
            ids: self.id.as_slice(),
            shared: Some(of),
        }
    }
}

/// Who is asked to take a message: the members from one in turn, each once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) shared: SharedId,
    next: usize,
    left: usize,
}

#[derive(Debug)]
struct Shared {
    whole: Box<str>,
    generation: u32,
    /// Where it stands in the tree.
    held: Held,
    turn: AtomicUsize,
    members: Vec<Member>,
}

#[derive(Debug, Default)]
pub(crate) struct SharedSubscriptions {
    /// Those that there are, so that publishers need no lock where there are none.
    count: AtomicUsize,
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    tree: Subscriptions,
    by_name: HashMap<Box<str>, u32>,
    all: Slab<Shared>,
    generation: u32,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            tree: Subscriptions::new(),
            by_name: HashMap::new(),
            all: Slab::new(),
            generation: 0,
        }
    }
}

fn to_key(key: u32) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
}

impl Inner {
    fn get(&self, id: SharedId) -> Option<&Shared> {
        let shared = self.all.get(to_key(id.key))?;
        (shared.generation == id.generation).then_some(shared)
    }

    fn create(&mut self, filter: SharedFilter<'_>) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        let key = u32::try_from(self.all.vacant_key()).expect("30 filters a client fit into 2^32");
        // The tree knows it by its key; the terms are those of each member.
        let held = self.tree.add(filter.filter, Subscriber::plain(key));
        self.all.insert(Shared {
            whole: filter.whole.into(),
            generation: self.generation,
            held,
            turn: AtomicUsize::new(0),
            members: Vec::new(),
        });
        self.by_name.insert(filter.whole.into(), key);
        key
    }

    fn remove(&mut self, key: u32) {
        let shared = self.all.remove(to_key(key));
        self.by_name.remove(&shared.whole);
        let moved = self.tree.remove(shared.held);
        if let Some(moved) = moved.and_then(|key| self.all.get_mut(to_key(key))) {
            moved.held = shared.held;
        }
    }
}

impl SharedSubscriptions {
    /// Adds a member, or changes its terms.
    pub(crate) fn join(&self, filter: SharedFilter<'_>, member: Member) {
        let mut inner = self.inner.write();
        let known = inner.by_name.get(filter.whole).copied();
        let key = known.unwrap_or_else(|| inner.create(filter));
        if let Some(shared) = inner.all.get_mut(to_key(key)) {
            let mut members = shared.members.iter_mut();
            match members.find(|other| other.channel == member.channel) {
                Some(place) => *place = member,
                None => shared.members.push(member),
            }
        }
        self.count.store(inner.all.len(), Ordering::SeqCst);
    }

    /// Removes a member; the last one takes the subscription along.
    pub(crate) fn leave(&self, whole: &str, channel: ChannelId) {
        let mut inner = self.inner.write();
        let Some(key) = inner.by_name.get(whole).copied() else {
            return;
        };
        let Some(shared) = inner.all.get_mut(to_key(key)) else {
            return;
        };
        shared.members.retain(|member| member.channel != channel);
        if shared.members.is_empty() {
            inner.remove(key);
        }
        self.count.store(inner.all.len(), Ordering::SeqCst);
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Those that match a topic.
    pub(crate) fn matching(&self, topic: &str) -> Vec<SharedId> {
        let mut found = Vec::new();
        if self.is_empty() {
            return found;
        }
        let inner = self.inner.read();
        inner.tree.matching(topic, &mut |subscriber| {
            let key = subscriber.slot;
            if let Some(shared) = inner.all.get(to_key(key)) {
                let generation = shared.generation;
                found.push(SharedId { key, generation });
            }
        });
        found
    }

    /// Whose turn it is to take a message.
    pub(crate) fn ask(&self, shared: SharedId) -> Asked {
        let inner = self.inner.read();
        let turn = |s: &Shared| (s.turn.fetch_add(1, Ordering::Relaxed), s.members.len());
        let (next, left) = inner.get(shared).map_or((0, 0), turn);
        Asked { shared, next, left }
    }

    /// The next one to ask, if not all were.
    pub(crate) fn next(&self, asked: &mut Asked) -> Option<Member> {
        let inner = self.inner.read();
        let shared = inner.get(asked.shared)?;
        asked.left = asked.left.checked_sub(1)?;
        let place = asked.next.checked_rem(shared.members.len())?;
        asked.next = asked.next.wrapping_add(1);
        shared.members.get(place).copied()
    }
}

#[cfg(test)]
mod tests;
