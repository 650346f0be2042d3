//! Who may publish and subscribe where: a snapshot of groups, parent topics and grants.

use std::collections::HashSet;

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
    groups: HashSet<String>,
    parents: HashMap<String, ParentRule>,
    settings: InstanceSettings,
}

#[derive(Clone, Debug, Default)]
struct ParentRule {
    direction: Option<Direction>,
    precedence: Precedence,
    grants: HashMap<String, Access>,
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
            Change::Group { group } => {
                self.groups.insert(group.as_str().to_owned());
            }
            Change::RemoveGroup { group } => {
                self.groups.remove(group.as_str());
                for rule in self.parents.values_mut() {
                    rule.grants.remove(group.as_str());
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
                if let Some(rule) = self.parents.get_mut(parent.as_str()) {
                    rule.grants.remove(group.as_str());
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
        for group in &self.groups {
            let group = group_of(group);
            changes.push(Change::Group { group });
        }
        for (parent, rule) in &self.parents {
            let parent: ParentTopic = parent.parse().expect("it was a parent topic when it came");
            changes.push(Change::ParentTopic {
                parent: parent.clone(),
            });
            changes.push(Change::Precedence {
                parent: parent.clone(),
                precedence: rule.precedence,
            });
            for (group, access) in &rule.grants {
                changes.push(Change::Grant {
                    group: group_of(group),
                    parent: parent.clone(),
                    access: *access,
                });
            }
        }
        changes
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
        if let Some(rule) = self.parents.get_mut(parent) {
            rule.grants.insert(group.as_str().to_owned(), access);
        }
    }

    pub(crate) const fn settings(&self) -> InstanceSettings {
        self.settings
    }

    /// Groups by name.
    pub(super) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<_> = self.groups.iter().map(String::as_str).collect();
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
        let shown = self.parents.iter().map(|(parent, rule)| {
            let grants = rule.grants.iter().map(|(group, access)| Grant {
                group: group.clone(),
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
        self.groups.contains(group)
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
        self.parents.get(parent)?.grants.get(group).copied()
    }

    fn rule(&self, parent: &str) -> Result<&ParentRule, Refusal> {
        self.parents
            .get(parent)
            .ok_or_else(|| Refusal::UnknownParent(parent.to_owned()))
    }

    pub(crate) fn check_group(&self, group: &str) -> Result<(), Refusal> {
        if self.groups.contains(group) {
            Ok(())
        } else {
            Err(Refusal::UnknownGroup(group.to_owned()))
        }
    }

    /// Whether a client may publish to `topic`, and what follows from its parent topic. On uplink
    /// topics of the fleet a device speaks for itself only.
    pub(crate) fn check_publish(
        &self,
        group: &str,
        device: &str,
        topic: &TopicName<'_>,
    ) -> Result<PublishRule, Refusal> {
        let parent = topic.parent();
        let rule = self.rule(parent)?;
        if !rule
            .grants
            .get(group)
            .is_some_and(|access| access.publish())
        {
            return Err(not_granted(group, "publish on", parent));
        }
        if rule.direction == Some(Direction::Uplink) {
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
        let rule = self.rule(parent)?;
        if rule
            .grants
            .get(group)
            .is_some_and(|access| access.subscribe())
        {
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
