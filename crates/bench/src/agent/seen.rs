//! What came back to the clients of a process.

/// Counted since the process began; phases look at differences.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// CONNACK that let a client in.
    pub(super) connected: u64,
    pub(super) refused: u64,
    pub(super) subscribed: u64,
    pub(super) pongs: u64,
    /// PUBACK to the console, to devices.
    pub(super) acknowledged: u64,
    /// Times from command to answer, at the console, in microseconds.
    pub(super) reply_us: Vec<u32>,
    /// Status, at the collector.
    pub(super) collected: u64,
    /// Times from broadcast to delivery, in microseconds.
    pub(super) broadcast_us: Vec<u32>,
    /// Messages that each subscriber of a pair got since its publisher looked.
    pub(super) paired: Vec<u32>,
    /// Subscribers with such.
    pub(super) fresh_pairs: Vec<usize>,
}

impl Seen {
    pub(super) fn replies(&self) -> u64 {
        u64::try_from(self.reply_us.len()).unwrap_or(u64::MAX)
    }
}
