//! What happens, told to everybody who listens.

use serde::Serialize;
use tokio::sync::broadcast;

use crate::{
    api::{AuditEntry, Command, Event, Gateway, GatewayGone, PlacedShare, ShareGone},
    limits::STREAM_ITEMS_MAX,
};

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Item {
    Gateway(Box<Gateway>),
    GatewayGone(GatewayGone),
    Share(Box<PlacedShare>),
    ShareGone(ShareGone),
    Command(Box<Command>),
    Event(Event),
    Audit(AuditEntry),
    /// The console ends.
    End,
}

impl Item {
    /// Its event name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Gateway(_) | Self::GatewayGone(_) => "gateway",
            Self::Share(_) | Self::ShareGone(_) => "share",
            Self::Command(_) => "command",
            Self::Event(_) => "event",
            Self::Audit(_) => "audit",
            Self::End => "end",
        }
    }
}

/// Hands items to all readers. A reader that is too slow misses some and is told so.
#[derive(Clone, Debug)]
pub(crate) struct Stream(broadcast::Sender<Item>);

impl Stream {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(STREAM_ITEMS_MAX))
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn reader_count(&self) -> usize {
        self.0.receiver_count()
    }

    pub(crate) fn publish(&self, item: Item) {
        // With no reader there is nobody to tell.
        drop(self.0.send(item));
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Item> {
        self.0.subscribe()
    }
}
