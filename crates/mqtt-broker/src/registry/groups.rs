//! Groups, parent topics, grants and settings: made, listed and deleted.

use message_bus::{
    Precedence, WEIGHT_MAX,
    admin::{Group, InstanceSettings, ParentTopicRules},
};
use model::{Direction, FLEET_TOPICS, GroupId, ParentTopic, STATISTICS};

use super::{
    Registry,
    change::{Access, Change},
};
use crate::{
    error::RegistryError,
    limits::{
        GROUPS_MAX, PARENT_TOPICS_MAX, PAYLOAD_LEN_MAX, PAYLOAD_LEN_MIN, SUBSCRIPTIONS_SETTING_MAX,
    },
};

impl Registry {
    /// Makes the group, the parent topics of the fleet and the rights of gateways, as far as
    /// they are not there.
    pub(crate) fn ensure_fleet_group(&self, group: &GroupId) -> Result<(), RegistryError> {
        self.fleet.write().insert(group.clone());
        self.create_group(group)?;
        for topic in &FLEET_TOPICS {
            let parent: ParentTopic = topic.name.parse().expect("fleet topics follow the rule");
            self.create_parent_topic(&parent)?;
            let access = match topic.direction {
                Direction::Uplink => Access::Publish,
                Direction::Downlink => Access::Subscribe,
            };
            if self.rules().granted(group.as_str(), topic.name).is_none() {
                self.grant(group, &parent, access)?;
            }
        }
        Ok(())
    }

    /// Makes a group, if it is not there.
    ///
    /// # Errors
    /// There are too many, or it cannot be stored.
    pub fn create_group(&self, group: &GroupId) -> Result<(), RegistryError> {
        let rules = self.rules();
        if rules.has_group(group.as_str()) {
            return Ok(());
        }
        if rules.group_count() >= GROUPS_MAX {
            let text = format!("there are {GROUPS_MAX} groups; delete one first");
            return Err(RegistryError::Conflict(text));
        }
        drop(rules);
        self.commit(vec![Change::Group {
            group: group.clone(),
        }])
    }

    /// Deletes a group and its grants. `connected`: how many of its clients are there now.
    pub(crate) fn delete_group(
        &self,
        group: &GroupId,
        connected: u64,
    ) -> Result<(), RegistryError> {
        self.must_have_group(group)?;
        let conflict = |text: String| Err(RegistryError::Conflict(text));
        if self.fleet.read().contains(group) {
            return conflict(format!("group `{group}` is the fleet's; it stays"));
        }
        if connected > 0 {
            return conflict(format!(
                "group `{group}` is in use: {connected} of its clients are connected"
            ));
        }
        let devices = self.identities.read().credentials.count(group.as_str());
        if devices > 0 {
            return conflict(format!(
                "group `{group}` is in use: {devices} of its devices have a credential; unregister them first"
            ));
        }
        self.commit(vec![Change::RemoveGroup {
            group: group.clone(),
        }])
    }

    /// Makes a parent topic, if it is not there.
    ///
    /// # Errors
    /// There are too many, or it cannot be stored.
    pub fn create_parent_topic(&self, parent: &ParentTopic) -> Result<(), RegistryError> {
        let rules = self.rules();
        if rules.has_parent(parent.as_str()) {
            return Ok(());
        }
        if rules.parent_count() >= PARENT_TOPICS_MAX {
            let text = format!("there are {PARENT_TOPICS_MAX} parent topics; delete one first");
            return Err(RegistryError::Conflict(text));
        }
        drop(rules);
        self.commit(vec![Change::ParentTopic {
            parent: parent.clone(),
        }])
    }

    /// Sets how a parent topic stands beside others where messages must wait.
    ///
    /// # Errors
    /// There is no such parent topic, it is the fleet's, the weight is out of its range, or it
    /// cannot be stored.
    pub fn set_precedence(
        &self,
        parent: &ParentTopic,
        precedence: Precedence,
    ) -> Result<(), RegistryError> {
        self.must_have_parent(parent)?;
        if Precedence::of_fleet(parent.as_str()).is_some() {
            let text = format!("parent topic `{parent}` is the fleet's; its precedence stays");
            return Err(RegistryError::Conflict(text));
        }
        if !(1..=WEIGHT_MAX).contains(&precedence.weight) {
            let text = format!("weight must be 1 to {WEIGHT_MAX}");
            return Err(RegistryError::Refused(text));
        }
        let parent = parent.clone();
        self.commit(vec![Change::Precedence { parent, precedence }])
    }

    pub(crate) fn delete_parent_topic(&self, parent: &ParentTopic) -> Result<(), RegistryError> {
        self.must_have_parent(parent)?;
        let conflict = |text: String| Err(RegistryError::Conflict(text));
        if FLEET_TOPICS
            .iter()
            .any(|topic| topic.name == parent.as_str())
        {
            return conflict(format!("parent topic `{parent}` is the fleet's; it stays"));
        }
        let rules = self.rules();
        let all = rules.parent_topics();
        let granted = all.into_iter().find(|rule| rule.parent == parent.as_str());
        let group = granted.and_then(|rule| rule.grants.into_iter().next());
        if let Some(grant) = group {
            return conflict(format!(
                "parent topic `{parent}` is in use: group `{}` has rights on it; take them away first",
                grant.group
            ));
        }
        drop(rules);
        self.commit(vec![Change::RemoveParentTopic {
            parent: parent.clone(),
        }])
    }

    /// Sets what a group may do with the topics of a parent topic.
    ///
    /// # Errors
    /// There is no such group or parent topic, or it cannot be stored.
    pub fn grant(
        &self,
        group: &GroupId,
        parent: &ParentTopic,
        access: Access,
    ) -> Result<(), RegistryError> {
        self.must_have_group(group)?;
        self.must_have_parent(parent)?;
        if parent.as_str() == STATISTICS && access.publish() {
            let text = format!("on `{STATISTICS}` only the broker publishes: grant `subscribe`");
            return Err(RegistryError::Refused(text));
        }
        let (group, parent) = (group.clone(), parent.clone());
        self.commit(vec![Change::Grant {
            group,
            parent,
            access,
        }])
    }

    pub(crate) fn ungrant(
        &self,
        group: &GroupId,
        parent: &ParentTopic,
    ) -> Result<(), RegistryError> {
        self.must_have_group(group)?;
        self.must_have_parent(parent)?;
        let of_fleet = FLEET_TOPICS
            .iter()
            .any(|topic| topic.name == parent.as_str());
        if of_fleet && self.fleet.read().contains(group) {
            let text = format!("gateways of `{group}` need `{parent}`; the right stays");
            return Err(RegistryError::Conflict(text));
        }
        let (group, parent) = (group.clone(), parent.clone());
        self.commit(vec![Change::Ungrant { group, parent }])
    }

    /// All groups; `connected` says how many clients of one are there.
    pub(crate) fn groups(&self, connected: impl Fn(&str) -> u64) -> Vec<Group> {
        let rules = self.rules();
        let (fleet, identities) = (self.fleet.read(), self.identities.read());
        let shown = rules.groups().into_iter().map(|group| Group {
            group: group.to_owned(),
            fleet: fleet.iter().any(|of_fleet| of_fleet.as_str() == group),
            clients: connected(group),
            devices: identities.credentials.count(group) as u64,
        });
        shown.collect()
    }

    pub(crate) fn parent_topics(&self) -> Vec<ParentTopicRules> {
        self.rules().parent_topics()
    }

    /// How many groups and parent topics there are.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let rules = self.rules();
        (rules.group_count() as u64, rules.parent_count() as u64)
    }

    /// Sets the instance.
    ///
    /// # Errors
    /// A value is out of its range, or it cannot be stored.
    pub fn set_settings(&self, settings: InstanceSettings) -> Result<(), RegistryError> {
        let subscriptions = 1..=SUBSCRIPTIONS_SETTING_MAX;
        if !subscriptions.contains(&settings.subscriptions_max) {
            let text = format!("subscriptions_max must be 1 to {SUBSCRIPTIONS_SETTING_MAX}");
            return Err(RegistryError::Refused(text));
        }
        let len = usize::try_from(settings.payload_bytes_max).unwrap_or(usize::MAX);
        if !(PAYLOAD_LEN_MIN..=PAYLOAD_LEN_MAX).contains(&len) {
            let text = format!("payload_bytes_max must be {PAYLOAD_LEN_MIN} to {PAYLOAD_LEN_MAX}");
            return Err(RegistryError::Refused(text));
        }
        self.commit(vec![Change::Settings { settings }])
    }

    fn must_have_group(&self, group: &GroupId) -> Result<(), RegistryError> {
        if self.rules().has_group(group.as_str()) {
            return Ok(());
        }
        Err(RegistryError::NotFound(format!("group `{group}`")))
    }

    fn must_have_parent(&self, parent: &ParentTopic) -> Result<(), RegistryError> {
        if self.rules().has_parent(parent.as_str()) {
            return Ok(());
        }
        Err(RegistryError::NotFound(format!("parent topic `{parent}`")))
    }
}
