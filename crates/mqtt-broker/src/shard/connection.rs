//! A connection: transport, session, and what is half read, half written or waiting.

use crate::{
    listener::NotServed,
    pace::Pace,
    session::{End, Output, Session},
    transport::Transport,
    wheel::Tick,
};

use super::{readable::Urgency, stalled::Stalled};

/// Ticks in one and a half seconds: the patience for each second of keep alive.
const PATIENCE: u32 = Tick::PER_SECOND * 3 / 2;

/// In order, and by whole cache lines: first what each packet needs, then what a message needs.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// The beginning of a packet, or packets that wait for room.
    #[expect(
        clippy::box_collection,
        reason = "an idle client has none: 8 bytes, not 24"
    )]
    pub(super) input: Option<Box<Vec<u8>>>,
    pub(super) output: Option<Box<Output>>,
    /// A message of this client that found no room; nothing is read meanwhile.
    pub(super) stalled: Option<Box<Stalled>>,
    /// When something came last; before CONNECT, when the connection came.
    pub(super) last_heard: Tick,
    pub(super) generation: u32,
    /// How fast it may publish.
    pub(super) pace: Pace,
    pub(super) urgency: Urgency,
    /// Whether it stands in the list of that name.
    pub(super) ready: bool,
    pub(super) dirty: bool,
    pub(super) doomed: bool,
    /// Reading stopped before all was read.
    pub(super) unread: bool,
    /// The end of what the peer says has come, and is read behind all else: no event will tell.
    pub(super) ended: bool,
    /// Writing stopped before all was written that waits for room.
    pub(super) unwritten: bool,
    pub(super) session: Session,
    /// When it came, in microseconds since its event loop began.
    pub(super) came_us: u64,
    /// None if it came through memory.
    pub(super) listener: Option<u16>,
    /// How long it may take to CONNECT.
    patience_ticks: u16,
    /// It gets this answer and no more.
    pub(super) refused: Option<NotServed>,
}

// A million of them.
const _: () = assert!(size_of::<Connection>() <= 3 * 64);

/// How a connection came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Tick,
    pub(super) came_us: u64,
    pub(super) listener: Option<u16>,
    pub(super) refused: Option<NotServed>,
    pub(super) patience_ticks: u16,
}

impl Connection {
    pub(super) fn new(transport: Transport, arrival: Arrival, generation: u32) -> Self {
        Self {
            transport,
            session: Session::AwaitConnect,
            input: None,
            output: None,
            stalled: None,
            last_heard: arrival.at,
            came_us: arrival.came_us,
            generation,
            listener: arrival.listener,
            patience_ticks: arrival.patience_ticks,
            refused: arrival.refused,
            pace: Pace::default(),
            urgency: Urgency::default(),
            ready: false,
            dirty: false,
            doomed: false,
            unread: false,
            ended: false,
            unwritten: false,
        }
    }

    /// Whether it must not be read.
    pub(super) fn is_paused(&self) -> bool {
        self.doomed
            || self.stalled.is_some()
            || self.output.as_deref().is_some_and(Output::is_full)
            || self.transport.is_full()
            || self.pace.is_out()
    }

    /// Whether it is a client's, and nothing has come or goes that is not done with.
    pub(super) fn is_idle(&self) -> bool {
        let is_client = matches!(self.session, Session::Live(_)) && !self.doomed;
        is_client && self.input.is_none() && !self.has_output()
    }

    /// The output buffer, if nothing is in it and nothing waits for room in it.
    pub(super) fn take_blank_output(&mut self) -> Option<Box<Output>> {
        let session = &self.session;
        self.output
            .take_if(|output| output.is_blank() && session.has_nothing_waiting())
    }

    pub(super) fn has_output(&self) -> bool {
        self.output.is_some() || self.unwritten || self.transport.wants_write()
    }

    /// When it ends, and how, if nothing comes.
    pub(super) fn deadline(&self, now: Tick) -> Option<(Tick, End)> {
        let Session::Live(live) = &self.session else {
            let at = self.last_heard.plus(u32::from(self.patience_ticks));
            return Some((at, End::NoConnect));
        };
        let keep_alive = u32::from(live.keep_alive_s);
        if keep_alive == 0 {
            return None;
        }
        // While we do not listen, silence is no sign.
        let output = self.output.as_deref();
        let waits_for_disk = output.is_some_and(Output::is_full_of_held);
        let since = if self.stalled.is_some() || self.pace.is_out() || waits_for_disk {
            now
        } else {
            self.last_heard
        };
        // One tick more, since part of the first may have been over already.
        Some((since.plus(keep_alive * PATIENCE + 1), End::NoHeart))
    }
}
