//! A packet that comes alone and says the least: what most clients say, most of the time. It is
//! known by its bytes, and no buffer is needed for what follows.

use mqtt_codec::{Packet, ProtocolVersion};

use super::{Shard, to_key};
use crate::session::End;

/// The same in each version (MQTT 5, 3.12 and 3.13).
const PINGREQ: [u8; 2] = [0xc0, 0];
const PINGRESP: [u8; 2] = [0xd0, 0];
/// PUBACK without a reason, which is success; the identifier follows (MQTT 5, 3.4).
const PUBACK: [u8; 2] = [0x40, 2];

impl Shard {
    /// Takes `bytes` of a client if they are such a packet, and nothing else is going on that has
    /// to do with it. Says whether it did.
    pub(super) fn takes_alone(&mut self, slot: u32, bytes: &[u8]) -> Result<bool, End> {
        match bytes {
            ping if ping == PINGREQ => self.answers_ping(slot),
            [a, b, id @ ..] if [*a, *b] == PUBACK => Ok(self.takes_puback(slot, id)),
            _ => Ok(false),
        }
    }

    /// Nothing is looked at of a session that was idle for long.
    fn answers_ping(&mut self, slot: u32) -> Result<bool, End> {
        let Self {
            connections, spare, ..
        } = self;
        let connection = connections.get_mut(to_key(slot));
        let Some(connection) = connection.filter(|connection| connection.is_idle()) else {
            return Ok(false);
        };
        let sent = connection.transport.send(&PINGRESP);
        let sent = sent.map_err(|error| End::Socket(error.kind()))?;
        connection.unwritten = sent.blocked;
        if sent.len < PINGRESP.len() {
            let output = connection.output.get_or_insert_with(|| spare.take());
            output.put(&Packet::PingResp, ProtocolVersion::V5);
            output.sent(sent.len);
        }
        self.counters().bytes_out.add(sent.len);
        Ok(true)
    }

    fn takes_puback(&mut self, slot: u32, id: &[u8]) -> bool {
        let connection = self.connection(slot).filter(|c| c.input.is_none());
        let live = connection.and_then(|connection| connection.session.live());
        let id = <[u8; 2]>::try_from(id).map(u16::from_be_bytes);
        live.zip(id.ok())
            .is_some_and(|(live, id)| live.takes_last_puback(id))
    }
}
