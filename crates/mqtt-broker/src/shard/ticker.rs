//! Wakes the poller once a tick, for deadlines, by a `timerfd` (Linux).
//!
//! A timeout of the wait itself would have the kernel set a timer before each sleep and take it
//! back after it. In a virtual machine both can leave the guest, which costs more than a message.

use std::{io, os::fd::AsRawFd as _};

use mio::{Interest, Registry, unix::SourceFd};
use rustix::{
    fd::OwnedFd,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use super::{TICK, TICKER};

/// A timer among the event sources of the poller.
#[derive(Debug)]
pub(crate) struct Ticker(OwnedFd);

impl Ticker {
    pub(crate) fn start(registry: &Registry) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
        let each = Itimerspec {
            it_interval: tick,
            it_value: tick,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &each)?;
        registry.register(
            &mut SourceFd(&timer.as_raw_fd()),
            TICKER,
            Interest::READABLE,
        )?;
        Ok(Self(timer))
    }

    /// After an event of it: only then does the kernel set it again.
    pub(super) fn heard(&self) {
        let mut ticks = [0; 8];
        if let Err(error) = rustix::io::read(&self.0, &mut ticks) {
            tracing::debug!(%error, "the ticker has nothing to say");
        }
    }
}
