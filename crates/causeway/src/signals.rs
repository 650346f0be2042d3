//! Asking a role to stop: SIGINT (Ctrl-C) and SIGTERM; or to read files again: SIGHUP.

use std::io;

use clock::{Task, spawn_named};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Exit code of a program ended by SIGINT, by the shell's rule of 128 and the signal's number.
const EXIT_FORCED: i32 = 130;

/// Waits for the request to stop. A second one ends the process at once: whoever asks twice
/// does not want to wait, and what was acknowledged survives that too.
#[derive(Debug)]
pub(crate) struct StopSignal {
    asked: watch::Receiver<bool>,
    _listener: Task,
}

impl StopSignal {
    /// Begins to listen; from here on a signal no longer kills the process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let (tell, asked) = watch::channel(false);
        let _listener = spawn_named("stop-signal", listen(interrupt, terminate, tell));
        Ok(Self { asked, _listener })
    }

    /// Returns once somebody has asked.
    pub(crate) async fn asked(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, tell: watch::Sender<bool>) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if tell.send_replace(true) {
            tracing::warn!("asked to stop twice: ending without waiting for the rest");
            std::process::exit(EXIT_FORCED);
        }
    }
}

/// Waits for requests to read files again.
#[derive(Debug)]
pub(crate) struct ReloadSignal(Signal);

impl ReloadSignal {
    /// Begins to listen; from here on the signal no longer kills the process.
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Whether there was another one; if not, there will be none any more.
    pub(crate) async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
