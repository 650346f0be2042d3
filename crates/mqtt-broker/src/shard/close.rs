//! The beginning and the end of a client: presence, take-over, will.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use message_bus::{Presence, PresenceKind};
use model::ClientId;

use super::{Shard, connection::Connection, desk, to_key, trace::Traced};
use crate::{
    inbox::{Close, Letter},
    listener::NotServed,
    routes::{Origin, Route, Seat},
    session::{End, Live, Session},
};

impl Shard {
    /// A client that came through `listener` at `came_us` is known now.
    fn count_connected(&self, listener: Option<u16>, came_us: u64) {
        self.counters().clients_connected.one();
        let Some(number) = listener else { return };
        let counters = &self.shared.listener(number).counters;
        counters.connected.fetch_add(1, Ordering::Relaxed);
        let took = self.since_start_us().saturating_sub(came_us);
        let of_listener = self.latencies().connect.get(usize::from(number));
        of_listener
            .expect("each listener has its latencies")
            .observe(Duration::from_micros(took), 1);
    }

    /// Makes a client known: it takes its seat, whoever had it must go. Presence tells of the
    /// new connection before it tells that the old one is gone.
    pub(super) fn connected(&mut self, slot: u32, access_key_id: Arc<str>) -> Result<(), End> {
        let (at, shard) = (self.shared.clock.wall(), self.index);
        let Some(connection) = self.connection(slot) else {
            return Ok(());
        };
        // A peer that is gone already has none; reading finds that out.
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let address = connection.transport.peer().unwrap_or(nowhere);
        connection.transport.forget_certificate();
        let (listener, came_us) = (connection.listener, connection.came_us);
        let Some(live) = connection.session.live() else {
            return Ok(());
        };
        let (client_id, channel) = (Arc::clone(&live.client_id), live.channel);
        let persistent = live.persistent.is_some();
        let seat = Seat { shard, slot };
        let route = Route {
            seat,
            channel,
            persistent,
            origin: Box::new(Origin {
                since: at,
                address,
                access_key_id: Arc::clone(&access_key_id),
            }),
        };
        let (key, registry) = (access_key_id, &self.shared.registry);
        let known = parse(&client_id);
        let old = self.shared.hub.change(|tell| {
            let address = address.to_string();
            let access_key_id = key.to_string();
            let kind = PresenceKind::Connect {
                address,
                access_key_id,
            };
            let old = self.shared.routes.take(&client_id, route);
            tell(Presence {
                client_id: known.clone(),
                channel,
                at,
                kind,
            });
            old
        });
        // Withdrawn between the check of its signature and now: whoever withdrew it found no route.
        let still_valid = registry.may_stay(&known, &key);
        self.count_connected(listener, came_us);
        self.shared.groups.enter(known.group());
        tracing::debug!(client.id = &*client_id, %channel, %address, "client connected");
        let who = Traced {
            client_id: Arc::clone(&client_id),
            channel,
        };
        self.trace_connect(&who, format!("from {address} by {key}"));
        if let Some(old) = old {
            self.take_over(&old);
        }
        self.restart_deadline(slot);
        self.watch_tokens(slot);
        if still_valid {
            Ok(())
        } else {
            Err(End::Withdrawn)
        }
    }

    /// Whoever had the seat of a client must go.
    fn take_over(&self, old: &Route) {
        self.counters().take_overs.one();
        let Seat { shard, slot } = old.seat;
        let (channel, end) = (old.channel, End::TakenOver);
        let close = Close {
            slot,
            channel,
            end,
            done: None,
        };
        self.inbox(u32::from(shard))
            .push(Letter::Close(close))
            .expect("a letter to close is never refused");
    }

    /// Closes all that has ended, also what that brings to its end.
    pub(super) fn bury(&mut self) {
        while let Some((slot, end)) = self.doomed.pop() {
            if let Some(connection) = self.connections.try_remove(to_key(slot)) {
                self.close(slot, connection, &end);
            }
        }
        for done in self.closed.drain(..) {
            // Who asked may have given up.
            done.send(()).ok();
        }
    }

    fn close(&mut self, slot: u32, mut connection: Connection, end: &End) {
        self.slow.forget(slot);
        let mut output = connection.output.take().unwrap_or_default();
        connection.session.goodbye(end, &mut output);
        // Once: who does not take it now does not get it.
        if let Ok(sent) = connection.transport.send(output.pending()) {
            self.counters().bytes_out.add(sent.len);
        }
        connection.transport.close();
        self.count_out(connection.listener, connection.refused);
        if let Some(live) = connection.session.live() {
            self.take_told(&Traced::of(live), output.take_told());
        }
        self.spare.keep(output);
        match connection.session {
            Session::Live(live) => self.gone(slot, live, end),
            Session::AwaitConnect => {
                let refuse = |why| {
                    if let Some(number) = connection.listener {
                        self.shared.listener(number).counters.refuse(why);
                    }
                };
                if let End::NotConnected { text, why, refusal } = end {
                    if let Some(refusal) = refusal {
                        self.trace_refusal(refusal, text);
                    }
                    self.counters().connects_refused.one();
                    tracing::info!(reason = text, "connection refused");
                    if connection.refused.is_none() {
                        refuse(*why);
                    }
                } else if !matches!(end, End::Stopping | End::SentAway(_)) {
                    refuse(NotServed::Handshake);
                }
            }
        }
    }

    fn gone(&mut self, slot: u32, mut live: Live, end: &End) {
        let mut desk = desk(&mut self.tree, &self.shared, self.index, slot);
        live.unsubscribe_all(&mut desk);
        let moved = desk.moved;
        self.apply_moved(moved);
        self.pass_on(&mut live);
        self.tokens.forget(slot, &live);
        if matches!(end, End::SentAway(_)) {
            self.counters().sent_away.one();
        }
        let (reason, channel, at) = (end.text(), live.channel, self.shared.clock.wall());
        tracing::debug!(client.id = &*live.client_id, %channel, %reason, "client gone");
        self.trace_end(&Traced::of(&live), end, at);
        let with_will = self.rest(&live, end);
        if let Some(will) = live.will.take().filter(|_| with_will) {
            self.say_will(&live.client_id, &will);
        }
        let client_id = parse(&live.client_id);
        self.shared.groups.leave(client_id.group());
        self.shared.hub.change(|tell| {
            self.shared.routes.leave(&live.client_id, channel);
            let mut say = |kind| {
                tell(Presence {
                    client_id: client_id.clone(),
                    channel,
                    at,
                    kind,
                })
            };
            if matches!(end, End::Goodbye { .. }) {
                say(PresenceKind::Disconnect);
            }
            say(PresenceKind::TcpClean {
                reason: reason.into_owned(),
            });
        });
        // Whoever sees that it is gone may count on all of the above.
        self.counters().clients_gone.one();
    }
}

fn parse(client_id: &str) -> ClientId {
    client_id.parse().expect("checked at CONNECT")
}
