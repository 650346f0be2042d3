//! Whether a shard may have subscriptions for a topic, so that others need not give it the
//! message.

use std::{
    hash::BuildHasher as _,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use model::TopicName;

use crate::{hash::RandomState, levels};

const BUCKETS: usize = 1_024;

/// Of the whole process: all shards look a topic up by one hash.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// How a topic or a filter begins: its parent topic, and the level after it unless that is a
/// wildcard or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning<'a> {
    parent: &'a str,
    second: Option<&'a str>,
}

impl<'a> Beginning<'a> {
    pub(crate) fn new(parent: &'a str, second: Option<&'a str>) -> Self {
        let second = second.filter(|level| !matches!(*level, "+" | "#"));
        Self { parent, second }
    }
}

impl<'a> From<&'a str> for Beginning<'a> {
    fn from(text: &'a str) -> Self {
        let (parent, rest) = levels::split(text);
        Self::new(parent, rest.map(levels::parent))
    }
}

impl<'a> From<&'a TopicName<'_>> for Beginning<'a> {
    fn from(topic: &'a TopicName<'_>) -> Self {
        let parent = topic.parent();
        let rest = topic.as_str().get(parent.len()..).unwrap_or_default();
        Self::new(parent, rest.strip_prefix('/').map(levels::parent))
    }
}

/// Where the subscriptions for a topic are counted, the same place in each shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    wide: usize,
    narrow: Option<usize>,
}

impl From<&str> for Places {
    fn from(text: &str) -> Self {
        Beginning::from(text).into()
    }
}

impl From<&TopicName<'_>> for Places {
    fn from(topic: &TopicName<'_>) -> Self {
        Beginning::from(topic).into()
    }
}

impl From<Beginning<'_>> for Places {
    fn from(Beginning { parent, second }: Beginning<'_>) -> Self {
        let place = |hash: u64| usize::try_from(hash % BUCKETS as u64).unwrap_or(0);
        let wide = HASHER.hash_one(parent);
        Self {
            wide: place(wide),
            narrow: second.map(|second| place(HASHER.hash_one((wide, second)))),
        }
    }
}

/// Subscriptions of one shard, counted by a hash of how their filters begin: sometimes too many,
/// never too few.
#[derive(Debug)]
pub(crate) struct Interest(Box<[AtomicU32]>);

impl Interest {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }

    fn at(&self, place: usize) -> &AtomicU32 {
        self.0
            .get(place)
            .expect("a remainder is less than its divisor")
    }

    /// A filter is counted once, by as much of its beginning as is plain.
    fn of_filter(&self, filter: Places) -> &AtomicU32 {
        self.at(filter.narrow.unwrap_or(filter.wide))
    }

    pub(crate) fn add(&self, filter: impl Into<Places>) {
        self.of_filter(filter.into()).fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn remove(&self, filter: impl Into<Places>) {
        self.of_filter(filter.into()).fetch_sub(1, Ordering::SeqCst);
    }

    /// How many may want a message to this topic.
    pub(crate) fn count(&self, topic: impl Into<Places>) -> u32 {
        let Places { wide, narrow } = topic.into();
        let narrow = narrow.map_or(0, |place| self.at(place).load(Ordering::SeqCst));
        self.at(wide).load(Ordering::SeqCst).saturating_add(narrow)
    }

    pub(crate) fn is_there(&self, topic: impl Into<Places>) -> bool {
        self.count(topic) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_found_by_all_topics_that_it_may_match() {
        for (filter, topic) in [
            ("fleet", "fleet"),
            ("fleet/#", "fleet"),
            ("fleet/#", "fleet/a/b"),
            ("fleet/+/b", "fleet/a/b"),
            ("fleet/a", "fleet/a"),
            ("fleet/a/#", "fleet/a"),
            ("fleet/a/+", "fleet/a/b"),
        ] {
            let interest = Interest::new();
            interest.add(filter);
            assert!(interest.is_there(topic), "{filter} may match {topic}");
            let name = TopicName::new(topic).unwrap();
            assert!(interest.is_there(&name), "{filter} may match {topic}");
            interest.remove(filter);
            assert!(!interest.is_there(topic), "{filter} is gone");
        }
    }

    #[test]
    fn most_topics_of_other_clients_are_not_found() {
        let interest = Interest::new();
        interest.add("fleet/mine");
        let others = (0..100).map(|n| format!("fleet/other-{n}"));
        let found = others.filter(|t| interest.is_there(t.as_str())).count();
        assert!(found < 10, "{found} of 100");
    }
}
