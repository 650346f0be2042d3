//! Somebody who issues commands without a pause, whatever happens to whom they are for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{Api, Ledger, pause};

/// Between two commands: some 20 a second, far from what a console takes.
const PACE: Duration = Duration::from_millis(40);

/// A thread that issues one command after the other. Dropping it ends it.
#[derive(Debug)]
pub struct Issuer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Ledger>>,
}

impl Issuer {
    /// Begins to issue `command` to the gateway with the id `gateway`.
    #[must_use]
    pub fn start(api: Api, gateway: &str, command: Value) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, mut ledger) = (Arc::clone(&stop), Ledger::new(gateway));
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                ledger.issue(&api, &command);
                pause(PACE);
            }
            ledger
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends; what became of all the commands is in the ledger.
    ///
    /// # Errors
    /// The thread panicked.
    pub fn finish(mut self) -> Result<Ledger> {
        self.end().context("the issuing thread panicked")
    }

    fn end(&mut self) -> Option<Ledger> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.end();
    }
}
