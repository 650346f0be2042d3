//! Retained messages: the last of each topic, for those who subscribe later.
//!
//! A tree of topic levels, so that a filter finds what it matches without looking at the rest. The
//! names of a level are in order, so that a walk can be interrupted and goes on behind the level
//! where it was, whatever has come and gone meanwhile.

mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::Timestamp;

use crate::message::Message;
pub(crate) use walk::Walk;

#[derive(Debug, Default)]
struct Level {
    message: Option<Arc<Message>>,
    below: BTreeMap<Box<str>, Level>,
}

/// All retained messages of a broker.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    root: Level,
    len: usize,
    bytes: usize,
    expiring: BTreeSet<(Timestamp, Box<str>)>,
}

impl Retained {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, topic: &str) -> Option<&Arc<Message>> {
        let mut level = &self.root;
        for name in topic.split('/') {
            level = level.below.get(name)?;
        }
        level.message.as_ref()
    }

    /// Keeps `message` as the last of its topic; one without payload takes that away.
    pub(crate) fn set(&mut self, message: &Arc<Message>) {
        let parts = message.parts();
        let old = if parts.payload.is_empty() {
            take(&mut self.root, Some(parts.topic))
        } else {
            let mut level = &mut self.root;
            for name in parts.topic.split('/') {
                level = level.below.entry(name.into()).or_default();
            }
            if let Some(at) = parts.expires_at {
                self.expiring.insert((at, parts.topic.into()));
            }
            self.len += 1;
            self.bytes += message.len();
            level.message.replace(Arc::clone(message))
        };
        if let Some(old) = old {
            self.len -= 1;
            self.bytes -= old.len();
            let same_time = !parts.payload.is_empty() && parts.expires_at == old.parts().expires_at;
            if let Some(at) = old.parts().expires_at.filter(|_| !same_time) {
                self.expiring.remove(&(at, parts.topic.into()));
            }
        }
    }

    /// The topic of a message whose time is over.
    pub(crate) fn expired(&self, now: Timestamp) -> Option<&str> {
        let (at, topic) = self.expiring.first()?;
        (*at <= now).then_some(topic)
    }
}

/// As deep as a topic has levels: 32 at most, as it has 64 characters.
fn take(level: &mut Level, rest: Option<&str>) -> Option<Arc<Message>> {
    let Some(rest) = rest else {
        return level.message.take();
    };
    let (name, rest) = split(rest);
    let below = level.below.get_mut(name)?;
    let taken = take(below, rest);
    if below.message.is_none() && below.below.is_empty() {
        level.below.remove(name);
    }
    taken
}

fn split(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once('/') {
        Some((name, rest)) => (name, Some(rest)),
        None => (rest, None),
    }
}

#[cfg(test)]
mod tests;
