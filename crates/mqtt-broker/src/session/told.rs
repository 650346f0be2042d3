//! What a session has done with messages that its event loop counts and writes into the traces.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    message::{Message, MessageId},
    topic_meters::MeterId,
};

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
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    pub(crate) metered: Metered,
    /// When they came.
    pub(crate) since: Instant,
    pub(crate) count: usize,
}

/// How a message's parent topic is found when it is counted.
#[derive(Clone, Debug)]
pub(crate) enum Metered {
    With(MeterId),
    /// It has waited here, and says so itself.
    Itself(Arc<Message>),
}
