//! Sending clients elsewhere before a broker stops.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mqtt_codec::ReasonCode;

/// Where clients are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// To another broker for now; or to this one, when it is back.
    ForNow,
    /// To another broker from now on.
    ForGood,
}

/// How a broker is emptied.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Where clients are sent.
    pub elsewhere: Elsewhere,
    /// Other brokers, as `host:port` with spaces between (MQTT 5, 4.11); clients of MQTT 5 are
    /// told, if this is given.
    pub server_reference: Option<String>,
    /// All are gone after this. Few are gone earlier: not all come back at once elsewhere.
    pub window: Duration,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Draining {
    pub(crate) farewell: Farewell,
    pub(crate) ends: Instant,
}

/// What each client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) reason: ReasonCode,
    pub(crate) server_reference: Option<Arc<str>>,
}

impl Draining {
    pub(crate) fn new(drain: Drain, now: Instant) -> Self {
        let reason = match drain.elsewhere {
            Elsewhere::ForNow => ReasonCode::UseAnotherServer,
            Elsewhere::ForGood => ReasonCode::ServerMoved,
        };
        Self {
            farewell: Farewell {
                reason,
                server_reference: drain.server_reference.map(Arc::from),
            },
            ends: now + drain.window,
        }
    }
}
