//! Groups, parent topics, grants and settings of the instance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::precedence::Precedence;

/// What may be done with topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Publish only.
    Publish,
    /// Subscribe only.
    Subscribe,
    /// Both.
    PublishAndSubscribe,
}

impl Access {
    /// Whether publishing is allowed.
    #[must_use]
    pub const fn publish(self) -> bool {
        matches!(self, Self::Publish | Self::PublishAndSubscribe)
    }

    /// Whether subscribing is allowed.
    #[must_use]
    pub const fn subscribe(self) -> bool {
        matches!(self, Self::Subscribe | Self::PublishAndSubscribe)
    }

    /// Whether everything that `other` allows is allowed.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        (self.publish() || !other.publish()) && (self.subscribe() || !other.subscribe())
    }
}

/// Rights of one credential, token or certificate, within those of its client's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicRights {
    /// Topics and topic filters: `orders/eu`, `orders/+/state`, `orders/#`; 100 at most.
    pub resources: Vec<String>,
    /// What may be done with them.
    pub access: Access,
}

/// A group of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Group ID, the first part of its clients' IDs.
    pub group: String,
    /// Whether its clients are gateways of the fleet; then it cannot be deleted.
    pub fleet: bool,
    /// How many of its clients are connected.
    pub clients: u64,
    /// How many of its devices have a credential.
    pub devices: u64,
}

/// A parent topic and who may use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParentTopicRules {
    /// First level of its topics.
    pub parent: String,
    /// Whether the fleet lives on it; then it cannot be deleted.
    pub fleet: bool,
    /// How it stands beside others where messages must wait.
    #[serde(default)]
    pub precedence: Precedence,
    /// Which groups may do what.
    pub grants: Vec<Grant>,
}

/// What one group may do with a parent topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Group ID.
    pub group: String,
    /// What its clients may do.
    pub access: Access,
}

/// What the queue writes down of messages; of connections it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceLevel {
    /// Connections only.
    Devices,
    /// Messages too, but not those of `csg_status` and `csg_bulk`, and of a flood only a part.
    #[default]
    Messages,
    /// Messages of every topic, of a flood only a part.
    Everything,
}

/// Settings of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceSettings {
    /// Most subscriptions of one client, 1 to 1,000; a wildcard counts as one.
    pub subscriptions_max: u32,
    /// Longest payload of a message in bytes, 1,024 to 65,536.
    pub payload_bytes_max: u32,
    /// What is traced.
    pub trace: TraceLevel,
}

impl Default for InstanceSettings {
    fn default() -> Self {
        Self {
            subscriptions_max: 30,
            payload_bytes_max: 64 * 1024,
            trace: TraceLevel::default(),
        }
    }
}

/// The instance and how it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    /// Instance ID, the last part of user names.
    pub instance: String,
    /// Its settings.
    pub settings: InstanceSettings,
    /// Clients connected.
    pub clients: u64,
    /// Groups.
    pub groups: u64,
    /// Parent topics.
    pub parent_topics: u64,
    /// Traces that were lost since the start, as more came than can be written.
    pub traces_dropped: u64,
}
