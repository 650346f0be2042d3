//! One write for each socket and turn.

use super::{Shard, to_key, trace::Traced};
use crate::{
    routes::Seat,
    session::{End, Visitor},
};

impl Shard {
    pub(super) fn flush_all(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.flush(slot);
        }
        self.dirty = dirty;
    }

    pub(super) fn flush(&mut self, slot: u32) {
        let Self {
            connections,
            shared,
            index,
            ..
        } = self;
        let connection = connections.get_mut(to_key(slot)).filter(|c| !c.doomed);
        let Some(connection) = connection else {
            return;
        };
        if !std::mem::take(&mut connection.dirty) {
            // It was written to when it was full.
            return;
        }
        let mut output = connection.output.take().unwrap_or_default();
        let mut bytes_out = 0;
        let result = loop {
            match connection.transport.send(output.pending()) {
                Err(e) => break Err(End::Socket(e.kind())),
                Ok(sent) => {
                    bytes_out += sent.len;
                    output.sent(sent.len);
                    connection.unwritten = sent.blocked;
                    if sent.blocked {
                        break Ok(());
                    }
                }
            }
            // The peer keeps up: what waited for that may go, too, unless it must stay behind what
            // waits for the disk.
            let may_go = !output.is_holding();
            if let Some(live) = connection.session.live().filter(|_| may_go) {
                live.send_waiting(&shared.clock, &mut output);
                live.send_more_stored(
                    &shared.context(
                        Seat {
                            shard: *index,
                            slot,
                        },
                        Visitor::default(),
                    ),
                    &mut output,
                );
            }
            if output.pending().is_empty() {
                break Ok(());
            }
        };
        let unread = connection.unread;
        let told = output.take_told();
        let who = connection.session.live().filter(|_| !told.is_empty());
        let who = who.map(|live| Traced::of(live));
        for unsent in output.take_delivered() {
            self.note_delivered(unsent);
        }
        match self.connections.get_mut(to_key(slot)) {
            Some(connection) if !output.is_done() => connection.output = Some(output),
            _ => self.spare.keep(output),
        }
        self.counters().bytes_out.add(bytes_out);
        if let Some(who) = who {
            self.take_told(&who, told);
        }
        if let Err(end) = result {
            self.doom(slot, end);
        } else if unread && !self.is_paused(slot) {
            // It was paused since its output was full.
            self.mark_ready(slot);
        }
    }
}
