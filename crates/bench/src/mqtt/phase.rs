//! The parts of a round.

use clap::ValueEnum;
use serde::Serialize;

use crate::packet::Level;

/// A part of a round, in the order of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Connect all devices; memory of each while idle
    Connect,
    /// PINGREQ from one after the other, 5,000 a second
    Ping,
    /// A command to a random device and its answer, one at a time, `QoS` 0
    RoundTrip0,
    /// The same with `QoS` 1
    RoundTrip1,
    /// Commands at `QoS` 1, 1,000 a second
    RoundTrip1Paced,
    /// One message to all devices, `QoS` 0
    FanOut0,
    /// The same with `QoS` 1
    FanOut1,
    /// Status of one device after the other to one subscriber, `QoS` 0
    FanIn0,
    /// The same with `QoS` 1
    FanIn1,
    /// 20 publishers at full speed, each with a subscriber, `QoS` 0
    Pairs0,
    /// The same with `QoS` 1
    Pairs1,
    /// Commands at `QoS` 1, 1,000 a second, beside bulk and status at full speed
    Saturation,
}

impl Phase {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    pub(crate) const fn level(self) -> Level {
        match self {
            Self::Connect
            | Self::Ping
            | Self::RoundTrip0
            | Self::FanOut0
            | Self::FanIn0
            | Self::Pairs0 => Level::Zero,
            Self::RoundTrip1
            | Self::RoundTrip1Paced
            | Self::FanOut1
            | Self::FanIn1
            | Self::Pairs1
            | Self::Saturation => Level::One,
        }
    }

    /// For people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ping => "PINGREQ, 5,000/s",
            Self::RoundTrip0 => "P2P round trip, QoS 0",
            Self::RoundTrip1 => "P2P round trip, QoS 1",
            Self::RoundTrip1Paced => "P2P round trip, QoS 1, 1,000/s",
            Self::FanOut0 => "broadcast, QoS 0, a delivery",
            Self::FanOut1 => "broadcast, QoS 1, a delivery",
            Self::FanIn0 => "fan-in, QoS 0",
            Self::FanIn1 => "fan-in, QoS 1",
            Self::Pairs0 => "20 pairs, QoS 0",
            Self::Pairs1 => "20 pairs, QoS 1",
            Self::Saturation => "P2P, QoS 1, 1,000/s, beside bulk and status",
        }
    }
}
