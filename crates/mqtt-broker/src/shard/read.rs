//! From bytes of a peer to requests of its session.

use std::io;

use mqtt_codec::{Limits, Packet, Unsubscribe, decode_behind};

use super::{Shard, connection::Connection, desk, publish::Precedent, readable::Row, to_key};
use crate::{
    limits::{
        COMMANDS_FOR, FIRST_READ_LEN, LONG_TURN, PACKET_LEN_MAX, READS_PER_TURN, SHORT_TURN,
        TurnShare,
    },
    routes::Seat,
    session::{End, Request, Session, Visitor},
    wheel::Occupant,
};

/// How reading from one connection went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// All that was there; an event will tell of more.
    Drained,
    /// There may be more, after the others had their turn.
    More,
    /// It must wait for room.
    Paused,
}

impl Shard {
    /// One of `shards`.
    pub(super) fn read_ready(&mut self, shards: usize) {
        let mut buf = std::mem::take(&mut self.read_buf);
        let first = buf.get_mut(..FIRST_READ_LEN).unwrap_or_default();
        if self.readable.has(Row::Urgent) {
            self.read_row(Row::Urgent, first, LONG_TURN);
            self.note_commands();
            // Commands go before anything else is read.
            self.visit_others();
            self.flush_all();
        }
        let share = self.share(shards);
        if self.readable.has(Row::Others) {
            self.read_row(Row::Others, first, share);
        }
        // A few that say much must not hold up the many that say little.
        if self.readable.has(Row::More) {
            let more = buf.get_mut(..share.more_len).unwrap_or_default();
            self.read_row(Row::More, more, share);
        }
        self.read_buf = buf;
    }

    /// For each of `shards` that have their turns one after the other.
    pub(super) fn share(&self, shards: usize) -> TurnShare {
        if self.turn_at < self.commands_until {
            SHORT_TURN.split(shards)
        } else {
            LONG_TURN
        }
    }

    /// There are commands here, and there will be others.
    pub(super) fn note_commands(&mut self) {
        self.commands_until = self.turn_at + COMMANDS_FOR;
    }

    /// Reads those who stand there now, and not all if they are many: letters wait meanwhile.
    fn read_row(&mut self, row: Row, buf: &mut [u8], share: TurnShare) {
        let count = self.readable.len(row).min(share.connections);
        let mut left = share.bytes;
        for _ in 0..count {
            if left > 0
                && let Some(slot) = self.readable.next(row)
            {
                left = left.saturating_sub(self.read_once(slot, buf).max(1));
            }
        }
    }

    /// Returns how many bytes came.
    fn read_once(&mut self, slot: u32, buf: &mut [u8]) -> usize {
        let Some(connection) = self.connection(slot) else {
            return 0;
        };
        connection.ready = false;
        connection.unread = false;
        let mut total = 0;
        match self.read(slot, buf, &mut total) {
            Ok(Turn::Drained) => {}
            Ok(Turn::More) => self.mark_more(slot),
            Ok(Turn::Paused) => self.mark_unread(slot),
            Err(end) => {
                if matches!(end, End::Malformed(_)) {
                    self.counters().packets_malformed.one();
                }
                self.doom(slot, end);
            }
        }
        if total > 0 {
            self.counters().bytes_in.add(total);
        }
        self.note_output(slot);
        total
    }

    /// What was said is to be written; a buffer in which nothing was said goes back.
    fn note_output(&mut self, slot: u32) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let blank = connection.take_blank_output();
        let has_output = connection.has_output();
        if let Some(blank) = blank {
            self.spare.keep(blank);
        }
        if has_output {
            self.mark_dirty(slot);
        }
    }

    fn mark_more(&mut self, slot: u32) {
        if let Some(connection) = self.connection(slot)
            && !std::mem::replace(&mut connection.ready, true)
        {
            self.readable.add(Row::More, slot);
        }
    }

    /// Edges are not told twice, so it must be remembered that there may be more.
    fn mark_unread(&mut self, slot: u32) {
        if let Some(connection) = self.connection(slot) {
            connection.unread = true;
        }
    }

    /// Counts in `total` how many bytes came.
    fn read(&mut self, slot: u32, buf: &mut [u8], total: &mut usize) -> Result<Turn, End> {
        // What waited for room, if this is how it goes on.
        if self.connection(slot).is_some_and(|c| c.input.is_some()) {
            self.consume(slot, &[])?;
        }
        for _ in 0..READS_PER_TURN {
            let now = self.now;
            let Some(connection) = self.connection(slot) else {
                return Ok(Turn::Drained);
            };
            if connection.is_paused() {
                return Ok(Turn::Paused);
            }
            let len = match connection.transport.read(buf) {
                Ok(0) => return Err(End::Closed),
                Ok(len) => len,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Its answers may have filled what waits below MQTT.
                    let paused = connection.is_paused();
                    if !paused && std::mem::take(&mut connection.ended) {
                        continue;
                    }
                    return Ok(if paused { Turn::Paused } else { Turn::Drained });
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(Turn::More),
                Err(e) => return Err(End::Socket(e.kind())),
            };
            if matches!(connection.session, Session::Live(_)) {
                connection.last_heard = now;
            }
            let drained = !connection.ended && connection.transport.is_drained_by(len, buf.len());
            *total += len;
            self.consume(slot, buf.get(..len).unwrap_or_default())?;
            if drained && !self.is_paused(slot) {
                return Ok(Turn::Drained);
            }
            if *total >= buf.len() {
                break;
            }
        }
        Ok(Turn::More)
    }

    /// Handles the packets in `bytes`, behind what was left of those before. What remains is
    /// kept: less than a packet, or what must wait for room.
    fn consume(&mut self, slot: u32, bytes: &[u8]) -> Result<(), End> {
        if self.takes_alone(slot, bytes)? {
            return Ok(());
        }
        let kept = self.connection(slot).and_then(|c| c.input.take());
        let rest = if let Some(mut input) = kept {
            input.extend_from_slice(bytes);
            let used = self.handle_packets(slot, &input)?;
            input.drain(..used);
            input
        } else {
            let used = self.handle_packets(slot, bytes)?;
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            Box::new(rest.to_vec())
        };
        if !rest.is_empty()
            && let Some(connection) = self.connection(slot)
        {
            connection.input = Some(rest);
        }
        Ok(())
    }

    fn handle_packets(&mut self, slot: u32, bytes: &[u8]) -> Result<usize, End> {
        let mut used = 0;
        let mut precedent: Option<Precedent<'_>> = None;
        while used < bytes.len()
            && let Some(connection) = self.connection(slot)
            && !connection.is_paused()
        {
            let limits = Limits {
                version: connection.session.version(),
                packet_len_max: PACKET_LEN_MAX,
            };
            let rest = bytes.get(used..).unwrap_or_default();
            let topic = precedent.as_ref().and_then(Precedent::topic);
            match decode_behind(rest, limits, topic) {
                Ok(Some((packet, len))) => {
                    used += len;
                    let behind = used < bytes.len();
                    self.handle(slot, packet, &mut precedent, behind)?;
                }
                Ok(None) => break,
                Err(error) => return Err(End::Malformed(error)),
            }
        }
        Ok(used)
    }

    /// Handles a packet; `precedent` is the one before it, if that was a message, and `behind`
    /// says whether there may be one after it.
    fn handle<'a>(
        &mut self,
        slot: u32,
        packet: Packet<'a>,
        precedent: &mut Option<Precedent<'a>>,
        behind: bool,
    ) -> Result<(), End> {
        if let (Packet::Publish(publish), Some(before)) = (&packet, &*precedent)
            && self.publish_behind(slot, before, publish)
        {
            return Ok(());
        }
        *precedent = None;
        let Self {
            connections,
            shared,
            spare,
            tree,
            index,
            ..
        } = self;
        let Some(connection) = connections.get_mut(to_key(slot)) else {
            return Ok(());
        };
        let Connection {
            session,
            output,
            transport,
            refused,
            ..
        } = connection;
        let out = output.get_or_insert_with(|| spare.take());
        let start = out.mark();
        let visitor = Visitor {
            certificate: transport.certificate(),
            refused: *refused,
        };
        let context = shared.context(
            Seat {
                shard: *index,
                slot,
            },
            visitor,
        );
        match session.handle(packet, &context, out)? {
            Request::Nothing => {}
            Request::Connected {
                access_key_id,
                subscriptions,
                last_words,
            } => {
                if let Some(will) = last_words {
                    self.say_last_words(slot, &will);
                }
                self.resubscribe(slot, &subscriptions);
                self.connected(slot, access_key_id)?;
            }
            Request::Publish(incoming) => *precedent = self.publish(slot, incoming, behind),
            Request::Refused(refused) => self.refused(slot, *refused)?,
            Request::TokensChanged => self.watch_tokens(slot),
            Request::Subscribe(subscribe) => {
                let Some(live) = session.live() else {
                    return Ok(());
                };
                let mut desk = desk(tree, shared, *index, slot);
                live.subscribe(&subscribe, &context, &mut desk, out)?;
            }
            Request::Unsubscribe(unsubscribe) => self.unsubscribe(slot, &unsubscribe)?,
        }
        self.seal(slot, start);
        Ok(())
    }

    fn unsubscribe(&mut self, slot: u32, unsubscribe: &Unsubscribe<'_>) -> Result<(), End> {
        let Self {
            connections,
            shared,
            spare,
            tree,
            index,
            ..
        } = self;
        let connection = connections.get_mut(to_key(slot));
        let Some(Connection {
            session, output, ..
        }) = connection
        else {
            return Ok(());
        };
        let Some(live) = session.live() else {
            return Ok(());
        };
        let shard = *index;
        let context = shared.context(Seat { shard, slot }, Visitor::default());
        let mut desk = desk(tree, shared, shard, slot);
        let out = output.get_or_insert_with(|| spare.take());
        let answered = live.unsubscribe(unsubscribe, &context, &mut desk, out);
        // They are gone, whether or not that can be said.
        let moved = desk.moved;
        self.apply_moved(moved);
        answered
    }

    /// From now on the keep alive counts, not the time-out before CONNECT.
    pub(super) fn restart_deadline(&mut self, slot: u32) {
        let now = self.now;
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.generation = generation;
        connection.last_heard = now;
        if let Some((at, _)) = connection.deadline(now) {
            self.wheel.insert(at, Occupant { slot, generation });
        }
    }
}
