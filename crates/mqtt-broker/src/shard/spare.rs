//! Output buffers that nobody uses.

use crate::{
    limits::{SPARE_BUFFER_LEN_MAX, SPARE_BUFFERS_LEN_MAX, SPARE_BUFFERS_MAX},
    session::Output,
};

/// Kept for the connections that need one next.
#[derive(Debug, Default)]
pub(super) struct Spare {
    #[expect(
        clippy::vec_box,
        reason = "the boxes themselves go to connections and come back"
    )]
    outputs: Vec<Box<Output>>,
    bytes: usize,
}

impl Spare {
    pub(super) fn take(&mut self) -> Box<Output> {
        let output = self.outputs.pop().unwrap_or_default();
        self.bytes -= output.capacity();
        output
    }

    /// Keeps a buffer, unless it is large or there are enough.
    pub(super) fn keep(&mut self, mut output: Box<Output>) {
        output.reset();
        let len = output.capacity();
        let fits = len <= SPARE_BUFFER_LEN_MAX && self.bytes + len <= SPARE_BUFFERS_LEN_MAX;
        if fits && self.outputs.len() < SPARE_BUFFERS_MAX {
            self.bytes += len;
            self.outputs.push(output);
        }
    }
}
