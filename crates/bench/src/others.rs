//! Clients of a run beside its devices.

use crate::packet::GROUP;

/// Publishers at full speed, each with a subscriber of its own.
pub(crate) const PAIRS: u32 = 20;

pub(crate) fn console() -> String {
    format!("{GROUP}@@@console")
}

/// Of the status of a client process's devices.
pub(crate) fn collector(process: u32) -> String {
    format!("{GROUP}@@@collector-{process}")
}

pub(crate) fn publisher(pair: u32) -> String {
    format!("{GROUP}@@@pub-{pair:02}")
}

pub(crate) fn subscriber(pair: u32) -> String {
    format!("{GROUP}@@@sub-{pair:02}")
}

/// All of them, with so many client processes.
pub(crate) fn names(processes: u32) -> Vec<String> {
    let pairs = (0..PAIRS).flat_map(|pair| [publisher(pair), subscriber(pair)]);
    let collectors = (0..processes).map(collector);
    collectors.chain(pairs).chain([console()]).collect()
}
