//! How a parent topic stands beside others where messages must wait.

use model::{FLEET_TOPICS, Priority};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether messages of a parent topic go before those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopicClass {
    /// They go first; the others keep a floor.
    Command,
    /// They share what commands leave, by weight.
    #[default]
    Normal,
}

/// The place of a parent topic among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Precedence {
    /// Before others or with them.
    #[serde(default)]
    pub class: TopicClass,
    /// Its share among those of its class, 1 to 64.
    #[serde(default = "default_weight")]
    pub weight: u8,
}

/// Of a parent topic that nobody has given one.
const WEIGHT: u8 = 8;
/// Highest weight.
pub const WEIGHT_MAX: u8 = 64;

const fn default_weight() -> u8 {
    WEIGHT
}

impl Default for Precedence {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl Precedence {
    /// Of a parent topic that nobody has given another.
    pub const NORMAL: Self = Self {
        class: TopicClass::Normal,
        weight: WEIGHT,
    };

    /// Before all that are not commands.
    pub const COMMAND: Self = Self {
        class: TopicClass::Command,
        weight: WEIGHT,
    };

    /// The fleet's own parent topics have theirs, which nobody changes.
    #[must_use]
    pub fn of_fleet(parent: &str) -> Option<Self> {
        let topic = FLEET_TOPICS.iter().find(|topic| topic.name == parent)?;
        let weight = match topic.priority {
            Priority::High => return Some(Self::COMMAND),
            Priority::Normal => 16,
            Priority::Low => 4,
            Priority::Lowest => 1,
        };
        let class = TopicClass::Normal;
        Some(Self { class, weight })
    }
}
