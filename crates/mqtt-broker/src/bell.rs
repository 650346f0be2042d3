//! Wakes the thread that waits for all sockets, if it sleeps: while it is awake a system call is
//! saved.
//!
//! Invariant: who wants it says for what before he rings; it looks for that after it has said that it
//! will sleep. So one of the two sees the other.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use mio::{Registry, Token, Waker};

#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    asleep: AtomicBool,
}

impl Bell {
    /// For a thread that is not awake yet; `token` is of the event that wakes it.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self {
            waker: Waker::new(registry, token)?,
            asleep: AtomicBool::new(true),
        })
    }

    pub(crate) fn ring(&self) {
        if !self.asleep.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake an event loop");
        }
    }

    /// The thread will sleep, once it has looked whether it is wanted.
    pub(crate) fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    pub(crate) fn wake_up(&self) {
        // Who sees that late rings once for nothing.
        self.asleep.store(false, Ordering::Relaxed);
    }
}
