//! Programs under test.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::eventually;

/// A running program. Dropping it ends it at once.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to the file `log`, after what is there.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as `kill -9` does, and waits for the end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// It does not end within `limit`, or not with success.
    pub fn terminate(&mut self, limit: Duration) -> Result<()> {
        self.end_by("TERM", limit)
    }

    /// Asks it to end by a signal: `TERM`, `INT`.
    ///
    /// # Errors
    /// It does not end within `limit`, or not with success.
    pub fn end_by(&mut self, signal: &str, limit: Duration) -> Result<()> {
        let words = [format!("-{signal}"), self.id().to_string()];
        run_ok(Command::new("kill").args(words))?;
        let what = format!("end after SIG{signal}");
        let status = eventually(&what, limit, || Ok(self.child.try_wait()?))?;
        if !status.success() {
            bail!("ended with {status}: {}", self.printed());
        }
        Ok(())
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill().is_err() {
            // It has ended already: that is what we want.
        }
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started.
pub fn run(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {command:?}"))
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// It cannot be started, or ends without success.
pub fn run_ok(command: &mut Command) -> Result<String> {
    let output = run(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}: {stdout}{stderr}", output.status);
    }
    Ok(stdout)
}
