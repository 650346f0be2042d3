//! What the run asks of a client process, and what that answers: lines of JSON.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::packet::{Level, Proof};

/// Where the broker is, and how it wants its clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) proof: Proof,
    /// Whether devices must subscribe to a topic of their own to be reached one by one.
    pub(crate) p2p_by_subscription: bool,
    /// Its certificate, if clients come with TLS.
    pub(crate) certificate: Option<PathBuf>,
}

/// From the run to a client process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Connect the devices from `first` on.
    Open {
        target: Target,
        first: u32,
        count: u32,
    },
    /// Connect a collector, `pairs` publishers from `first_pair` on with a subscriber each, and,
    /// from the first process, the console.
    OpenOthers {
        target: Target,
        process: u32,
        first_pair: u32,
        pairs: u32,
    },
    /// All devices subscribe to the broadcast topic.
    SubscribeAll,
    /// PINGREQ from one device after the other.
    Ping { per_second: u32, run_ms: u64 },
    /// Commands to random ones of `devices` devices, one at a time or so many a second.
    RoundTrips {
        level: Level,
        devices: u32,
        per_second: Option<u32>,
        run_ms: u64,
    },
    /// One message to all devices; this process tells when its own have it.
    Broadcast { level: Level },
    /// Tells when this process's devices have a message that another one sent to all.
    AwaitBroadcast,
    /// Status of one device of this process after the other, `burst` messages of each at once, to
    /// its collector.
    FanIn {
        level: Level,
        window: u32,
        burst: u16,
        run_ms: u64,
    },
    /// Each pair of this process at full speed.
    Pairs {
        level: Level,
        window: u32,
        run_ms: u64,
    },
}

/// From a client process to the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// How many were done: connections, answers, deliveries.
    pub(crate) count: u64,
    /// How many of those sent were not answered or not delivered.
    pub(crate) lost: u64,
    /// How long all of it took.
    pub(crate) elapsed_ns: u64,
    /// Each one's time, where that was measured.
    pub(crate) times_us: Vec<u32>,
}

impl Done {
    /// With what was done after it.
    pub(crate) fn append(&mut self, after: Self) {
        self.count += after.count;
        self.lost += after.lost;
        self.elapsed_ns += after.elapsed_ns;
        self.times_us.extend(after.times_us);
    }

    /// With what another process did at the same time.
    pub(crate) fn merge(&mut self, other: Self) {
        let elapsed_ns = self.elapsed_ns.max(other.elapsed_ns);
        self.append(other);
        self.elapsed_ns = elapsed_ns;
    }
}

/// A line from a client process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Done as far as it went.
    Done(Done),
    /// Not possible.
    Failed(String),
}
