//! Messages of `QoS` 2 that a client has sent and not yet released (MQTT 5, 4.3.3).
//!
//! ```text
//! (new) ── PUBLISH: given out, PUBREC ──▶ Received ── PUBREL: PUBCOMP ──▶ (new)
//!                          PUBLISH again: PUBREC ──┘
//! ```

use mqtt_codec::PacketId;

/// Identifiers whose PUBREL has not come, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received(Vec<PacketId>);

impl Received {
    pub(crate) fn contains(&self, id: PacketId) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Adds one; `false` if it is there.
    pub(crate) fn add(&mut self, id: PacketId) -> bool {
        match self.0.binary_search(&id) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, id);
                true
            }
        }
    }

    /// Removes one; `false` if it is not there.
    pub(crate) fn release(&mut self, id: PacketId) -> bool {
        match self.0.binary_search(&id) {
            Ok(place) => {
                self.0.remove(place);
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
