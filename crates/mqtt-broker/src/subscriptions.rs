//! The subscriptions of a shard, in a tree of topic levels.
//!
//! Finding those that match takes as many steps as the topic has levels, times two for each `+`
//! on the way; adding and removing one never depends on how many others there are.

use message_bus::admin::Subscription;
use mqtt_codec::QoS;
use slab::Slab;

use crate::{hash::HashMap, interest::Beginning, levels, message::SubscriptionId};

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

/// Who subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) slot: u32,
    pub(crate) qos: QoS,
    /// Does not want what it published itself.
    pub(crate) no_local: bool,
    /// Wants the publisher's RETAIN flag.
    pub(crate) retain_as_published: bool,
    /// What the client calls it.
    pub(crate) id: Option<SubscriptionId>,
}

impl Subscriber {
    /// Without options.
    pub(crate) const fn plain(slot: u32) -> Self {
        Self {
            slot,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            id: None,
        }
    }
}

/// What a session remembers of its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) node: NodeId,
    pub(crate) position: u32,
}

#[derive(Debug, Default)]
struct Node {
    parent: Option<NodeId>,
    level: Box<str>,
    children: Children,
    subscribers: Vec<Subscriber>,
}

/// The nodes below one, by their levels. Wildcards are at hand, as each message asks for them.
#[derive(Debug, Default)]
struct Children {
    plain: HashMap<Box<str>, NodeId>,
    /// `+`.
    any: Option<NodeId>,
    /// `#`.
    rest: Option<NodeId>,
}

impl Children {
    fn get(&self, level: &str) -> Option<NodeId> {
        match level {
            "+" => self.any,
            "#" => self.rest,
            plain => self.plain.get(plain).copied(),
        }
    }

    fn insert(&mut self, level: &str, id: NodeId) {
        match level {
            "+" => self.any = Some(id),
            "#" => self.rest = Some(id),
            plain => drop(self.plain.insert(plain.into(), id)),
        }
    }

    fn remove(&mut self, level: &str) {
        match level {
            "+" => self.any = None,
            "#" => self.rest = None,
            plain => drop(self.plain.remove(plain)),
        }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.any.is_none() && self.rest.is_none()
    }
}

#[derive(Debug)]
pub(crate) struct Subscriptions {
    nodes: Slab<Node>,
    root: NodeId,
    version: u64,
}

fn index(id: NodeId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

impl Subscriptions {
    pub(crate) fn new() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        Self {
            nodes,
            root: NodeId(u32::try_from(root).unwrap_or(0)),
            version: 0,
        }
    }

    /// Another one after each change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes
            .get(index(id))
            .expect("a node stays while something refers to it")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes
            .get_mut(index(id))
            .expect("a node stays while something refers to it")
    }

    /// The node of `filter`, if anybody has subscribed with it.
    pub(crate) fn find(&self, filter: &str) -> Option<NodeId> {
        let child = |node: NodeId, level: &str| self.node(node).children.get(level);
        filter.split('/').try_fold(self.root, child)
    }

    /// Adds a subscription, which its session must keep.
    pub(crate) fn add(&mut self, filter: &str, subscriber: Subscriber) -> Held {
        self.version += 1;
        let mut node = self.root;
        for level in filter.split('/') {
            node = match self.node(node).children.get(level) {
                Some(child) => child,
                None => self.add_child(node, level),
            };
        }
        let subscribers = &mut self.node_mut(node).subscribers;
        let position = u32::try_from(subscribers.len()).expect("no shard has 2^32 connections");
        subscribers.push(subscriber);
        Held { node, position }
    }

    fn add_child(&mut self, parent: NodeId, level: &str) -> NodeId {
        let node = Node {
            parent: Some(parent),
            level: level.into(),
            ..Node::default()
        };
        let id = self.nodes.insert(node);
        let id = NodeId(u32::try_from(id).expect("30 filters a client fit into 2^32 nodes"));
        self.node_mut(parent).children.insert(level, id);
        id
    }

    /// Changes the options of a subscription.
    pub(crate) fn replace(&mut self, held: Held, subscriber: Subscriber) {
        self.version += 1;
        if let Some(place) = self.node_mut(held.node).subscribers.get_mut(position(held)) {
            *place = subscriber;
        }
    }

    /// Removes a subscription. The last of its node takes its position; if there is one, its
    /// slot is returned and its session must be told.
    pub(crate) fn remove(&mut self, held: Held) -> Option<u32> {
        self.version += 1;
        let subscribers = &mut self.node_mut(held.node).subscribers;
        subscribers.swap_remove(position(held));
        let moved = subscribers
            .get(position(held))
            .map(|subscriber| subscriber.slot);
        if subscribers.is_empty() {
            self.prune(held.node);
        }
        moved
    }

    fn prune(&mut self, from: NodeId) {
        let mut id = from;
        loop {
            let node = self.node(id);
            let Some(parent) = node.parent else { return };
            if !node.subscribers.is_empty() || !node.children.is_empty() {
                return;
            }
            let removed = self.nodes.remove(index(id));
            self.node_mut(parent).children.remove(&removed.level);
            id = parent;
        }
    }

    /// A subscription in words.
    pub(crate) fn describe(&self, held: Held) -> Subscription {
        let mut levels = Vec::new();
        let mut node = self.node(held.node);
        while let Some(parent) = node.parent {
            levels.push(&*node.level);
            node = self.node(parent);
        }
        levels.reverse();
        let subscribers = &self.node(held.node).subscribers;
        let subscriber = subscribers.get(position(held));
        Subscription {
            filter: levels.join("/"),
            qos: subscriber.map_or(0, |s| s.qos as u8),
        }
    }

    /// How a subscription's filter begins.
    pub(crate) fn beginning(&self, held: Held) -> Beginning<'_> {
        let mut second = None;
        let mut node = self.node(held.node);
        while let Some(parent) = node.parent.filter(|p| *p != self.root) {
            second = Some(&*node.level);
            node = self.node(parent);
        }
        Beginning::new(&node.level, second)
    }

    /// Calls `found` for each subscription that matches (MQTT 5, 4.7), once for each filter.
    pub(crate) fn matching(&self, topic: &str, found: &mut impl FnMut(Subscriber)) {
        self.walk(self.root, Some(topic), found);
    }

    /// As deep as the topic has levels: 32 at most, as it has 64 characters.
    fn walk(&self, id: NodeId, rest: Option<&str>, found: &mut impl FnMut(Subscriber)) {
        let node = self.node(id);
        let Children {
            plain,
            any,
            rest: below,
        } = &node.children;
        if let Some(below) = below {
            let subscribers = self.node(*below).subscribers.iter();
            subscribers.copied().for_each(&mut *found);
        }
        let Some(rest) = rest else {
            node.subscribers.iter().copied().for_each(found);
            return;
        };
        if plain.is_empty() && any.is_none() {
            return;
        }
        let (level, rest) = levels::split(rest);
        if let Some(child) = plain.get(level) {
            self.walk(*child, rest, found);
        }
        if let Some(child) = any {
            self.walk(*child, rest, found);
        }
    }
}

fn position(held: Held) -> usize {
    usize::try_from(held.position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
