//! Programs that say line by line what they hear.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

/// Long enough for a slow machine that runs other tests as well; nothing waits for it to pass.
const LIMIT: Duration = Duration::from_secs(60);

/// One that runs. Dropping it ends it at once.
#[derive(Debug)]
pub struct Talker {
    child: Child,
    lines: Receiver<String>,
}

impl Talker {
    /// Starts `command` with its lines unbuffered, in the environment of the test.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &Command) -> Result<Self> {
        let mut unbuffered = Command::new("stdbuf");
        unbuffered.arg("-oL").arg(command.get_program());
        unbuffered.args(command.get_args());
        unbuffered.stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = unbuffered.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// Waits for a line that holds `text`; it and all that came before.
    ///
    /// # Panics
    /// It does not come.
    pub fn hear(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.contains(text)) {
            let line = self.lines.recv_timeout(LIMIT);
            assert!(line.is_ok(), "no line with `{text}` came, but {seen:?}");
            seen.extend(line);
        }
        seen
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
