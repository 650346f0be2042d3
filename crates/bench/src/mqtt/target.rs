//! What our broker is to reach, and whether it did.

use serde::Serialize;

use super::{phase::Phase, report::Report};
use crate::samples::Times;

/// CPU time of each at most so many times that of the floor.
const RATIOS: [(Phase, f64); 11] = [
    (Phase::Connect, 1.2),
    (Phase::Ping, 1.1),
    (Phase::RoundTrip0, 1.2),
    (Phase::RoundTrip1, 1.2),
    (Phase::RoundTrip1Paced, 1.2),
    (Phase::FanOut0, 1.15),
    (Phase::FanOut1, 1.15),
    (Phase::FanIn0, 1.25),
    (Phase::FanIn1, 1.25),
    (Phase::Pairs0, 3.0),
    (Phase::Pairs1, 3.0),
];
/// A command beside bulk and status at full speed, by what it takes when nothing else happens.
const SATURATED_MAX: f64 = 2.0;
const PAIRS_RATE_MIN: f64 = 400_000.0;
const TCP_IDLE_BYTES_MAX: f64 = 900.0;
const TLS_IDLE_BYTES_MAX: f64 = 8_000.0;
/// Of the CPU time of a broadcast, so that it is spread over two cores at least.
const BUSIEST_THREAD_MAX: f64 = 0.75;

const OURS: &str = "causeway";
const PEER: &str = "mosquitto";

/// One target and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    phase: Phase,
    target: &'static str,
    limit: f64,
    measured: f64,
    met: bool,
}

impl Verdict {
    fn at_most(phase: Phase, target: &'static str, limit: f64, measured: f64) -> Self {
        Self {
            phase,
            target,
            limit,
            measured,
            met: measured <= limit,
        }
    }

    pub(super) fn line(&self) -> String {
        let word = if self.met { "met    " } else { "NOT MET" };
        let title = self.phase.title();
        let (target, measured, limit) = (self.target, self.measured, self.limit);
        format!("{word}  {title}: {target}: {measured:.2}, limit {limit:.2}\n")
    }
}

/// Of all that was measured.
pub(super) fn verdicts(report: &Report, tls: bool) -> Vec<Verdict> {
    let mut all = Vec::new();
    let idle = if tls {
        TLS_IDLE_BYTES_MAX
    } else {
        TCP_IDLE_BYTES_MAX
    };
    let bytes = report.median(OURS, Phase::Connect, |f| f.idle_bytes);
    all.extend(bytes.map(|b| Verdict::at_most(Phase::Connect, "bytes an idle client", idle, b)));
    for (phase, limit) in RATIOS {
        let ratio = report.ratio(OURS, phase);
        all.extend(ratio.map(|r| Verdict::at_most(phase, "CPU time by the floor's", limit, r)));
    }
    for phase in [Phase::FanOut0, Phase::FanOut1] {
        let share = report.median(OURS, phase, |f| f.busiest_thread);
        let target = "share of the busiest thread";
        all.extend(share.map(|s| Verdict::at_most(phase, target, BUSIEST_THREAD_MAX, s)));
    }
    let ratio = report.p99_ratio(OURS, Phase::Saturation, Phase::RoundTrip1Paced);
    let target = "p99 by its idle value";
    all.extend(ratio.map(|r| Verdict::at_most(Phase::Saturation, target, SATURATED_MAX, r)));
    for phase in [Phase::Pairs0, Phase::Pairs1] {
        let rate = report.median(OURS, phase, |f| Some(f.rate).filter(|_| !tls));
        all.extend(rate.map(|measured| Verdict {
            phase,
            target: "messages a second",
            limit: PAIRS_RATE_MIN,
            measured,
            met: measured >= PAIRS_RATE_MIN,
        }));
    }
    for phase in [Phase::RoundTrip0, Phase::RoundTrip1, Phase::RoundTrip1Paced] {
        let p99 = |of: &str| {
            report.median(of, phase, |f| {
                f.times.as_ref().map(|times: &Times| times.p99_us)
            })
        };
        if let (Some(ours), Some(limit)) = (p99(OURS), p99(PEER)) {
            let target = "p99 not above Mosquitto's, microseconds";
            all.push(Verdict::at_most(phase, target, limit, ours));
        }
    }
    all
}
