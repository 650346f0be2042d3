//! What one subject gave in one turn of a part.

use std::collections::BTreeMap;

use crate::{orders::Done, process::CpuTime, samples::per};

#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) done: Done,
    /// What the broker used, until it was at rest.
    pub(super) cpu: Option<CpuTime>,
    /// The broker's system calls by name, where they were counted.
    pub(super) calls: Option<BTreeMap<String, u64>>,
    /// By how much its resident memory grew, where clients connected.
    pub(super) grown_bytes: Option<u64>,
}

impl Turn {
    /// CPU time of each that was done, in microseconds.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        let (count, cpu) = (self.done.count, self.cpu.as_ref()?);
        (count > 0).then(|| per(cpu.total_ns(), count) / 1_000.0)
    }
}
