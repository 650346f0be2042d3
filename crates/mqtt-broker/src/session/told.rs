//! What a session has done with messages that its event loop counts and writes into the traces.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::message::{Message, MessageId};

/// One thing.
#[derive(Debug)]
pub(crate) enum Told {
    /// A message that was kept for the client was written to its connection.
    Sent {
        message: Arc<Message>,
        from: KeptIn,
        /// Since when it was there to be sent.
        waited: Duration,
    },
    /// The client acknowledged a message, or refused it.
    Answered { id: MessageId, refused: bool },
}

/// Where a message was until it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeptIn {
    /// The offline store, while the client was connected.
    Store,
    /// The same, while it was away.
    Away,
    /// The retained messages.
    Retained,
}

/// Messages that were written to a connection's output and are not with the kernel yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsent {
    /// When the oldest of them came.
    pub(crate) since: Instant,
    pub(crate) count: usize,
}

impl Unsent {
    /// One more.
    pub(super) fn add(unsent: &mut Option<Self>, since: Instant) {
        let all = unsent.get_or_insert(Self { since, count: 0 });
        all.since = all.since.min(since);
        all.count += 1;
    }
}
