//! The parent topics of the fleet: different for up and down, for priority and for size.

/// Commands to gateways.
pub const CMD: &str = "csg_cmd";
/// Intent documents and credentials to gateways.
pub const INTENT: &str = "csg_intent";
/// Marks and results from gateways.
pub const RESULT: &str = "csg_result";
/// Periodic status and metrics from gateways.
pub const STATUS: &str = "csg_status";
/// Alarms, state changes and object change notices from gateways.
pub const EVENT: &str = "csg_event";
/// Log and support bundles from gateways, in parts.
pub const BULK: &str = "csg_bulk";
/// What other gateways changed in a gateway's buckets.
pub const EXPRESS: &str = "csg_express";

/// Which way messages of a parent topic travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Gateway to cloud.
    Uplink,
    /// Cloud to gateway.
    Downlink,
}

/// Which queue goes first when there is more to send than room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Commands and results.
    High,
    /// Intent and events.
    Normal,
    /// Status and metrics.
    Low,
    /// Bundles.
    Lowest,
}

/// One parent topic of the fleet.
#[derive(Clone, Copy, Debug)]
pub struct FleetTopic {
    /// The parent topic's name.
    pub name: &'static str,
    /// Uplink or downlink.
    pub direction: Direction,
    /// Its place among the others.
    pub priority: Priority,
}

/// All of them.
pub const FLEET_TOPICS: [FleetTopic; 7] = [
    FleetTopic {
        name: CMD,
        direction: Direction::Downlink,
        priority: Priority::High,
    },
    FleetTopic {
        name: INTENT,
        direction: Direction::Downlink,
        priority: Priority::Normal,
    },
    FleetTopic {
        name: RESULT,
        direction: Direction::Uplink,
        priority: Priority::High,
    },
    FleetTopic {
        name: STATUS,
        direction: Direction::Uplink,
        priority: Priority::Low,
    },
    FleetTopic {
        name: EVENT,
        direction: Direction::Uplink,
        priority: Priority::Normal,
    },
    FleetTopic {
        name: BULK,
        direction: Direction::Uplink,
        priority: Priority::Lowest,
    },
    FleetTopic {
        name: EXPRESS,
        direction: Direction::Downlink,
        priority: Priority::Normal,
    },
];
