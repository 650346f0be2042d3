//! Who may publish and subscribe where: a snapshot of groups, parent topics and grants.

use std::{collections::BTreeMap, num::NonZeroU32};

use message_bus::{
    Precedence,
    admin::{Grant, InstanceSettings, ParentTopicRules},
};
use model::{Destination, Direction, FLEET_TOPICS, GroupId, ParentTopic, TopicName};
use mqtt_codec::ReasonCode;
use thiserror::Error;

use super::change::{Access, Change};
use crate::{hash::HashMap, trace::budget::is_wanted};

/// Groups, parent topics and grants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    groups: HashMap<String, GroupNumber>,
    /// Of the group that came last.
    last_group: Option<GroupNumber>,
    parents: HashMap<String, ParentRule>,
    settings: InstanceSettings,
}

/// Stands for the name of a group while it is there, and for nothing afterwards. With it a message
/// does not need the name of its publisher, which would have to come from afar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupNumber(NonZeroU32);

#[derive(Clone, Debug, Default)]
struct ParentRule {
    direction: Option<Direction>,
    precedence: Precedence,
    grants: Grants,
}

/// What groups may do, by their numbers.
#[derive(Clone, Debug, Default)]
struct Grants(Vec<(GroupNumber, Access)>);

impl Grants {
    fn place(&self, group: GroupNumber) -> Result<usize, usize> {
        self.0.binary_search_by_key(&group, |(group, _)| *group)
    }

    fn get(&self, group: GroupNumber) -> Option<Access> {
        let (_, access) = self.0.get(self.place(group).ok()?)?;
        Some(*access)
    }

    fn insert(&mut self, group: GroupNumber, access: Access) {
        match self.place(group) {
            Ok(place) => self.0[place].1 = access,
            Err(place) => self.0.insert(place, (group, access)),
        }
    }

    fn remove(&mut self, group: GroupNumber) {
        if let Ok(place) = self.place(group) {
            self.0.remove(place);
        }
    }
}

/// What follows from the parent topic of a message that may be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublishRule {
    /// Of the fleet's topics.
    pub(crate) direction: Option<Direction>,
    pub(crate) precedence: Precedence,
    /// Whether the message is traced, if there are not too many.
    pub(crate) traced: bool,
}

/// Which rule stands against a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("Group ID `{0}` does not exist")]
    UnknownGroup(String),
    #[error("parent topic `{0}` does not exist")]
    UnknownParent(String),
    #[error("group `{group}` may not {action} topics of parent topic `{parent}`")]
    NotGranted {
        group: String,
        action: &'static str,
        parent: String,
    },
    #[error("a client may publish on `{parent}/{device}` only")]
    NotOwnSubtopic { parent: String, device: String },
}

impl Refusal {
    #[expect(clippy::unused_self, reason = "the edge asks each error for its code")]
    pub(crate) const fn reason(&self) -> ReasonCode {
        ReasonCode::NotAuthorized
    }
}

impl Rules {
    /// Whether a change concerns rules.
    pub(super) const fn are_changed_by(change: &Change) -> bool {
        matches!(
            change,
            Change::Group { .. }
                | Change::RemoveGroup { .. }
                | Change::ParentTopic { .. }
                | Change::Precedence { .. }
                | Change::RemoveParentTopic { .. }
                | Change::Grant { .. }
                | Change::Ungrant { .. }
                | Change::Settings { .. }
        )
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Group { group } => self.add_group(group.as_str()),
            Change::RemoveGroup { group } => {
                if let Some(number) = self.groups.remove(group.as_str()) {
                    let rules = self.parents.values_mut();
                    rules.for_each(|rule| rule.grants.remove(number));
                }
            }
            Change::ParentTopic { parent } => self.add_parent(parent.as_str()),
            Change::Precedence { parent, precedence } => {
                if let Some(rule) = self.parents.get_mut(parent.as_str()) {
                    rule.precedence = *precedence;
                }
            }
            Change::RemoveParentTopic { parent } => {
                self.parents.remove(parent.as_str());
            }
            Change::Grant {
                group,
                parent,
                access,
            } => self.grant(group, parent.as_str(), *access),
            Change::Ungrant { group, parent } => {
                let number = self.group_number(group.as_str());
                if let (Some(number), Some(rule)) = (number, self.parents.get_mut(parent.as_str()))
                {
                    rule.grants.remove(number);
                }
            }
            Change::Settings { settings } => self.settings = *settings,
            _ => {}
        }
    }

    /// Everything, for a new journal.
    pub(super) fn changes(&self) -> Vec<Change> {
        let group_of = |text: &str| {
            text.parse::<GroupId>()
                .expect("it was a group when it came")
        };
        let settings = self.settings;
        let mut changes = vec![Change::Settings { settings }];
        for group in self.groups.keys() {
            let group = group_of(group);
            changes.push(Change::Group { group });
        }
        let names = self.names();
        for (parent, rule) in &self.parents {
            let parent: ParentTopic = parent.parse().expect("it was a parent topic when it came");
            changes.push(Change::ParentTopic {
                parent: parent.clone(),
            });
            changes.push(Change::Precedence {
                parent: parent.clone(),
                precedence: rule.precedence,
            });
            for (group, access) in &rule.grants.0 {
                changes.push(Change::Grant {
                    group: group_of(names[group]),
                    parent: parent.clone(),
                    access: *access,
                });
            }
        }
        changes
    }

    fn add_group(&mut self, group: &str) {
        if self.has_group(group) {
            return;
        }
        let number = match self.last_group {
            None => NonZeroU32::MIN,
            Some(GroupNumber(last)) => last.checked_add(1).expect("each is made by a change"),
        };
        self.last_group = Some(GroupNumber(number));
        self.groups.insert(group.to_owned(), GroupNumber(number));
    }

    /// The number by which a group is known, if it is there.
    pub(crate) fn group_number(&self, group: &str) -> Option<GroupNumber> {
        self.groups.get(group).copied()
    }

    fn names(&self) -> BTreeMap<GroupNumber, &str> {
        let groups = self.groups.iter();
        groups.map(|(name, number)| (*number, &**name)).collect()
    }

    fn add_parent(&mut self, parent: &str) {
        let fleet = FLEET_TOPICS.iter().find(|topic| topic.name == parent);
        let rule = self.parents.entry(parent.to_owned()).or_default();
        rule.direction = fleet.map(|topic| topic.direction);
        if let Some(precedence) = Precedence::of_fleet(parent) {
            rule.precedence = precedence;
        }
    }

    fn grant(&mut self, group: &GroupId, parent: &str, access: Access) {
        let number = self.group_number(group.as_str());
        if let (Some(number), Some(rule)) = (number, self.parents.get_mut(parent)) {
            rule.grants.insert(number, access);
        }
    }

    pub(crate) const fn settings(&self) -> InstanceSettings {
        self.settings
    }

    /// Groups by name.
    pub(super) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<_> = self.groups.keys().map(String::as_str).collect();
        groups.sort_unstable();
        groups
    }

    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn parent_count(&self) -> usize {
        self.parents.len()
    }

    /// Parent topics by name.
    pub(super) fn parent_topics(&self) -> Vec<ParentTopicRules> {
        let names = self.names();
        let shown = self.parents.iter().map(|(parent, rule)| {
            let grants = rule.grants.0.iter().map(|(group, access)| Grant {
                group: names[group].to_owned(),
                access: *access,
            });
            let mut grants: Vec<_> = grants.collect();
            grants.sort_by(|a, b| a.group.cmp(&b.group));
            ParentTopicRules {
                parent: parent.clone(),
                fleet: rule.direction.is_some(),
                precedence: rule.precedence,
                grants,
            }
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by(|a, b| a.parent.cmp(&b.parent));
        shown
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Of a parent topic; that of most if there is none.
    pub(crate) fn precedence(&self, parent: &str) -> Precedence {
        let rule = self.parents.get(parent);
        rule.map(|rule| rule.precedence).unwrap_or_default()
    }

    pub(crate) fn has_parent(&self, parent: &str) -> bool {
        self.parents.contains_key(parent)
    }

    pub(super) fn granted(&self, group: &str, parent: &str) -> Option<Access> {
        let number = self.group_number(group)?;
        self.parents.get(parent)?.grants.get(number)
    }

    fn rule(&self, parent: &str) -> Result<&ParentRule, Refusal> {
        self.parents
            .get(parent)
            .ok_or_else(|| Refusal::UnknownParent(parent.to_owned()))
    }

    pub(crate) fn check_group(&self, group: &str) -> Result<(), Refusal> {
        if self.has_group(group) {
            Ok(())
        } else {
            Err(Refusal::UnknownGroup(group.to_owned()))
        }
    }

    /// Whether a client may publish to `topic`, and what follows from its parent topic. On uplink
    /// topics of the fleet a device speaks for itself only. Its names, of group and device, are
    /// asked for if they are needed.
    pub(crate) fn check_publish<'c>(
        &self,
        group: Option<GroupNumber>,
        names: impl Fn() -> (&'c str, &'c str),
        topic: &TopicName<'_>,
    ) -> Result<PublishRule, Refusal> {
        let parent = topic.parent();
        let rule = self.rule(parent)?;
        let access = group.and_then(|group| rule.grants.get(group));
        if !access.is_some_and(|access| access.publish()) {
            return Err(not_granted(names().0, "publish on", parent));
        }
        if rule.direction == Some(Direction::Uplink) {
            let (_, device) = names();
            let own = topic.destination() == Destination::Subscribers
                && topic.as_str().split('/').nth(1) == Some(device);
            if !own {
                let (parent, device) = (parent.to_owned(), device.to_owned());
                return Err(Refusal::NotOwnSubtopic { parent, device });
            }
        }
        Ok(PublishRule {
            direction: rule.direction,
            precedence: rule.precedence,
            traced: is_wanted(self.settings.trace, parent),
        })
    }

    pub(crate) fn check_subscribe(&self, group: &str, parent: &str) -> Result<(), Refusal> {
        self.rule(parent)?;
        let access = self.granted(group, parent);
        if access.is_some_and(|access| access.subscribe()) {
            Ok(())
        } else {
            Err(not_granted(group, "subscribe to", parent))
        }
    }
}

fn not_granted(group: &str, action: &'static str, parent: &str) -> Refusal {
    let (group, parent) = (group.to_owned(), parent.to_owned());
    Refusal::NotGranted {
        group,
        action,
        parent,
    }
}
